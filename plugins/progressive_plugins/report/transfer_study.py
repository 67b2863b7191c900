"""What `progressive-training transfer-report` measured of a run, and what its scratch arms came to, read from its files."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import asdict, frozen

from progressive_plugins.report.report_files import read_found
from progressive_plugins.report.report_records import Rows, ScratchArm
from progressive_training import BucketResult, InvalidValue, RecordedRun, read_run, validated
from progressive_training.presentation import percent

SCRATCH, STUDY = "scratch", "transfer.json"
STUDY_FORMAT = 2
"""Of a transfer report whose scores are in per cent."""


@frozen(kw_only=True)
class Study:
    """`worth` of being taught by bucket, and the R-`matrix` where it could be measured."""

    worth: Rows
    matrix: Mapping[str, Any] | None


@frozen(kw_only=True)
class _Worth:
    """Scores and their differences are in per cent; numbers of episodes are "never" where a curve does not get there."""

    bucket: str
    taught_by: tuple[str, ...]
    jumpstart: float
    asymptote: float
    scratch_asymptote: float
    area_ratio: float
    area_ratio_with_sources: float
    test: float
    scratch_test: float


@frozen(kw_only=True)
class _Matrix:
    buckets: tuple[str, ...]
    scores: tuple[tuple[float, ...], ...]
    forward: float
    backward: float

    def is_square(self) -> bool:
        """Whether there is a row for the untrained model and one for each bucket's, with a score on each bucket."""
        return [len(self.buckets)] * (len(self.buckets) + 1) == [len(row) for row in self.scores]


@frozen(kw_only=True)
class _Study:
    worths: tuple[_Worth, ...]
    matrix: _Matrix | None = None
    format: int = 1


def read_study(directory: Path, results: Sequence[BucketResult]) -> Study | None:
    """What the transfer report of the run says; None where there is none of its finished buckets, or an older version made it.

    :raise InvalidValue: it is not what this program writes.
    """
    document = read_found(directory / STUDY)
    if document is None:
        return None
    study = validated(document, _Study, STUDY)
    if study.matrix is not None and not study.matrix.is_square():
        raise InvalidValue(f"{STUDY}.matrix has other rows than an untrained one and one for each bucket")
    current = [worth.bucket for worth in study.worths] == [result.bucket for result in results]
    if study.format != STUDY_FORMAT or not current:
        return None
    counted = {each["bucket"]: each for each in document["worths"]}
    return Study(
        worth=tuple(_worth(worth, counted[worth.bucket]) for worth in study.worths),
        matrix=None if study.matrix is None else asdict(study.matrix),
    )


def _worth(worth: _Worth, raw: Mapping[str, Any]) -> dict[str, Any]:
    """One bucket beside its scratch arm, as `transfer-report` shows it; the comparisons are null where there is no arm."""
    return {
        "bucket": worth.bucket,
        "taught_by": worth.taught_by,
        "jumpstart": worth.jumpstart,
        **{name: raw.get(name) for name in ("episodes", "scratch_episodes", "episodes_with_sources")},
        "area_ratio": worth.area_ratio,
        "area_ratio_with_sources": worth.area_ratio_with_sources,
        "score": worth.asymptote,
        "scratch_score": worth.scratch_asymptote,
        "test_profit": worth.test,
        "scratch_test_profit": worth.scratch_test,
    }


def scratch_arms(directory: Path, results: Sequence[BucketResult]) -> tuple[ScratchArm, ...] | None:
    """The scratch arms of the run beside the buckets that they are compared with; None where none is finished."""
    if not (directory / SCRATCH / "state.json").is_file():
        return None
    taught = {result.bucket: result for result in results}
    arms = [arm for arm in read_run(directory / SCRATCH).results if arm.bucket in taught]
    return (
        tuple(
            ScratchArm(
                bucket=arm.bucket,
                episodes=arm.episodes,
                score=percent(arm.best_score),
                taught_episodes=taught[arm.bucket].episodes,
                taught_score=percent(taught[arm.bucket].best_score),
                test_profit=_test_profit(arm),
                taught_test_profit=_test_profit(taught[arm.bucket]),
            )
            for arm in arms
        )
        or None
    )


def _test_profit(result: BucketResult) -> float | None:
    return result.evaluation.test[0].profit if result.evaluation and result.evaluation.test else None


def missing_study(recorded: RecordedRun, *, has_study: bool, has_arms: bool) -> str | None:
    """How to learn what transfer was worth; None where that is known, or nothing was taught."""
    if not any(entry.verdict == "kept" for entry in recorded.ledger):
        return None
    directory = str(recorded.directory.absolute())
    lines = []
    if not has_arms:
        lines.append(shlex.join(["progressive-training", "--resume", "--run-dir", directory, "--scratch-arms"]))
    if not has_study:
        lines.append(shlex.join(["progressive-training", "transfer-report", directory]))
    lines.append(shlex.join(["progressive-training", "report", directory]))
    return None if has_study and has_arms else f"to see what being taught was worth: {' && '.join(lines)}"
