"""Paths in a tree of bones that is given by each bone's parent, parents before children."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def path(bone: int, parents: Sequence[int]) -> list[int]:
    """From the root to the bone."""
    found = []
    while bone >= 0:
        found.append(bone)
        bone = parents[bone]
    return found[::-1]


def meeting(one: int, other: int, parents: Sequence[int]) -> int:
    """The last bone that two bones have above them, or that is one of both; -1 in different trees."""
    theirs = set(path(other, parents))
    return next((bone for bone in reversed(path(one, parents)) if bone in theirs), -1)


def between(upper: int, lower: int, parents: Sequence[int]) -> list[int]:
    """Bones from `upper` (without) to `lower` (with); empty where it does not hang on `upper`."""
    way = path(lower, parents)
    return way[way.index(upper) + 1 :] if upper in way else []


def subtree(bone: int, parents: Sequence[int], without: Iterable[int] = ()) -> list[int]:
    """All bones that hang on one, itself first; not those that hang on one of `without`, nor these."""
    found, barred = {bone}, set(without)
    for child in range(bone + 1, len(parents)):
        if parents[child] in found and child not in barred:
            found.add(child)
    return sorted(found)
