"""A fingerprint of knowledge: two that are equal know the same to the bit, so a replay can be held against a ledger."""

from __future__ import annotations

import hashlib
import json

from progressive_core.contract.plain import plain
from progressive_core.contract.records import Knowledge

LENGTH = 16
"""Hexadecimal digits, 64 bits: enough to tell the knowledge of one run apart, short enough to be compared by eye."""


def digest(knowledge: Knowledge) -> str:
    """SHA-256 of all weights (name, type, shape, bytes), feature importances and horizon skills, shortened.

    Where it comes from (`origin`, `version`) and whether it may teach are no part of what is known.
    """
    import torch

    told = hashlib.sha256()
    for name in sorted(knowledge.weights):
        tensor = knowledge.weights[name].detach().cpu().contiguous()
        told.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        told.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())  # as bytes: numpy knows no bfloat16
    other = {"feature_importance": plain(knowledge.feature_importance), "horizons": plain(knowledge.horizons)}
    told.update(json.dumps(other, sort_keys=True).encode())
    return told.hexdigest()[:LENGTH]
