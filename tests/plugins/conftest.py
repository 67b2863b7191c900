"""A scripted run of realistic records, as the core would tell it to the plugins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from progressive_training import (
    BucketInfo,
    BucketResult,
    EpisodeReport,
    Evaluation,
    LedgerEntry,
    Performance,
    PerformanceKind,
    Resources,
    RunInfo,
)

SEQUENCE = ("Scalping", "Short", "Medium", "Long")
SETTINGS: dict[str, Any] = {"EPISODES": 40, "PATIENCE": 12, "MEMORY_THRESHOLD": 0.85, "CACHE_MB": 512, "DEVICE": "cpu"}
HORIZONS = {"Scalping": (1, 6, 24, 72), "Short": (6, 24, 72, 144), "Medium": (24, 96, 288), "Long": (72, 288, 576)}
LESSON = {
    "side": "short",
    "bars_held": 31,
    "net": -0.0041,
    "cause": "values",
    "conclusion": "the promised gain never came: look at the entry again",
}


class ScriptedRun:
    """Makes records of one run in `run_dir`; what a test does not name is realistic."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir

    def resources(self, **changes: Any) -> Resources:
        values = {"device": "cpu", "parallel_episodes": 64, "batch_size": 512, "memory_limit": 8_500_000_000}
        return Resources(**(values | changes))

    def bucket(self, name: str = "Short", **changes: Any) -> BucketInfo:
        before = SEQUENCE[: SEQUENCE.index(name)] if name in SEQUENCE else ()
        values: dict[str, Any] = {
            "name": name,
            "horizons": HORIZONS.get(name, (12, 48)),
            "sequence": SEQUENCE,
            "episodes": 40,
            "seed": 0,
            "run_dir": self.run_dir,
            "settings": SETTINGS,
            "results": tuple(self.result(earlier) for earlier in before),
        }
        return BucketInfo(**(values | changes))

    def finished(self, name: str) -> BucketInfo:
        """The bucket as `cleanup` sees it after a good end."""
        results = tuple(self.result(each) for each in SEQUENCE[: SEQUENCE.index(name) + 1])
        return self.bucket(name, results=results)

    def info(self) -> RunInfo:
        """The run as `on_run_end` sees it."""
        return RunInfo(run_dir=self.run_dir, sequence=SEQUENCE, settings=SETTINGS, seed=0)

    def results(self, name: str) -> tuple[BucketResult, ...]:
        """Those of the buckets up to `name`."""
        return self.finished(name).results

    def episode(self, number: int, **changes: Any) -> EpisodeReport:
        scores = [self._score(i) for i in range(1, number + 1)]
        values: dict[str, Any] = {
            "episode": number,
            "score": scores[-1],
            "best_score": max(scores),
            "best_episode": scores.index(max(scores)) + 1,
            "loss": 0.42 / number**0.5,
            "exploration": 0.3 * 0.95**number,
            "exploration_cause": "learning progress slows, market volatile",
            "transitions": 8192,
            "trades": 214 - number,
            "traces": {
                "lessons": {"count": 34, "won": 0.41, "shown": [LESSON]},
                "recalls": [{"recalls": "2021-05-19T13:00:00Z", "similarity": 0.914, "long": -0.0021, "short": 0.0007}],
            },
            "seconds": 0.8,
            "memory_used": 1_210_000_000 + number * 1_000_000,
            "transfers": self._transfers(number),
        }
        return EpisodeReport(**(values | changes))

    def episodes(self, count: int) -> Iterator[EpisodeReport]:
        for number in range(1, count + 1):
            yield self.episode(number)

    def transfer(self, **changes: Any) -> LedgerEntry:
        values: dict[str, Any] = {
            "strategy": "weights",
            "source": "Scalping",
            "target": "Short",
            "phase": "initial",
            "episode": 0,
            "verdict": "kept",
            "reason": "validation did not fall",
            "before": -0.021,
            "after": 0.034,
        }
        return LedgerEntry(**(values | changes))

    def result(self, name: str, **changes: Any) -> BucketResult:
        values: dict[str, Any] = {
            "bucket": name,
            "episodes": 31,
            "stopped": "early_stopping: no better score for 12 episodes",
            "best_score": self._score(20) if name != "Medium" else -0.012,
            "best_episode": 20,
            "seconds": 24.8,
            "model_path": self.run_dir / "models" / name / "model.safetensors",
            "evaluation": self.evaluation(),
        }
        return BucketResult(**(values | changes))

    def evaluation(self, **changes: Any) -> Evaluation:
        def rows(profit: float, t: float) -> tuple[Performance, ...]:
            return (
                performance("Short", profit, 0.9 * t, 0.083, 214.0, 107, t),
                performance("flat", 0.0, 0.0, 0.0, 0.0, 0, 0.0, PerformanceKind.FLAT),
                performance("buy and hold", 0.31, 0.8, 0.412, 1.0, 1, 0.7, PerformanceKind.BASELINE),
                performance(
                    "ridge with no-trade band", profit / 3, 0.4 * t, 0.121, 88.0, 44, 0.4 * t, PerformanceKind.BASELINE
                ),
                performance("same positions shifted", -0.094, -0.6, 0.193, 214.0, 107, -0.7, PerformanceKind.BASELINE),
            )

        values: dict[str, Any] = {
            "validation": rows(0.118, 1.7),
            "test": rows(-0.024, -0.2),
            "verdict": "no edge shown (t = 1.1 on validation and test together; 3 is needed)",
            "t": 1.1,
            "validation_t": 1.7,
            "test_t": -0.2,
            "warnings": ("the policy is long on 81 % of the test bars: most of its result is exposure",),
        }
        return Evaluation(**(values | changes))

    def _score(self, number: int) -> float:
        return -0.06 + 0.18 * (1 - 0.85**number) - 0.0011 * max(0, number - 19) ** 1.5 + 0.006 * (-1) ** number

    def _transfers(self, number: int) -> tuple[LedgerEntry, ...]:
        if number == 1:
            return (
                self.transfer(),
                self.transfer(strategy="features", verdict="rolled back", before=0.034, after=0.028, reason="hurt"),
                self.transfer(
                    strategy="horizons", verdict="skipped", before=None, after=None, reason="no horizon in common"
                ),
            )
        if number == 10:
            return (
                self.transfer(phase="periodic", episode=10, before=0.061, after=0.066),
                self.transfer(
                    strategy="reverse",
                    phase="reverse",
                    episode=10,
                    source="Short",
                    target="Scalping",
                    verdict="failed",
                    before=None,
                    after=None,
                    reason="ValueError: shapes (128, 64) and (128, 32) do not match",
                ),
            )
        return ()


def performance(
    strategy: str,
    profit: float,
    sharpe: float,
    drawdown: float,
    turnover: float,
    trades: int,
    t: float,
    kind: PerformanceKind = PerformanceKind.MODEL,
) -> Performance:
    return Performance(
        strategy=strategy,
        log_return=profit,
        sharpe=sharpe,
        drawdown=drawdown,
        turnover=turnover,
        trades=trades,
        long=0.81,
        flat=0.12,
        short=0.07,
        t=t,
        sharpe_error=0.31,
        alpha=0.4 * profit,
        beta=0.3,
        alpha_t=0.9 * t,
        kind=kind,
    )


@pytest.fixture
def run(tmp_path: Path) -> ScriptedRun:
    return ScriptedRun(tmp_path)
