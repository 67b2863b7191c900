"""A new run that names another one as its parent: a copy that goes on, or one that the parent's buckets teach.

Where all changes are allowed in a begun run, the fork is a copy of what the parent committed. Otherwise the new run begins
with its first bucket, taught by the buckets that the parent finished, unless the bars change: the parent may have trained
on what is validation or test now. The parent is unchanged.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from progressive_app.locks.lease import LEASE
from progressive_app.locks.lock import LOCK, lock_run
from progressive_app.machine.durable_files import sync_tree
from progressive_app.resume.changes import (
    change_the_bars,
    changes_between,
    describe_changes,
    finished_in,
    inputs_in_place,
    wanted_settings,
)
from progressive_app.resume.inputs import check_data_unchanged, moved_with_the_run
from progressive_app.resume.manifest import plugins_of
from progressive_app.resume.own_settings import settings_of_run
from progressive_app.resume.resuming import choices_of, registry_for
from progressive_app.store.atomic_files import atomic_write, write_json
from progressive_app.store.containment import check_no_external_links
from progressive_app.store.creation import kept_at
from progressive_app.store.documents import read_json
from progressive_app.store.environments import Environments
from progressive_app.store.progress import Standing, model_path, read_progress, standing_of
from progressive_app.store.run_documents import Teacher, in_order, now_in_words, read_manifest, teachers_in
from progressive_core import PROGRAM
from progressive_core.contract.errors import RunError
from progressive_core.contract.setting import Settings
from progressive_core.contract.store import Progress
from progressive_core.plugins.manager import Manager

STATE, CACHE = "state.json", "cache"


@frozen(kw_only=True)
class Fork:
    """The run that is to be made in `directory`: a copy of its `parent`, or one that begins with `settings`.

    The manifest records `parent`, `teachers`, the `plugins` installed now, and the flags `asked` for in either run.
    """

    directory: Path
    is_copy: bool
    settings: Settings
    asked: Mapping[str, bool]
    teachers: Sequence[Teacher]
    parent: Mapping[str, Any]
    plugins: Mapping[str, Any]


def fork_of(
    directory: Path,
    new: Path,
    asked: Mapping[str, Any],
    plugins: Sequence[str],
    flags: Mapping[str, bool],
    on_message: Callable[[str], None],
    manager: Manager,
) -> Fork:
    """What a fork of the run at `directory` with the settings `asked` for is to be; nothing is written yet.

    :raise ProgressiveTrainingError: the run, or what is asked for, cannot be used.
    """
    if not (directory / STATE).is_file():
        raise RunError(f"{directory}: no run here ({STATE} is missing); `{PROGRAM} runs` lists them")
    progress, manifest, file = read_progress(directory), read_manifest(directory), directory / "config.json"
    written = manifest["changing"] or read_json(file)
    settings, _ = settings_of_run(written, file, choices_of(asked, plugins), manager.objects, manifest["rests_on"])
    wanted = wanted_settings(settings, {**moved_with_the_run(manifest["inputs"], directory), **asked}, plugins)
    changes = changes_between(settings, wanted, standing_of(directory, progress), manifest)
    registry = registry_for(wanted, manager)
    refused = ", ".join(each.key for each in changes if each.refused)
    teachers: list[Teacher] = []
    if not refused:
        check_data_unchanged(inputs_in_place(manifest["inputs"], changes, wanted), directory)
        if flags["strict"]:
            Environments(directory).check(progress)
        on_message(f"{new}: goes on as a copy of {directory}, its parent, which stays as it is")
    else:
        teachers = [] if change_the_bars(changes) else teachers_of(directory, progress, manifest)
        taught = (
            f"taught by the parent's {', '.join(each.bucket for each in teachers)}" if teachers else "with no teachers"
        )
        on_message(
            f"{new}: a new run from the first bucket on, {taught}; {directory}, its parent, cannot go on with {refused}"
        )
        for line in describe_changes([evolve(each, applies="from the beginning") for each in changes], Standing()):
            on_message(line)
    return Fork(
        directory=new,
        is_copy=not refused,
        settings=wanted,
        asked={name: manifest[name] or flags.get(name, False) for name in ("scratch_arms", "isolate", "find_order")},
        teachers=teachers,
        parent=parent_of(directory, progress),
        plugins=plugins_of(registry.records),
    )


def parent_of(directory: Path, progress: Progress) -> dict[str, Any]:
    """The run at `directory` as the manifest of its fork names it: where it is, and where it stands."""
    return {"run": str(directory.absolute()), "bucket": progress.bucket, "episode": progress.episode}


def teachers_of(directory: Path, progress: Progress, manifest: Mapping[str, Any]) -> list[Teacher]:
    """What the run at `directory` can teach one on the same bars: its finished buckets, and those that taught it from outside."""
    outside, home = teachers_in(manifest), directory.absolute()
    kept = [
        evolve(each, run=str(model_path(kept_at(home, outside, position), each.bucket)))
        for position, each in enumerate(outside)
    ]
    finished = finished_in(progress)
    own = [Teacher(run=str(home), bucket=bucket, name=f"{home.name}/{bucket}") for bucket in finished]
    return [*(each for each in kept if each.bucket not in finished), *own]


def copy_run(directory: Path, new: Path, plugins: Mapping[str, Any]) -> None:
    """Make `new` a run that stands where the one at `directory` does, and names it as its parent.

    `state.json` is written last, so a copy that was killed is not mistaken for a run.


    :param plugins: the manifest's entries for the plugins installed now.
    :raise RunError: the run is being trained, cannot be read, or `new` cannot be written.
    """
    check_no_external_links(directory)  # before the lock: it is a file that is opened to be written
    lock = lock_run(directory)
    try:
        progress, manifest = read_progress(directory), read_manifest(directory)
        state = (directory / STATE).read_bytes()
        shutil.copytree(directory, new, ignore=partial(_of_the_process, directory))
        sync_tree(new)  # before the state that makes it a run
        begun = {"started": (started := now_in_words()), "order": "", **in_order(new, started)}
        write_json(new / "manifest.json", {**manifest, **begun, "parent": parent_of(directory, progress), **plugins})
        atomic_write(new / STATE, state)
    except BaseException as error:
        shutil.rmtree(new, ignore_errors=True)
        if not isinstance(error, OSError):
            raise
        # shutil.Error too, whose one argument lists what could not be copied, and why
        said = error.strerror or "; ".join(str(why) for _, _, why in error.args[0])
        raise RunError(f"{directory}: cannot be copied to {new} ({said})") from error
    finally:
        lock.release()


def _of_the_process(run: Path, directory: str, names: list[str]) -> set[str]:
    """What is not copied: locks, the cache, what is half written, and the state, which comes last."""
    outside = {STATE, CACHE} if Path(directory) == run else set()
    return {name for name in names if name in {LOCK, LEASE, *outside} or name.endswith(".partial")}
