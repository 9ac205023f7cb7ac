"""Bones of a limb beyond those that it is found by: more than one of a part, helpers that share its twist, toes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ..families import name_words
from ..roles import ARM, LEG, TWISTED, sided, twist
from .bone_tree import between, subtree
from .search import Search, children, words_of

_ON_LIMB = 0.06
"""Of a limb's length: how far from its axis a helper bone that shares its twist may lie."""
_IN_LINE = 0.25
"""Of a limb's length: how far from its axis a bone in line may lie."""


def extend_limbs(search: Search, side: str) -> None:
    """Bones in line that belong to a limb's part as well."""
    heads, roles = search.rig.heads, search.roles
    for limb in (ARM, LEG):
        have = [part for part in limb if sided(side, part) in roles]
        for part, after in pairwise(have):
            start, end = search.first(sided(side, part)), search.first(sided(side, after))
            axis = heads[end] - heads[start]
            length = float(np.linalg.norm(axis))
            if limb.index(after) > limb.index(part) + 1:
                continue
            for bone in between(start, end, search.parents)[:-1]:
                if length < 1e-9 or bone in search.used:
                    continue
                if after == "foot" and bone == search.parents[end] and words_of("tips", search.named.words[bone]):
                    roles.setdefault(sided(side, "toes"), roles[sided(side, after)])  # the end of a leg is an ankle
                    roles[sided(side, after)] = [bone]
                    break
                if search.named.means(bone, after, side) and not search.named.means(bone, part, side):
                    if after == "toes":  # ball and toes
                        roles[sided(side, after)] = [bone]
                        break
                    continue
                away = heads[bone] - heads[start]
                share = float(away @ axis) / length**2
                aside = float(np.linalg.norm(away - share * axis)) / length
                if 0.05 < share < 0.95 and aside < _IN_LINE:
                    roles[sided(side, part)].append(bone)
    hand = roles.get(sided(side, "hand"), [])
    if len(hand) == 1:  # wrist and hand
        beside = [b for b in children(hand[0], search.parents) if search.named.means(b, "hand", side)]
        if any(
            child in search.parents for child in children(hand[0], search.parents)
        ):  # then the hand carries the fingers
            beside = [bone for bone in beside if bone in search.parents]
        above = [b for b in [search.parents[hand[0]]] if b not in search.used and search.named.means(b, "hand", side)]
        roles[sided(side, "hand")] = [*above, hand[0], *beside[:1]]


def without_lone_toe(search: Search, side: str) -> None:
    """Where each toe has a bone of its own on the foot, the feet end in stiff toes: one that bends alone would look
    broken."""
    foot, parents = search.first(sided(side, "foot")), search.parents
    toes = search.first(sided(side, "toes"))
    below = subtree(foot, parents, [toes]) if foot >= 0 else []
    tips = [bone for bone in below if "toe" in "".join(search.named.words[bone]) and bone not in parents]
    if len(tips) > 2:
        search.roles.pop(sided(side, "toes"), None)


def find_twists(search: Search, side: str) -> None:
    """Bones beside a limb's that share its twist, by name or since they lie on its axis."""
    heads, roles = search.rig.heads, search.roles
    for limb in (ARM, LEG):
        for part, after in pairwise(limb):
            start, end = search.first(sided(side, part)), search.first(sided(side, after))
            if part not in TWISTED or start < 0 or end < 0:
                continue
            axis = heads[end] - heads[start]
            length = float(np.linalg.norm(axis))
            used = search.used
            beside: dict[int, float] = {}
            for bone in subtree(start, search.parents, [end])[1:]:
                if bone in used or length < 1e-9:
                    continue
                away = heads[bone] - heads[start]
                share = float(away @ axis) / length**2
                aside = float(np.linalg.norm(away - share * axis)) / length
                plain = name_words().helpers.isdisjoint(search.named.words[bone]) and bone not in search.parents
                lies = 0.05 < share < 0.95 and aside < _ON_LIMB and plain and bool(search.rig.deforms[bone])
                if words_of("twists", search.named.words[bone]) or lies:
                    beside[bone] = share
            if beside:
                roles[twist(sided(side, part))] = sorted(beside, key=lambda bone: (round(beside[bone], 3), bone))
