"""What to do after a training: see the numbers, use a model, go on; commands and code that can be copied."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from progressive_app.store.models import model_file
from progressive_app.store.tensors import read_tensors
from progressive_core import PROGRAM
from progressive_front.load_model import SHARED, not_loadable
from progressive_studies.scratch import SCRATCH


def next_steps(run_dir: Path, buckets: Sequence[str]) -> list[str]:
    """The lines below a finished training: each a step and the command or code for it.

    :param buckets: those that were trained; those whose models cannot be used outside a run are named with the reason.
    """
    reasons = {bucket: not_loadable(bucket) for bucket in buckets}
    usable = [bucket for bucket in buckets if not reasons[bucket]]
    steps = [
        ("numbers", f"{_command('evaluate', run_dir)}  # each bucket beside all baselines, on validation and test")
    ]
    if (run_dir / SCRATCH).is_dir():
        steps.append(("transfer", f"{_command('transfer-report', run_dir)}  # what being taught was worth"))
    if usable:
        steps.append(
            ("use", f"{_command('signal', run_dir)} --data FILE  # what the models decide on its newest closed bar")
        )
        steps.append(("Python", python_line(run_dir, usable[-1])))
    width = max(len(step) for step, _ in steps)
    return [f"{step:{width}}  {what}" for step, what in steps] + [f"{reason}." for reason in reasons.values() if reason]


def resume_command(run_dir: Path, plugins: Sequence[str]) -> str:
    """The command that goes on with a run, with the same plugin choices."""
    named = [word for name in plugins for word in ("-p", name)]
    return shlex.join([PROGRAM, "--resume", "--run-dir", str(run_dir), *named])


def python_line(run_dir: Path, bucket: str) -> str:
    """A line of Python that asks the model of a bucket what to do now, on the bars in a file."""
    path = run_dir / "models" / bucket
    _, card = read_tensors(model_file(path))
    given = '"FILE", position="flat", forming="drop"' if SHARED in card else '"FILE"'
    return f"from progressive_training import load_model; load_model({str(path)!r})({given})"


def _command(name: str, run_dir: Path) -> str:
    return shlex.join([PROGRAM, name, str(run_dir)])
