"""One run, one directory: configuration, manifest, logs, checkpoints and models.

`state.json` is the one point of commit. It names the newest checkpoint, the version of every model and the length of
every line file; whatever was written after it is cut off when the run is resumed.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import structlog
from attrs import asdict, evolve, frozen
from filelock import FileLock

from progressive_core.contained import refuse_ways_out
from progressive_core.errors import ModelError, RunError
from progressive_core.files import append_json_line, publish, truncate, write_json, write_json_line
from progressive_core.lock import lock_run
from progressive_core.progress import (
    EpisodeLine,
    Progress,
    Status,
    model_path,
    read_json,
    read_json_lines,
    read_manifest,
    read_progress,
    read_state,
)
from progressive_core.records import BucketResult, EpisodeReport, Knowledge, LedgerEntry, Model, State
from progressive_core.structure import Misfit, structured
from progressive_core.tensors import read_tensors, write_tensors

TEACHERS = "teachers"
"""The directory of the models from other runs, in that of the run they teach in."""
LINE_FILES = ("metrics.jsonl", "ledger.jsonl")
_HORIZON = re.compile(r"[0-9]{1,9}", re.ASCII)

log = structlog.get_logger("progressive_training")


class RunStore:
    """The directory of one run, locked while it is open."""

    def __init__(self, directory: Path, lock: FileLock, progress: Progress, made: Sequence[Path] = ()) -> None:
        self.directory = directory
        self.progress = progress
        self._lock = lock
        self._made = made

    @classmethod
    def create(cls, directory: Path, config: Mapping[str, Any], manifest: Mapping[str, Any]) -> Self:
        """Begin a run in a new or empty directory.

        :raise RunError: the directory holds something, or cannot be written.
        """
        made = [path for path in (directory, *directory.parents) if not path.exists()]
        try:
            directory.mkdir(parents=True, exist_ok=True)
            if any(directory.iterdir()):
                raise RunError(f"{directory}: not an empty directory; name a new one, or go on with --resume")
            lock = lock_run(directory)
            (directory / "checkpoints").mkdir()
            (directory / "models").mkdir()
        except OSError as error:
            raise RunError(f"{directory}: cannot create a run here ({error.strerror})") from error
        store = cls(directory, lock, Progress(), made)
        write_json(directory / "config.json", config)
        write_json(directory / "manifest.json", manifest)
        try:
            store._keep_teachers()
        except RunError:
            store.discard()
            raise
        store._write_progress()
        return store

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Go on with a run, from its last commit.

        :raise RunError: there is no run, another process is on it, or its files are damaged.
        """
        if not (directory / "state.json").is_file():
            raise RunError(f"{directory}: no run here (state.json is missing); `progressive-training runs` lists them")
        refuse_ways_out(directory)  # before the lock: it is a file that is opened to be written
        lock = lock_run(directory)
        try:
            store = cls(directory, lock, read_progress(directory))
            store._return_to_the_commit()
        except BaseException as error:
            lock.release()
            if isinstance(error, OSError):
                where = error.filename2 or error.filename or directory
                raise RunError(f"{where}: this run cannot be gone on with ({error.strerror})") from error
            raise
        return store

    def _return_to_the_commit(self) -> None:
        """Make the files what they were at the last commit."""
        (self.directory / "checkpoints").mkdir(exist_ok=True)
        for name in LINE_FILES:
            kept, file = self.progress.lengths.get(name, 0), self.directory / name
            if file.is_dir():
                raise RunError(f"{file}: a directory, expected the lines of this run")
            truncate(file, kept)
            if _size(file) < kept:
                log.warning("lines of this run are lost, and it goes on without them", file=str(file))
        for bucket, version in self.progress.versions.items():
            self._publish(bucket, version)
        self.mark("training")

    def close(self) -> None:
        """Let another process have the run."""
        self._lock.release()

    def discard(self) -> None:
        """Remove a run that never got to its first checkpoint, and the directories that were made for it alone."""
        self.close()
        for path in self.directory.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in self._made:
            with suppress(OSError):  # another run has moved in meanwhile
                path.rmdir()

    @property
    def is_untouched(self) -> bool:
        """Nothing was committed yet: neither a checkpoint nor a finished bucket."""
        return not self.progress.results and self.progress.checkpoint is None

    @property
    def config(self) -> dict[str, Any]:
        """The settings the run was begun with."""
        return read_json(self.directory / "config.json")

    @property
    def manifest(self) -> dict[str, Any]:
        """What the run was begun on: data, versions, seed, device."""
        return read_manifest(self.directory)

    @property
    def scratch_arms_asked(self) -> bool:
        """Whether the buckets that were taught are to be trained again without transfer."""
        return bool(self.manifest.get("scratch_arms"))

    def ask_for_scratch_arms(self) -> None:
        """Remember that scratch arms are wanted, also when the run is resumed."""
        write_json(self.directory / "manifest.json", {**self.manifest, "scratch_arms": True})

    @property
    def order_asked(self) -> bool:
        """Whether the order of the sequence is still to be found."""
        return bool(self.manifest.get("find_order"))

    def ask_for_order(self) -> None:
        """Remember that the order is to be found, also when the run is resumed before it is."""
        write_json(self.directory / "manifest.json", {**self.manifest, "find_order": True})

    def settle_order(self, settings: Mapping[str, Any], found: Any) -> None:
        """Go on with the sequence of `settings`, and keep what was `found` on the way to it."""
        write_json(self.directory / "config.json", settings)
        settled = {"sequence": list(settings["SEQUENCE"]), "find_order": False, "curriculum": found}
        write_json(self.directory / "manifest.json", {**self.manifest, **settled})

    def record_episode(self, bucket: str, report: EpisodeReport) -> None:
        """Append an episode to `metrics.jsonl`."""
        append_json_line(self.directory / "metrics.jsonl", {"bucket": bucket, **asdict(report, recurse=False)})

    def best_episode(self, bucket: str) -> int:
        """The best episode that the last line of the metrics of `bucket` names; 0 where there is none."""
        lines = [
            line for line in read_json_lines(self.directory / "metrics.jsonl", EpisodeLine) if line["bucket"] == bucket
        ]
        return int(lines[-1]["best_episode"]) if lines else 0

    def record_transfer(self, entry: LedgerEntry) -> None:
        """Append a transfer to `ledger.jsonl`."""
        append_json_line(self.directory / "ledger.jsonl", entry)

    def save_checkpoint(self, bucket: str, episode: int, state: State, seconds: float, keep: int) -> None:
        """Commit the state of a bucket that has trained for `seconds`; the last `keep` checkpoints stay."""
        name = f"{bucket}-{episode:06d}.safetensors"
        write_tensors(self.directory / "checkpoints" / name, state.tensors, state.values)
        self._commit(bucket=bucket, episode=episode, checkpoint=name, seconds=seconds)
        for old in sorted((self.directory / "checkpoints").glob(f"{bucket}-*.safetensors"))[:-keep]:
            old.unlink()

    def checkpoint(self, bucket: str) -> State | None:
        """The committed state of `bucket`, or None when it has not got that far.

        :raise RunError: the file is damaged.
        """
        if self.progress.bucket != bucket or self.progress.checkpoint is None:
            return None
        path = self.directory / "checkpoints" / self.progress.checkpoint
        try:
            tensors, values = read_tensors(path)
        except ModelError as error:
            raise RunError(f"checkpoint {error}") from error
        return State(tensors=tensors, values=values)

    def save_model(self, bucket: str, model: Model, knowledge: Knowledge) -> Path:
        """Write a new version of a bucket's model, with what it can teach, beside the old ones; it is the model now."""
        version = self.progress.versions.get(bucket, 0) + 1
        directory = self._version(bucket, version)
        directory.mkdir(parents=True, exist_ok=True)
        taught = {
            "distrust": knowledge.distrust,
            "weights": list(knowledge.weights),
            "feature_importance": knowledge.feature_importance,
            "horizons": knowledge.horizons,
        }
        card = {**model.card, "bucket": bucket, "version": version, "knowledge": taught}
        write_tensors(directory / "model.safetensors", {**knowledge.weights, **model.tensors}, card)
        write_json(directory / "card.json", card)
        self.progress = evolve(self.progress, versions={**self.progress.versions, bucket: version})
        return self._publish(bucket, version)

    def finish_bucket(self, result: BucketResult) -> None:
        """Commit a bucket's end; its checkpoints are no longer needed."""
        results = (*self.progress.results, result)
        self._commit(bucket=None, episode=0, checkpoint=None, seconds=0.0, results=results)
        for path in (self.directory / "checkpoints").glob(f"{result.bucket}-*.safetensors"):
            path.unlink()

    def replace_result(self, result: BucketResult) -> None:
        """Put the result of a new version of a finished bucket's model in the place of the old one's."""
        results = tuple(result if old.bucket == result.bucket else old for old in self.progress.results)
        self.progress = evolve(self.progress, results=results)

    def mark(self, status: Status) -> None:
        """Say how the run stands, without a commit of what was written since the last one."""
        self.progress = evolve(self.progress, status=status)
        write_json_line(self.directory / "state.json", {**read_state(self.directory), "status": status})

    def model_path(self, bucket: str) -> Path:
        """Where the newest model of a finished bucket is."""
        return model_path(self.directory, bucket)

    def model(self, bucket: str) -> Model:
        """The newest model of a finished bucket."""
        return read_model(self.directory, bucket)

    def knowledge(self, bucket: str) -> Knowledge:
        """What the newest model of a finished bucket can teach."""
        return read_knowledge(self.directory, bucket)

    def teachers(self) -> list[Knowledge]:
        """What was learned in other runs and is used in this one, as it was when this one was begun."""
        return [read_knowledge(self.directory / TEACHERS, bucket) for _, bucket in self.manifest["teachers"]]

    def _keep_teachers(self) -> None:
        """Have models of other runs here: a resumed run then finds them as they were, and reads no file but its own."""
        for run, bucket in self.manifest["teachers"]:
            original, kept = model_path(Path(run), bucket), model_path(self.directory / TEACHERS, bucket)
            try:
                kept.parent.mkdir(parents=True)
                publish(original, kept)
            except OSError as error:
                raise RunError(f"{original}: the model that is to teach cannot be had ({error.strerror})") from error

    def _version(self, bucket: str, version: int) -> Path:
        return version_path(self.directory / "models" / bucket, version)

    def _publish(self, bucket: str, version: int) -> Path:
        """Make `version` the bucket's model: the files in `models/<Bucket>/` are those of the version."""
        for name in ("card.json", "model.safetensors"):
            publish(self._version(bucket, version) / name, self.directory / "models" / bucket / name)
        return self.model_path(bucket)

    def _commit(self, **changes: Any) -> None:
        lengths = {name: _size(self.directory / name) for name in LINE_FILES}
        self.progress = evolve(self.progress, status="training", lengths=lengths, **changes)
        self._write_progress()

    def _write_progress(self) -> None:
        write_json_line(self.directory / "state.json", self.progress)


