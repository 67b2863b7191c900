"""The order in which plugins are called: strategies as TRANSFERS lists them, plugins by name, those asked for last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from progressive_core.contract.catalogue import KINDS, PluginRecord
from progressive_core.contract.errors import PluginError
from progressive_core.contract.suggest import did_you_mean


def parse_choices(choices: Sequence[str], known: Iterable[str]) -> dict[str, bool]:
    """Name -> wanted or not, in the order in which the names were last given."""
    wanted: dict[str, bool] = {}
    for choice in choices:
        name = choice.removeprefix("no:")
        if name not in known:
            raise PluginError(unknown("plugin", name, known, f"{choice!r}"))
        wanted.pop(name, None)
        wanted[name] = name == choice
    return wanted


def unknown(kind: str, name: str, known: Iterable[str], where: str) -> str:
    """The message about a name that nothing has."""
    listed = ", ".join(known) or "none"
    return f"no {kind} {name!r} is installed (named in {where}).{did_you_mean(name, known)} Known: {listed}"


def call_order(records: Sequence[PluginRecord], transfer_order: Sequence[str], wanted: dict[str, bool]) -> list[str]:
    """Names without repetition, in the order they are called: buckets, strategies, plugins."""
    kinds = {record.name: record.kind for record in records}
    named = [name for name, on in wanted.items() if on]

    def rank(name: str) -> tuple[int, int, str]:
        kind, position = kinds[name], 0
        if kind == "transfer":
            position = transfer_order.index(name) if name in transfer_order else len(transfer_order)
        elif kind == "plugin" and name in named:
            position = 1 + named.index(name)
        return KINDS.index(kind), position, name

    return sorted(kinds, key=rank)


def clash(name: str, records: Iterable[PluginRecord]) -> str:
    """Why a name is ambiguous, or nothing. A name must be one over all groups: it is also the name that disables."""
    holders = [record for record in records if record.name == name]
    if len(holders) < 2:
        return ""
    listed = " and ".join(f"{holder.kind} {holder.value!r} of {holder.origin}" for holder in holders)
    return f"the name {name!r} is taken twice: {listed}. Uninstall one, or rename its entry point"
