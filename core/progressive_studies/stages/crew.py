"""Who trains the members of a stage: so many workers at once, on an engine."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from attrs import frozen

from progressive_app.config.app_settings import SEQUENCE
from progressive_app.config.stages import stages_text
from progressive_app.engines.engine import Engine
from progressive_app.engines.here import Here
from progressive_app.engines.named import opened_engine
from progressive_app.engines.task import TaskEvent
from progressive_core.contract.errors import ConfigError, PluginError
from progressive_core.contract.setting import Settings


class ShowsTasks(Protocol):
    """Shows tasks while it is entered."""

    def on_event(self, event: TaskEvent) -> None:
        """Take up what happened to a task."""


TasksView = Callable[[Sequence[str]], AbstractContextManager[ShowsTasks]]


@frozen(kw_only=True)
class Crew:
    """So many `workers` at once, on an `engine`; `isolated`: this process is to hold no bucket itself. `view` makes what shows the members
    that train elsewhere, from their names."""

    engine: Engine
    workers: int
    isolated: bool = False
    view: TasksView | None = None

    @property
    def is_here(self) -> bool:
        """Whether one member trains after the other: in this process, or in one that it waits for."""
        return isinstance(self.engine, Here)


@contextmanager
def crew_of(workers: int, engine: str | Engine | None, view: TasksView | None = None) -> Iterator[Crew]:
    """The crew that a caller asked for. Its engine is closed at the end, unless the caller made it.

    :param engine: an engine or its name; None: here for one worker, local for more.
    :raise ConfigError: no engine has the name. :raise PluginError: it cannot be made.
    """
    with opened_engine(engine, workers) as used:
        yield Crew(engine=used, workers=workers, view=view)


def check_crew(
    settings: Settings, workers: int, engine: str | Engine | None, here: Collection[str], *, on_episode: bool
) -> None:
    """Refuse a crew that has nothing to do, or lacks what works in this process only.

    :param here: names of plugins that are objects of this process. :param on_episode: whether a function is asked after episodes.
    :raise ConfigError: it is refused. :raise PluginError: because of plugins.
    """
    elsewhere = workers > 1 if engine is None else not (engine == "here" or isinstance(engine, Here))
    if not elsewhere:
        return
    if all(isinstance(stage, str) for stage in settings[SEQUENCE]):
        raise ConfigError(
            f"workers: the buckets of {stages_text(settings[SEQUENCE])} train one after the other, each from those before it: leave "
            'workers out, or write those that may train at the same time in brackets, like "A,(B,C)"'
        )
    if here:
        raise PluginError(
            f"{', '.join(here)}: works in this process only, and the members of a stage train in others: install it as a package, "
            "or train with one worker"
        )
    if on_episode:
        raise ConfigError(
            "on_episode is asked in this process, and the members of a stage train in others: leave it out, or train with one worker"
        )
