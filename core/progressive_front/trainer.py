"""`ProgressiveTrainer`: begins, resumes and interrupts runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Any

import pluggy
from attrs import asdict

from progressive_app.config.app_settings import DEVICE, PLUGINS, RUNS_DIR, SEQUENCE
from progressive_app.config.checking import checked
from progressive_app.config.choices import named, refuse_idle_episodes
from progressive_app.config.common_kinds import FilePath
from progressive_app.config.resolve import with_settings
from progressive_app.engines.engine import Engine
from progressive_app.machine.logs import logging_configured
from progressive_app.machine.undoing import undoes_all
from progressive_app.processes.spawned import check_main_guard
from progressive_app.resume.fork import Fork, copy_run, fork_of
from progressive_app.resume.manifest import check_isolation, manifest_of
from progressive_app.resume.members import is_untouched
from progressive_app.resume.resuming import device_for, prepare_resume, registry_for
from progressive_app.store.progress import status_of
from progressive_app.store.run_store import RunStore
from progressive_app.store.runs import new_run_directory
from progressive_core.contract.errors import (
    OutOfMemoryError,
    PluginError,
    ProcessLost,
    ProgressiveTrainingError,
    WriteError,
)
from progressive_core.contract.kinds import Whole
from progressive_core.contract.records import EpisodeReport, StopRequest
from progressive_core.contract.setting import Settings
from progressive_core.plugins.registry import Registry
from progressive_front.found_runs import Named, Teachers, checked_teachers, newest_unfinished, teachers_named
from progressive_front.from_python.caller_values import (
    check_flags,
    check_function,
    check_mapping,
    describe,
    names_and_objects,
    printable_lines,
    settings_and_data,
    settled,
)
from progressive_front.from_python.reentry import outer_run, training_in
from progressive_front.from_python.results import Results, results_of
from progressive_front.from_python.training_data import DATA, data_of_run, with_data_of_run
from progressive_front.live import with_console_in_notebook
from progressive_front.train_run import train_run
from progressive_studies.stages.crew import TasksView, check_crew, crew_of


class ProgressiveTrainer:
    """Trains buckets alone or in sequence, with knowledge transfer between them.

    :param progress_callback: gets a line of text at every step of a run, and what was read of the bars in two; without one, these
        two go to stderr, and in a notebook the console shows the run.
    :param settings: a mapping of keys, over ./config.json (when there is one) over the defaults; or what `resolve` gave,
        which stands as it is.
    :param data: the bars to train on: a path, as DATA is; or a pandas frame, anything that speaks Arrow (Polars, pyarrow,
        DuckDB) or ccxt's list of rows, which each run that is begun keeps a copy of, `data.parquet`.
    :param run_dir: the run's own directory; by default a new one below RUNS_DIR.
    :param plugins: names of plugins to enable, or `no:NAME` to disable, after those of the PLUGINS setting; and objects: a
        plugin, a transfer strategy or a bucket, named by its `name` or its class, which works in this process only.
    :param on_episode: gets the report of every episode, in this process, and may answer with a StopRequest.
    :param workers: how many members of a stage train at once; what is trained does not depend on it. For more than one, a script
        does its work under `if __name__ == "__main__":`, since each process imports it.
    :param engine: where they train, by its name or an `Engine`; by default in this process for one worker, in others for more.
    """

    def __init__(
        self,
        progress_callback: Callable[[str], None] | None = None,
        *,
        settings: Mapping[str, Any] | None = None,
        data: Any = None,
        run_dir: Path | str | None = None,
        plugins: Sequence[str | object] = (),
        on_episode: Callable[[EpisodeReport], StopRequest | None] | None = None,
        workers: int = 1,
        engine: str | Engine | None = None,
    ) -> None:
        check_function(progress_callback, "progress_callback", "one line of text")
        check_function(on_episode, "on_episode", "an EpisodeReport")
        self.run_dir = Path(checked(FilePath(), run_dir, "run_dir")) if run_dir is not None else None
        self._asked_run_dir = self.run_dir
        self._progress, self._on_episode = printable_lines(progress_callback), on_episode
        self._plugins, self._manager = names_and_objects(plugins)
        self._settings, self._data = settings_and_data(settings, data, self._plugins, self._manager.objects)
        if progress_callback is None:
            self._plugins = with_console_in_notebook(self._settings[PLUGINS], self._plugins)
        self.tasks_view: TasksView | None = None
        """Makes what shows the members of a stage that train in other processes; the command line has one."""
        self._workers, self._engine = checked(Whole(1, 1024), workers, "workers"), engine
        self._interrupt = Event()

    def __repr__(self) -> str:
        return f"<ProgressiveTrainer: {describe(self._settings, self._data is not None, self.run_dir)}>"

    @property
    def manager(self) -> pluggy.PluginManager:
        """The pluggy manager of this trainer's runs, for observers: plugins whose hooks are all `@hookimpl(wrapper=True)`, and
        functions by `add_hookcall_monitoring`. They see every hook call of this process, and return results unchanged."""
        return self._manager

    @property
    def results(self) -> Results:
        """What the newest run of this trainer came to, or the run at `run_dir`, by bucket: `results["Medium"].verdict`,
        `.validation` and `.test` (frames), `.account`, `.model`, `.ledger`, `.episodes`. Empty before a bucket is finished."""
        return results_of(self.run_dir)

    def train_bucket(
        self,
        bucket: str,
        episodes: int | None = None,
        transfer_from: Teachers = None,
        ui_params: Mapping[str, Any] | None = None,
        *,
        scratch_arms: bool = False,
        isolate: bool = False,
    ) -> Path:
        """Train one bucket, from scratch or from what other models learned; all but `episodes` as in `train_progressively`.

        :param episodes: at most; EPISODES when None. :return: the path of its model.
        """
        chosen = {"SEQUENCE": [named(bucket, "bucket")], "EPISODES": episodes}
        settings = with_settings(self._settings, chosen, ui_params)
        refuse_idle_episodes(episodes, settings[SEQUENCE], "arguments")
        asked = {"scratch_arms": scratch_arms, "isolate": isolate}
        return self._begin(settings, asked, checked_teachers(transfer_from, "transfer_from"))[bucket]

    def train_progressively(
        self,
        custom_sequence: Sequence[str | Sequence[str]] | None = None,
        episodes_per_bucket: Mapping[str, int] | None = None,
        ui_params: Mapping[str, Any] | None = None,
        *,
        find_order: bool = False,
        scratch_arms: bool = False,
        isolate: bool = False,
        transfer_from: Teachers = None,
    ) -> dict[str, Path]:
        """Train the buckets of the sequence one after the other, those in a list of their own at the same time.

        :param custom_sequence: in place of SEQUENCE, like `["Scalping", ["Short", "Medium"]]`. :param episodes_per_bucket: at most, by bucket. :param ui_params: over all other
            settings, `horizon_range` (shortest and longest), `frequency` (such as "1h"), `capital_allocation` (0 to 1).
        :param find_order: train them in the order that `progressive_studies.curriculum` finds, from a tenth of each one's
            episodes; the sequence's own stands where no other is better beyond noise.
        :param scratch_arms: afterwards train every bucket that was taught again without transfer, from the same seed, in
            a run of its own below this one, so that `progressive-training transfer-report` can show what transfer was worth.
        :param isolate: train each bucket in a process of its own, which takes all that it held with it; to the same bytes.
            A script that does this does its work under `if __name__ == "__main__":`, since each process imports it.
        :param transfer_from: finished models that teach too, one or a list: a bucket's name is that of the newest run that finished
            it; "RUN/Bucket" one of a run, by its directory or its name in RUNS_DIR; or the path of a model.
        :return: the path of each bucket's model.
        :raise Interrupted: `interrupt` was called; the run can be resumed.
        """
        chosen = {"SEQUENCE": custom_sequence, "EPISODES": episodes_per_bucket}
        settings = with_settings(self._settings, chosen, ui_params)
        refuse_idle_episodes(episodes_per_bucket, settings[SEQUENCE], "arguments")
        asked = {"scratch_arms": scratch_arms, "find_order": find_order, "isolate": isolate}
        return self._begin(settings, asked, checked_teachers(transfer_from, "transfer_from"))

    @undoes_all
    @logging_configured()
    def resume(
        self,
        settings: Mapping[str, Any] | None = None,
        *,
        fork: bool = False,
        scratch_arms: bool = False,
        isolate: bool = False,
        strict: bool = False,
        on_message: Callable[[str], None] | None = None,
    ) -> dict[str, Path]:
        """Go on with `run_dir`, or with the newest unfinished run, from its last checkpoint and with its settings.

        :param settings: those that are to be others from here on, like `{"LEARNING_RATE": 3e-4}`; what changes is kept in
            the run's manifest. DATA may name the same bytes in another place. A longer SEQUENCE makes a finished run go on.
            Finished buckets are not trained again. The trainer's own `settings` and `data` do not apply to a begun run.
        :param fork: leave that run as it is and begin a new one in RUNS_DIR, which names it as its parent. Where all of
            `settings` may change in a begun run, it goes on as a copy; else it begins anew, taught by the parent's buckets
            unless it is to see other bars.
        :param scratch_arms: train the scratch arms too, where the run was begun without them; it may be a finished one.
        :param isolate: give each bucket a process of its own from here on; a run that was begun so keeps to it.
        :param strict: refuse a run that was trained in another environment (Python, torch, other packages, plugins, processor), and leave
            it as it is. Without it a warning says what differs, and the manifest keeps from where on.
        :param on_message: gets a line for each thing that changes, before anything is trained; `progress_callback` when None.
        :raise RunError: there is nothing to go on with, the run's data have changed, or (`strict`) the environment is another one.
        :raise ConfigError: a setting may not change in a run that has begun, or is unknown or out of range.
        """
        check_main_guard()
        check_mapping(settings)
        check_function(on_message, "on_message", "one line of text")
        asked = {"scratch_arms": scratch_arms, "isolate": isolate, "strict": strict}
        check_flags({**asked, "fork": fork})
        directory = self._asked_run_dir or newest_unfinished(Path(self._settings[RUNS_DIR]))
        go_on = self._fork if fork else self._go_on
        return go_on(directory, settings or {}, asked, printable_lines(on_message) or self._progress or _quiet)

    def _go_on(
        self, directory: Path, settings: Mapping[str, Any], asked: Mapping[str, bool], on_message: Callable[[str], None]
    ) -> dict[str, Path]:
        """Go on with the run at `directory`; where it cannot go on, its status stays as it was."""
        status = status_of(directory)
        store = RunStore.open(directory, strict=asked["strict"])
        try:
            try:
                plan = prepare_resume(store, settings, self._plugins, asked, on_message, self._manager)
                self._check_crew(plan.settings)
            except BaseException:
                store.mark(status)
                raise
            return self._train(store, plan.settings, plan.registry, plan.device)
        finally:
            store.close()

    def _fork(
        self, directory: Path, settings: Mapping[str, Any], asked: Mapping[str, bool], on_message: Callable[[str], None]
    ) -> dict[str, Path]:
        """Begin a run that names the one at `directory` as its parent."""
        new = new_run_directory(Path(self._settings[RUNS_DIR]))
        fork = fork_of(directory, new, settings, self._plugins, asked, on_message, self._manager)
        if fork.is_copy:
            copy_run(directory, new, fork.plugins)
            return self._go_on(new, settings, asked, on_message)
        return self._begin(fork.settings, fork.asked, fork=fork)

    def interrupt(self) -> None:
        """Stop behind the checkpoint of the episode in progress. May be called from a signal handler or a thread."""
        self._interrupt.set()

    @undoes_all
    @logging_configured()
    def _begin(
        self,
        settings: Settings,
        asked: Mapping[str, bool],
        transfer_from: Sequence[Named] = (),
        fork: Fork | None = None,
    ) -> dict[str, Path]:
        """Begin a run; the flags `asked` for are kept in its manifest."""
        check_main_guard()
        check_flags(asked)
        settings = settled(settings, self._plugins)
        if asked["isolate"]:
            check_isolation(self._manager.of_this_process)
        self._check_crew(settings)
        registry = registry_for(settings, self._manager)
        teachers = teachers_named(transfer_from, Path(self._settings[RUNS_DIR]), registry)
        device = device_for(settings[DEVICE], isolated=asked["isolate"])
        if fork is not None:
            directory, data = fork.directory, data_of_run(Path(fork.parent["run"]), settings)
        else:
            directory = self._asked_run_dir or new_run_directory(Path(settings[RUNS_DIR]))
            data = self._data
        settings = with_data_of_run(directory, settings, data)
        contents = {} if data is None else {DATA: data}
        manifest = {**manifest_of(settings, device, registry.records, teachers, contents), **asked}
        if fork is not None:
            manifest = {**manifest, "teachers": list(map(asdict, fork.teachers)), "parent": fork.parent}
        store = RunStore.create(directory, settings, manifest, data)
        try:
            return self._train(store, settings, registry, device)
        except ProgressiveTrainingError as error:
            resumable = isinstance(error, OutOfMemoryError | PluginError | ProcessLost | WriteError)
            if is_untouched(store) and not resumable:
                store.discard()
                self.run_dir = outer_run(self) or self._asked_run_dir
                if data is not None:  # its file is gone again
                    raise type(error)(str(error).replace(settings[DATA], "data")) from error
            raise
        finally:
            store.close()

    def _train(self, store: RunStore, settings: Settings, registry: Registry, device: str) -> dict[str, Path]:
        with (
            training_in(self, store.directory, self._interrupt.clear),
            crew_of(self._workers, self._engine, self.tasks_view) as crew,
        ):
            return train_run(
                store, settings, registry, device, self._progress, self._interrupt.is_set, self._on_episode, crew
            )

    def _check_crew(self, settings: Settings) -> None:
        objects, on_episode = self._manager.of_this_process, self._on_episode is not None
        check_crew(settings, self._workers, self._engine, objects, on_episode=on_episode)


def _quiet(line: str) -> None:
    """Nobody asked for progress."""
