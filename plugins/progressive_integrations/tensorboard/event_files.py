"""The plugin `tensorboard`: event files of a run, a directory for each bucket."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from progressive_integrations.tensorboard.event_records import record
from progressive_integrations.tracking.run_place import place_of
from progressive_integrations.tracking.tracked_values import (
    final_scalars,
    performance_text,
    scalars_of,
    settings_of,
    settings_text,
    start_of,
    transfers_text,
    verdict_text,
)
from progressive_integrations.tracking.tracker import Ended, Tracker, name_of
from progressive_training import FilePath, OrNull, Setting, Settings, make_directory

TENSORBOARD_DIR: Setting[str | None] = Setting(
    "TENSORBOARD_DIR",
    None,
    OrNull(FilePath(), "tensorboard in the run's own directory"),
    "where the plugin tensorboard writes; in a named directory each run has one of its own",
)


class EventFiles:
    """Event files of each bucket, in a directory of its own, and of the run.

    Whoever writes the episodes of a bucket begins its file anew from what the run has committed, and then removes the ones before.
    So a file that a kill cut short is gone, and no step is there twice. Files are numbered, since TensorBoard reads them in the
    order of their names; the new one begins with the mark that has it drop what it read before. How a bucket ended is a file of
    its own behind that of its episodes, where these were written while it trained.
    """

    def __init__(self, run_dir: Path, settings: Settings) -> None:
        named = settings[TENSORBOARD_DIR]
        self._place = run_dir / "tensorboard" if named is None else Path(named) / name_of(run_dir)
        self._files: dict[str, _EventFile] = {}
        if named is not None:
            self._place = place_of(run_dir, Path(named))  # not over those of another run of this name

    def write(self, bucket: str, episodes: Sequence[Mapping[str, Any]]) -> None:
        file = self._file(bucket, anew=True)
        for episode in episodes:
            step = episode["episode"]
            if (start := start_of(episode)) is not None:
                file.scalars(0, {"score": start})
            file.scalars(step, scalars_of(episode))
            file.text(step, "transfers", transfers_text(episode))
        file.flush()

    def end(self, ended: Ended) -> None:
        self._file("", anew=True).text(0, "settings", settings_text(ended.run.settings))
        for result in ended.results:
            file = self._file(result.bucket, anew=False)
            # one step on: a second text of a step would take the place of the first
            file.text(result.episodes + 1, "transfers", transfers_text(result))
            file.text(result.episodes, "performance", performance_text(result))
            file.text(result.episodes, "verdict", verdict_text(result))
            final = final_scalars(result)
            file.scalars(result.episodes, final)
            file.settings(settings_of(ended.run.settings.for_bucket(result.bucket)), list(final))

    def close(self) -> None:
        for file in self._files.values():
            file.close()

    def _file(self, bucket: str, *, anew: bool) -> _EventFile:
        if bucket not in self._files:
            self._files[bucket] = _EventFile(self._place / bucket, anew=anew)
        return self._files[bucket]


class _EventFile:
    """The newest event file of a directory: the only one where it begins `anew`."""

    def __init__(self, directory: Path, *, anew: bool) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog, SourceMetadata

        make_directory(directory)
        found = sorted(path for path in directory.glob("*tfevents*") if path.is_file())
        self._before = found if anew else []
        number = max((int(path.suffix[1:]) for path in found if path.suffix[1:].isdecimal()), default=0) + 1
        self._records = (directory / f"events.out.tfevents.{number:010d}").open("wb")
        self._event = Event
        source = SourceMetadata(writer="progressive_training")
        self._put(Event(file_version="brain.Event:2", source_metadata=source))
        if anew:
            self._put(Event(step=0, session_log=SessionLog(status=SessionLog.START)))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        if values:
            found = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
            self._put(self._event(step=step, summary=Summary(value=found)))

    def text(self, step: int, tag: str, text: str) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.compat.proto.tensor_pb2 import TensorProto
        from tensorboard.compat.proto.types_pb2 import DT_STRING
        from tensorboard.plugins.text.metadata import create_summary_metadata

        if text:
            words = TensorProto(dtype=DT_STRING, string_val=[text.encode("utf-8", "replace")])
            value = Summary.Value(tag=tag, metadata=create_summary_metadata(tag, ""), tensor=words)
            self._put(self._event(step=step, summary=Summary(value=[value])))

    def settings(self, values: Mapping[str, bool | float | str], metrics: Sequence[str]) -> None:
        """What the tab HPARAMS shows: the settings of the bucket, and the metrics that runs are compared by."""
        from tensorboard.plugins.hparams import summary_v2 as hparams

        shown = [hparams.Metric(name) for name in metrics]
        self._put(self._event(summary=hparams.hparams_config_pb([hparams.HParam(key) for key in values], shown)))
        self._put(self._event(summary=hparams.hparams_pb(dict(values))))

    def flush(self) -> None:
        """Bring what was written to the file, and then remove the ones before it."""
        self._records.flush()
        for path in self._before:
            path.unlink(missing_ok=True)
        self._before = []

    def close(self) -> None:
        self.flush()
        self._records.close()

    def _put(self, event: Any) -> None:
        event.wall_time = time.time()
        self._records.write(record(event.SerializeToString()))


class TensorboardTracker(Tracker):
    """Writes event files."""

    settings = (TENSORBOARD_DIR,)

    def __init__(self) -> None:
        super().__init__("tensorboard", "tensorboard", EventFiles)


tensorboard = TensorboardTracker()
