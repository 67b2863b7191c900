"""Walking forward in the benchmark: the folds of one market, trained one after the other as the program trains them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from attrs import frozen
from planted import planted_bars

from progressive_app.discovery.listing import installed_bucket
from progressive_app.store.documents import read_json_lines
from progressive_app.store.progress import read_progress
from progressive_app.store.run_documents import Teacher
from progressive_core.contract.records import BucketResult, LedgerEntry
from progressive_core.engine.run import bucket_info
from progressive_market.bars import Bars
from progressive_training import Folding, ProgressiveTrainer, Settings, load_model, resolve

Warm = Literal["never", "proof", "always"]
BUCKET = "Medium"
QUIET = ["no:report", "no:console", "no:picture"]
SPLIT = {"VALIDATION_SHARE": 0.15, "TEST_SHARE": 0.15}
"""The single split that a walk-forward is held against: the one of the issue, of which 15 % test."""


@frozen
class Walked:
    """One walk-forward: what `join_folds` gives of its bucket (without the equity) and of its bars; gradient `steps` in all, and
    `kept_steps` those up to the models that were kept; the same of all folds but the first, which nobody could teach; and which
    folds took something of the model before."""

    bucket: dict[str, Any]
    years: float
    chance: float
    steps: int
    kept_steps: int
    taught_steps: int
    taught_kept_steps: int
    taught: tuple[int, ...]

    def row(self, name: str) -> dict[str, Any]:
        """The row of performance whose strategy begins so."""
        rows: list[dict[str, Any]] = self.bucket["performance"]
        return next(row for row in rows if row["strategy"].startswith(name))

    @property
    def own(self) -> dict[str, Any]:
        """What the strategy did, whatever its verdicts say."""
        return self.row("")

    @property
    def abstaining(self) -> dict[str, Any]:
        """What it did in the folds in which what was known before them lets it trade."""
        return self.row(f"{self.bucket['bucket']}, abstaining")


def log_return(row: dict[str, Any]) -> float:
    """The log return behind a profit in per cent."""
    return float(np.log1p(row["profit"] / 100))


def table_of(bars: Bars) -> pd.DataFrame:
    """Bars as a user's file holds them."""
    prices = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    return pd.DataFrame({"time": pd.to_datetime(bars.time, utc=True), **prices, **bars.extra})


def still_market(count: int, seed: int) -> pd.DataFrame:
    """A planted market that stays as it is (see planted.py)."""
    return table_of(planted_bars("easy", count, seed).bars)


def flipped_market(count: int, seed: int) -> pd.DataFrame:
    """The same whose two telling columns say the opposite after the first third."""
    frame = still_market(count, seed)
    views = [name for name in frame if str(name).startswith("view")]
    frame.loc[count // 3 :, views] *= -1.0
    return frame


def driftless_walk(count: int, seed: int) -> pd.DataFrame:
    """A random walk with the same columns."""
    return table_of(planted_bars("random_walk", count, seed).bars)


def walked(data: pd.DataFrame | Path, folding: Folding, warm: Warm, bucket: str = BUCKET, **settings: Any) -> Walked:
    """Train the folds of `data`, each offered the model of the one before as `warm` says, and join their test parts."""
    with TemporaryDirectory() as directory:
        here = Path(directory)
        asked = {"DATA": str(filed(data, here)), "DEVICE": "cpu", "PLUGINS": QUIET, "RUNS_DIR": str(here), **settings}
        resolved, opened = resolve(None, asked), walking(bucket)
        folds = opened.plan_folds(resolved, horizons_of(opened, resolved), folding)
        models, done, taught, before = list[Any](), list[BucketResult](), list[int](), list[Teacher]()
        for fold in folds:
            run = here / f"fold-{fold.number}"
            trainer = ProgressiveTrainer(silent, settings={**asked, **fold.settings}, run_dir=run)
            trainer.train_bucket(bucket, transfer_from=before)
            models.append(load_model(run / "models" / bucket))
            done += read_progress(run).results
            if any(line["verdict"] == "kept" for line in ledger_of(run)):
                taught.append(fold.number)
            before = [] if warm == "never" else [Teacher(run=str(run), bucket=bucket, forced=warm == "always")]
        joined = opened.join_folds({bucket: models}, folds, resolved)
        updates = resolved["UPDATES_PER_EPISODE"]
        return Walked(
            bucket={key: value for key, value in joined["buckets"][0].items() if key != "equity"},
            years=joined["years"],
            chance=joined["chance_at_sharpe_1"],
            steps=updates * sum(result.episodes for result in done),
            kept_steps=updates * sum(result.best_episode for result in done),
            taught_steps=updates * sum(result.episodes for result in done[1:]),
            taught_kept_steps=updates * sum(result.best_episode for result in done[1:]),
            taught=tuple(taught),
        )


def walking(bucket: str) -> Any:
    """An installed bucket that can walk forward."""
    return installed_bucket(bucket)


def horizons_of(bucket: Any, settings: Settings) -> dict[str, Sequence[int]]:
    """The horizons of a bucket in a run with these settings."""
    return {bucket.name: bucket_info(settings, bucket, (bucket.name,), Path()).horizons}


def ledger_of(run: Path) -> list[Any]:
    """The transfers of a run."""
    return list(read_json_lines(run / "ledger.jsonl", LedgerEntry))


def single_split_t(data: pd.DataFrame, **settings: Any) -> float:
    """The t of the test part of one training on a single split, as a run reports it."""
    with TemporaryDirectory() as directory:
        here = Path(directory)
        asked = {"DATA": str(filed(data, here)), "DEVICE": "cpu", "PLUGINS": QUIET, **SPLIT, **settings}
        trainer = ProgressiveTrainer(silent, settings=asked, run_dir=here / "run")
        trainer.train_bucket(BUCKET)
        evaluation = read_progress(here / "run").results[0].evaluation
        assert evaluation is not None
        return float(evaluation.test[0].t)


def is_same_model(data: pd.DataFrame, **settings: Any) -> bool:
    """Whether the first fold's model is the same to the bit after all bars from its test part on were changed."""
    with TemporaryDirectory() as directory:
        here = Path(directory)
        opened = walking(BUCKET)
        other = data.copy()
        models = []
        for name in ("one", "other"):
            place = here / name
            place.mkdir()
            asked = {"DATA": str(filed(other, place)), "DEVICE": "cpu", "PLUGINS": QUIET, **settings}
            resolved = resolve(None, asked)
            fold = opened.plan_folds(resolved, horizons_of(opened, resolved), Folding(folds=2))[0]
            trainer = ProgressiveTrainer(silent, settings={**asked, **fold.settings}, run_dir=place / "run")
            trainer.train_bucket(BUCKET)
            models.append(load_model(place / "run" / "models" / BUCKET))
            late = other["time"] >= pd.Timestamp(fold.test_from)
            other.loc[late, ["open", "high", "low", "close"]] *= 1.7
            other.loc[late, "volume"] *= 0.3
            other.loc[late, [column for column in other if str(column).startswith(("view", "noise"))]] = 1.0
        one, changed = (model.tensors for model in models)
        return one.keys() == changed.keys() and all(torch.equal(one[key], changed[key]) for key in one)


def filed(data: pd.DataFrame | Path, directory: Path) -> Path:
    """The file of bars, written where they are a table."""
    if isinstance(data, Path):
        return data
    data.to_parquet(directory / "bars.parquet")
    return directory / "bars.parquet"


def silent(line: str) -> None:
    """Show no progress."""
