"""`plan.json` of a study: every run that it is to have, each with all that it is trained by, fixed before the first begins."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
from attrs import field, frozen

from progressive_app.json_values import json_values
from progressive_app.quoting import show
from progressive_app.store.atomic_files import atomic_write
from progressive_app.store.documents import SHA256, is_whole, line_with_checksum, read_json
from progressive_app.store.run_documents import Teacher
from progressive_app.store.validated import InvalidValue, validated
from progressive_core.contract.errors import DataError, RunError

STUDIES = Path("studies")
"""The directory that the command line makes studies in, from the working directory."""
PLAN = "plan.json"
RUNS = "runs"
"""The directory of the study's runs, in that of the study."""
FORMAT = 1
"""Of plans: it grows by one when a key is removed or means something else, not when one is added."""
NAME_RULE = "letters, digits, '-', '_', '.', '=' and '+', a letter or digit first, 100 at most"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=+-]{0,99}", re.ASCII)


@frozen(kw_only=True)
class PlannedRun:
    """One run of a study, by JSON values only.

    `name` is that of its directory. `settings` are complete: nothing of what is trained depends on the machine, on workers or on
    what else it does. `labels` say what the run is one of ("seed", "market", a varied setting, a fold); runs that differ in one
    label alone are a pair. `after` names the runs that must have finished before. `teachers` are models of other runs that teach in it;
    one of a run of this study is named by a path from the study's directory (`runs/fold-1`).
    """

    name: str
    settings: dict[str, Any] = field(repr=False)
    labels: dict[str, Any] = field(factory=dict)
    after: tuple[str, ...] = ()
    teachers: tuple[Teacher, ...] = ()
    scratch_arms: bool = False


@frozen(kw_only=True)
class StudyPlan:
    """What a study is: its `runs` in their order, the SHA-256 of each file that they rest on by its path (`inputs`), and what the
    command of its `kind` is to remember (`about`)."""

    kind: str
    runs: tuple[PlannedRun, ...]
    inputs: dict[str, str] = field(factory=dict)
    about: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True)
class _Document(StudyPlan):
    """A plan as its file has it: `settings` are those that all runs share."""

    format: int
    settings: dict[str, Any]


def is_run_name(name: Any) -> bool:
    """Whether `name` may be that of a study or of one of its runs: one part of a path, on any file system."""
    return isinstance(name, str) and bool(_NAME.fullmatch(name))


def studies_in(directory: Path) -> list[Path]:
    """The directories of the studies in `directory`, by name."""
    return sorted(file.parent for file in directory.glob(f"*/{PLAN}"))


def run_directory(study: Path, name: str) -> Path:
    """The directory of the run of this name."""
    return study / RUNS / name


def write_plan(study: Path, plan: StudyPlan) -> None:
    """Write the plan of a study that is to begin. What all runs share stands there once.

    :raise RunError: it cannot be written.
    """
    shared = _shared([run.settings for run in plan.runs])
    runs = [
        {**attrs.asdict(run), "settings": {key: value for key, value in run.settings.items() if key not in shared}}
        for run in plan.runs
    ]
    document = json_values({"format": FORMAT, **attrs.asdict(plan), "settings": shared, "runs": runs})
    document[SHA256] = json.loads(line_with_checksum(document))[SHA256]
    try:
        atomic_write(study / PLAN, (json.dumps(document, indent=1, allow_nan=False) + "\n").encode())
    except OSError as error:
        raise RunError(f"{study / PLAN}: the plan cannot be written ({error.strerror})") from error


def read_plan(study: Path) -> StudyPlan:
    """The plan of the study in `study`.

    :raise RunError: there is none, it is of another version, or it is not as it was written.
    """
    file = study / PLAN
    if not file.is_file():
        raise RunError(f"{study}: no study here ({PLAN} is missing)")
    document = read_json(file)
    if document.get("format") != FORMAT:
        raise RunError(
            f"{file}: a plan of another version of this program (its format is {show(document.get('format'))}, this one reads "
            f"{FORMAT})"
        )
    if SHA256 not in document or not is_whole(document):
        raise RunError(
            f"{file}: it was changed since it was written, and a plan is fixed when its study begins: put it back as it was, or "
            "begin a new study"
        )
    try:
        known = validated(document, _Document)
    except InvalidValue as error:
        raise RunError(f"{file}: damaged ({error})") from None
    for name, count in Counter(run.name for run in known.runs).items():
        if not is_run_name(name) or count > 1:
            raise RunError(f"{file}: damaged ({show(name)} is no name for a run, expected {NAME_RULE}, each once)")
    runs = tuple(attrs.evolve(run, settings={**known.settings, **run.settings}) for run in known.runs)
    return StudyPlan(kind=known.kind, runs=runs, inputs=known.inputs, about=known.about)


def digests_of(files: Sequence[str]) -> dict[str, str]:
    """The SHA-256 of each file by its path.

    :raise DataError: one is missing, or cannot be read.
    """
    return {path: _digest(Path(path)) for path in dict.fromkeys(files)}


def check_inputs(study: Path, plan: StudyPlan) -> None:
    """Check that the files of a study hold what they held when it was planned.

    :raise DataError: one is gone. :raise RunError: one holds other bytes.
    """
    for path, digest in digests_of(list(plan.inputs)).items():
        if digest != plan.inputs[path]:
            raise RunError(
                f"{study}: its data file {path} has changed since it was planned; put the old one back, or begin a new study"
            )


def _digest(file: Path) -> str:
    if not file.is_file():
        raise DataError(f"{file}: {'a directory' if file.is_dir() else 'no such file'}; give a file that can be read")
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror})") from error


def _shared(every: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    first, *rest = every or [{}]
    return {key: value for key, value in first.items() if all(each.get(key) == value for each in rest)}
