"""Runs and models that a user means: the newest unfinished run, and teachers by bucket, `RUN/Bucket`, run or path of a model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from progressive_app.quoting import show
from progressive_app.resume.changes import finished_in
from progressive_app.store.models import FILE_NAME, model_file
from progressive_app.store.progress import STATE, read_progress
from progressive_app.store.run_documents import Teacher
from progressive_app.store.runs import list_runs
from progressive_app.store.tensors import read_card
from progressive_core import PROGRAM
from progressive_core.contract.errors import ConfigError, ModelError, RunError
from progressive_core.contract.names import is_name
from progressive_core.contract.suggest import did_you_mean
from progressive_core.plugins.registry import Registry
from progressive_front.load_model import bucket_of

EXPECTED = "expected the name of a bucket, RUN/Bucket, or the path of a model"
LONGEST = 4096
Named = str | Path | Teacher
Teachers = Named | Sequence[Named] | None


def newest_unfinished(runs_dir: Path) -> Path:
    """The directory of the newest run that can be resumed.

    :raise RunError: there is none, or it is being trained.
    """
    runs = list_runs(runs_dir)
    for run in reversed(runs):
        if run.status == "interrupted":
            return run.directory
    for run in reversed(runs):
        if run.status == "training":
            raise RunError(f"{run.directory}: is being trained by another process; wait for it, or stop it")
    raise RunError(f"{runs_dir}: no unfinished run to resume; `{PROGRAM} runs` lists them")


def newest_with(bucket: str, runs_dir: Path, registry: Registry) -> Path:
    """The directory of the newest run that finished `bucket`.

    :raise PluginError: there is no such bucket. :raise RunError: no run has finished it.
    """
    for run in reversed(list_runs(runs_dir)):
        if any(result.bucket == bucket for result in run.results):
            return run.directory.absolute()
    if bucket not in registry.bucket_names:  # one that was uninstalled may still teach
        registry.bucket(bucket, named_in="the transfer")
    raise RunError(f"{bucket}: no run below {runs_dir} has finished it; train it first with --bucket {bucket}")


def checked_teachers(given: Any, what: str) -> tuple[Named, ...]:
    """What a caller named as teachers, one or several, in which a text may list several with commas between.

    :param what: the argument or flag. :raise ConfigError: one is no name, path or `Teacher`.
    """
    found: list[Named] = []
    for each in [] if given is None else given if isinstance(given, list | tuple) else [given]:
        names = [name.strip() for name in each.split(",")] if isinstance(each, str) else [each]
        if not all(isinstance(name, Path | Teacher) or _is_text(name) for name in names):
            raise ConfigError(f"{what} is {show(each)}, {EXPECTED}")
        found += names
    return tuple(found)


def teachers_named(names: Iterable[Named], runs_dir: Path, registry: Registry) -> list[Teacher]:
    """The finished models that `names` mean, in their order.

    :param runs_dir: where a run that is named without a path is.
    :raise PluginError: there is no such bucket. :raise RunError: no run has finished it. :raise ModelError: a file is no model.
    """
    return [name if isinstance(name, Teacher) else _teacher(name, runs_dir, registry) for name in names]


def _is_text(name: object) -> bool:
    return isinstance(name, str) and bool(name) and len(name) <= LONGEST and name.isprintable()


def _teacher(name: str | Path, runs_dir: Path, registry: Registry) -> Teacher:
    path = Path(name)
    if isinstance(name, str) and is_name(name):  # a bucket before a run of that name
        run = _run(path, runs_dir) if name not in registry.bucket_names else None
        return _of_run(run, None) if run else Teacher(run=str(newest_with(name, runs_dir, registry)), bucket=name)
    if run := _run(path.parent, runs_dir):
        return _of_run(run, path.name)
    if run := _run(path, runs_dir):
        return _of_run(run, None)
    try:
        return _of_file(model_file(path).absolute())
    except ModelError as error:
        if path.exists():
            raise
        raise RunError(
            f"{name}: no run {str(path.parent)!r} and no model, here or in {runs_dir}; `{PROGRAM} runs` lists the runs"
        ) from error


def _run(path: Path, runs_dir: Path) -> Path | None:
    """The directory of the run that a path or a name means."""
    return next((each.absolute() for each in (path, runs_dir / path) if (each / STATE).is_file()), None)


def _of_run(run: Path, bucket: str | None) -> Teacher:
    """The model of a finished `bucket`, or of the only one (None)."""
    finished = finished_in(read_progress(run))
    if bucket is None and len(finished) == 1:
        bucket = finished[0]
    if bucket not in finished or bucket is None:
        known = ", ".join(f"{run.name}/{each}" for each in finished) or "none"
        near = did_you_mean(bucket, finished) if bucket else ""
        raise RunError(
            f"{run}: {f'bucket {bucket} of this run is not finished' if bucket else 'which bucket is to teach?'}.{near} "
            f"Finished: {known}"
        )
    return Teacher(run=str(run), bucket=bucket)


def _of_file(file: Path) -> Teacher:
    """The model in a file, which is that of its run where it lies in one, as the newest model of a bucket."""
    run = file.parents[2] if len(file.parents) > 2 else file.parent
    if (file.name, file.parents[1].name) == (FILE_NAME, "models") and (run / STATE).is_file():
        return _of_run(run, file.parent.name)
    card = read_card(file)
    if "bucket" not in card or "knowledge" not in card:
        raise ModelError(
            f"{file}: its card names no bucket, or nothing that it can teach; name a model that a run saved"
        )
    return Teacher(run=str(file), bucket=bucket_of(card, file))
