"""`plugins` and `runs`: what is installed, and what was trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve

from progressive_app.config.app_settings import PLUGINS, TRANSFERS
from progressive_app.config.choices import CONSOLE
from progressive_app.config.resolve import resolve_program
from progressive_app.discovery.listing import survey
from progressive_app.json_values import json_values
from progressive_app.machine.logs import configure_logging
from progressive_app.machine.terminal import table
from progressive_app.store.runs import RunSummary, list_runs
from progressive_core.contract.catalogue import PluginRecord
from progressive_front.commands.named_run import runs_dir
from progressive_front.live import with_console
from progressive_front.output import show_json, stdout_reserved


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
        return show_json(records)
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
    directory = runs_dir(config, flags)
    runs = list_runs(directory)
    if as_json:
        return show_json([{"name": run.directory.name, **json_values(run)} for run in runs])
    if not runs:
        print(f"no runs in {directory}")
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
