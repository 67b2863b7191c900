"""`Setting`, the declaration of one key of config.json, and `Settings`, the values that a run was given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, Generic, Literal, NamedTuple, TypeVar, overload

from progressive_core.contract.kinds import LONGEST_NAME, Kind, Refused

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
When = Literal["any time", "later buckets", "never"]
"""When a setting may change in a run that has begun: at any checkpoint; for buckets that have not begun; or not at all."""


class Reason(Enum):
    """Why a setting may not change; the value is the sentence for people."""

    BARS = "its buckets learn from these bars and are measured on them"
    COSTS = "its buckets learn at these costs and are measured at them"
    DRAWS = "all random numbers so far were drawn from it"
    ORDER = "the buckets that have begun stay, in front and in their order"
    HORIZONS = "a bucket that has begun keeps its horizons"
    NETWORK = "a bucket that has begun keeps its network"
    STATE = "the bucket in training has its state by it"
    BEGUN = "a bucket that has begun keeps it"


class Setting(NamedTuple, Generic[T_co]):
    """One key of config.json, declared by its owner, who reads it as `settings[THE_DECLARATION]`.

    `kind` says what is allowed, and `default` must be. `meaning` is shown by `progressive-training config`. `may_change` says when
    it may change in a run that has begun, and `reason` why not earlier. `per_bucket`: it takes one value, or one for each named bucket; `example` is shown for that.
    """

    key: str
    default: T_co
    kind: Kind[T_co]
    meaning: str
    may_change: When = "any time"
    reason: Reason = Reason.BEGUN
    per_bucket: bool = False
    example: Any = None

    @property
    def allowed(self) -> str:
        """What is allowed, to follow the word 'expected'."""
        import json

        if not self.per_bucket:
            return self.kind.allowed
        example = json.dumps(self.default if self.example is None else self.example)
        return f'{self.kind.allowed}, or one for each bucket like {{"Scalping": {example}}}'

    def check(self, value: Any) -> Any:
        """`value` as the program uses it; a mapping of buckets is copied.

        :raise Refused: it is not allowed.
        """
        if not (self.per_bucket and isinstance(value, Mapping)):
            return self.kind.check(value)
        if not value or not all(isinstance(name, str) and name.strip() and len(name) <= LONGEST_NAME for name in value):
            raise Refused
        return {bucket: self.kind.check(each) for bucket, each in value.items()}

    def value_for(self, bucket: str, value: Any) -> T_co:
        """What `value` means for one bucket; the default when it names others only."""
        if self.per_bucket and isinstance(value, Mapping):
            return value.get(bucket, self.default)  # type: ignore[no-any-return]  # checked when it was resolved
        return value  # type: ignore[no-any-return]


class Settings(Mapping[str, Any]):
    """Settings with their values, read-only.

    `settings[FEE]`, by the declaration, is of the declared type, and the default where nothing was resolved (its owner may be
    disabled); `settings["FEE"]`, by the key, is of any type.
    """

    def __init__(self, values: Mapping[str, Any], declared: Mapping[str, Setting[Any]] | None = None) -> None:
        self._values = MappingProxyType(dict(values))
        self.declared: Mapping[str, Setting[Any]] = MappingProxyType(dict(declared or {}))
        """The declaration of each key, where known."""

    @overload
    def __getitem__(self, key: str, /) -> Any: ...
    @overload
    def __getitem__(self, key: Setting[T], /) -> T: ...
    def __getitem__(self, key: Setting[Any] | str, /) -> Any:
        if isinstance(key, str):
            return self._values[key]
        value = self._values.get(key.key, key.default)
        if key.per_bucket and isinstance(value, Mapping):
            raise TypeError(
                f"{key.key} has a value for each bucket: take it from BucketInfo.settings, or for_bucket(NAME)"
            )
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Settings({dict(self._values)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Settings, (dict(self._values), dict(self.declared))

    def for_bucket(self, bucket: str) -> Settings:
        """The settings of one bucket: its own value where there is one for each."""
        own = {key: setting.value_for(bucket, self._values[key]) for key, setting in self.declared.items()}
        return Settings({**self._values, **own}, self.declared)


def as_settings(values: Mapping[str, Any]) -> Settings:
    """`values` themselves when they are Settings, else Settings of them."""
    return values if isinstance(values, Settings) else Settings(values)
