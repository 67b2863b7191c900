"""The space of a search: which settings vary, and between which values. `KEY=low..high[:log]` or `KEY=a|b|c` as text."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import field, frozen

from progressive_app.config.declarations import nearest_name
from progressive_app.config.flag_values import FlagText, value_of
from progressive_app.json_values import json_values
from progressive_app.quoting import shortened, show
from progressive_core.contract.errors import ConfigError, PluginError
from progressive_core.contract.kinds import Refused
from progressive_core.contract.protocols import Bucket
from progressive_core.contract.setting import Setting, Settings
from progressive_studies.study.grid_flags import parts_of

FLAG = "--space"
EXPECTED = "expected KEY=low..high, KEY=low..high:log or KEY=a|b|c"
NEVER_VARIED = {
    "EVIDENCE": "it says which bars judge a trial",
    "EPISODES": "a trial with more of them looks more often at the bars that choose; PATIENCE says when one ends",
}


@frozen(kw_only=True)
class Range:
    """Numbers from `low` to `high`, both among them: `whole` ones alone, or any. `log`: tried evenly by their logarithm."""

    text: str = field(eq=False)
    low: float
    high: float
    log: bool
    whole: bool

    def holds(self, value: Any) -> bool:
        """Whether a trial may have this value."""
        kinds = (int,) if self.whole else (int, float)
        return isinstance(value, kinds) and not isinstance(value, bool) and self.low <= value <= self.high


@frozen(kw_only=True)
class Choices:
    """Named values and switches. `texts` are these `values` as the user wrote them."""

    text: str = field(eq=False)
    texts: tuple[str, ...]
    values: tuple[Any, ...]

    def holds(self, value: Any) -> bool:
        """Whether a trial may have this value, also as JSON gives it back."""
        return _as_json(value) in map(_as_json, self.values)

    def text_of(self, value: Any) -> str:
        """What the user wrote for this value, which must be one of them."""
        return self.texts[[_as_json(each) for each in self.values].index(_as_json(value))]


Span = Range | Choices


def parse_spaces(text: str) -> dict[str, str]:
    """Read `--space`: one or more `KEY=...` with commas between them, as the text of each key's span.

    :raise ConfigError: a part is none, or a key is given twice.
    """
    spans: dict[str, str] = {}
    for part in parts_of(text):
        key, found, span = (each.strip() for each in part.partition("="))
        if not (key and found and span):
            raise ConfigError(f"{FLAG}: {EXPECTED}, got {show(part.strip())}")
        if key in spans:
            raise ConfigError(f"{FLAG}: {key} is given twice; name all its values in one")
        spans[key] = span
    return spans


def spaces_of(
    buckets: Iterable[Bucket], texts: Mapping[str, str] | None, settings: Settings, installed: Iterable[Bucket]
) -> dict[str, dict[str, Span]]:
    """What may vary in each of the `buckets` whose settings are searched, by their names; one that reads none of them is left out.

    :param texts: the user's, of which each bucket gets those that it reads; None for those that each declares itself.
    :param installed: all buckets: what one of them declares is read by those alone that declare it too.
    :raise ConfigError: as `space_of`; or none of the buckets reads a setting. :raise PluginError: as there.
    """
    of_a_bucket = {key for bucket in installed for key in _declared_by(bucket)}
    spaces = {}
    for bucket in buckets:
        foreign = of_a_bucket - _declared_by(bucket)
        own = None if texts is None else {key: text for key, text in texts.items() if key not in foreign}
        if own or not texts:
            spaces[bucket.name] = space_of(bucket, own, settings)
    for key in texts or ():
        if not any(key in space for space in spaces.values()):
            raise ConfigError(f"{FLAG}: {key} is read by none of the buckets that are searched; leave it out")
    return spaces


def space_of(bucket: Bucket, texts: Mapping[str, str] | None, settings: Settings) -> dict[str, Span]:
    """What may vary in the trials of a bucket: by the user's `texts`, or where None by those of `tunable()` of the bucket.

    :param settings: whose declarations say what is allowed.
    :raise ConfigError: a key is unknown, may not vary, or has no such values. :raise PluginError: one of `tunable()` has none.
    """
    if texts is not None:
        if not texts:
            raise ConfigError(f"{FLAG}: it names no setting; {EXPECTED}")
        return {key: span_of(key, text, settings, FLAG) for key, text in texts.items()}
    where = f"tunable() of bucket {bucket.name}"
    tunable = getattr(bucket, "tunable", None)
    if tunable is None:
        raise ConfigError(
            f"bucket {bucket.name} does not say what may vary (it has no tunable()): name it, as in "
            f"{FLAG} LEARNING_RATE=1e-4..1e-2:log"
        )
    try:
        own = tunable()
    except Exception as error:
        raise PluginError(f"{where} failed ({type(error).__name__}: {shortened(str(error))})") from error
    is_text = isinstance(own, Mapping) and all(isinstance(each, str) for pair in own.items() for each in pair)
    if not own or not is_text:
        raise PluginError(f'{where}: expected texts like {{"LEARNING_RATE": "1e-4..1e-2:log"}}, got {show(own)}')
    try:
        return {key: span_of(key, text, settings, where) for key, text in own.items()}
    except ConfigError as error:
        raise PluginError(str(error)) from error


def span_of(key: str, text: str, settings: Settings, where: str) -> Span:
    """The span that a text means for a setting.

    :param where: opens the line of an error. :raise ConfigError: as `space_of`.
    """
    setting = settings.declared.get(key)
    if setting is None:
        nearest = nearest_name(key.upper(), settings.declared)
        hint = (
            f"the nearest known setting is {nearest}"
            if nearest
            else "`progressive-training config` lists the known ones"
        )
        raise ConfigError(f"{where}: unknown setting {show(key)} (values {show(text)}); {hint}")
    if key in NEVER_VARIED:
        raise ConfigError(f"{where}: {key} may not vary, since {NEVER_VARIED[key]}")
    if not setting.per_bucket:
        raise ConfigError(
            f"{where}: {key} has one value for all buckets of a run, and a search chooses for one: "
            "only settings that may have a value for each bucket can vary"
        )
    where = f"{where}: {key}={text}"
    if "|" in text:
        return _choices(setting, text, where)
    if ".." in text:
        return _range(setting, text, where)
    raise ConfigError(f"{where}: {EXPECTED}")


def _declared_by(bucket: Bucket) -> set[str]:
    """The keys of a bucket's own settings."""
    return {setting.key for setting in getattr(bucket, "settings", ())}


