"""`evaluate`: models of a run beside their baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from progressive_app.machine.logs import configure_logging, get_logger
from progressive_app.machine.terminal import print_text
from progressive_app.presentation.record_values import performance_values, result_values
from progressive_app.presentation.verdicts import judged
from progressive_app.store.documents import read_json
from progressive_core.contract.errors import ModelError
from progressive_core.contract.evaluation import Performance
from progressive_core.contract.records import BucketResult
from progressive_front.commands.named_run import MARKET, errors_naming, usable
from progressive_front.commands.walked_run import results_in, used_directory
from progressive_front.load_model import load_model
from progressive_front.output import show_drawn, show_json
from progressive_studies.scratch import is_scratch_run
from progressive_studies.transfer_report.tables import as_text
from progressive_studies.walk_forward.walk_directory import RESULT, is_walked
from progressive_studies.walk_forward.walk_tables import sections_of

log = get_logger()


def show_evaluation(
    run: Path, flags: Mapping[str, Any], config: Path | None, bars: Path | None, since: str | None, *, as_json: bool
) -> int:
    """Show every finished bucket of a run beside its baselines, or what a walk-forward came to.

    :param run: the directory of a run or a walk-forward, or its name.
    :param flags: RUNS_DIR, and MARKET of `bars`.
    :param bars: measure on this file instead of showing what was measured, from the time `since` on where there is one.
    """
    configure_logging()
    directory = used_directory(run, config, flags)
    results = results_in(directory)
    if bars is not None:
        measured = _measured_on(bars, flags.get(MARKET), since, directory, results)
        if as_json:
            return show_json({each.result.bucket: list(map(performance_values, each.rows)) for each in measured})
        return _show_measured(measured)
    if is_walked(directory):
        document = read_json(directory / RESULT)
        return show_json(document) if as_json else _show_walk(document)
    if as_json:
        return show_json(list(map(result_values, results)))
    return _show_results(results, "scratch arm" if is_scratch_run(directory) else "")


@frozen(kw_only=True)
class _Measured:
    """What a bucket's model and the baselines did on the bars that `on` describes."""

    result: BucketResult
    on: str
    rows: tuple[Performance, ...]


def _measured_on(
    bars: Path, market: str | None, since: str | None, directory: Path, results: Sequence[BucketResult]
) -> list[_Measured]:
    """What each bucket's model and the baselines did on a file, at the costs that the run was begun with.

    A bucket whose models cannot be loaded is left out; bars that a model was trained on are warned of.

    :raise DataError: the file cannot be read. :raise ModelError: a model cannot be used on such bars, or none be loaded.
    """
    measured, buckets = [], usable(directory, [result.bucket for result in results])
    for result in (each for each in results if each.bucket in buckets):
        model = load_model(directory / "models" / result.bucket)
        with errors_naming(bars):
            measured.append(_measured(model, result, bars, market, since))
    return measured


def _measured(model: Any, result: BucketResult, file: Path, market: str | None, since: str | None) -> _Measured:
    trained = model
    if callable(getattr(model, "strategy", None)) and getattr(model, "reason", "") is not None:
        model = model.strategy()  # one that trades in some regimes alone is measured as it is used
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
        return _Measured(result=result, on=on, rows=_rows_of(model, bars))
    if "since" not in signature(model.performance).parameters:
        raise ModelError(f"models of bucket {result.bucket!r} are measured on all bars of a file: leave out --since")
    return _Measured(result=result, on=on, rows=_rows_of(model, bars, since=since))


def _rows_of(model: Any, bars: Any, **asked: str) -> tuple[Performance, ...]:
    """The model's own row, what its strategy did in each regime alone, if its market has any, and the baselines."""
    own, *baselines = model.performance(bars, **asked)
    inside = model.by_regime(bars, **asked) if callable(getattr(model, "by_regime", None)) else ()
    return (own, *inside, *baselines)


def _show_measured(measured: Sequence[_Measured]) -> int:
    """The rows on other bars, beside the verdict of the run."""
    from rich.text import Text

    from progressive_app.presentation.closing_table import judged_table

    for each in measured:
        heading = Text.assemble((each.result.bucket, "bold"), f" on {each.on}")
        verdict = evolve(judged(each.result.evaluation), validation=(), test=each.rows, warnings=())
        show_drawn(judged_table(heading, {"these bars": each.rows}, verdict, box=None))
        print_text("")
    return 0


def _show_walk(document: Mapping[str, Any]) -> int:
    print_text(as_text(sections_of(document)))
    return 0


def _show_results(results: Sequence[BucketResult], arm: str) -> int:
    from progressive_app.presentation.closing_table import closing_table, sequence_table

    for result in results:
        show_drawn(closing_table(result, box=None, arm=arm))
        print_text("")
    if len(results) > 1:
        show_drawn(sequence_table(results, box=None, arm=arm))
    return 0
