"""Checks of values that come from files, messages and settings. Standard library only: the add-on shares them."""

from __future__ import annotations

import math
import reprlib
import sys
from typing import TypeGuard

LARGEST_COUNT = 2**63 - 1
"""The largest whole number that every file format and random generator here can hold."""


def is_number(value: object, low: float = -math.inf, high: float = math.inf) -> TypeGuard[int | float]:
    """Whether `value` is a finite number from `low` to `high`; true and false are not numbers."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    # math.isfinite raises for whole numbers that no float can hold
    return abs(value) <= sys.float_info.max and low <= value <= high


def is_count(value: object, low: int = 0, high: int = LARGEST_COUNT) -> TypeGuard[int]:
    """Whether `value` is a whole number from `low` to `high`; true and false are not numbers."""
    return isinstance(value, int) and is_number(value, low, high)


class _Excerpt(reprlib.Repr):
    """Excerpts whose cost does not grow with the value."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother = 2, 60, 60
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxfrozenset = 4

    def repr_int(self, x: int, level: int) -> str:
        # Python refuses to print the largest whole numbers
        return str(x) if abs(x) <= LARGEST_COUNT else f"a whole number of {x.bit_length()} bits"


_EXCERPT = _Excerpt()
_LONGEST_EXCERPT = 80


def shown(value: object) -> str:
    """A value as error messages show it: its `repr`, or a short excerpt of one that is long."""
    text = _EXCERPT.repr(value)
    if len(text) <= _LONGEST_EXCERPT:
        return text
    return f"{text[: _LONGEST_EXCERPT - 20]}...{text[-17:]}"


def shortened(text: str, longest: int) -> str:
    """The text without its middle if it is longer than `longest` characters."""
    if len(text) <= longest:
        return text
    half = (longest - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"


def shown_path(path: object) -> str:
    """A path as error messages show it: without the middle of one that is absurdly long, and with nothing that would
    end a line."""
    text = shortened(str(path), 300)
    return text if text.isprintable() else ascii(text)


def reason_of(error: BaseException) -> str:
    """What a library's error says, as a part of an error message: some put the bytes of a damaged file into it."""
    return shortened(str(error).partition("\n")[0], 200)