def _choices(setting: Setting[Any], text: str, where: str) -> Choices:
    texts = tuple(part.strip() for part in parts_of(text, "|"))
    values = tuple(_checked(setting, value_of(setting, FlagText(each)), each, where) for each in texts)
    for place, value in enumerate(values):
        if _as_json(value) in map(_as_json, values[:place]):
            raise ConfigError(f"{where}: {texts[place]} is there twice")
    if len(values) < 2:
        raise ConfigError(f"{where}: one value cannot vary; name two or more")
    return Choices(text=text, texts=texts, values=values)


def _range(setting: Setting[Any], text: str, where: str) -> Range:
    first, _, rest = text.partition("..")
    last, colon, scale = (part.strip() for part in rest.partition(":"))
    if colon and scale != "log":
        raise ConfigError(f"{where}: {show(scale)} is no way to try numbers; {EXPECTED}")
    low, high = (_bound(setting, each.strip(), where) for each in (first, last))
    if not low < high:
        raise ConfigError(f"{where}: {first.strip()} is not below {last}; write the lower bound first")
    if colon and low <= 0:
        raise ConfigError(f"{where}: numbers by their logarithm begin above 0")
    whole = _takes_whole_numbers_alone(setting, low, high, where)
    return Range(text=text, low=low, high=high, log=bool(colon), whole=whole)


def _bound(setting: Setting[Any], text: str, where: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ConfigError(f"{where}: {show(text)} is no number; {EXPECTED}") from None
    value = int(number) if number.is_integer() else number
    bound = _checked(setting, value, text, where)
    if isinstance(bound, bool) or not isinstance(bound, int | float):
        raise ConfigError(f"{where}: {setting.key} takes no range of numbers, expected {setting.kind.allowed}")
    return bound


def _takes_whole_numbers_alone(setting: Setting[Any], low: float, high: float, where: str) -> bool:
    """Whether a fraction between the bounds is refused; asked of the setting, whose kind may be a stranger's."""
    try:
        return isinstance(setting.kind.check(low + (high - low) / math.pi), int)
    except Refused:
        if low == int(low) and high == int(high):
            return True
        raise ConfigError(
            f"{where}: {setting.key} does not take all numbers between, expected {setting.kind.allowed}"
        ) from None


def _checked(setting: Setting[Any], value: Any, text: str, where: str) -> Any:
    """`value` as the program uses it; only what one bucket may have, so no mapping of buckets."""
    try:
        return setting.kind.check(value)
    except Refused as refused:
        because = f": {refused}" if str(refused) else ""
        raise ConfigError(f"{where}: {show(text)} is not allowed, expected {setting.kind.allowed}{because}") from None


def _as_json(value: Any) -> str:
    """By which values are compared: true is not 1 here, and a tuple is the list that JSON makes of it."""
    return json.dumps(json_values(value), sort_keys=True)
