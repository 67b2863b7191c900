"""The settings that the program around the core reads."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from progressive_app.config.common_kinds import FilePath
from progressive_core.contract.kinds import Refused
from progressive_core.contract.setting import Reason, Setting

_DEVICE = re.compile(r"auto|cpu|cuda(:[0-9]{1,3})?", re.ASCII)


class Device(NamedTuple):
    """Where tensors live."""

    allowed: str = '"auto", "cpu", "cuda" or "cuda:0" (another number for another GPU)'

    def check(self, value: Any) -> str:
        """Check the spelling; whether the device is there is found out when training starts."""
        if not isinstance(value, str) or not _DEVICE.fullmatch(value):
            raise Refused
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^({_DEVICE.pattern})$"}


DEVICE = Setting(
    "DEVICE", "auto", Device(), "where to train; auto takes a GPU when there is one", "later buckets", Reason.STATE
)
RUNS_DIR = Setting("RUNS_DIR", "runs", FilePath(),
                   "the directory that new runs are made in, from the working directory")  # fmt: skip
APP_SETTINGS: tuple[Setting[Any], ...] = (DEVICE, RUNS_DIR)
