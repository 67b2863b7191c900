"""The command line's training: show it live, and print how to resume it or how to use the models."""

from __future__ import annotations

import shlex
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from progressive_app.config.app_settings import PLUGINS, SEQUENCE
from progressive_app.config.choices import CONSOLE, refuse_idle_episodes
from progressive_app.config.config_file import read_file
from progressive_app.config.resolve import resolve
from progressive_app.machine.logs import configure_logging
from progressive_app.machine.terminal import BUG, print_error
from progressive_app.presentation.text_table import table
from progressive_app.store.run_documents import read_manifest
from progressive_core import PROGRAM
from progressive_core.contract.core_settings import EPISODES
from progressive_core.contract.errors import ProcessLost, ProgressiveTrainingError, RunError
from progressive_core.engine.run import Interrupted
from progressive_front.live import with_console
from progressive_front.load_model import not_loadable
from progressive_front.report_page import page_shown_last
from progressive_front.signals import stop_signal
from progressive_front.trainer import ProgressiveTrainer
from progressive_studies.scratch import SCRATCH


def train(
    *,
    flags: Mapping[str, Any],
    config: Path | None,
    bucket: str | None,
    transfer_from: str | None,
    find_order: bool,
    scratch_arms: bool,
    isolate: bool,
    resume: bool,
    fork: bool,
    run_dir: Path | None,
    plugins: Sequence[str],
    to_open: bool,
) -> int:
    """Train what was asked for and return the exit code.

    :param to_open: open the run's report in the browser.

    :raise ProgressiveTrainingError: something the user can mend; no run was begun, or the line says how to go on.
    """
    configure_logging()
    settings = resolve(config, flags, plugins=plugins)
    if not resume and EPISODES.key in flags:
        refuse_idle_episodes(settings[EPISODES.key], [bucket] if bucket else settings[SEQUENCE], "command line")
    shown = with_console(settings[PLUGINS], plugins)
    trainer = ProgressiveTrainer(None if CONSOLE in shown else print, settings=settings, run_dir=run_dir, plugins=shown)
    with page_shown_last(lambda: trainer.run_dir, to_open=to_open):
        with stop_signal(trainer.interrupt) as stop:
            try:
                if resume:
                    known = {
                        key: value for key, value in (read_file(config) if config else {}).items() if key in settings
                    }
                    asked = {**known, **flags}
                    models = trainer.resume(
                        asked, fork=fork, scratch_arms=scratch_arms, isolate=isolate, on_message=print
                    )
                elif bucket is not None:
                    model = trainer.train_bucket(
                        bucket, transfer_from=transfer_from, scratch_arms=scratch_arms, isolate=isolate
                    )
                    models = {bucket: model}
                else:
                    models = trainer.train_progressively(
                        find_order=find_order, scratch_arms=scratch_arms, isolate=isolate
                    )
            except Interrupted as interrupted:
                print_error(f"interrupted; go on with: {_resume_command(interrupted.run_dir, plugins)}")
                return stop.exit_code
            except KeyboardInterrupt:
                print_error(f"stopped at once; {_how_to_resume(trainer, plugins)}")
                return stop.exit_code
            except ProgressiveTrainingError as error:
                # the messages of a resume and of a run error name the run themselves
                complete = resume and not isinstance(error, ProcessLost)
                if complete or isinstance(error, RunError) or not _begun(trainer):
                    raise
                raise type(error)(f"{error}; {_how_to_resume(trainer, plugins)}") from error
            except BrokenPipeError:
                raise
            except Exception:  # noqa: BLE001  (shown in full; nothing above could add to it)
                traceback.print_exc()
                print_error(f"error: this is a bug; {_how_to_resume(trainer, plugins)}")
                return BUG
        if find_order and trainer.run_dir is not None:
            _show_order(trainer.run_dir)
        _show_models(models)
        if trainer.run_dir is not None and (trainer.run_dir / SCRATCH).is_dir():
            report = shlex.join([PROGRAM, "transfer-report", str(trainer.run_dir)])
            print(f"To see what being taught was worth:\n  {report}")
        return 0


def _begun(trainer: ProgressiveTrainer) -> bool:
    return trainer.run_dir is not None and (trainer.run_dir / "state.json").is_file()


def _how_to_resume(trainer: ProgressiveTrainer, plugins: Sequence[str]) -> str:
    if trainer.run_dir is None or not _begun(trainer):
        return "no run was begun"
    return f"go on from the last checkpoint with: {_resume_command(trainer.run_dir, plugins)}"


def _resume_command(run_dir: Path, plugins: Sequence[str]) -> str:
    named = [word for name in plugins for word in ("-p", name)]
    return shlex.join([PROGRAM, "--resume", "--run-dir", str(run_dir), *named])


def _show_order(run_dir: Path) -> None:
    """Print the order that was found, and why."""
    found = read_manifest(run_dir)["curriculum"]
    print(f"The order {', '.join(found['sequence'])}: {found['reason']}")
    print(
        "What each bucket, briefly trained, earned in another's place (1: as much as any of them; 0: luck or nothing):"
    )
    rows = [(name, *(f"{share:.2f}" for share in shares.values())) for name, shares in found["shares"].items()]
    print(table(("TEACHER", *found["shares"]), rows))


def _show_models(models: Mapping[str, Path]) -> None:
    width = max(map(len, models))
    for bucket, path in models.items():
        print(f"{bucket:{width}}  {path}")
    usable = [path for bucket, path in models.items() if not not_loadable(bucket)]
    if usable:
        print("To use one in Python, on the bars up to now:")
        print(f'  from progressive_training import load_model; load_model({str(usable[-1])!r})(bars, position="flat")')
    for bucket in models:
        if reason := not_loadable(bucket):
            print(f"{reason}.")
