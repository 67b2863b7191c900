"""Models of other runs that are to teach in one that begins: what they are called in it, and which of its bars they have seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve

from progressive_app.json_values import json_values
from progressive_app.store.documents import read_json
from progressive_app.store.models import FILE_NAME, model_file
from progressive_app.store.progress import STATE, read_progress
from progressive_app.store.run_documents import Teacher, read_manifest, teachers_in
from progressive_app.store.tensors import read_card
from progressive_core import PROGRAM
from progressive_core.contract.core_settings import SEED
from progressive_core.contract.errors import RunError
from progressive_core.contract.setting import Reason, Settings


def recorded_teachers(
    teachers: Sequence[Teacher], settings: Settings, inputs: Mapping[str, Any]
) -> tuple[Teacher, ...]:
    """`teachers` as the manifest of a run with these `settings` and `inputs` records them, each once.

    :param inputs: the run's input files, as its manifest describes them.
    :raise RunError: a model is not finished, or its run cannot be read. :raise ModelError: a file is no model.
    """
    there = [evolve(each, run=str(Path(each.run).absolute())) for each in dict.fromkeys(teachers)]
    return tuple(
        evolve(each, name=each.name or _name(each, there), seen_until=seen_until(each, settings, inputs))
        for each in there
    )


def seen_until(teacher: Teacher, settings: Settings, inputs: Mapping[str, Any]) -> str:
    """The time before which a teacher may have seen bars, in ISO form: where its test part begins.

    Empty where it learned on the bars and parts of a run with these `settings` and `inputs`, as a bucket of its sequence does, and
    where its bars have no dates. What was forced on it counts as seen by it; other teachers have proven themselves on bars before
    its test part. Of a model that lies in no run, only the end of all of its bars is known.
    """
    run = Path(teacher.run)
    if not (run / STATE).is_file():
        until = read_card(model_file(run)).get("data_until", "")
        return until if isinstance(until, str) else ""
    forced = max((each.seen_until for each in teachers_in(read_manifest(run)) if each.forced), default="")
    if same_bars(run, settings, inputs):
        return forced
    result = next((each for each in read_progress(run).results if each.bucket == teacher.bucket), None)
    if result is None or result.evaluation is None:
        raise RunError(
            f"{run}: {teacher.bucket} is not judged yet, so which bars it has seen is not known; finish that run first: "
            f"{PROGRAM} --resume --run-dir {run}"
        )
    if not result.evaluation.test:
        raise RunError(
            f"{run}: {teacher.bucket} is of a trial, which has no test part, so which bars it has seen is not known; "
            "name a model that was judged"
        )
    return max(forced, next(iter(result.evaluation.test_dates), ""))


def same_bars(run: Path, settings: Settings, inputs: Mapping[str, Any]) -> bool:
    """Whether the run in the directory `run` has the bars of one with these `settings` and `inputs`, in the same parts."""
    theirs, files = read_json(run / "config.json"), read_manifest(run)["inputs"]
    own = {key: each["sha256"] for key, each in inputs.items()}
    if own != {key: each.get("sha256") for key, each in files.items()}:
        return False
    deciding = [key for key, each in settings.declared.items() if each.reason is Reason.BARS and key not in own]
    if not own:
        deciding.append(SEED.key)  # the market is made up from it
    return all(
        json_values(settings[key]) == theirs.get(key, json_values(settings.declared[key].default)) for key in deciding
    )


def _name(teacher: Teacher, all_of_them: Sequence[Teacher]) -> str:
    """The run's name and the bucket's; with as many directories before them as it takes to tell runs apart."""
    place = _place(teacher)
    others = {_place(each) for each in all_of_them} - {place}
    length = next(
        (length for length in range(1, len(place)) if all(each[-length:] != place[-length:] for each in others)),
        len(place),
    )
    return "/".join((*place[-length:], teacher.bucket))


def _place(teacher: Teacher) -> tuple[str, ...]:
    """The parts of the path of a teacher's run, or of the directory of its model."""
    path = Path(teacher.run)
    if path.name == FILE_NAME:
        path = path.parent
    return (path.with_suffix("") if path.suffix == Path(FILE_NAME).suffix else path).parts
