"""A digest of knowledge, by which a replay can be compared with a ledger: equal ones mean the same to the bit."""

from __future__ import annotations

import hashlib
import json

from progressive_core.contract.plain import plain
from progressive_core.contract.records import Knowledge

LENGTH = 16
"""Hexadecimal digits, 64 bits: enough for the knowledge of one run, short enough to be compared by eye."""


def digest(knowledge: Knowledge) -> str:
    """SHA-256 of all weights (name, type, shape, bytes), feature importances and horizon skills, shortened.

    `origin`, `version` and `distrust` are left out.
    """
    import torch

    hashed = hashlib.sha256()
    for name in sorted(knowledge.weights):
        tensor = knowledge.weights[name].detach().cpu().contiguous()
        hashed.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        hashed.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())  # as bytes: numpy knows no bfloat16
    other = {"feature_importance": plain(knowledge.feature_importance), "horizons": plain(knowledge.horizons)}
    hashed.update(json.dumps(other, sort_keys=True).encode())
    return hashed.hexdigest()[:LENGTH]
