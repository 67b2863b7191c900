"""What every tracker does: follow a run from a thread of its own, so that training neither waits for it nor fails with it.

The run's own files are the queue: a thread reads what is committed and hands it on. A tracker that is slow holds nothing in
memory, and one that is cut off goes on from the files when the bucket, the run or its resume ends. A bucket's episodes are
written once, while it trains; the end of the run writes those of the buckets that did not train in this process.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from attrs import frozen

from progressive_training import (
    BucketInfo,
    BucketResult,
    EpisodeReport,
    FollowedRun,
    PluginError,
    RunInfo,
    Settings,
    get_logger,
    hookimpl,
)

log = get_logger()

PAUSE = 1.0
"""Seconds between two looks at a run: however short its episodes are, the thread takes no more than a look a second."""
BUCKET_PATIENCE, RUN_PATIENCE = 1.0, 30.0
"""Seconds that the end of a bucket, and of a run, wait for what is still to be written."""
SCRATCH, STAGES, STATE = "scratch", "stages", "state.json"


@frozen(kw_only=True)
class Ended:
    """How a run, or a bucket of it, ended: as `on_run_end` gets it."""

    run: RunInfo
    results: Sequence[BucketResult]
    error: BaseException | None


class Sink(Protocol):
    """Where a tracker writes to, while a bucket trains or at the end of a run. Used by one thread; any method may raise.

    `place` is for the user: where it writes, and how to look at it.
    """

    place: str

    def write(self, bucket: str, episodes: Sequence[Mapping[str, Any]]) -> None:
        """Write episodes of a bucket (`metrics.jsonl` has their fields), from its first one on: what an earlier sink wrote of this
        bucket comes again."""

    def end(self, ended: Ended) -> None:
        """Write what is known at the end of a run. A bucket that this sink was not asked to `write` was written by an earlier one."""

    def close(self) -> None:
        """Write what is held back, and let go of it."""


OpenSink = Callable[[Path, Settings], Sink]
"""Opens the sink of the run in a directory."""


def home_of(run_dir: Path) -> Path:
    """The run that a member of a stage, or scratch arms, belong to: its own directory for any other."""
    for home, inside in (
        (run_dir.parent, run_dir.name == SCRATCH),
        (run_dir.parent.parent, run_dir.parent.name == STAGES),
    ):
        if inside and (home / STATE).is_file():
            return home
    return run_dir


def name_of(run_dir: Path) -> str:
    """What a run is called among others: its directory, and of a run of a study or search the name of that before it."""
    run_dir = run_dir.absolute()
    return f"{run_dir.parent.parent.name}/{run_dir.name}" if _is_of_study(run_dir) else run_dir.name


def _is_of_study(run_dir: Path) -> bool:
    """Whether a run is one of those of a study or search."""
    runs = run_dir.absolute().parent
    return runs.name == "runs" and (runs.parent / "plan.json").is_file()


class Tracker:
    """A plugin that shows runs in another program; off unless named.

    :param name: the plugin's, and that of its extra. :param package: what the extra brings. :param open_sink: imports that.
    """

    opt_in = True

    def __init__(self, name: str, package: str, open_sink: OpenSink) -> None:
        self._name, self._package, self._open = name, package, open_sink
        self.needs_packages = {package: f"progressive-training[{name}]"}
        self._followers: dict[Path, _Follower] = {}
        self._written: dict[Path, set[str]] = {}

    @hookimpl
    def on_bucket_start(self, bucket: BucketInfo) -> None:
        """Begin to follow the run that the bucket trains in."""
        if find_spec(self._package) is None:
            raise PluginError(f"{self._package} is missing: pip install 'progressive-training[{self._name}]'")
        if bucket.probe:
            return
        shown = _shown(bucket.name, bucket.run_dir)
        self._written_of(bucket.run_dir).discard(shown)
        self._followers[bucket.run_dir] = self._follower(
            (bucket.run_dir,), bucket.settings, lambda other: other == shown
        )

    @hookimpl
    def on_episode_end(self, bucket: BucketInfo, episode: EpisodeReport) -> None:
        """Wake the thread."""
        if follower := self._followers.get(bucket.run_dir):
            follower.look()

    @hookimpl
    def cleanup(self, bucket: BucketInfo) -> None:
        """Let the thread write what the bucket committed, for a moment at most: the end of the run has the rest."""
        if (follower := self._followers.pop(bucket.run_dir, None)) and follower.finish(BUCKET_PATIENCE):
            self._written_of(bucket.run_dir).add(_shown(bucket.name, bucket.run_dir))

    @hookimpl
    def on_run_end(self, run: RunInfo, results: tuple[BucketResult, ...], error: BaseException | None) -> None:
        """Write what is missing, also of buckets that trained in other processes, and how the run ended; log where that is."""
        if find_spec(self._package) is None:
            return  # logged at the first bucket
        written = self._written.pop(home_of(run.run_dir), set())
        directories = (run.run_dir, run.run_dir / SCRATCH)
        follower = self._follower(directories, run.settings, lambda shown: shown not in written)
        if follower.finish(RUN_PATIENCE, Ended(run=run, results=results, error=error)):
            message = f"{self._name}: written to {follower.place}"
            log.info(message, show=not _is_of_study(run.run_dir))  # a study has many
        elif not follower.failed:
            message = f"{self._name}: not all was written in {RUN_PATIENCE:.0f} s{_later(self._name, run.run_dir)}"
            log.warning(message)

    def _written_of(self, run_dir: Path) -> set[str]:
        """What is written of a run by now, as it is shown: of the buckets that trained in this process."""
        return self._written.setdefault(home_of(run_dir), set())

    def _follower(self, directories: Sequence[Path], settings: Settings, takes: Callable[[str], bool]) -> _Follower:
        home = home_of(directories[0])

        def warn(error: Exception) -> None:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            message = f"{self._name}: training goes on without it: {reason}{_later(self._name, home)}"
            log.warning(message)

        return _Follower(directories, takes, lambda: self._open(home, settings), warn)


def _shown(bucket: str, run_dir: Path) -> str:
    return f"{bucket} (scratch)" if run_dir.name == SCRATCH else bucket


def _later(name: str, run_dir: Path) -> str:
    return f"; what is missing is written by --resume --run-dir {run_dir} -p {name}"


class _Follower:
    """The thread, which passes on the buckets that it `takes`. It is a daemon, so that a tracker that hangs cannot keep a program
    from ending."""

    def __init__(
        self,
        directories: Sequence[Path],
        takes: Callable[[str], bool],
        open_sink: Callable[[], Sink],
        warn: Callable[[Exception], None],
    ) -> None:
        self.failed = False
        self.place = ""
        self._directories, self._takes, self._open, self._warn = directories, takes, open_sink, warn
        self._wake, self._ending = threading.Event(), threading.Event()
        self._ended: Ended | None = None
        context = contextvars.copy_context()  # its warnings go where those of the run go
        self._thread = threading.Thread(target=context.run, args=(self._follow,), name="tracker", daemon=True)
        self._thread.start()

    def look(self) -> None:
        """Ask for a look at the run; returns at once."""
        self._wake.set()

    def finish(self, patience: float, ended: Ended | None = None) -> bool:
        """Ask for a last look; answers whether all was written within `patience` seconds, which are not waited for where the look
        before failed."""
        self._ended = ended
        self._ending.set()
        self._wake.set()
        self._thread.join(0.0 if self.failed else patience)
        return not self.failed and not self._thread.is_alive()

    def _follow(self) -> None:
        sink: Sink | None = None
        runs: list[FollowedRun] = []
        while not self.failed:
            self._wake.wait()
            self._wake.clear()
            is_last = self._ending.is_set()
            try:
                if sink is None:
                    sink, runs = self._open(), [FollowedRun(directory) for directory in self._directories]
                self._pass_on(sink, runs)
                if is_last and self._ended is not None:
                    sink.end(self._ended)
                if is_last:
                    sink.close()
                    self.place = sink.place
                    return
            except Exception as error:  # noqa: BLE001  (training goes on whatever another program does)
                self.failed = True
                self._warn(error)
            self._ending.wait(PAUSE)

    def _pass_on(self, sink: Sink, runs: Sequence[FollowedRun]) -> None:
        by_bucket: dict[str, list[Mapping[str, Any]]] = {}
        if self._ended is not None:  # also a bucket without an episode is there
            by_bucket = {result.bucket: [] for result in self._ended.results}
        for run, directory in zip(runs, self._directories, strict=True):
            for line in run.new_episodes():
                by_bucket.setdefault(_shown(str(line["bucket"]), directory), []).append(line)
        for bucket, episodes in by_bucket.items():
            if self._takes(bucket):
                sink.write(bucket, episodes)
