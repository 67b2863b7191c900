"""Another setting in a run that has begun: what may change, what may not and why, and what is recorded of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from progressive_app.config.app_settings import DEVICE, PLUGINS, RUNS_DIR, SEQUENCE
from progressive_app.config.choices import CONSOLE, merged_choices, refuse_idle_episodes
from progressive_app.config.input_files import input_files, with_absolute_files
from progressive_app.config.per_bucket import with_own_values
from progressive_app.config.resolve import overlay
from progressive_app.config.stages import flat, stages_text
from progressive_app.json_values import json_values
from progressive_app.quoting import show
from progressive_app.resume.inputs import described, has_moved_to
from progressive_app.store.progress import Standing
from progressive_app.store.run_documents import now_in_words
from progressive_core.contract.core_settings import EPISODES
from progressive_core.contract.errors import ConfigError
from progressive_core.contract.setting import Reason, Setting, Settings
from progressive_core.contract.store import Progress

NOT_OF_THE_RUN = frozenset({RUNS_DIR.key})
"""Where runs are looked for and made has no effect on how one goes."""

NO_FILE = "there is no such file"
"""Why a run cannot have an input that is nowhere: neither can a fork."""


@frozen(kw_only=True)
class Change:
    """A setting that is to have another value. `applies`: from where on; `refused`: why a begun run cannot have it, or "".

    `reason` is why such a setting may not change at any time, None where it may. `moved`: it names the same bytes in another
    place.
    """

    key: str
    old: Any
    new: Any
    applies: str
    refused: str = ""
    reason: Reason | None = None
    moved: bool = False


def wanted_settings(settings: Settings, asked: Mapping[str, Any], plugins: Sequence[str] = ()) -> Settings:
    """A run's `settings` with those `asked` for over them, and choices of plugins after its own.

    Where a setting may have a value for each bucket, buckets that are not named keep theirs. The console is how a process
    is watched, and no part of the run.

    :raise ConfigError: one is unknown, of the wrong type or out of range, or EPISODES names a bucket that is not trained.
    """
    wanted = overlay(settings, {key: asked[key] for key in asked if key not in NOT_OF_THE_RUN}, "settings")
    if EPISODES.key in asked:
        refuse_idle_episodes(wanted[EPISODES.key], wanted[SEQUENCE], "settings")
    merged: dict[str, Any] = {
        key: with_own_values(settings.declared[key], settings[key], wanted[key], flat(wanted[SEQUENCE]))
        for key in asked
        if key in wanted and settings.declared[key].per_bucket and isinstance(wanted[key], Mapping)
    }
    new = [choice for choice in plugins if choice not in wanted[PLUGINS] and not _is_console(choice)]
    merged[PLUGINS.key] = tuple(merged_choices(wanted[PLUGINS], new))
    return with_absolute_files(Settings({**wanted, **merged}, wanted.declared))


def changes_between(
    settings: Settings, wanted: Settings, standing: Standing, manifest: Mapping[str, Any]
) -> list[Change]:
    """What of `wanted` is not as it was in the run's `settings`.

    :param manifest: the run's: where it trains, whatever DEVICE calls it, and the files that it was begun on.
    """
    found = []
    for key, setting in wanted.declared.items():
        old, new = json_values(settings[key]), json_values(wanted[key])
        same = _without_console(old) == _without_console(new) if key == PLUGINS.key else old == new
        if same or key in NOT_OF_THE_RUN:
            continue
        if has_moved_to(new, manifest["inputs"].get(key)):
            found.append(
                Change(key=key, old=old, new=new, applies="at once: the same bytes in another place", moved=True)
            )
            continue
        refused = _why_not(setting, settings, wanted, standing, manifest["device"])
        if refused and key in manifest["inputs"] and isinstance(new, str) and not Path(new).is_file():
            refused = NO_FILE
        applies = "never" if refused else _applies(setting, settings, wanted, standing)
        reason = None if setting.may_change == "any time" else setting.reason
        found.append(Change(key=key, old=old, new=new, applies=applies, refused=refused, reason=reason))
    return found


def _why_not(setting: Setting[Any], settings: Settings, wanted: Settings, standing: Standing, device: str) -> str:
    """Why a run cannot have this setting of `wanted` where it stands; "" when it can."""
    begun = [*standing.finished, *standing.training]
    new, sentence = wanted[setting.key], setting.reason.value
    if setting.may_change == "any time":
        return ""
    if setting.may_change == "never":
        return sentence
    if setting.reason is Reason.ORDER:
        stages = tuple(stage for stage in settings[SEQUENCE] if not set(begun).isdisjoint(flat([stage])))
        return "" if new[: len(stages)] == stages else f"{sentence} ({stages_text(stages)})"
    held = [
        bucket
        for bucket in (standing.training if setting.reason is Reason.STATE else begun)
        if setting.value_for(bucket, settings[setting.key]) != setting.value_for(bucket, new)
    ]
    if not held or (setting == DEVICE and new == device):
        return ""
    later = next((name for name in flat(wanted[SEQUENCE]) if name not in begun), "NAME")
    hint = f"; name later ones, like {show({later: setting.value_for(later, new)})}" if setting.per_bucket else ""
    return f"{sentence} ({', '.join(held)}){hint}"


def _applies(setting: Setting[Any], settings: Settings, wanted: Settings, standing: Standing) -> str:
    """From where on a change that may be is in effect."""
    later, key, now = _later(wanted, standing), setting.key, []
    for bucket, episode in standing.training.items() if setting.may_change == "any time" else ():
        new = setting.value_for(bucket, wanted[key])
        if setting == EPISODES and new <= episode:
            now.append(f"at once: {bucket} ends with the {episode} episodes that it has")
        elif new != setting.value_for(bucket, settings[key]):
            now.append(f"from episode {episode + 1} of {bucket}")
    if now:
        return ", ".join(now)
    changed = [each for each in later if setting.value_for(each, wanted[key]) != setting.value_for(each, settings[key])]
    return f"from {changed[0]} on" if changed else "to no bucket: all have begun, and stay as they are"


def finished_in(progress: Progress) -> tuple[str, ...]:
    """The buckets that are finished, in the order in which they were."""
    return tuple(result.bucket for result in progress.results)


def _later(settings: Settings, standing: Standing) -> list[str]:
    """The buckets that have not begun."""
    return [name for name in flat(settings[SEQUENCE]) if name not in (*standing.finished, *standing.training)]


def refuse_changes(changes: Sequence[Change], directory: Path) -> None:
    """Hold a run to what its buckets rest on.

    :raise ConfigError: a setting may not change any more.
    """
    refused = [each for each in changes if each.refused]
    if refused:
        refusals = "; ".join(f"{each.key} {show(each.old)} -> {show(each.new)}: {each.refused}" for each in refused)
        absent = all(each.refused == NO_FILE for each in refused)
        mend = (
            "Give its right place"
            if absent
            else "Leave that out, or begin a new run that names this one as its parent with --fork"
        )
        raise ConfigError(f"{directory}: a run that has begun cannot go on so: {refusals}. {mend}")


def describe_changes(changes: Sequence[Change], standing: Standing) -> list[str]:
    """The changes in words, a line each; none where nothing changes."""
    if not changes:
        return []
    lines = [f"{each.key} {show(each.old)} -> {show(each.new)}: {each.applies}" for each in changes]
    if standing.finished:
        lines.append(f"{', '.join(standing.finished)}: finished, and not trained again")
    return lines


def recorded_changes(changes: Sequence[Change], wanted: Settings, standing: Standing) -> list[Mapping[str, Any]]:
    """The changes as a manifest keeps them: when, which, and the bucket and its episodes before they took effect, for each member
    of a stage in training.

    A file that has only moved is none of them: `inputs_in_place` records it.
    """
    when, later = now_in_words(), _later(wanted, standing)
    places: Iterable[tuple[str | None, int]] = standing.training.items() or [(later[0] if later else None, 0)]
    return [
        {
            "when": when,
            "key": each.key,
            "old": each.old,
            "new": each.new,
            "bucket": bucket,
            "episode": episode,
        }
        for each in changes
        if not each.moved
        for bucket, episode in places
    ]


def inputs_in_place(inputs: Mapping[str, Any], changes: Sequence[Change], wanted: Settings) -> dict[str, Any]:
    """The `inputs` of a manifest after `changes`: files that have moved where they are now, with their earlier places, and other
    files as they are now.

    :param wanted: the settings after the changes. :raise DataError: another file cannot be read.
    """
    moved = {each.key: each.new for each in changes if each.moved}
    others = {each.key for each in changes if not each.moved}
    files = input_files(wanted)
    after = {
        key: {**begun, "file": moved[key], "moved_from": [*begun.get("moved_from", ()), begun["file"]]}
        if key in moved
        else begun
        for key, begun in inputs.items()
        if key not in others
    }
    return after | {key: described(key, path, None) for key, path in files.items() if key in others}


def change_the_bars(changes: Sequence[Change]) -> bool:
    """Whether other bars are learned from or measured on: a teacher may then have seen what is to measure its pupil."""
    return any(each.reason is Reason.BARS for each in changes)


def _is_console(choice: str) -> bool:
    return choice.removeprefix("no:") == CONSOLE


def _without_console(choices: Sequence[str]) -> list[str]:
    return [choice for choice in choices if not _is_console(choice)]
