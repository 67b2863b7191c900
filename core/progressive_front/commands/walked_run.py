"""A walk-forward as commands use it: where it is, its newest fold's models, and the verdict on all folds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import evolve

from progressive_app.store.documents import read_json
from progressive_app.store.progress import finished_results
from progressive_core.contract.errors import RunError
from progressive_core.contract.evaluation import Edge
from progressive_core.contract.records import BucketResult
from progressive_front.commands.named_run import run_and_bucket, run_directory
from progressive_studies.study.study_plan import STUDIES, read_plan
from progressive_studies.study.study_plan import run_directory as run_of_study
from progressive_studies.walk_forward.walk_directory import RESULT, is_walked


def used_directory(run: Path, config: Path | None, flags: Mapping[str, Any]) -> Path:
    """The directory of a finished walk-forward, which is a path or a name in `studies`, or of a run (see `run_directory`).

    :raise RunError: there is neither.
    """
    for directory in (run, STUDIES / run):
        if is_walked(directory):
            return directory
    return run_directory(run, config, flags)


def used_model(
    name: Path, bucket: str | None, config: Path | None, flags: Mapping[str, Any]
) -> tuple[Path, str | None]:
    """As `run_and_bucket`, of a run or a finished walk-forward."""
    return run_and_bucket(
        name,
        bucket,
        lambda run: used_directory(run, config, flags),
        lambda directory: [result.bucket for result in results_in(directory)],
    )


def results_in(directory: Path) -> tuple[BucketResult, ...]:
    """The finished buckets of a run, or those of a walk-forward's newest fold with the verdict on all folds.

    :raise RunError: nothing is finished, or a file is damaged.
    """
    if not is_walked(directory):
        return tuple(finished_results(directory))
    document, newest = read_json(directory / RESULT), read_plan(directory).runs[-1].name
    try:
        judged = {each["bucket"]: each for each in document["buckets"]}
        return tuple(
            evolve(
                result, evaluation=result.evaluation and evolve(result.evaluation, **_verdict(judged[result.bucket]))
            )
            for result in finished_results(run_of_study(directory, newest))
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{directory / RESULT}: damaged ({error!r:.100})") from error


def _verdict(bucket: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "edge": Edge(bucket["edge"]),
        "verdict": bucket["verdict"],
        "trades": bucket["trades"],
        "t": math.nan if bucket["pooled_t"] is None else float(bucket["pooled_t"]),
    }
