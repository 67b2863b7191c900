"""The device that the DEVICE setting means on this machine."""

from __future__ import annotations

import re
import warnings

from progressive_app.machine.loading import without_collecting
from progressive_app.machine.logs import get_logger
from progressive_core.contract.errors import ConfigError

log = get_logger()


def resolve_device(setting: str) -> str:
    """Return "cpu" or "cuda:<index>" for a DEVICE setting: auto, cpu, cuda or cuda:<index>.

    "auto" means the first GPU, or the CPU where there is none; the log then says why.

    :raise ConfigError: the setting is unknown, or names a GPU that is not there.
    """
    match = re.fullmatch(r"(?:auto|cpu|cuda(?::(\d{1,3}))?)", setting)
    if match is None:
        raise ConfigError(f"DEVICE: {setting!r} is no device; use auto, cpu, cuda or cuda:<index>")
    if setting == "cpu":
        return "cpu"
    count, reason = _gpus()
    if setting == "auto" and count == 0:
        log.info("no GPU can be used: training on the CPU", reason=reason)
        return "cpu"
    index = int(match[1] or 0)
    if index >= count:
        there = f"only {', '.join(f'cuda:{i}' for i in range(count))} can be used" if count else reason
        raise ConfigError(f"DEVICE: {setting!r} is not there: {there}; use auto or cpu")
    return f"cuda:{index}"


def _gpus() -> tuple[int, str]:
    """Return how many GPUs torch can use and, for none, why."""
    with without_collecting():
        import torch
    with warnings.catch_warnings(record=True) as caught:  # a driver too old is a warning to torch; to us it is a reason
        warnings.simplefilter("always")
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if count:
        return count, ""
    if torch.version.cuda is None and torch.version.hip is None:
        return 0, "this torch is built for the CPU only"
    return 0, " ".join(str(caught[-1].message).split()) if caught else "torch finds no NVIDIA driver or no GPU"
