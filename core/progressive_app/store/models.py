"""The saved models of a run: one directory a version, the newest one published under the bucket's name."""

from __future__ import annotations

import hashlib
import math
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from progressive_app.machine.durable_files import make_directory, sync_directory
from progressive_app.store.atomic_files import as_document, atomic_writes, publish
from progressive_app.store.containment import check_no_external_links
from progressive_app.store.progress import STATE, model_path, read_commit
from progressive_app.store.tensors import read_tensors, tensor_bytes
from progressive_app.store.validated import InvalidValue, validated
from progressive_core.contract.errors import ModelError
from progressive_core.contract.records import Knowledge, Model

FILE_NAME = "model.safetensors"
MODEL_FILES = ("card.json", "model.safetensors")
_HORIZON = re.compile(r"[0-9]{1,9}", re.ASCII)


def model_file(path: str | Path) -> Path:
    """The file of a model at `path`, which names it or its directory. A named one may be a link; one in a directory must be in it.

    :raise ModelError: there is none.
    """
    if not isinstance(path, str | Path):
        raise ModelError(f"load_model takes the path of a model, got {path!r}")
    try:
        directory = Path(path).resolve()
        file = directory / FILE_NAME if directory.is_dir() else directory
        found, target = file.is_file(), file.resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelError(f"{str(path)!r}: no path ({error})") from None
    if not found:
        raise ModelError(f"{path}: no model there; expected a .safetensors file, or a directory with {FILE_NAME}")
    if not target.is_relative_to(directory):
        raise ModelError(f"{path}: {FILE_NAME} is a link out of it, to {target}; name that file if it is meant")
    return Path(path) / FILE_NAME if directory.is_dir() else Path(path)


@frozen
class ModelVersions:
    """Writes the models of the run at `directory`; its commits record which versions count."""

    directory: Path

    def write(self, bucket: str, version: int, model: Model, knowledge: Knowledge) -> str:
        """Write a version, with what it can teach in its card; returns the SHA-256 of its file of tensors."""
        path = version_path(self.directory / "models" / bucket, version)
        make_directory(path)
        taught = {
            "distrust": knowledge.distrust,
            "weights": list(knowledge.weights),
            "feature_importance": knowledge.feature_importance,
            "horizons": knowledge.horizons,
            "t": knowledge.t,
        }
        card = {**model.card, "bucket": bucket, "version": version, "knowledge": taught}
        content = tensor_bytes({**knowledge.weights, **model.tensors}, card)
        atomic_writes({path / FILE_NAME: content, path / "card.json": as_document(card)})
        return hashlib.sha256(content).hexdigest()

    def publish(self, bucket: str, version: int) -> Path:
        """Make `version` the bucket's model: the files in `models/<Bucket>/` are those of the version."""
        models = self.directory / "models" / bucket
        for name in MODEL_FILES:
            publish(version_path(models, version) / name, models / name)
        sync_directory(models)
        return model_path(self.directory, bucket)

    def remove_later_than(self, versions: Mapping[str, int]) -> None:
        """Remove the versions after each bucket's one in `versions`, and all of a bucket that has none there."""
        for models in (self.directory / "models").iterdir():
            committed = versions.get(models.name, 0)
            for version in (models / "versions").glob("[0-9]*"):
                if version.name.isdecimal() and int(version.name) > committed:
                    shutil.rmtree(version)
            if not committed:
                for name in MODEL_FILES:
                    (models / name).unlink(missing_ok=True)


def version_file(bucket: str, version: int) -> str:
    """The path in its run of one version of a model."""
    return version_path(Path("models") / bucket, version).joinpath("model.safetensors").as_posix()


def version_path(models: Path, version: int) -> Path:
    """Where a bucket's directory of models keeps one version."""
    return models / "versions" / f"{version:04d}"


def committed_model(run: Path, bucket: str) -> tuple[Path, str | None]:
    """The file of the newest model of `bucket` that counts in `run`, and its SHA-256 where that is recorded.

    :param run: a run's directory, or one that holds models as a run does; or the file of a model.
    :raise RunError: the run cannot be read, or holds what no run does.
    """
    if run.is_file():
        return run, None
    check_no_external_links(run)
    version = None
    if (run / STATE).is_file():
        commit = read_commit(run / STATE)
        version = commit.versions.get(bucket)
    if version is None:
        return model_path(run, bucket), None
    return run / version_file(bucket, version), commit.digests.get(version_file(bucket, version))


def read_model(directory: Path, bucket: str, version: int | None = None) -> Model:
    """The newest model of `bucket` in the run at `directory`, or an older `version` of it.

    :raise ModelError: the file is absent or damaged.
    """
    path = directory / "models" / bucket
    tensors, card = read_tensors((path if version is None else version_path(path, version)) / "model.safetensors")
    return Model(tensors=tensors, card=card)


@frozen(kw_only=True)
class _Taught:
    """What the card of a saved model records of what it can teach."""

    weights: tuple[str, ...]
    feature_importance: dict[str, float]
    horizons: dict[str, float]
    distrust: str = ""
    t: float = math.nan


def read_knowledge(directory: Path, bucket: str, version: int | None = None) -> Knowledge:
    """What the newest model of `bucket` in the run at `directory`, or an older `version` of it, can teach.

    :raise ModelError: the model cannot be read, or its card lacks it.
    """
    model = read_model(directory, bucket, version)
    where = f"{model_path(directory, bucket)}: its card is damaged"
    try:
        taught = validated(model.card.get("knowledge"), _Taught, "knowledge")
        made = validated(model.card.get("version"), int, "version")
    except InvalidValue as error:
        raise ModelError(f"{where} ({error})") from None
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
        t=taught.t,
    )
