"""A run that is opened anew in a spawned process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from attrs import frozen

from progressive_app.config.app_settings import PLUGIN_ERRORS, PLUGINS, SEQUENCE, TRANSFERS
from progressive_app.config.resolve import resolve_values
from progressive_app.config.stages import flat
from progressive_app.discovery.installed_plugins import installed_registry
from progressive_app.locks.lease import Claim, claimed_by, current_claim
from progressive_app.machine.local_machine import LocalMachine
from progressive_app.machine.logs import current_log, get_logger, log_to
from progressive_app.machine.memory import gc_frozen
from progressive_app.processes.child import EPISODE, PROGRESS, READY
from progressive_app.store.run_store import RunStore
from progressive_core.engine.run import Interrupted, Run
from progressive_core.plugins.hooks import Hooks

events = get_logger()


@frozen(kw_only=True)
class OpenedRun:
    """The `function` to call with the run in `directory`, opened anew, and what it takes to open it.

    `settings` are JSON values; `disabled` are the plugins that failed before; events are logged to the file `log`, and those
    in `shown` are not shown again. `on_episode` says that the parent wants every report, `progress` that it has a callback
    for lines of progress. `claim` is by what right the run is taken, where not by this process's own; `strict` that it is not where
    it was trained in another environment.
    """

    function: Callable[[Run], object]
    directory: Path
    settings: Mapping[str, Any]
    device: str
    compared: Mapping[str, int]
    disabled: frozenset[str]
    log: Path | None
    shown: frozenset[str]
    on_episode: bool
    progress: bool
    claim: Claim | None = None
    strict: bool = False


@frozen(kw_only=True)
class Outcome:
    """What the parent must know afterwards: as in `OpenedRun`, and whether the function stopped behind a checkpoint when asked."""

    disabled: frozenset[str]
    shown: frozenset[str]
    interrupted: bool


class Listener(Protocol):
    """Who waits for a run in another process, such as a `Parent`."""

    def ask(self, message: str, value: Any = None) -> Any:
        """Send a message and return the reply."""

    def wants_a_stop(self) -> bool:
        """Whether training is to stop behind the next checkpoint."""


def with_run(parent: Listener, opened: OpenedRun) -> Outcome:
    """Open the run and call the function with it."""
    settings = resolve_values(opened.settings, "the settings of the run")
    registry = installed_registry(settings[PLUGINS], settings[TRANSFERS], settings[PLUGIN_ERRORS])
    registry.left_out.clear()  # the parent has logged it
    on_episode = partial(parent.ask, EPISODE) if opened.on_episode else None
    progress = partial(parent.ask, PROGRESS)
    machine = LocalMachine()
    hooks = Hooks(registry, settings[PLUGIN_ERRORS], machine.is_shortage, on_episode, machine.watch)
    hooks.disable(*opened.disabled)
    import torch  # noqa: F401  (before the run is taken over: while it changes hands, nobody holds its lock)

    parent.ask(READY)
    with claimed_by(opened.claim or current_claim()):
        store = RunStore.open(opened.directory, strict=opened.strict)
    interrupted = False
    try:
        with log_to(opened.log, opened.shown, progress if opened.progress else None), gc_frozen():
            if store.moved and store.moved not in opened.shown:
                events.warning(store.moved, show=True)  # its process may have no terminal
            run = Run(
                buckets=[registry.bucket(name) for name in flat(settings[SEQUENCE])],
                settings=settings,
                device=opened.device,
                hooks=hooks,
                store=store,
                machine=machine,
                teachers=store.teachers(),
                progress=progress,
                interrupted=parent.wants_a_stop,
                compared=opened.compared,
            )
            try:
                opened.function(run)
            except Interrupted:
                interrupted = True
            shown = current_log()[1]
    finally:
        store.close()
    return Outcome(disabled=hooks.disabled, shown=shown, interrupted=interrupted)
