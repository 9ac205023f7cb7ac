"""Checks of values from files and messages, and runs of true flags."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.checks import is_count, is_number
from engine.choreography import runs_of


@given(st.lists(st.booleans(), max_size=40))
def test_runs_contain_every_true_flag_once_and_no_two_touch(flags: list[bool]) -> None:
    runs = runs_of(flags)
    assert [index for start, stop in runs for index in range(start, stop)] == [
        i for i, flag in enumerate(flags) if flag
    ]
    assert all(one[1] < other[0] for one, other in pairwise(runs))


@pytest.mark.parametrize("value", [True, "1", None, math.nan, math.inf, -0.1, 1.1, 10**400])
def test_values_that_are_not_numbers_in_the_range_are_refused(value: object) -> None:
    assert not is_number(value, 0, 1)


def test_a_whole_number_that_no_float_can_hold_is_none() -> None:
    assert not is_number(10**400) and not is_number(-(10**400)) and not is_count(10**400)


def test_numbers_and_counts_within_their_ranges_are_accepted() -> None:
    assert is_number(0.5, 0, 1) and is_number(1, 0, 1) and is_count(3) and is_count(3, 3, 3)
    assert not is_count(0.5) and not is_count(2**63) and not is_count(4, 3, 3) and not is_count(False)
