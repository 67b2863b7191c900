"""Each plugin's own copies: records that it cannot damage for the others."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from attrs import evolve

from progressive_core.contract.records import BucketInfo, Knowledge
from progressive_core.contract.setting import Settings

if TYPE_CHECKING:
    import torch


def own_bucket(bucket: BucketInfo) -> BucketInfo:
    """A copy whose settings refuse to be written to, and which leads to nothing that the buckets prepared."""
    return evolve(bucket, settings=read_only(bucket.settings), prepared=None)


def device_of(knowledge: Knowledge) -> torch.device | None:
    """Where the weights lie; None where there are none."""
    return next((tensor.device for tensor in knowledge.weights.values()), None)


def own_knowledge(knowledge: Knowledge, device: torch.device | None) -> Knowledge:
    """A copy on `device` (None: where it is) that nobody else holds; its mappings refuse to be written to."""
    return _sealed(knowledge, {name: tensor.to(device, copy=True) for name, tensor in knowledge.weights.items()})


def outline(knowledge: Knowledge) -> Knowledge:
    """A copy that takes no memory: of the weights, on the device "meta", it has names, types and shapes."""
    return _sealed(knowledge, {name: tensor.to("meta") for name, tensor in knowledge.weights.items()})


def _sealed(knowledge: Knowledge, weights: dict[str, torch.Tensor]) -> Knowledge:
    return evolve(
        knowledge,
        weights=MappingProxyType(weights),
        feature_importance=MappingProxyType(dict(knowledge.feature_importance)),
        horizons=MappingProxyType(dict(knowledge.horizons)),
    )


def read_only(value: Any) -> Any:
    """Nested settings that refuse to be written to, with their declarations where they have them."""
    if isinstance(value, Settings):
        return Settings({key: read_only(item) for key, item in value.items()}, value.declared)
    if isinstance(value, Mapping):
        return MappingProxyType({key: read_only(item) for key, item in value.items()})
    return tuple(read_only(item) for item in value) if isinstance(value, (list, tuple)) else value


def copied(value: Any) -> Any:
    """Nested JSON values as plain dicts and lists, which a plugin can write to a file as they are."""
    if isinstance(value, Mapping):
        return {key: copied(item) for key, item in value.items()}
    return [copied(item) for item in value] if isinstance(value, (list, tuple)) else value
