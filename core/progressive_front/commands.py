"""The commands that train nothing: plugins, runs, evaluate, transfer-report."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog
from attrs import evolve

from progressive_app.config.app_settings import PLUGINS, RUNS_DIR, TRANSFERS
from progressive_app.config.choices import CONSOLE
from progressive_app.config.resolve import resolve_program
from progressive_app.discovery.listing import survey
from progressive_app.json_values import json_values
from progressive_app.machine.logs import configure_logging
from progressive_app.machine.terminal import MISSING, one_line, table
from progressive_app.store.progress import finished_results
from progressive_app.store.runs import RunSummary, list_runs
from progressive_core import PROGRAM
from progressive_core.contract.catalogue import PluginRecord
from progressive_core.contract.errors import DataError, ModelError, RunError
from progressive_core.contract.evaluation import Evaluation, Performance
from progressive_core.contract.records import BucketResult
from progressive_core.contract.suggest import did_you_mean
from progressive_front.from_python.results import NOT_JUDGED
from progressive_front.live import with_console
from progressive_front.load_model import load_model, not_loadable
from progressive_front.output import stdout_reserved

log = structlog.get_logger("progressive_training")

MARKET = "MARKET"
"""The setting that names the market to take of a file that holds several."""


def show_plugins(flags: Mapping[str, Any], config: Path | None, plugins: Sequence[str], *, as_json: bool) -> int:
    """List what is installed, with hooks, and whether it is enabled or why not."""
    configure_logging()
    settings = resolve_program(config, flags)
    shown = with_console(settings[PLUGINS], plugins)
    with stdout_reserved():
        records = survey((*settings[PLUGINS], *shown), settings[TRANSFERS])
    if CONSOLE in shown:
        records = tuple(map(_on_the_command_line, records))
    if as_json:
        return _show_json(records)
    rows = [
        (
            record.name,
            record.kind,
            f"{record.distribution} {record.version}",
            ", ".join(record.hooks) or "-",
            ": ".join(["yes" if record.enabled else "no", *([record.reason] if record.reason else [])]),
        )
        for record in records
    ]
    print(table(("NAME", "KIND", "FROM", "HOOKS", "ENABLED"), rows))
    return 0


def _on_the_command_line(record: PluginRecord) -> PluginRecord:
    """The console's record, with the reason why the command line enables it (a Python caller has to name it)."""
    return evolve(record, reason="on the command line") if record.name == CONSOLE and record.enabled else record


def show_runs(flags: Mapping[str, Any], config: Path | None, *, as_json: bool) -> int:
    """List the runs, each bucket with its best validation score where it is finished."""
    configure_logging()
    runs_dir = _runs_dir(config, flags)
    runs = list_runs(runs_dir)
    if as_json:
        return _show_json([{"name": run.directory.name, **json_values(run)} for run in runs])
    if not runs:
        print(f"no runs in {runs_dir}")
        return 0
    rows = [
        (run.directory.name, run.started[:19].replace("T", " ") or "-", run.status, run.reason or _scores(run))
        for run in runs
    ]
    print(table(("RUN", "STARTED", "STATUS", "SEQUENCE, BEST SCORE WHERE FINISHED"), rows))
    return 0


def _scores(run: RunSummary) -> str:
    best = {result.bucket: f" {result.best_score:+.4f}" for result in run.results}
    forked = f" (a fork of {Path(run.parent).name})" if run.parent else ""
    return ", ".join(f"{bucket}{best.get(bucket, '')}" for bucket in run.sequence) + forked


def _of_program(flags: Mapping[str, Any]) -> dict[str, Any]:
    """`flags` without the one that says how a file of bars is read."""
    return {key: value for key, value in flags.items() if key != MARKET}


def _runs_dir(config: Path | None, flags: Mapping[str, Any]) -> Path:
    """RUNS_DIR, which need not exist before the first run."""
    runs_dir = Path(resolve_program(config, _of_program(flags))[RUNS_DIR])
    if runs_dir.exists() and not runs_dir.is_dir():
        raise RunError(f"RUNS_DIR is {runs_dir}, which is a file: expected the directory that runs are made in")
    return runs_dir


