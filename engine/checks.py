"""Checks of values that come from files, messages and settings. Standard library only: the add-on shares them."""

from __future__ import annotations

import math
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
