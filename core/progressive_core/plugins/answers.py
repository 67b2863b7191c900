"""What a hook may answer: the type, and values that buckets and files can take. Anything else is the plugin's failure."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeVar

from attrs import evolve

from progressive_core.contract.records import Knowledge, Resources, Skip, StopRequest
from progressive_core.plugins.blame import one_line, safe_repr

_DEVICE = re.compile(r"cpu|cuda(:\d{1,3})?", re.ASCII)
_LEAST = {"parallel_episodes": 1, "batch_size": 1, "memory_needed": 0, "memory_fixed": 0, "cache_bytes": 0}
"""The smallest value of each size of `Resources`."""
T = TypeVar("T")


class WrongAnswer(Exception):
    """Its text follows the words that say whose hook it was."""


def nothing(answer: object) -> None:
    """The answer of a hook that is asked for none."""
    if answer is not None:
        raise WrongAnswer(f"must return None; got a {type(answer).__qualname__}: {safe_repr(answer)}")


def resources(answer: object) -> Resources | None:
    """The answer to `on_bucket_start`."""
    answered = _record(Resources, answer)
    if answered is None:
        return None
    least = dict(_LEAST) if answered.memory_limit is None else {**_LEAST, "memory_limit": 0}
    sizes: dict[str, Any] = {name: _whole(name, getattr(answered, name), low) for name, low in least.items()}
    if not isinstance(answered.device, str) or not _DEVICE.fullmatch(answered.device):
        raise WrongAnswer(
            f'answered with the device {safe_repr(answered.device)}, expected "cpu" or "cuda:0" or the like'
        )
    if answered.cache_dir is not None and not isinstance(answered.cache_dir, Path):
        raise WrongAnswer(f"answered with the cache_dir {safe_repr(answered.cache_dir)}, expected a Path or None")
    return evolve(answered, **sizes)


def stop_request(answer: object) -> StopRequest | None:
    """The answer to `on_episode_end`."""
    answered = _record(StopRequest, answer)
    if answered is None:
        return None
    return StopRequest(_text("a StopRequest", answered.reason))


def knowledge(answer: object, origin: str) -> Knowledge | Skip:
    """The answer to `transfer`, for a target of this `origin`."""
    import torch

    if isinstance(answer, Skip):
        return Skip(_text("a Skip", answer.reason))
    answered = _record(Knowledge, answer, "Knowledge, Skip")
    if answered is None:
        return Skip("nothing to transfer")
    if answered.origin != origin:
        raise WrongAnswer(
            f"must keep the target's origin {origin!r}; got {safe_repr(answered.origin)}: answer with attrs.evolve(target, ...)"
        )
    for name in ("weights", "feature_importance", "horizons"):
        if not isinstance(getattr(answered, name), Mapping):
            raise WrongAnswer(f"answered with `{name}` {safe_repr(getattr(answered, name))}, expected a mapping")
    for weight, tensor in answered.weights.items():
        if not isinstance(weight, str) or not isinstance(tensor, torch.Tensor):
            raise WrongAnswer(
                f"answered with the weight {safe_repr(weight)}: {safe_repr(tensor)}, expected a name and a tensor"
            )
    _check_numbers("feature", str, answered.feature_importance)
    _check_numbers("horizon", Integral, answered.horizons)
    return answered


def _text(record: str, reason: object) -> str:
    words = one_line(reason) if isinstance(reason, str) else ""
    if not words:
        raise WrongAnswer(f"answered with {record} for {safe_repr(reason)}, expected words that say why")
    return words


def _record(kind: type[T], answer: object, expected: str = "") -> T | None:
    if answer is None or isinstance(answer, kind):
        return answer
    raise WrongAnswer(
        f"must return {expected or kind.__name__} or None; got a {type(answer).__qualname__}: {safe_repr(answer)}"
    )


def _whole(name: str, value: object, least: int) -> int:
    try:
        number = -1 if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = -1
    if number < least:
        raise WrongAnswer(f"answered with {name} {safe_repr(value)}, expected a whole number from {least}")
    return number


def _check_numbers(what: str, kind: type, table: Mapping[Any, object]) -> None:
    for key, value in table.items():
        if not isinstance(key, kind) or not isinstance(value, Real) or not math.isfinite(value):
            raise WrongAnswer(
                f"answered with the {what} {safe_repr(key)}: {safe_repr(value)}, expected a finite number for it"
            )
