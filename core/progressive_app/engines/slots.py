"""How many tasks run at once, and which GPU each slot has."""

from __future__ import annotations

import os
from collections.abc import Mapping


def environment_of(slot: int) -> Mapping[str, str]:
    """The variables by which the process in a slot sees its GPU alone; none where there is at most one."""
    visible = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return {"CUDA_VISIBLE_DEVICES": visible[slot % len(visible)]} if len(visible) > 1 else {}
