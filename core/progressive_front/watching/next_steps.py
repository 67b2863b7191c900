"""What to do after a training: see the numbers, use a model, go on; commands and code that can be copied."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from inspect import signature
from pathlib import Path

from progressive_app.presentation.verdicts import is_sound
from progressive_app.store.progress import finished_results
from progressive_core import PROGRAM
from progressive_front.load_model import load_model, not_loadable
from progressive_studies.scratch import SCRATCH


def next_steps(run_dir: Path, buckets: Sequence[str]) -> list[str]:
    """The lines below a finished training: each a step and the command or code for it.

    :param buckets: those that were trained; those whose models cannot be used outside a run are named with the reason.
    """
    reasons = {bucket: not_loadable(bucket) for bucket in buckets}
    usable = [bucket for bucket in buckets if not reasons[bucket]]
    steps = [("all baselines", _command("evaluate", run_dir))]
    if (run_dir / SCRATCH).is_dir():
        steps.append(("worth of transfer", _command("transfer-report", run_dir)))
    if usable:
        steps.append(("decide now", f"{_command('signal', run_dir)} --data FILE"))
        steps.append(("in Python", python_line(run_dir, _first_choice(run_dir, usable))))
    width = max(len(step) for step, _ in steps)
    return [f"{step:{width}}  {what}" for step, what in steps] + [f"{reason}." for reason in reasons.values() if reason]


def resume_command(run_dir: Path, plugins: Sequence[str]) -> str:
    """The command that goes on with a run, with the same plugin choices."""
    named = [word for name in plugins for word in ("-p", name)]
    return shlex.join([PROGRAM, "--resume", "--run-dir", str(run_dir), *named])


def python_line(run_dir: Path, bucket: str) -> str:
    """A line of Python that asks the model of a bucket what to do now, on the bars in a file."""
    path = run_dir / "models" / bucket
    asks = "position" in signature(load_model(path)).parameters
    given = '"FILE", position="flat", forming="drop"' if asks else '"FILE"'
    return f"from progressive_training import load_model; load_model({str(path)!r})({given})"


def _first_choice(run_dir: Path, buckets: Sequence[str]) -> str:
    """The last of these buckets whose model trades in use; the last one where none does."""
    judged = {result.bucket: result.evaluation for result in finished_results(run_dir)}
    trading = [bucket for bucket in buckets if is_sound(judged.get(bucket))]
    return (trading or buckets)[-1]


def _command(name: str, run_dir: Path) -> str:
    return shlex.join([PROGRAM, name, str(run_dir)])
