"""The saved models of a run, and what they can teach."""

from __future__ import annotations

import re
from pathlib import Path

from attrs import frozen

from progressive_app.store.progress import model_path
from progressive_app.store.tensors import read_tensors
from progressive_app.store.validated import InvalidValue, validated
from progressive_core.contract.errors import ModelError
from progressive_core.contract.records import Knowledge, Model

_HORIZON = re.compile(r"[0-9]{1,9}", re.ASCII)


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
    )


def version_path(models: Path, version: int) -> Path:
    """Where a bucket's directory of models keeps one version."""
    return models / "versions" / f"{version:04d}"
