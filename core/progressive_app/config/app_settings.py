"""The settings that the program around the core reads."""

from __future__ import annotations

import re
from typing import Any, Literal, NamedTuple

from progressive_app.config.common_kinds import FilePath, Names, OneOf
from progressive_app.config.stages import BucketStages, Stages
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


class PluginChoices(NamedTuple):
    """Names of plugins to enable, and `no:NAME` for those to disable."""

    what: str = 'plugin names, "NAME" to enable and "no:NAME" to disable'

    @property
    def allowed(self) -> str:
        return Names(self.what).allowed

    def check(self, value: Any) -> tuple[str, ...]:
        """One source cannot want a plugin and not want it."""
        choices = Names(self.what).check(value)
        for choice in choices:
            if f"no:{choice}" in choices:
                raise Refused(f"{choice} and no:{choice} contradict each other")
        return choices

    def schema(self) -> dict[str, Any]:
        return Names(self.what).schema()


# fmt: off
SEQUENCE: Setting[Stages] = Setting(
    "SEQUENCE", ("Scalping", "Short", "Medium", "Long"), BucketStages(),
    "the buckets to train, in this order", "later buckets", Reason.ORDER)
TRANSFERS: Setting[tuple[str, ...]] = Setting(
    "TRANSFERS", ("weights", "features", "horizons", "reverse"), Names("transfer names"),
    "the order in which transfer strategies are asked; others that are installed follow by name")
PLUGINS: Setting[tuple[str, ...]] = Setting(
    "PLUGINS", (), PluginChoices(), "plugins to enable or disable")
PLUGIN_ERRORS: Setting[Literal["stop", "disable", "warn"]] = Setting(
    "PLUGIN_ERRORS", "stop", OneOf[Literal["stop", "disable", "warn"]](("stop", "disable", "warn")),
    "when a plugin fails: stop behind the last checkpoint, go on without the plugin, or go on and log it each time")
DEVICE = Setting(
    "DEVICE", "auto", Device(), "where to train; auto takes a GPU when there is one", "later buckets", Reason.STATE)
RUNS_DIR = Setting(
    "RUNS_DIR", "runs", FilePath(), "the directory that new runs are made in, from the working directory")
WARM_START: Setting[Literal["proof", "never", "always"]] = Setting(
    "WARM_START", "proof", OneOf[Literal["proof", "never", "always"]](("proof", "never", "always")),
    "how each fold of a walk-forward takes up the model of the fold before: on a proof by bars that it has not seen, never, or always")
# fmt: on
APP_SETTINGS: tuple[Setting[Any], ...] = (SEQUENCE, TRANSFERS, PLUGINS, PLUGIN_ERRORS, DEVICE, RUNS_DIR, WARM_START)
