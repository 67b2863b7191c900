"""Names of buckets and plugins that a user asks for: each source checked, sources merged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from progressive_app.config.app_settings import PLUGINS
from progressive_app.config.checking import checked
from progressive_app.config.stages import Stages, flat, stages_text
from progressive_app.quoting import show
from progressive_core.contract.errors import ConfigError
from progressive_core.contract.kinds import LONGEST_NAME
from progressive_core.contract.setting import Settings
from progressive_core.contract.suggest import did_you_mean

CONSOLE = "console"
"""The plugin that shows a run: how a process is watched, and no part of the run."""


def refuse_unknown_buckets(settings: Settings, installed: Iterable[str]) -> None:
    """Hold the settings that may name buckets against what is installed, which only the registry knows.

    :raise ConfigError: one names a bucket that does not exist, whose value would have no effect.
    """
    known = list(installed)
    for key, setting in settings.declared.items():
        each = settings[key]
        for bucket in each if setting.per_bucket and isinstance(each, Mapping) else ():
            if bucket not in known:
                raise ConfigError(
                    f"{key} names a bucket {show(bucket)} that is not installed (value {show(each[bucket])})."
                    f"{did_you_mean(bucket, known)} Known: {', '.join(known)}"
                )


def refuse_idle_episodes(episodes: Any, sequence: Stages, source: str) -> None:
    """Hold episodes that were asked for against the buckets that are to be trained.

    :raise ConfigError: they name a bucket that is not in the sequence, whose number would have no effect. In a file,
        which serves many sequences, that is no mistake.
    """
    for bucket in episodes if isinstance(episodes, Mapping) else ():
        if bucket not in flat(sequence):
            raise ConfigError(
                f"{source}: EPISODES names {show(bucket)} (value {show(episodes[bucket])}), which is not in the "
                f"sequence {stages_text(sequence)}.{did_you_mean(str(bucket), flat(sequence))} Leave it out, or train it too"
            )


def plugin_choices(given: Sequence[str], source: str) -> tuple[str, ...]:
    """Plugin choices of one source, each once.

    :raise ConfigError: they are no list of names, or a plugin is both enabled and disabled.
    """
    once = given
    if isinstance(given, list | tuple):
        once = [choice for position, choice in enumerate(given) if choice not in given[:position]]
    chosen: tuple[str, ...] = checked(PLUGINS, once, source)
    return chosen


def merged_choices(first: Sequence[str], then: Sequence[str]) -> list[str]:
    """Plugin choices in order; the last word on a plugin stands."""
    chosen: dict[str, str] = {}
    for choice in (*first, *then):
        name = choice.removeprefix("no:")
        chosen.pop(name, None)
        chosen[name] = choice
    return list(chosen.values())


def named(value: str | None, what: str, kind: str = "a bucket") -> str | None:
    """The name of a bucket, or of something else of this `kind`, or None when none was given.

    :raise ConfigError: it is anything else.
    """
    if value is not None and (not isinstance(value, str) or not value.strip() or len(value) > LONGEST_NAME):
        raise ConfigError(f"{what} is {show(value)}, expected the name of {kind}")
    return value
