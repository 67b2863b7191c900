"""`report`: the report of a run, made again from its files."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import time_ns
from typing import Any

from progressive_app.config.resolve import defaults
from progressive_app.config.stages import flat
from progressive_app.discovery.installed_plugins import installed_registry
from progressive_app.machine.address_space import check_address_space
from progressive_app.machine.durable_files import place_for_reports
from progressive_app.machine.logs import configure_logging, get_logger
from progressive_app.machine.terminal import print_text
from progressive_app.processes.ending import ENDED_EARLY
from progressive_app.store.documents import read_json
from progressive_app.store.progress import finished_results, read_progress
from progressive_app.store.run_documents import read_manifest
from progressive_core.contract.core_settings import SEED
from progressive_core.contract.errors import PluginError, RunError, printable
from progressive_core.contract.records import RunInfo
from progressive_core.contract.setting import Settings
from progressive_core.engine.run import Interrupted
from progressive_core.plugins.blame import call_plugin
from progressive_front.commands.named_run import run_directory
from progressive_front.output import show_json, stdout_reserved
from progressive_front.report_page import PAGE, is_written_since, show_page

log = get_logger()

REPORT, PICTURE = "report", "picture"
"""The plugins whose `on_run_end` writes a run's report, and draws it."""
DOCUMENT, IMAGE = "report.json", "report.png"
LAST_BYTES = 1 << 18
"""Of a log that are read for its last line."""
_CLASS = re.compile(r"^[\w.]+: ")
"""What a traceback's last line begins with."""


def show_report(
    run: Path, flags: Mapping[str, Any], config: Path | None, *, as_json: bool, to_open: bool, png: bool
) -> int:
    """Write the report of a run again and show where it is.

    Of the run's files only those of the report are written; it may be in training meanwhile. On one that nothing may be written to
    they are written to `reports/NAME` of the working directory.

    :param run: the run's directory, or its name in RUNS_DIR. :param as_json: show the document instead.
    :param png: draw the picture too.
    :raise RunError: there is no run, no bucket of it is finished, or its report cannot be written.
    :raise PluginError: the plugin that writes it cannot be used.
    """
    configure_logging()
    check_address_space()
    directory = run_directory(run, config, flags)
    results, status = finished_results(directory), read_progress(directory).status
    if status == "training":
        log.warning("this run is in training, or was killed: the report shows the buckets that are finished")
    place, started = place_for_reports(directory), time_ns()
    with stdout_reserved():
        given = {
            "run": _info(directory),
            "results": results,
            "error": _ending(directory, finished=status == "finished"),
        }
        _end_of_run(given, (REPORT, PICTURE) if png else (REPORT,))
    wanted = place / (DOCUMENT if as_json else PAGE)
    for file in (wanted, *([place / IMAGE] if png else [])):
        if not is_written_since(file, started):
            raise RunError(f"{file}: it could not be written; the warning above says why")
    if as_json:
        return show_json(read_json(wanted))
    if png:
        print_text(f"picture: {printable(str(place / IMAGE))}")
    show_page(wanted, to_open=to_open)
    return 0


def _info(directory: Path) -> RunInfo:
    """The run as its plugins saw it at its end. A setting that is not known any more has no declaration."""
    manifest, known = read_manifest(directory), defaults()
    settings = Settings({**known, **read_json(directory / "config.json")}, known.declared)
    return RunInfo(run_dir=directory, sequence=flat(manifest["sequence"]), settings=settings, seed=settings[SEED.key])


def _ending(directory: Path, *, finished: bool) -> BaseException | None:
    """What ended the run: the error that is the last event in its log, or else a user."""
    if finished:
        return None
    reason = _last_error(directory / "log.jsonl")
    return Interrupted(directory) if reason is None else RunError(reason)


def _last_error(log_file: Path) -> str | None:
    """The message of the error that ended the run, None where something else is the last event."""
    if not log_file.is_file():
        return None
    with log_file.open("rb") as file:
        file.seek(max(0, log_file.stat().st_size - LAST_BYTES))
        lines = file.read().splitlines()
    try:
        event = json.loads(lines[-1]) if lines else {}
    except (ValueError, RecursionError):
        return None
    traceback = event.get("exception") if isinstance(event, dict) and event.get("event") == ENDED_EARLY else None
    if not isinstance(traceback, str) or not traceback.strip():
        return None
    return _CLASS.sub("", traceback.strip().splitlines()[-1])


def _end_of_run(given: Mapping[str, Any], names: Sequence[str]) -> None:
    registry = installed_registry(names, policy="warn")
    for name in names:
        if name not in registry.plugins:
            raise PluginError(next(record.reason for record in registry.records if record.name == name))
        call_plugin(registry.owner(name), "failed", registry.manager.call, "on_run_end", name, given)