def show_evaluation(
    run: Path, flags: Mapping[str, Any], config: Path | None, bars: Path | None, *, as_json: bool
) -> int:
    """Show every finished bucket of a run beside its baselines.

    :param run: the run's directory, or its name in RUNS_DIR.
    :param flags: RUNS_DIR, and MARKET of `bars`.
    :param bars: measure on this file instead of showing what was measured.
    """
    configure_logging()
    directory = _run_directory(run, _runs_dir(config, flags))
    results = finished_results(directory)
    if bars is not None:
        return _show_performances(
            *_performances_on(bars, flags.get(MARKET), directory, results), bars.name, as_json=as_json
        )
    if as_json:
        return _show_json(results)
    for result in results:
        _show_result(result)
    return 0


def _performances_on(
    bars: Path, market: str | None, directory: Path, results: Sequence[BucketResult]
) -> tuple[dict[str, tuple[Performance, ...]], dict[str, str]]:
    """What each bucket's strategy and the baselines did on all bars of a file, at the costs that the run was begun with, and
    how each model is used.

    A bucket whose models cannot be loaded is left out.

    :raise DataError: the file cannot be read. :raise ModelError: a model cannot be used on such bars, or none be loaded.
    """
    performances, uses = {}, {}
    for bucket in (result.bucket for result in results):
        if reason := not_loadable(bucket):
            log.warning(reason)
            continue
        model = load_model(directory / "models" / bucket)
        why = getattr(model, "reason", None)
        uses[bucket] = f"stays flat: {why}" if why else "trades"
        if callable(getattr(model, "strategy", None)):
            model = model.strategy()
        if market is not None and callable(getattr(model, "of_market", None)):
            model = model.of_market(market)
        try:
            performances[bucket] = model.performance(bars)
        except (DataError, ModelError) as error:
            raise error if bars.name in str(error) else type(error)(f"{bars}: {error}") from error
    if not performances:
        raise ModelError(
            f"{directory}: no bucket of this run has a load_model(path), so nothing can be measured on {bars}"
        )
    return performances, uses


def _show_performances(
    performances: Mapping[str, Sequence[Performance]], uses: Mapping[str, str], source: str, *, as_json: bool
) -> int:
    if as_json:
        return _show_json(performances)
    for bucket, rows in performances.items():
        print(f"{bucket} on all bars of {source}\n\n{_performance_table(bucket, rows)}")
        print(f"in use: {one_line(uses[bucket])}\n")
    return 0


def show_transfer_report(run: Path, flags: Mapping[str, Any], config: Path | None, *, as_json: bool) -> int:
    """Show what knowledge transfer was worth in a run, and write it beside the run's models.

    :param run: the run's directory, or its name in RUNS_DIR.
    """
    from progressive_studies.transfer_report.build import for_programs, transfer_report, write_report
    from progressive_studies.transfer_report.tables import as_text, sections_of

    configure_logging()
    directory = _run_directory(run, _runs_dir(config, flags))
    with stdout_reserved():
        report = transfer_report(directory)
    written = write_report(report, directory)
    if as_json:
        return _show_json(for_programs(report))
    print(f"{as_text(sections_of(report))}\n\nwritten: {', '.join(map(str, written))}")
    return 0


def _run_directory(run: Path, runs_dir: Path) -> Path:
    for directory in (run, runs_dir / run):
        if (directory / "state.json").is_file():
            return directory
    known = [each.directory.name for each in list_runs(runs_dir)]
    raise RunError(
        f"no run {str(run)!r}, here or in {runs_dir}.{did_you_mean(str(run), known)} `{PROGRAM} runs` lists them"
    )


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


def _show_json(value: Any) -> int:
    print(json.dumps(json_values(value), indent=2))
    return 0
