"""Half-open ranges of positions, and the runs in which flags are true."""

from __future__ import annotations

from collections.abc import Iterable

Range = tuple[int, int]
"""The positions first, first + 1, ... up to but not including the second."""


def runs_of(flags: Iterable[bool]) -> list[Range]:
    """The half-open ranges in which the flags (N,) are true, in order."""
    runs: list[Range] = []
    for index, flag in enumerate(flags):
        if not flag:
            continue
        if runs and runs[-1][1] == index:
            runs[-1] = (runs[-1][0], index + 1)
        else:
            runs.append((index, index + 1))
    return runs
