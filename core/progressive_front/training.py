"""The command line's training: show it live, and print how to resume it or how to use the models."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from attrs import frozen

from progressive_app.config.app_settings import PLUGINS, SEQUENCE
from progressive_app.config.choices import CONSOLE, refuse_idle_episodes
from progressive_app.config.config_file import read_file
from progressive_app.config.resolve import resolve
from progressive_app.engines.engine import Engine
from progressive_app.machine.logs import configure_logging
from progressive_app.machine.shortage import describe_shortage, is_shortage
from progressive_app.machine.terminal import BUG, print_error, print_text
from progressive_app.presentation.text_table import table
from progressive_app.store.run_documents import read_manifest
from progressive_core.contract.core_settings import EPISODES
from progressive_core.contract.errors import OutOfMemoryError, ProcessLost, ProgressiveTrainingError, RunError
from progressive_core.contract.setting import Settings
from progressive_core.engine.run import Interrupted
from progressive_front.found_runs import Named
from progressive_front.live import with_console, without_console
from progressive_front.report_page import page_shown_last
from progressive_front.signals import stop_signal
from progressive_front.study.task_table import TaskTable
from progressive_front.trainer import ProgressiveTrainer
from progressive_front.watching.json_lines import JsonLines, stdout_for_events
from progressive_front.watching.next_steps import next_steps, resume_command


@frozen(kw_only=True)
class AskedTraining:
    """A training as a command line asks for it. `flags` are settings by key; an `engine` is closed by the caller; `to_open` opens the run's report in the browser."""

    flags: Mapping[str, Any]
    config: Path | None = None
    bucket: str | None = None
    transfer_from: tuple[Named, ...] = ()
    find_order: bool = False
    scratch_arms: bool = False
    isolate: bool = False
    resume: bool = False
    fork: bool = False
    strict: bool = False
    run_dir: Path | None = None
    plugins: tuple[str, ...] = ()
    workers: int = 1
    engine: Engine | None = None
    to_open: bool = False


def train(asked: AskedTraining, *, quiet: bool, as_json: bool) -> int:
    """Train what was asked for and return the exit code.

    :param quiet: print warnings, errors and where the report is. :param as_json: print events, and nothing else.
    :raise ProgressiveTrainingError: something the user can mend; no run was begun, or the line says how to go on.
    """
    configure_logging()
    if not as_json:
        return _train(asked, quiet=quiet)
    with stdout_for_events() as stream:
        return JsonLines(stream).follow(partial(_train, asked))


def _train(asked: AskedTraining, *, quiet: bool = False, events: JsonLines | None = None) -> int:
    """Train, shown by the console, or quietly, or with every event handed to `events`."""
    settings = resolve(asked.config, asked.flags, plugins=asked.plugins)
    if not asked.resume and EPISODES.key in asked.flags:
        sequence = (asked.bucket,) if asked.bucket else settings[SEQUENCE]
        refuse_idle_episodes(settings[EPISODES.key], sequence, "command line")
    output = _output(settings[PLUGINS], asked.plugins, events, quiet=quiet)
    trainer = ProgressiveTrainer(
        output.on_progress,
        settings=settings,
        run_dir=asked.run_dir,
        plugins=output.plugins,
        workers=asked.workers,
        engine=asked.engine,
    )
    if CONSOLE in output.plugins:
        trainer.tasks_view = TaskTable
    if events is not None:
        events.run_dir = lambda: trainer.run_dir
    with page_shown_last(lambda: trainer.run_dir, to_open=asked.to_open):
        with stop_signal(trainer.interrupt) as stop:
            try:
                buckets = list(_trained(trainer, asked, settings, output.on_message))
            except Interrupted as interrupted:
                print_error(f"interrupted; go on with: {resume_command(interrupted.run_dir, asked.plugins)}")
                return stop.exit_code
            except KeyboardInterrupt:
                print_error(f"stopped at once; {_how_to_resume(trainer, asked.plugins)}")
                return stop.exit_code
            except ProgressiveTrainingError as error:
                # the messages of a resume and of a run error name the run themselves
                complete = asked.resume and not isinstance(error, ProcessLost)
                if complete or isinstance(error, RunError) or not _begun(trainer):
                    raise
                raise type(error)(f"{error}; {_how_to_resume(trainer, asked.plugins)}") from error
            except BrokenPipeError:
                raise
            except Exception as error:
                if is_shortage(error):  # before a run, or after it: within one it is known as what it is
                    how = _how_to_resume(trainer, asked.plugins)
                    raise OutOfMemoryError(f"memory ran out ({describe_shortage(error)}); {how}") from error
                print_text(traceback.format_exc(), sys.stderr)
                print_error(f"error: this is a bug; {_how_to_resume(trainer, asked.plugins)}")
                output.on_bug(error)
                return BUG
        if trainer.run_dir is not None:
            _show_ending(output, trainer.run_dir, buckets, find_order=asked.find_order)
        return 0


