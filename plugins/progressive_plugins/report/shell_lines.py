"""The lines that repeat a run, resume it, and use its models."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any

from progressive_plugins.report.report_records import Use
from progressive_training import BucketResult, ProgressiveTrainingError, RunInfo, load_model
from progressive_training.presentation import is_sound

PROGRAM = "progressive-training"
FLAT_AND_CLOSED = {"position": "flat", "forming": "drop"}
"""Arguments of a model that takes them: nothing is held, and the last bar may still be forming."""
THIS_PROCESS = "this process"
"""Whose a plugin is, in a manifest, that was an object of the program that trained."""


def reproduce_lines(run: RunInfo, manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """The shell line that trains the same again, after a comment for each thing that it cannot bring about."""
    words = [PROGRAM, "--config", str(run.run_dir.absolute() / "config.json"), "--device", manifest["device"]]
    words += [flag for flag, name in (("--scratch-arms", "scratch_arms"), ("--isolate", "isolate")) if manifest[name]]
    remarks = []
    if manifest["changes"]:
        keys = ", ".join(dict.fromkeys(each["key"] for each in manifest["changes"]))
        remarks.append(f"{keys} changed while it was trained, and config.json has the last values: results will differ")
    if parent := manifest["parent"]:
        remarks.append(f"it is a fork of {parent['run']}, whose buckets it began from")
    if objects := [name for name, whose in manifest.get("plugins", {}).items() if whose == THIS_PROCESS]:
        remarks.append(
            f"it was trained from Python with objects of its own, which this leaves out: {', '.join(objects)}"
        )
    for teacher in manifest["teachers"]:
        model = teacher["run"]
        words += ["--transfer", model if model.endswith(".safetensors") else f"{model}/{teacher['bucket']}"]
        limits = [f"{teacher['pupil']} alone"] * bool(teacher["pupil"]) + ["without proof"] * bool(teacher["forced"])
        if limits:
            remarks.append(f"{teacher['name']} taught {', '.join(limits)}; this offers it as any other")
    return (*(f"# {_one_line(remark)}" for remark in remarks), shlex.join(words))


def use_of(run: RunInfo, results: Sequence[BucketResult], *, finished: bool) -> Use:
    """How to use a bucket with an edge, or else the last one, whose models can be loaded."""
    directory = str(run.run_dir.absolute())
    latest = tuple(reversed(results))
    ordered = sorted(latest, key=lambda result: not is_sound(result.evaluation))
    code = next(filter(None, map(_python, ordered)), None)
    return Use(
        python=code,
        signal=None if code is None else shlex.join([PROGRAM, "signal", directory, "--data", "bars.csv"]),
        resume=None if finished else shlex.join([PROGRAM, "--resume", "--run-dir", directory]),
    )


def _python(result: BucketResult) -> str | None:
    """Code that asks a model; None where its bucket does not say how it is loaded."""
    try:
        taken = signature(load_model(result.model_path)).parameters
    except (ProgressiveTrainingError, TypeError, ValueError):  # the last two: it cannot say what it takes
        return None
    given = "".join(f", {name}={value!r}" for name, value in FLAT_AND_CLOSED.items() if name in taken)
    return (
        "from progressive_training import load_model\n\n"
        f"model = load_model({str(result.model_path.absolute().parent)!r})\n"
        f"print(model('bars.csv'{given}))  # the bars up to now: a file or a frame\n"
    )


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
