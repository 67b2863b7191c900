"""The run that is meant when none is named: the newest unfinished one, or the newest that finished a bucket."""

from __future__ import annotations

from pathlib import Path

from progressive_app.store.runs import list_runs
from progressive_core import PROGRAM
from progressive_core.contract.errors import RunError
from progressive_core.plugins.registry import Registry


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
