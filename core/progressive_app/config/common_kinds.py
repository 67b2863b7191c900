"""More kinds of value for settings: numbers, words, names, paths, and files that a run rests on."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from numbers import Real
from typing import Any, Generic, NamedTuple, TypeVar

from progressive_core.contract.kinds import LONGEST_NAME, Refused

Word = TypeVar("Word", bound=str)


class Number(NamedTuple):
    """A finite number from `low` to `high`; above `low` when `low_excluded`."""

    low: float
    high: float
    low_excluded: bool = False

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

    def schema(self) -> dict[str, Any]:
        low = "exclusiveMinimum" if self.low_excluded else "minimum"
        return {"type": "number", low: self.low, "maximum": self.high}


class OneOf(NamedTuple, Generic[Word]):
    """One of a few words."""

    choices: tuple[Word, ...]

    @property
    def allowed(self) -> str:
        return " or ".join([", ".join(f'"{choice}"' for choice in self.choices[:-1]), f'"{self.choices[-1]}"'])

    def check(self, value: Any) -> Word:
        """Any of the words, spelt as they are."""
        for choice in self.choices:
            if choice == value:
                return choice
        raise Refused

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.choices)}


class Names(NamedTuple):
    """A list of distinct names, kept as a tuple."""

    what: str
    at_least: int = 0

    @property
    def allowed(self) -> str:
        return f"a list of distinct {self.what}" + (", one or more" if self.at_least else "")

    def check(self, value: Any) -> tuple[str, ...]:
        """Whether such names exist is for the registry to check, which knows what is installed."""
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

    def schema(self) -> dict[str, Any]:
        name = {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME}
        return {"type": "array", "items": name, "uniqueItems": True, "minItems": self.at_least}


class FilePath(NamedTuple):
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

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1}


class InputFile(FilePath):
    """A file that a run rests on: its path is kept absolute, and a resumed run must find the same bytes there."""
