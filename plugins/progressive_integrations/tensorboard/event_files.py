"""The plugin `tensorboard`: event files of a run, a directory for each bucket."""

from __future__ import annotations

import shlex
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from progressive_integrations.tensorboard.event_records import record
from progressive_integrations.tracking.run_place import place_of
from progressive_integrations.tracking.tracked_values import (
    changed_settings,
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

    Whoever writes the episodes of a bucket begins its file anew from what the run has committed, and then empties the ones before.
    So what a kill cut short is gone, and no step is there twice. Files are numbered, since TensorBoard reads them in the order of
    their names; the new one begins with the mark that has it drop what it read before. How a bucket ended is a file of its own
    behind that of its episodes, where these were written while it trained.
    """

    def __init__(self, run_dir: Path, settings: Settings) -> None:
        named = settings[TENSORBOARD_DIR]
        self._name = name_of(run_dir)
        self._place = run_dir / "tensorboard" if named is None else Path(named) / self._name
        self._files: dict[str, _EventFile] = {}
        if named is not None:
            self._place = place_of(run_dir, Path(named))  # not over those of another run of this name
        self.place = f"{self._place} (look: {shlex.join(['tensorboard', '--logdir', str(self._place)])})"

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
            own = ended.run.settings.for_bucket(result.bucket)
            settings = {"BUCKET": result.bucket, **settings_of(own)}
            file.settings(
                f"{self._name}/{result.bucket}", settings, {"BUCKET", "SEED", *changed_settings(own)}, list(final)
            )

    def close(self) -> None:
        for file in self._files.values():
            file.flush()

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
        self._path = directory / f"events.out.tfevents.{number:010d}"
        self._path.write_bytes(b"")
        self._waiting: list[bytes] = []
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

    def settings(
        self, name: str, values: Mapping[str, bool | float | str], first: Collection[str], metrics: Sequence[str]
    ) -> None:
        """What the tab HPARAMS shows: a row called `name` with the settings, some of them `first`, and the metrics that rows are
        compared by.

        These are the messages of `tensorboard.plugins.hparams.summary_v2`, whose import takes as long as all else here.
        """
        from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
        from tensorboard.compat.proto.tensor_pb2 import TensorProto
        from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
        from tensorboard.compat.proto.types_pb2 import DT_FLOAT
        from tensorboard.plugins.hparams import api_pb2
        from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo

        types = {bool: api_pb2.DATA_TYPE_BOOL, str: api_pb2.DATA_TYPE_STRING}
        experiment = api_pb2.Experiment(
            hparam_infos=[
                api_pb2.HParamInfo(
                    name=key, type=types.get(type(value), api_pb2.DATA_TYPE_FLOAT64), differs=key in first
                )
                for key, value in values.items()
            ],
            metric_infos=[api_pb2.MetricInfo(name=api_pb2.MetricName(tag=metric)) for metric in metrics],
        )
        now = time.time()
        start = SessionStartInfo(group_name=name, start_time_secs=now)
        fields = {bool: "bool_value", str: "string_value"}
        for key, value in values.items():
            setattr(start.hparams[key], fields.get(type(value), "number_value"), value)
        empty = TensorProto(dtype=DT_FLOAT, tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=0)]))
        for tag, message in (
            ("experiment", HParamsPluginData(experiment=experiment)),
            ("session_start_info", HParamsPluginData(session_start_info=start)),
            ("session_end_info", HParamsPluginData(session_end_info=SessionEndInfo(status=api_pb2.STATUS_SUCCESS))),
        ):
            data = SummaryMetadata.PluginData(plugin_name="hparams", content=message.SerializeToString())
            shown = Summary.Value(tag=f"_hparams_/{tag}", metadata=SummaryMetadata(plugin_data=data), tensor=empty)
            self._put(self._event(summary=Summary(value=[shown])))

    def flush(self) -> None:
        """Bring what was written to the file, and then empty the ones before it, of which those that were empty go."""
        with self._path.open("ab") as file:
            file.write(b"".join(self._waiting))
        self._waiting = []
        for path in self._before:  # not removed at once: a server that reads there would wait for its return for ever
            if path.stat().st_size:
                path.write_bytes(b"")
            else:
                path.unlink()
        self._before = []

    def _put(self, event: Any) -> None:
        event.wall_time = time.time()
        self._waiting.append(record(event.SerializeToString()))


class TensorboardTracker(Tracker):
    """Writes event files."""

    settings = (TENSORBOARD_DIR,)

    def __init__(self) -> None:
        super().__init__("tensorboard", "tensorboard", EventFiles)


tensorboard = TensorboardTracker()
