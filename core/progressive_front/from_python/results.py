"""What a run came to, as objects: verdict, tables as pandas frames, the model, and what was transferred."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import attrs
from attrs import frozen

from progressive_app.presentation.record_values import (
    PerformanceValues,
    episode_values,
    performance_values,
    transfer_values,
)
from progressive_app.presentation.verdicts import NOT_JUDGED
from progressive_app.store.documents import read_json_lines
from progressive_app.store.progress import STATE, read_progress
from progressive_app.store.run_store import LEDGER, METRICS
from progressive_core.contract.errors import RunError
from progressive_core.contract.evaluation import Evaluation, Performance
from progressive_core.contract.records import BucketResult, EpisodeReport, LedgerEntry
from progressive_core.contract.store import EpisodeLine
from progressive_core.contract.suggest import did_you_mean
from progressive_front.from_python.results_html import result_html, results_html
from progressive_front.load_model import load_model

if TYPE_CHECKING:
    import pandas as pd


@frozen(kw_only=True, eq=False)
class Result:
    """One finished bucket. `verdict` is its text, `trades` where the model trades in use ("everywhere", "nowhere", or "in regime 2" and
    the like), `path` the file of its model. `evaluation` is None while a later bucket may still change the model."""

    bucket: str
    verdict: str
    trades: str
    path: Path
    evaluation: Evaluation | None = attrs.field(repr=False)

    @cached_property
    def validation(self) -> pd.DataFrame:
        """The model's strategy on validation, its own row first, and the baselines: the columns of `PerformanceValues`."""
        return _performances(self.evaluation.validation if self.evaluation else ())

    @cached_property
    def test(self) -> pd.DataFrame:
        """The same on the test part."""
        return _performances(self.evaluation.test if self.evaluation else ())

    @cached_property
    def regimes(self) -> pd.DataFrame:
        """What the strategy did in each regime alone: the columns of `PerformanceValues` behind the number of the `regime`, from 1, the
        `part`, and the `edge` there with its `edge_t`. No row where the market knows no regimes."""
        judged = self.evaluation.regimes if self.evaluation else ()
        rows = [
            {"regime": number, "part": part, "edge": str(each.edge), "edge_t": each.t, **performance_values(row)}
            for number, each in enumerate(judged, 1)
            for part in ("validation", "test")
            for row in getattr(each, part)[:1]
        ]
        return _typed_frame(
            {"regime": int, "part": str, "edge": str, "edge_t": float, **get_type_hints(PerformanceValues)}, rows
        )

    @cached_property
    def model(self) -> Any:
        """The trained model, as `load_model(path)` gives it."""
        return load_model(self.path)

    @cached_property
    def ledger(self) -> pd.DataFrame:
        """Every transfer that was tried on this bucket: the fields of `LedgerEntry`, scores in per cent."""
        lines = read_json_lines(self._run_dir / LEDGER, LedgerEntry)
        return _frame(LedgerEntry, [transfer_values(line) for line in lines if line["target"] == self.bucket])

    @cached_property
    def episodes(self) -> pd.DataFrame:
        """Every episode of its training: the fields of `EpisodeReport`, scores in per cent."""
        lines = read_json_lines(self._run_dir / METRICS, EpisodeLine)
        return _frame(EpisodeReport, [episode_values(line) for line in lines if line["bucket"] == self.bucket])

    @cached_property
    def account(self) -> Any:
        """What its strategy did, as `progressive_training.market.account_of` reads it: trades, equity, months, costs, candles. None where
        its evaluator keeps no account, or it is not judged yet."""
        return import_module("progressive_training.market").account_of(self._run_dir, self.bucket)

    def _repr_html_(self) -> str:
        return result_html(self)

    @property
    def _run_dir(self) -> Path:
        return self.path.parents[2]


class Results(dict[str, Result]):
    """The results of a run by bucket, in the order in which they were finished."""

    def __getitem__(self, bucket: str) -> Result:
        if isinstance(bucket, str) and bucket in self:
            return super().__getitem__(bucket)
        if not self:
            raise RunError(
                f"no result of {bucket!r}: no bucket is finished yet; train first, or name a run with run_dir="
            )
        raise RunError(f"no result of {bucket!r}.{did_you_mean(str(bucket), self)} Finished: {', '.join(self)}")

    def _repr_html_(self) -> str:
        return results_html(self)


def results_of(run_dir: Path | None) -> Results:
    """The finished buckets of a run; none where there is no run yet.

    :raise RunError: the run cannot be read.
    """
    if run_dir is None or not (run_dir / STATE).is_file():
        return Results()
    return Results({result.bucket: _result(result) for result in read_progress(run_dir).results})


def _result(result: BucketResult) -> Result:
    judged = result.evaluation
    return Result(
        bucket=result.bucket,
        verdict=judged.verdict if judged else NOT_JUDGED.verdict,
        trades=judged.trades if judged else "nowhere",
        path=result.model_path,
        evaluation=judged,
    )


def _performances(rows: Iterable[Performance]) -> pd.DataFrame:
    return _typed_frame(get_type_hints(PerformanceValues), map(performance_values, rows))


def _frame(kind: type, lines: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """The JSON lines of records of one kind as a frame with a column for each field."""
    return _typed_frame({field.name: field.type for field in attrs.fields(attrs.resolve_types(kind))}, lines)


def _typed_frame(types: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(list(rows), columns=list(types))
    return frame.astype({name: float for name, type_ in types.items() if type_ in (float, float | None)})
