"""Another setting in a run that has begun: what may change, what may not and why, and what is kept of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from attrs import frozen

from progressive_app.config.resolve import (
    PER_BUCKET,
    episodes_for,
    horizon_range_for,
    merged_choices,
    overlay,
    refuse_idle_episodes,
)
from progressive_app.config.settings import BARS, SETTINGS
from progressive_app.json_values import json_values
from progressive_app.machine.terminal import table
from progressive_app.resume.manifest import now_in_words
from progressive_core.contract.errors import ConfigError
from progressive_core.contract.quoting import show
from progressive_core.contract.store import Progress
from progressive_front.live import CONSOLE

NOT_OF_THE_RUN = frozenset({"RUNS_DIR"})
"""Where runs are looked for and made says nothing of how one goes."""
_VALUE_FOR: Mapping[str, Callable[[Mapping[str, Any], str], Any]] = {
    "EPISODES": episodes_for,
    "HORIZON_RANGE": horizon_range_for,
}


@frozen(kw_only=True)
class Change:
    """A setting that is to be another one. `applies` says from where on; `refused` why a begun run cannot have it, or ""."""

    key: str
    old: Any
    new: Any
    applies: str
    refused: str = ""


def wanted_settings(
    settings: Mapping[str, Any], asked: Mapping[str, Any], plugins: Sequence[str] = ()
) -> Mapping[str, Any]:
    """A run's `settings` with those `asked` for over them, and choices of plugins after its own.

    Where a setting may have a value for each bucket, buckets that are not named keep theirs. The console is how a process
    is watched, and no part of the run.

    :raise ConfigError: one is unknown, of the wrong type or out of range, or EPISODES names a bucket that is not trained.
    """
    wanted = dict(overlay(settings, {key: asked[key] for key in asked if key not in NOT_OF_THE_RUN}, "settings"))
    refuse_idle_episodes(asked.get("EPISODES"), wanted["SEQUENCE"], "settings")
    for key in PER_BUCKET:
        if isinstance(asked.get(key), Mapping):
            wanted[key] = _with_the_others(key, settings, wanted)
    if wanted["DATA"] is not None:
        wanted["DATA"] = str(Path(wanted["DATA"]).absolute())
    new = [choice for choice in plugins if choice not in wanted["PLUGINS"] and not _of_the_console(choice)]
    wanted["PLUGINS"] = tuple(merged_choices(wanted["PLUGINS"], new))
    return MappingProxyType(wanted)


def _with_the_others(key: str, settings: Mapping[str, Any], wanted: Mapping[str, Any]) -> Any:
    """The value of `key` for each bucket, where `wanted` names some; as it was where that comes to the same."""
    value_for, sequence = _VALUE_FOR[key], wanted["SEQUENCE"]
    before = {bucket: value_for(settings, bucket) for bucket in sequence}
    each = {**before, **wanted[key]}
    if each == before:
        return settings[key]
    return {bucket: value for bucket, value in each.items() if value is not None}


def changes_between(
    settings: Mapping[str, Any], wanted: Mapping[str, Any], progress: Progress, device: str
) -> list[Change]:
    """What of `wanted` is not as it was in the run's `settings`.

    :param device: where the run trains, whatever DEVICE calls it.
    """
    begun = (*finished_in(progress), *([progress.bucket] if progress.bucket else []))
    found = []
    for key in SETTINGS:
        old, new = json_values(settings[key]), json_values(wanted[key])
        same = _without_console(old) == _without_console(new) if key == "PLUGINS" else old == new
        if same or key in NOT_OF_THE_RUN:
            continue
        refused = _why_not(key, settings, wanted, begun, progress.bucket, device)
        applies = "never" if refused else _applies(key, wanted, progress)
        found.append(Change(key=key, old=old, new=new, applies=applies, refused=refused))
    return found


def _why_not(
    key: str,
    settings: Mapping[str, Any],
    wanted: Mapping[str, Any],
    begun: Sequence[str],
    training: str | None,
    device: str,
) -> str:
    """Why a run in which these buckets have `begun`, of which one may be in training, cannot have it; "" when it can."""
    setting = SETTINGS[key]
    if setting.may_change == "any time":
        return ""
    if setting.may_change == "never":
        return setting.because
    if key == "SEQUENCE":
        kept = tuple(wanted[key][: len(begun)]) == tuple(begun)
        return "" if kept else f"{setting.because} ({', '.join(begun)})"
    if key == "HORIZON_RANGE":
        held = [name for name in begun if horizon_range_for(settings, name) != horizon_range_for(wanted, name)]
        later = next((name for name in wanted["SEQUENCE"] if name not in begun), "NAME")
        return f'{setting.because} ({", ".join(held)}); name later ones, like {{"{later}": [1, 72]}}' if held else ""
    if training is None or (key == "DEVICE" and wanted[key] == device):
        return ""
    return f"{setting.because} ({training})"


def _applies(key: str, wanted: Mapping[str, Any], progress: Progress) -> str:
    later = _later(wanted, progress)
    if progress.bucket is not None and SETTINGS[key].may_change == "any time":
        if key == "EPISODES" and episodes_for(wanted, progress.bucket) <= progress.episode:
            return f"at once: {progress.bucket} ends with the {progress.episode} episodes that it has"
        return f"from episode {progress.episode + 1} of {progress.bucket}"
    return f"from {later[0]} on" if later else "to no bucket: all have begun, and stay as they are"


def finished_in(progress: Progress) -> tuple[str, ...]:
    """The buckets that are finished, in the order in which they were."""
    return tuple(result.bucket for result in progress.results)


def _later(settings: Mapping[str, Any], progress: Progress) -> list[str]:
    """The buckets that have not begun."""
    return [name for name in settings["SEQUENCE"] if name not in (*finished_in(progress), progress.bucket)]


def refuse_changes(changes: Sequence[Change], directory: Path) -> None:
    """Hold a run to what its buckets rest on.

    :raise ConfigError: a setting may not change any more.
    """
    refused = [each for each in changes if each.refused]
    if refused:
        said = "; ".join(f"{each.key} {show(each.old)} -> {show(each.new)}: {each.refused}" for each in refused)
        raise ConfigError(
            f"{directory}: a run that has begun cannot go on so: {said}. Leave that out, or begin a new run that names this "
            "one as its parent with --fork"
        )


def told_changes(changes: Sequence[Change], progress: Progress) -> list[str]:
    """The changes as lines of a table, for people; none where nothing changes."""
    if not changes:
        return []
    rows = [(each.key, show(each.old), show(each.new), each.applies) for each in changes]
    lines = table(("SETTING", "WAS", "IS", "APPLIES"), rows).splitlines()
    if finished := finished_in(progress):
        lines.append(f"{', '.join(finished)}: finished, and not trained again")
    return lines


def recorded_changes(
    changes: Sequence[Change], wanted: Mapping[str, Any], progress: Progress
) -> list[Mapping[str, Any]]:
    """The changes as a manifest keeps them: when, which, and the bucket and its episodes before they took effect."""
    when, later = now_in_words(), _later(wanted, progress)
    bucket = progress.bucket or (later[0] if later else None)
    return [
        {
            "when": when,
            "key": each.key,
            "old": each.old,
            "new": each.new,
            "bucket": bucket,
            "episode": progress.episode,
        }
        for each in changes
    ]


def change_the_bars(changes: Sequence[Change]) -> bool:
    """Whether other bars are learned from or measured on: a teacher may then have seen what is to measure its pupil."""
    return any(SETTINGS[each.key].because is BARS for each in changes)


def _of_the_console(choice: str) -> bool:
    return choice.removeprefix("no:") == CONSOLE


def _without_console(choices: Sequence[str]) -> list[str]:
    return [choice for choice in choices if not _of_the_console(choice)]
