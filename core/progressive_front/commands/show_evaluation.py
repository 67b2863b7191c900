"""`evaluate`: models of a run beside their baselines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

import structlog
from attrs import frozen

from progressive_app.machine.logs import configure_logging
from progressive_app.machine.terminal import MISSING, one_line, table
from progressive_app.store.progress import finished_results
from progressive_core.contract.errors import ModelError
from progressive_core.contract.evaluation import Evaluation, Performance
from progressive_core.contract.records import BucketResult
from progressive_front.commands.named_run import MARKET, errors_naming, run_directory, usable
from progressive_front.from_python.results import NOT_JUDGED
from progressive_front.load_model import load_model
from progressive_front.output import show_json

log = structlog.get_logger("progressive_training")


def show_evaluation(
    run: Path, flags: Mapping[str, Any], config: Path | None, bars: Path | None, since: str | None, *, as_json: bool
) -> int:
    """Show every finished bucket of a run beside its baselines.

    :param run: the run's directory, or its name in RUNS_DIR.
    :param flags: RUNS_DIR, and MARKET of `bars`.
    :param bars: measure on this file instead of showing what was measured, from the time `since` on where there is one.
    """
    configure_logging()
    directory = run_directory(run, config, flags)
    results = finished_results(directory)
    if bars is not None:
        measured = _measured_on(bars, flags.get(MARKET), since, directory, results)
        return show_json({each.bucket: each.rows for each in measured}) if as_json else _show_measured(measured)
    if as_json:
        return show_json(results)
    for result in results:
        _show_result(result)
    return 0


@frozen(kw_only=True)
class _Measured:
    """What a bucket's model and the baselines did on the bars that `on` describes, and how the model is used."""

    bucket: str
    on: str
    rows: tuple[Performance, ...]
    use: str


def _measured_on(
    bars: Path, market: str | None, since: str | None, directory: Path, results: Sequence[BucketResult]
) -> list[_Measured]:
    """What each bucket's model and the baselines did on a file, at the costs that the run was begun with.

    A bucket whose models cannot be loaded is left out; bars that a model was trained on are warned of.

    :raise DataError: the file cannot be read. :raise ModelError: a model cannot be used on such bars, or none be loaded.
    """
    measured = []
    for bucket in usable(directory, [result.bucket for result in results]):
        model = load_model(directory / "models" / bucket)
        with errors_naming(bars):
            measured.append(_measured(model, bucket, bars, market, since))
    return measured


def _measured(model: Any, bucket: str, file: Path, market: str | None, since: str | None) -> _Measured:
    why = getattr(model, "reason", None)
    use = f"stays flat: {why}" if why else "trades"
    trained = model
    if callable(getattr(model, "strategy", None)):
        model = model.strategy()
    if market is not None and callable(getattr(model, "of_market", None)):
        model = model.of_market(market)
    bars: Any = file
    on = f"all bars of {file.name}" if since is None else f"the bars of {file.name} since {since}"
    if callable(getattr(model, "read", None)):
        bars = model.read(file)
        market = f"{bars.report.market}, " if bars.report.market else ""
        on += f" ({market}{bars})" if since is None else f" (of {market}{bars})"
        known = trained.known(bars, since)
        if known:
            warning = f"{file.name}: {known}"
            log.warning(warning)
    if since is None:
        return _Measured(bucket=bucket, on=on, rows=model.performance(bars), use=use)
    if "since" not in signature(model.performance).parameters:
        raise ModelError(f"models of bucket {bucket!r} are measured on all bars of a file: leave out --since")
    return _Measured(bucket=bucket, on=on, rows=model.performance(bars, since=since), use=use)


def _show_measured(measured: Sequence[_Measured]) -> int:
    for each in measured:
        print(f"{each.bucket} on {each.on}\n\n{_performance_table(each.bucket, each.rows)}")
        print(f"in use: {one_line(each.use)}\n")
    return 0


def _show_result(result: BucketResult) -> None:
    _show_judged(result.bucket, result.evaluation)
    print()


def _show_judged(bucket: str, evaluation: Evaluation | None) -> None:
    if evaluation is None:
        print(f"{bucket}: {NOT_JUDGED}")
        return
    print(f"{bucket}: {one_line(evaluation.verdict)}")
    use = "stays flat" if evaluation.trades == "nowhere" else f"trades {one_line(evaluation.trades)}"
    print(f"in use: {use}; the first row of each table is what its strategy did")
    for split, performances in (("validation", evaluation.validation), ("test", evaluation.test)):
        print(f"\n{_performance_table(split, performances)}")
    for warning in evaluation.warnings:
        print(f"warning: {one_line(warning)}")


def _performance_table(split: str, performances: Sequence[Performance]) -> str:
    """Rows of at most 100 letters: the share of the bars long, flat and short is one column, and --json has the turnover."""
    header = (split.upper(), "LOG RET", "SHARPE", "ERR", "FALL", "TRADES", "L/F/S %", "T", "ALPHA", "ITS T", "BETA")
    rows = [
        (
            each.strategy,
            _signed(each.log_return, 3),
            _signed(each.sharpe, 2),
            _signed(each.sharpe_error, 2).removeprefix("+"),
            f"{each.drawdown:.0%}",
            str(each.trades),
            "/".join(f"{100 * share:.0f}" for share in (each.long, each.flat, each.short)),
            _signed(each.t, 1),
            _signed(each.alpha, 2),
            _signed(each.alpha_t, 1),
            _signed(each.beta, 2),
        )
        for each in performances
    ]
    return table(header, rows)


def _signed(value: float, digits: int) -> str:
    return f"{round(value, digits) + 0.0:+.{digits}f}" if math.isfinite(value) else MISSING
