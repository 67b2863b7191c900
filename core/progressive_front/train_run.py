"""One run from where it stands to its end: its buckets, what measures them, and how the end is recorded."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from attrs import evolve

from progressive_app.config.app_settings import PLUGIN_ERRORS, SEQUENCE
from progressive_app.config.stages import flat
from progressive_app.machine.local_machine import LocalMachine
from progressive_app.machine.logs import get_logger, log_to
from progressive_app.machine.memory import gc_frozen, gradients_kept
from progressive_app.processes.ending import ending_marked
from progressive_app.processes.half_sizes import train_bucket
from progressive_app.processes.isolation import train_isolated
from progressive_app.store.run_store import RunStore
from progressive_core.contract.setting import Settings
from progressive_core.engine.run import Run, always_end_run
from progressive_core.engine.sequence import train_sequence
from progressive_core.plugins.hooks import Hooks, OnEpisode
from progressive_core.plugins.registry import Registry
from progressive_studies.curriculum import order_by_probing, order_isolated
from progressive_studies.scratch import train_scratch_arms
from progressive_studies.stages.crew import Crew
from progressive_studies.stages.train_stages import train_with_stage

events = get_logger()


def train_run(
    store: RunStore,
    settings: Settings,
    registry: Registry,
    device: str,
    progress: Callable[[str], None] | None,
    interrupted: Callable[[], bool],
    on_episode: OnEpisode | None,
    crew: Crew,
) -> dict[str, Path]:
    """Train the run in `store`, with what its manifest asks for beside the sequence: its order, its scratch arms.

    :param progress, on_episode: of the trainer, None where nobody asked. :param interrupted: asked after every episode.
    :param crew: trains the members of a stage.
    :return: the path of each bucket's model.
    :raise Interrupted: a stop was asked for; the run can be resumed.
    """
    machine = LocalMachine()
    isolated = store.documents.is_asked("isolate")
    log = log_to(store.directory / "log.jsonl", progress=progress)
    with log, gc_frozen(), gradients_kept(), ending_marked(store, machine):
        if store.moved:
            events.warning(store.moved)
        run = Run(
            buckets=[registry.bucket(name) for name in flat(settings[SEQUENCE])],
            settings=settings,
            device=device,
            hooks=Hooks(registry, settings[PLUGIN_ERRORS], machine.is_shortage, on_episode, machine.watch),
            store=store,
            machine=machine,
            teachers=() if isolated else store.teachers(),
            progress=progress or _quiet,
            interrupted=interrupted,
        )
        train = partial(train_isolated, train=train_bucket) if isolated else train_bucket
        with always_end_run(lambda: run):
            if store.documents.is_asked("find_order"):
                run = order_isolated(run) if isolated else order_by_probing(run)
            staged = partial(train_with_stage, train=train, crew=evolve(crew, isolated=isolated))
            models = train_sequence(run, staged)
            if store.documents.is_asked("scratch_arms"):
                train_scratch_arms(run, train)
        return models


def _quiet(line: str) -> None:
    """Nobody asked for progress."""
