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


_EXCERPT = reprlib.Repr()
_EXCERPT.maxlevel, _EXCERPT.maxstring, _EXCERPT.maxother = 2, 60, 60
_EXCERPT.maxlist = _EXCERPT.maxtuple = _EXCERPT.maxdict = _EXCERPT.maxset = _EXCERPT.maxfrozenset = 4
_LONGEST_EXCERPT = 80


def shown(value: object) -> str:
    """A value as error messages show it: its `repr`, or a short excerpt of one that is long. The time that it needs
    does not grow with the value."""
    if isinstance(value, int) and abs(value) > LARGEST_COUNT:
        return f"a whole number of {value.bit_length()} bits"  # Python refuses to print the largest ones
    text = _EXCERPT.repr(value)
    if len(text) <= _LONGEST_EXCERPT:
        return text
    return f"{text[: _LONGEST_EXCERPT - 20]}...{text[-17:]}"
