"""The kinds of value a setting may hold: each says what it allows in words, and checks what came from outside."""

from __future__ import annotations

import errno
import operator
import os
import re
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, Protocol

from attrs import field, frozen

_UNITS = {"s": "s", "min": "min", "m": "min", "h": "h", "d": "D", "w": "W"}  # as pandas spells them
_FREQUENCY = re.compile(r"([1-9][0-9]{0,5}) ?(s|min|m|h|d|w)", re.IGNORECASE | re.ASCII)
LONGEST_NAME = 200
"""Letters. No bucket, plugin or column is called anything near it, and an error repeats names in full."""
_DEVICE = re.compile(r"auto|cpu|cuda(:[0-9]{1,3})?", re.ASCII)


class Refused(Exception):
    """The value is not of this kind. The caller, who knows the key and where the value came from, says so.

    Its text, if any, says more than `Kind.allowed` does.
    """


class Kind(Protocol):
    """What a setting may hold."""

    @property
    def allowed(self) -> str:
        """What is allowed, to follow the word 'expected'."""

    def check(self, value: Any) -> Any:
        """Return the value as the program uses it.

        :raise Refused: it is not allowed.
        """


@frozen
class Switch:
    """true or false."""

    allowed: str = "true or false"

    def check(self, value: Any) -> bool:
        """Only the two themselves: 1, 0 and "true" are more often a mistake than a wish."""
        if not isinstance(value, bool):
            raise Refused
        return value


@frozen
class Whole:
    """A whole number in a closed range."""

    low: int
    high: int

    @property
    def allowed(self) -> str:
        return f"a whole number from {self.low} to {self.high}"

    def check(self, value: Any) -> int:
        """Accept whatever counts as an integer, a NumPy one too, but no bool and no float."""
        if isinstance(value, bool):
            raise Refused
        try:
            number = operator.index(value)
        except TypeError:
            raise Refused from None
        if not self.low <= number <= self.high:
            raise Refused
        return number


@frozen
class Number:
    """A finite number from `low` to `high`; above `low` when `low_excluded`."""

    low: float
    high: float
    low_excluded: bool = field(default=False, kw_only=True)

    @property
    def allowed(self) -> str:
        if self.low_excluded:
            return f"a number above {self.low:g} and at most {self.high:g}"
        return f"a number from {self.low:g} to {self.high:g}"

    def check(self, value: Any) -> float:
        """Accept any real number but bool. NaN fails every comparison, so the range refuses it."""
        if isinstance(value, bool) or not isinstance(value, Real):
            raise Refused
        try:
            number = float(value)
        except OverflowError:
            raise Refused from None
        if not self.low <= number <= self.high or (self.low_excluded and number == self.low):
            raise Refused
        return number


@frozen
class FilePath:
    """A file or directory; relative ones start at the working directory."""

    allowed: str = "a path"

    def check(self, value: Any) -> str:
        """Accept a string or a `Path`, and keep it as a string so that it can be written as JSON."""
        path = os.fspath(value) if isinstance(value, os.PathLike) else value
        if not isinstance(path, str) or not path.strip() or "\0" in path:
            raise Refused
        try:
            os.lstat(path)
        except OSError as error:  # nothing needs to be there yet
            if error.errno == errno.ENAMETOOLONG:
                raise Refused("the name is too long for the file system") from None
        except ValueError:  # letters that no file name can hold
            raise Refused from None
        return path


@frozen
class Device:
    """Where tensors live."""

    allowed: str = '"auto", "cpu", "cuda" or "cuda:0" (another number for another GPU)'

    def check(self, value: Any) -> str:
        """Check the spelling; whether the device is there is found out when training starts."""
        if not isinstance(value, str) or not _DEVICE.fullmatch(value):
            raise Refused
        return value


@frozen
class OneOf:
    """One of a few words."""

    choices: tuple[str, ...]

    @property
    def allowed(self) -> str:
        """The words, for people."""
        return " or ".join([", ".join(f'"{choice}"' for choice in self.choices[:-1]), f'"{self.choices[-1]}"'])

    def check(self, value: Any) -> str:
        """Any of the words, spelt as they are."""
        if value not in self.choices:
            raise Refused
        return str(value)


@frozen
class Frequency:
    """The duration of one bar."""

    allowed: str = 'a number and a unit s, min, h, d or w, like "15min" or "1h"'

    def check(self, value: Any) -> str:
        """Return it in the spelling of pandas, in which a lone capital M would be months: that one is refused."""
        match = _FREQUENCY.fullmatch(value.strip()) if isinstance(value, str) else None
        if match is None or match[2] == "M":
            raise Refused
        return match[1] + _UNITS[match[2].lower()]


@frozen
class Names:
    """A list of distinct names, kept as a tuple."""

    what: str
    at_least: int = 0

    @property
    def allowed(self) -> str:
        return f"a list of distinct {self.what}" + (", one or more" if self.at_least else "")

    def check(self, value: Any) -> tuple[str, ...]:
        """Whether such names exist is for the registry to say, which knows what is installed."""
        if isinstance(value, str) or not isinstance(value, Sequence) or len(value) < self.at_least:
            raise Refused
        names = tuple(value)
        for position, name in enumerate(names):
            if not isinstance(name, str):
                raise Refused
            if not name.strip():
                raise Refused(f"number {position + 1} is empty")
            if len(name) > LONGEST_NAME:
                raise Refused(f"number {position + 1} is longer than {LONGEST_NAME} letters")
            if name in names[:position]:
                raise Refused(f"{name} is there twice")
        return names


@frozen
class PluginChoices(Names):
    """Names of plugins to enable, and `no:NAME` for those to disable."""

    what: str = 'plugin names, "NAME" to enable and "no:NAME" to disable'

    def check(self, value: Any) -> tuple[str, ...]:
        """One source cannot want a plugin and not want it."""
        choices = super().check(value)
        for choice in choices:
            if f"no:{choice}" in choices:
                raise Refused(f"{choice} and no:{choice} contradict each other")
        return choices


@frozen
class HorizonRange:
    """The shortest and the longest prediction horizon, in bars."""

    end: Whole = Whole(1, 100_000)

    @property
    def allowed(self) -> str:
        return f"[shortest, longest] in bars, each {self.end.allowed}, shortest first"

    def check(self, value: Any) -> tuple[int, int]:
        """Both ends may be the same."""
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise Refused
        low, high = self.end.check(value[0]), self.end.check(value[1])
        if low > high:
            raise Refused
        return low, high


@frozen
class OrNull:
    """A kind, or null for `null_means`."""

    kind: Kind
    null_means: str

    @property
    def allowed(self) -> str:
        return f"{self.kind.allowed}, or null for {self.null_means}"

    def check(self, value: Any) -> Any:
        """None stays None."""
        return None if value is None else self.kind.check(value)


@frozen
class PerBucket:
    """One value for all buckets, or one for each named bucket, such as `example`."""

    kind: Kind
    example: str

    @property
    def allowed(self) -> str:
        return f'{self.kind.allowed}, or one for each bucket like {{"Scalping": {self.example}}}'

    def check(self, value: Any) -> Any:
        """A mapping is copied; buckets it does not name keep the default."""
        if not isinstance(value, Mapping):
            return self.kind.check(value)
        if not value or not all(isinstance(name, str) and name.strip() and len(name) <= LONGEST_NAME for name in value):
            raise Refused
        return {bucket: self.kind.check(each) for bucket, each in value.items()}
