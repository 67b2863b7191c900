"""What the command line shows without training: plugins, runs, and the worth of a run's models."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from progressive_core.config import resolve, with_settings
from progressive_core.errors import RunError
from progressive_core.files import plain
from progressive_core.records import BucketResult, Performance
from progressive_core.registry import Registry
from progressive_core.store import RunSummary, list_runs, read_progress
from progressive_core.suggest import did_you_mean
from progressive_core.terminal import table


def show_plugins(flags: Mapping[str, Any], config: Path | None, plugins: Sequence[str], *, as_json: bool) -> int:
    """List what is installed, with hooks, and whether it is enabled or why not."""
    settings = resolve(config, flags)
    records = Registry.survey((*settings["PLUGINS"], *plugins), settings["TRANSFERS"])
    if as_json:
        return _show_json(records)
    rows = [
        (
            record.name,
            record.kind,
            f"{record.distribution} {record.version}",
            ", ".join(record.hooks) or "-",
            "yes" if record.enabled else f"no: {record.reason}",
        )
        for record in records
    ]
    print(table(("NAME", "KIND", "FROM", "HOOKS", "ENABLED"), rows))
    return 0


def show_runs(flags: Mapping[str, Any], config: Path | None, *, as_json: bool) -> int:
    """List the runs, each bucket with its best validation score where it is finished."""
    runs_dir = Path(resolve(config, flags)["RUNS_DIR"])
    runs = list_runs(runs_dir)
    if as_json:
        return _show_json([{"name": run.directory.name, **plain(run)} for run in runs])
    if not runs:
        print(f"no runs in {runs_dir}")
        return 0
    rows = [(run.directory.name, run.started, run.status, _scores(run)) for run in runs]
    print(table(("RUN", "STARTED", "STATUS", "SEQUENCE, BEST SCORE WHERE FINISHED"), rows))
    return 0


def _scores(run: RunSummary) -> str:
    best = {result.bucket: f" {result.best_score:+.4f}" for result in run.results}
    return ", ".join(f"{bucket}{best.get(bucket, '')}" for bucket in run.sequence)


def show_evaluation(
    name: str, flags: Mapping[str, Any], config: Path | None, bars: Path | None, *, as_json: bool
) -> int:
    """Show every finished bucket of a run beside its baselines.

    :param name: the run's directory, or its name in RUNS_DIR.
    :param bars: measure on this file instead of showing what was measured.
    """
    directory = _run_directory(name, Path(resolve(config, flags)["RUNS_DIR"]))
    results = read_progress(directory).results
    if not results:
        raise RunError(f"{directory}: no bucket of this run is finished yet; go on with --resume --run-dir {directory}")
    if bars is not None:
        return _show_performances(_performances_on(bars, directory, results), bars.name, as_json=as_json)
    if as_json:
        return _show_json(results)
    for result in results:
        _show_result(result)
    return 0


def _performances_on(
    bars: Path, directory: Path, results: Sequence[BucketResult]
) -> dict[str, tuple[Performance, ...]]:
    """Each bucket's model and the baselines on all bars of a file, read with the settings that the run was begun with.

    :raise DataError: the file cannot be read. :raise ModelError: a model cannot be used on such bars.
    """
    # Through the public face, as anyone would: the core imports no bucket.
    face = import_module("progressive_training")
    loaded = face.load_bars(with_settings(resolve(directory / "config.json"), {"DATA": bars}))
    models = {result.bucket: directory / "models" / result.bucket for result in results}
    return {bucket: face.load_model(path).performance(loaded) for bucket, path in models.items()}


def _show_performances(performances: Mapping[str, Sequence[Performance]], source: str, *, as_json: bool) -> int:
    if as_json:
        return _show_json(performances)
    for bucket, rows in performances.items():
        print(f"{bucket} on all bars of {source}\n\n{_performance_table(bucket, rows)}\n")
    return 0


def _run_directory(name: str, runs_dir: Path) -> Path:
    for directory in (Path(name), runs_dir / name):
        if (directory / "state.json").is_file():
            return directory
    known = [run.directory.name for run in list_runs(runs_dir)]
    raise RunError(f"no run {name!r}, here or in {runs_dir}.{did_you_mean(name, known)}")


def _show_result(result: BucketResult) -> None:
    print(f"{result.bucket}: {result.evaluation.verdict}")
    for split, performances in (("validation", result.evaluation.validation), ("test", result.evaluation.test)):
        print(f"\n{_performance_table(split, performances)}")
    for warning in result.evaluation.warnings:
        print(f"warning: {warning}")
    print()


def _performance_table(split: str, performances: Sequence[Performance]) -> str:
    header = (split.upper(), "LOG RETURN", "SHARPE", "DRAWDOWN", "TURNOVER", "TRADES", "LONG", "FLAT", "SHORT", "T")
    rows = [
        (
            each.strategy,
            f"{each.log_return:+.4f}",
            f"{each.sharpe:+.2f}",
            f"{each.drawdown:.1%}",
            f"{each.turnover:.1f}",
            str(each.trades),
            *(f"{share:.0%}" for share in (each.long, each.flat, each.short)),
            f"{each.t:+.2f}",
        )
        for each in performances
    ]
    return table(header, rows)


def _show_json(value: Any) -> int:
    print(json.dumps(plain(value), indent=2))
    return 0