def read_model(directory: Path, bucket: str, version: int | None = None) -> Model:
    """The newest model of `bucket` in the run at `directory`, or an older `version` of it."""
    path = directory / "models" / bucket
    tensors, card = read_tensors((path if version is None else version_path(path, version)) / "model.safetensors")
    return Model(tensors=tensors, card=card)


@frozen(kw_only=True)
class _Taught:
    """What a saved model's card says of what it can teach."""

    weights: tuple[str, ...]
    feature_importance: dict[str, float]
    horizons: dict[str, float]
    distrust: str = ""


def read_knowledge(directory: Path, bucket: str, version: int | None = None) -> Knowledge:
    """What the newest model of `bucket` in the run at `directory`, or an older `version` of it, can teach.

    :raise ModelError: the model cannot be read, or its card does not say.
    """
    model = read_model(directory, bucket, version)
    where = f"{model_path(directory, bucket)}: its card is damaged"
    try:
        taught: _Taught = structured(model.card.get("knowledge"), _Taught, "knowledge")
        made: int = structured(model.card.get("version"), int, "version")
    except Misfit as misfit:
        raise ModelError(f"{where} ({misfit})") from None
    if absent := [name for name in taught.weights if name not in model.tensors]:
        raise ModelError(f"{where} (knowledge.weights names {absent[0]!r:.60}, and there is no such tensor)")
    if odd := [horizon for horizon in taught.horizons if not _HORIZON.fullmatch(horizon)]:
        raise ModelError(f"{where} (knowledge.horizons names {odd[0]!r:.60}, expected a number of bars)")
    return Knowledge(
        origin=bucket,
        weights={name: model.tensors[name] for name in taught.weights},
        feature_importance=taught.feature_importance,
        horizons={int(horizon): skill for horizon, skill in taught.horizons.items()},
        distrust=taught.distrust,
        version=made,
    )


def version_path(models: Path, version: int) -> Path:
    """Where a bucket's directory of models keeps one version."""
    return models / "versions" / f"{version:04d}"


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
