"""The files of a search: what was chosen, before the test part is read, and at its end all that it shows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import asdict, frozen

from progressive_app.json_values import json_values
from progressive_app.presentation.record_values import performance_values
from progressive_app.quoting import show
from progressive_app.store.atomic_files import as_document, atomic_writes
from progressive_app.store.documents import SHA256, is_whole, line_with_checksum, read_json
from progressive_app.store.progress import STATE, read_progress
from progressive_core.contract.core_settings import EPISODES, SEED
from progressive_core.contract.errors import RunError
from progressive_studies.search.choosing import Choice, Fresh
from progressive_studies.search.search_plan import BATCH, BucketSearch, SearchPlan
from progressive_studies.search.setting_importance import importance_of
from progressive_studies.search.space import Span
from progressive_studies.search.trial_runs import CHOICE, EVIDENCE, TEST, SearchRuns
from progressive_studies.search.tried import Trial
from progressive_studies.study.study_plan import run_directory
from progressive_studies.transfer_report.tables import as_markdown, as_text

FORMAT = 1
"""Of `tune.json` and `choice.json`: it grows by one when a key is removed or means something else."""
RESULT, TEXT, PAGE, CHOICES = "tune.json", "report.md", "report.html", "choice.json"


@frozen(kw_only=True)
class Found:
    """How the search of one bucket went: its trials, what both settings earned on held-back bars, and the choice."""

    about: BucketSearch
    space: Mapping[str, Span]
    runs: SearchRuns
    tried: Sequence[Trial]
    fresh: Sequence[Fresh]
    choice: Choice


def is_searched(study: Path) -> bool:
    """Whether the search in `study` is finished."""
    return (study / RESULT).is_file()


def read_search(study: Path) -> dict[str, Any]:
    """What `tune.json` of a finished search holds.

    :raise RunError: it cannot be read, is of another version, or is not as it was written.
    """
    file = study / RESULT
    try:
        document = read_json(file)
        if document.get("format") != FORMAT:
            raise RunError(
                f"{file}: of another version of this program (its format is {show(document.get('format'))}, this one reads {FORMAT})"
            )
        if SHA256 not in document or not is_whole(document):
            raise RunError(f"{file}: it was changed since it was written")
    except RunError as error:
        raise RunError(f"{error}; move it away, and --resume writes it anew from the runs") from error
    return {key: value for key, value in document.items() if key != SHA256}


def write_choices(study: Path, found: Sequence[Found]) -> None:
    """Write what was chosen for each bucket, once and for all: the test part is read after it, and for it alone.

    :raise RunError: it cannot be written, or another choice was written before.
    """
    buckets = [
        {"bucket": each.about.bucket, **asdict(each.choice, recurse=False), "trials": len(each.tried)} for each in found
    ]
    content, file = as_document({"format": FORMAT, "name": study.absolute().name, "buckets": buckets}), study / CHOICES
    if file.is_file() and file.read_bytes() != content:
        try:
            read_json(file)
        except RunError as error:
            raise RunError(f"{error}; move it away, and it is written anew from the runs") from error
        raise RunError(
            f"{file}: trials and fresh seeds now give another choice than was written here (another environment measures "
            "otherwise to the last digit, or a run was changed); go on where it was made, or begin a new search"
        )
    _write(study, {CHOICES: content})


def write_search(study: Path, search: SearchPlan, found: Sequence[Found]) -> None:
    """Put the finished search together: `tune.json`, `report.md` and `report.html`.

    :raise RunError: a file cannot be written, or the run of the choice cannot be read.
    """
    from progressive_studies.search.page.search_page import page_of
    from progressive_studies.search.search_tables import sections_of

    name = study.absolute().name
    document = json_values(
        {
            "format": FORMAT,
            "name": name,
            "seed": search.settings[SEED.key],
            "folds": [
                {key: value for key, value in asdict(fold).items() if key != "settings"} for fold in search.folds
            ],
            "bars": search.bars,
            "buckets": [_bucket(study, search, each) for each in found],
        }
    )
    files = {
        TEXT: as_markdown(f"Search {name}", sections_of(document)).encode(),
        PAGE: page_of(document).encode("utf-8", "replace"),
        RESULT: as_document(json.loads(line_with_checksum(document))),  # the last one: with it the search is finished
    }
    _write(study, files)


def shown_search(study: Path) -> str:
    """What a finished search shows, for a terminal.

    :raise RunError: it cannot be read.
    """
    from progressive_studies.search.search_tables import sections_of

    return as_text(sections_of(read_search(study)))


def _bucket(study: Path, search: SearchPlan, found: Found) -> dict[str, Any]:
    own = found.runs.settings.for_bucket(found.about.bucket)
    episodes = sum(trial.episodes for trial in found.tried)
    return {
        "bucket": found.about.bucket,
        "space": found.about.space,
        "incumbent": found.runs.incumbent,
        "trials": [
            {
                **asdict(trial, recurse=False),
                "batch": trial.number // BATCH,
                "runs": _begun(study, found.runs, trial),
            }
            for trial in found.tried
        ],
        "importance": importance_of(found.space, found.tried),
        **asdict(found.choice, recurse=False),
        "fresh": [asdict(each) for each in found.fresh],
        "evidence": TEST if EVIDENCE in found.runs.settings.declared else None,
        "episodes": episodes,
        "trainings": episodes / (own[EPISODES] * len(search.folds)),
        "verdict": _verdict(study, found.about.bucket) if found.choice.adopted else None,
    }


def _begun(study: Path, runs: SearchRuns, trial: Trial) -> list[str]:
    """The runs of a trial, without those that were not begun any more since it was given up."""
    names = [run.run.name for run in runs.of_trial(trial.number, trial.values)]
    return [name for name in names if (run_directory(study, name) / STATE).is_file()]


def _verdict(study: Path, bucket: str) -> dict[str, Any] | None:
    """The verdict of the run of the choice."""
    results = read_progress(run_directory(study, CHOICE)).results
    evaluation = next((each.evaluation for each in results if each.bucket == bucket), None)
    if evaluation is None:
        return None
    return {
        "verdict": evaluation.verdict,
        "t": evaluation.t,
        "trades": evaluation.trades,
        "test": [performance_values(row) for row in evaluation.test],
        "dates": list(evaluation.test_dates),
    }


def _write(study: Path, files: Mapping[str, bytes]) -> None:
    try:
        atomic_writes({study / name: content for name, content in files.items()})
    except OSError as error:
        raise RunError(f"{study}: what was found cannot be written ({error.strerror})") from error
