"""JSON values as records, every one of exactly the type it is declared with: what a file says is not to be trusted."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import attrs

from progressive_core.contract.quoting import show

LARGEST = 2**63 - 1
_PLAIN: Mapping[Any, tuple[str, Callable[[Any], bool]]] = {
    bool: ("true or false", lambda value: type(value) is bool),
    int: ("a whole number", lambda value: type(value) is int and abs(value) <= LARGEST),
    float: ("a number", lambda value: type(value) is float or (type(value) is int and abs(value) <= LARGEST)),
    str: ("text", lambda value: type(value) is str),
    Path: ("text", lambda value: type(value) is str),
}


class Misfit(Exception):
    """A value is not of the type it should be. Its text says which and what was expected, to follow the file's name."""


def structured(value: Any, kind: Any, key: str = "") -> Any:
    """`value`, which JSON holds, as `kind`: a record, a tuple, a dictionary, a literal or a plain type.

    null is NaN where a number is meant, as it is written. Keys that a record does not know are passed over, since a newer
    version may write more.

    :param key: where the value was found, such as `results[0].evaluation`, for the error.
    :raise Misfit: it is something else.
    """
    if kind is Any:
        return value
    if kind is float and value is None:
        return float("nan")
    if kind in _PLAIN:
        expected, fits = _PLAIN[kind]
        return kind(value) if fits(value) else _refuse(value, expected, key)
    if attrs.has(kind):
        return _record(value, kind, key)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        wanted = ", ".join(map(repr, arguments))
        return value if type(value) is str and value in arguments else _refuse(value, f"one of {wanted}", key)
    if origin in (Union, types.UnionType):
        (only,) = (each for each in arguments if each is not types.NoneType)
        return None if value is None else structured(value, only, key)
    if origin is tuple:
        if not isinstance(value, list):
            _refuse(value, "a list", key)
        return tuple(structured(each, arguments[0], f"{key}[{position}]") for position, each in enumerate(value))
    if not isinstance(value, dict):
        _refuse(value, "an object", key)
    return {name: structured(each, arguments[1], f"{key}[{show(name)}]") for name, each in value.items()}


def _record(value: Any, kind: Any, key: str) -> Any:
    if not isinstance(value, dict):
        _refuse(value, "an object", key)
    attrs.resolve_types(kind)
    found = {}
    for field in attrs.fields(kind):
        inner = f"{key}.{field.name}" if key else field.name
        if field.name in value:
            found[field.name] = structured(value[field.name], field.type, inner)
        elif field.default is attrs.NOTHING:
            raise Misfit(f"{inner} is missing")
    return kind(**found)


def _refuse(value: Any, expected: str, key: str) -> Any:
    raise Misfit(f"{key or 'all'} is {show(value)}, expected {expected}")
