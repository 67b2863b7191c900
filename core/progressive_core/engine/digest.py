"""A digest of knowledge, by which a replay can be compared with a ledger: equal ones mean the same to the bit."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping

from progressive_core.contract.records import Knowledge

LENGTH = 16
"""Hexadecimal digits, 64 bits: enough for the knowledge of one run, short enough to be compared by eye."""


def digest(knowledge: Knowledge) -> str:
    """SHA-256 of all weights (name, type, shape, bytes), feature importances and horizon skills, shortened.

    `origin`, `version`, `distrust` and `t` are left out.
    """
    import torch

    hashed = hashlib.sha256()
    for name in sorted(knowledge.weights):
        tensor = knowledge.weights[name].detach().cpu().contiguous()
        hashed.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        hashed.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())  # as bytes: numpy knows no bfloat16
    other = {"feature_importance": _finite(knowledge.feature_importance), "horizons": _finite(knowledge.horizons)}
    hashed.update(json.dumps(other, sort_keys=True).encode())
    return hashed.hexdigest()[:LENGTH]


def _finite(values: Mapping[str, float] | Mapping[int, float]) -> dict[str, float | None]:
    return {str(key): value if math.isfinite(value) else None for key, value in values.items()}
