"""JSON values as records, read with cattrs: every value of exactly the declared type, or an error that names its key."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar, get_args, get_origin

import attrs

from progressive_app.quoting import show

if TYPE_CHECKING:
    from cattrs import Converter

T = TypeVar("T")
LARGEST = 2**63 - 1
"""The largest whole number that is accepted, negative ones likewise."""


class InvalidValue(ValueError):
    """A value is not of the declared type. The text names its key and what was expected, to follow the file's name."""


class _Unexpected(Exception):
    """A value that is not what the text expects; where it was found is known to the caller."""


def validated(value: Any, kind: type[T], key: str = "") -> T:
    """`value`, as `json.loads` gave it, as `kind`: an attrs class, a tuple, a mapping, a literal or a plain type.

    null is NaN where a number is meant, as NaN is written. Keys that a record does not have are passed over, since a newer
    version may write more.

    :param key: where the value was found, such as `knowledge`, for the error.
    :raise InvalidValue: the value, or one in it (`results[0].evaluation`), is of another type, or missing.
    """
    from cattrs import BaseValidationError

    try:
        return _converter().structure(value, kind)
    except (BaseValidationError, _Unexpected) as error:
        raise InvalidValue(_described(error, key)) from None


def _described(error: BaseException, key: str) -> str:
    """The first of the errors in a tree of cattrs's, with the path to it."""
    from cattrs import AttributeValidationNote, BaseValidationError, IterableValidationNote

    while isinstance(error, BaseValidationError):
        error = error.exceptions[0]
        for note in getattr(error, "__notes__", ()):
            if isinstance(note, AttributeValidationNote):
                key = f"{key}.{note.name}" if key else note.name
            elif isinstance(note, IterableValidationNote):
                key += f"[{note.index if isinstance(note.index, int) else show(note.index)}]"
    return f"{key} is missing" if isinstance(error, KeyError) else f"{key or 'all'} is {error}"


@cache
def _converter() -> Converter:
    """By default cattrs converts what it can ("3" to 3, a text to a tuple of its letters): here each type is checked first."""
    from cattrs import Converter
    from cattrs.cols import homogenous_tuple_structure_factory, is_mapping, mapping_structure_factory
    from cattrs.gen import make_dict_structure_fn

    converter = Converter(detailed_validation=True)
    for kind, expected, fits in _PLAIN:
        converter.register_structure_hook(kind, partial(_plain, expected, fits))
    converter.register_structure_hook_func(lambda kind: _origin(kind) is Literal, _literal)
    converter.register_structure_hook_factory(
        lambda kind: _origin(kind) is tuple,
        lambda kind: partial(_within, "a list", list, homogenous_tuple_structure_factory(kind, converter)),
    )
    converter.register_structure_hook_factory(
        is_mapping, lambda kind: partial(_within, "an object", dict, mapping_structure_factory(kind, converter, dict))
    )
    converter.register_structure_hook_factory(
        attrs.has, lambda kind: partial(_within, "an object", dict, make_dict_structure_fn(kind, converter))
    )
    return converter


def _origin(kind: Any) -> Any:
    return get_origin(kind)


def _is_whole_number(value: Any) -> bool:
    return type(value) is int and abs(value) <= LARGEST


def _is_text(value: Any) -> bool:
    return type(value) is str


_PLAIN: tuple[tuple[type[Any], str, Callable[[Any], bool]], ...] = (
    (bool, "true or false", lambda value: type(value) is bool),
    (int, "a whole number", _is_whole_number),
    (float, "a number", lambda value: type(value) is float or value is None or _is_whole_number(value)),
    (str, "text", _is_text),
    (Path, "text", _is_text),
)


def _plain(expected: str, fits: Callable[[Any], bool], value: Any, kind: type[Any]) -> Any:
    if not fits(value):
        _refuse(value, expected)
    return math.nan if value is None else kind(value)


def _literal(value: Any, kind: Any) -> Any:
    if type(value) is not str or value not in get_args(kind):
        _refuse(value, f"one of {', '.join(map(repr, get_args(kind)))}")
    return value


def _within(expected: str, json_type: type, structure: Callable[[Any, Any], Any], value: Any, kind: Any) -> Any:
    """A list or an object by cattrs's own hook, once it is one."""
    if not isinstance(value, json_type):
        _refuse(value, expected)
    return structure(value, kind)


def _refuse(value: Any, expected: str) -> NoReturn:
    raise _Unexpected(f"{show(value)}, expected {expected}")
