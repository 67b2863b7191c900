"""`plugins` and `runs`: what is installed, and what was trained."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from attrs import evolve

from progressive_app.config.app_settings import PLUGINS, TRANSFERS
from progressive_app.config.choices import CONSOLE
from progressive_app.config.resolve import resolve_program
from progressive_app.config.stages import flat
from progressive_app.discovery.listing import survey
from progressive_app.json_values import json_values
from progressive_app.machine.logs import configure_logging
from progressive_app.machine.terminal import print_text
from progressive_app.presentation.quantities import number, utc_text
from progressive_app.presentation.record_values import result_values
from progressive_app.presentation.text_table import MISSING, sentence, table
from progressive_app.presentation.verdicts import shown_t, summary, verdict_style
from progressive_app.store.progress import status_of
from progressive_app.store.runs import RunSummary, list_runs
from progressive_core import PROGRAM
from progressive_core.contract.catalogue import PluginRecord
from progressive_core.contract.errors import RunError
from progressive_core.contract.profit import profit_text
from progressive_front.commands.named_run import runs_dir
from progressive_front.live import with_console
from progressive_front.output import show_drawn, show_json, stdout_reserved
from progressive_studies.search.search_document import is_searched
from progressive_studies.search.search_plan import SEARCHES, TUNE
from progressive_studies.study.study_plan import RUNS, STUDIES, read_plan, run_directory, studies_in

if TYPE_CHECKING:
    from rich.console import JustifyMethod, RenderableType

PLUGINS_HEADS = ("NAME", "KIND", "FROM", "HOOKS", "ENABLED")
MINUTES = len("2026-01-01T12:00")
RUNS_HEADS = ("RUN, BUCKET", "TEST PROFIT", "EDGE T", "STATUS, VERDICT")


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
    print_text(table(PLUGINS_HEADS, rows))
    return 0


def _on_the_command_line(record: PluginRecord) -> PluginRecord:
    """The console's record, with the reason why the command line enables it (a Python caller has to name it)."""
    return evolve(record, reason="on the command line") if record.name == CONSOLE and record.enabled else record


def show_runs(flags: Mapping[str, Any], config: Path | None, *, as_json: bool) -> int:
    """List the runs, each with its buckets: what the strategy earned on test, and the verdict on that."""
    configure_logging()
    directory = runs_dir(config, flags)
    runs = list_runs(directory)
    if as_json:
        return show_json([_run_values(run) for run in runs])
    for run in (each for each in runs if each.reason):
        print_text(sentence(f"{run.directory.name}  damaged: {run.reason}", indent="  "))
    if not runs:
        print_text(f"no runs in {directory}")
    if whole := [run for run in runs if not run.reason]:
        show_drawn(_runs_table(whole))
    for line in _study_lines(directory):
        print_text(sentence(line, indent="  "))
    return 0


def _study_lines(listed: Path) -> Iterator[str]:
    """A line for each study and each search, whose runs are in a directory of their own, but one whose runs are `listed`."""
    for study in studies_in(STUDIES):
        if (study / RUNS).absolute() != listed.absolute():
            try:
                runs = read_plan(study).runs
            except RunError as error:
                yield f"{study}  damaged: {error}"
            else:
                finished = sum(status_of(run_directory(study, run.name)) == "finished" for run in runs)
                lists = shlex.join([PROGRAM, "runs", "--set", f"RUNS_DIR={study / RUNS}"])
                yield f"study {study}: {finished} of {len(runs)} runs finished; `{lists}` lists them"
    for search in (each for each in studies_in(SEARCHES) if (each / RUNS).absolute() != listed.absolute()):
        is_over, command = is_searched(search), shlex.join([PROGRAM, TUNE, "--resume", "--name", search.name])
        yield f"search {search}: {'finished' if is_over else 'not finished'}; `{command}` {'shows it' if is_over else 'goes on with it'}"


def _run_values(run: RunSummary) -> dict[str, Any]:
    values = {"name": run.directory.name, **json_values(run)}
    return {**values, "results": [result_values(result) for result in run.results]}


def _runs_table(runs: Sequence[RunSummary]) -> RenderableType:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for head, justify in zip(RUNS_HEADS, ("left", "right", "right", "left"), strict=True):
        table.add_column(head, justify=cast("JustifyMethod", justify))
    for run in runs:
        fork = [f"a fork of {Path(run.parent).name}"] if run.parent else []
        about = ", ".join([run.status, *([utc_text(run.started[:MINUTES])] if run.started else []), *fork])
        table.add_row(Text(run.directory.name, "bold"), "", "", Text(about, "dim"))
        finished = {result.bucket: result for result in run.results}
        for bucket in flat(run.sequence):
            name = Padding(bucket, (0, 0, 0, 2))
            if bucket not in finished:
                table.add_row(name, MISSING, MISSING, Text("not finished yet", "dim"))
                continue
            evaluation = finished[bucket].evaluation
            profit, t = MISSING, MISSING
            if evaluation is not None and evaluation.test:
                profit, t = profit_text(evaluation.test[0].log_return), number(shown_t(evaluation), 1)
            style = verdict_style(evaluation)
            table.add_row(name, Text(profit, style), Text(t, style), Text(summary(evaluation), style))
    return table
