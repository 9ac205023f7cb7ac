"""Values that travel as JSON: a request's parameters checked against its dataclass, and results made plain."""

from __future__ import annotations

import dataclasses
import math
import os
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from engine.checks import LARGEST_COUNT, is_number, shown
from engine.errors import RequestError

Request = TypeVar("Request")


def build_request(request_class: type[Request], params: Mapping[str, Any]) -> Request:
    """An instance of the dataclass from JSON, with its fields' types checked. Raises RequestError, naming the field."""
    fields = {field.name: field for field in dataclasses.fields(request_class)}  # type: ignore[arg-type]
    unknown = sorted(set(params) - set(fields))
    if unknown:
        raise RequestError(f"Unknown parameter {shown(unknown[0])}; there are {', '.join(fields)}.")
    for name, field in fields.items():
        optional = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        if name not in params and not optional:
            raise RequestError(f"Parameter {shown(name)} is missing.")
    hints = typing.get_type_hints(request_class)
    for name, value in params.items():
        if isinstance(value, str) and not _can_be_passed_on(value):
            raise RequestError(f"Parameter {shown(name)} has a null byte or half a character in it: {shown(value)}.")
        if not _fits(value, hints[name]):
            wanted = getattr(hints[name], "__name__", str(hints[name]))
            raise RequestError(f"Parameter {shown(name)} must be {wanted}, not {shown(value)}.")
    return request_class(**params)


def _fits(value: object, hint: Any) -> bool:
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return any(_fits(value, option) for option in typing.get_args(hint))
    if hint is float:
        return is_number(value)
    if hint is int:
        return isinstance(value, int) and is_number(value, -LARGEST_COUNT, LARGEST_COUNT)
    return isinstance(value, typing.get_origin(hint) or hint)


def _can_be_passed_on(text: str) -> bool:
    """Whether the operating system accepts a text, as the name of a file for example."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def to_plain(value: Any) -> Any:
    """A value that JSON can hold: numpy numbers and arrays become Python's, NaN and infinity null, paths text."""
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float):  # numpy's float64 is one
        return float(value) if math.isfinite(value) else None
    if hasattr(value, "tolist"):
        return to_plain(value.tolist())
    return value
