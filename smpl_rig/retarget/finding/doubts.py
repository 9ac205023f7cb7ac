"""What is ambiguous about a skeleton, told in sentences."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ..roles import ARM, LEG, SIDES, sided, words
from .humanoid import further_limbs
from .search import Search

_UNEVEN = 1.4
"""How much longer a part of a limb is than the one of the other side where one of both may be none."""


def doubt_copies(search: Search) -> None:
    """Say it where limbs are there several times, as controls."""
    if all(sum(word in name for name in search.named.words) > 1 for word in ("fk", "ik")):
        search.doubts.append(
            "This rig has FK and IK copies of limbs and is of no known kind: the bones that deform the mesh were taken."
        )


def doubt_arms(search: Search) -> None:
    """Say it where there are other arms."""
    more = further_limbs(search.rig, search.named, search.roles, ARM)
    if more:
        search.doubts.append(f'There are other arms, from bone "{search.rig.names[more[0]]}" on, which do not dance.')


def doubt_uneven(search: Search) -> None:
    """Say it where a part of a limb is much longer than the one of the other side."""
    lengths: dict[tuple[str, str], float] = {}
    for side in SIDES:
        for part, after in (*pairwise(ARM), *pairwise(LEG)):
            one, other = search.first(sided(side, part)), search.first(sided(side, after))
            if min(one, other) >= 0:
                lengths[side, part] = float(np.linalg.norm(search.rig.heads[one] - search.rig.heads[other]))
    both = {
        part: (lengths["L", part], lengths["R", part])
        for _, part in lengths
        if {("L", part), ("R", part)} <= set(lengths)
    }
    uneven = [part for part, pair in both.items() if max(pair) > _UNEVEN * min(pair)]
    if uneven:
        search.doubts.append(
            f"The left {words(uneven[0])} is not as long as the right one: one of them may be another bone."
        )