def _trained(
    trainer: ProgressiveTrainer, asked: AskedTraining, settings: Settings, on_message: Callable[[str], None]
) -> Mapping[str, Path]:
    """Begin or resume what was asked for: the path of each bucket's model."""
    arms, isolate = asked.scratch_arms, asked.isolate
    if asked.resume:
        changed = {**_from_file(asked.config, settings), **asked.flags}
        return trainer.resume(
            changed, fork=asked.fork, scratch_arms=arms, isolate=isolate, strict=asked.strict, on_message=on_message
        )
    if asked.bucket is not None:
        teacher = asked.transfer_from
        model = trainer.train_bucket(asked.bucket, transfer_from=teacher, scratch_arms=arms, isolate=isolate)
        return {asked.bucket: model}
    return trainer.train_progressively(
        find_order=asked.find_order, scratch_arms=arms, isolate=isolate, transfer_from=asked.transfer_from
    )


def _from_file(config: Path | None, settings: Settings) -> Mapping[str, Any]:
    """The settings in a file that was named: of them only those that a run may have."""
    return {key: value for key, value in read_file(config).items() if key in settings} if config else {}


@frozen(kw_only=True)
class _Output:
    """Which plugins show a training, what gets its lines of progress and its messages, and what a bug."""

    plugins: tuple[str, ...]
    on_progress: Callable[[str], None] | None
    on_message: Callable[[str], None]
    on_bug: Callable[[Exception], None]
    shows_next_steps: bool = False


def _output(settled: Sequence[str], asked: Sequence[str], events: JsonLines | None, *, quiet: bool) -> _Output:
    if events is not None:
        plugins, on_progress = without_console(asked), events.on_progress
        return _Output(plugins=plugins, on_progress=on_progress, on_message=events.note, on_bug=events.error)
    if quiet:
        return _Output(plugins=without_console(asked), on_progress=_drop, on_message=_drop, on_bug=_drop)
    plugins = with_console(settled, asked)
    lines = None if CONSOLE in plugins else print_text
    return _Output(plugins=plugins, on_progress=lines, on_message=print_text, on_bug=_drop, shows_next_steps=True)


def _drop(what: object) -> None:
    """Show nothing."""


def _show_ending(output: _Output, run_dir: Path, buckets: Sequence[str], *, find_order: bool) -> None:
    if find_order:
        _show_order(run_dir, output.on_message)
    if output.shows_next_steps:
        output.on_message("\n".join(next_steps(run_dir, buckets)))


def _begun(trainer: ProgressiveTrainer) -> bool:
    return trainer.run_dir is not None and (trainer.run_dir / "state.json").is_file()


def _how_to_resume(trainer: ProgressiveTrainer, plugins: Sequence[str]) -> str:
    if trainer.run_dir is None or not _begun(trainer):
        return "no run was begun"
    return f"go on from the last checkpoint with: {resume_command(trainer.run_dir, plugins)}"


def _show_order(run_dir: Path, show: Callable[[str], None]) -> None:
    """Show the order that was found, and why."""
    found = read_manifest(run_dir)["curriculum"]
    show(f"The order {', '.join(found['sequence'])}: {found['reason']}")
    show(
        "What each bucket, briefly trained, earned in another's place (1: as much as any of them; 0: luck or nothing):"
    )
    rows = [(name, *(f"{share:.2f}" for share in shares.values())) for name, shares in found["shares"].items()]
    show(table(("TEACHER", *found["shares"]), rows))
