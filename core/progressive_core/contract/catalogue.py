"""The catalogue of all that could be used in a run, as the registry is handed it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from attrs import frozen

from progressive_core.contract.protocols import Bucket
from progressive_core.contract.records import PHASES, Phase

Kind = Literal["bucket", "feature", "regime", "transfer", "plugin", "attack"]
KINDS: tuple[Kind, ...] = ("bucket", "feature", "regime", "transfer", "plugin", "attack")
"""In the order in which they are listed."""
THIS_PROCESS = "this process"
"""The distribution of an object that a program brought along."""


@frozen(kw_only=True)
class PluginRecord:
    """One bucket, feature, regime, strategy, plugin or attack; `value` is what its entry point names, `reason` why it is not enabled.

    Only strategies and plugins have hooks; the others are loaded when they are used. An object of this process has no version.
    """

    name: str
    kind: Kind
    distribution: str
    version: str
    value: str
    hooks: tuple[str, ...] = ()
    enabled: bool = True
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.origin})"

    @property
    def origin(self) -> str:
        """Its distribution and version."""
        return f"{self.distribution} {self.version}".rstrip()

    @property
    def owner(self) -> str:
        """Whose fault it is, as an error message begins: "plugin 'memory' (acme 1.2)"."""
        return f"{self.kind} {self.name!r} ({self.origin})"


@frozen(kw_only=True)
class LoadedPlugin:
    """A strategy or plugin that keeps the contract: the `plugin` itself and what was read from it once, since a property of
    its own could fail in the middle of a run. The last three are a strategy's, as the hook `transfer` describes them."""

    plugin: object
    hooks: tuple[str, ...]
    opt_in: bool = False
    phases: tuple[Phase, ...] = PHASES
    memory_needed: Callable[..., int] | None = None
    alpha_setting: str | None = None


class Catalogue(Protocol):
    """Finds what could be used, imports it and examines it."""

    @property
    def records(self) -> Sequence[PluginRecord]:
        """All there is, nothing of it imported; a name may be there twice."""

    @property
    def unreadable(self) -> Sequence[str]:
        """What is wrong with each package that cannot be read."""

    def load(self, record: PluginRecord) -> LoadedPlugin:
        """Import a strategy or plugin.

        :raise PluginError: it cannot be imported, or does not keep the contract.
        """

    def load_bucket(self, record: PluginRecord) -> Bucket:
        """Import a bucket.

        :raise PluginError: as for `load`.
        """

    def check_observer(self, plugin: object, owner: str) -> None:
        """Check what a program registered on the trainer's manager.

        :raise PluginError: it is no observer.
        """
