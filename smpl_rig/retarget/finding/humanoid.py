"""Whether a skeleton, whose bones were found, is a person's, and whether it has more limbs than those found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..bone_names import Reading
from ..families import general
from ..rig import Floats, Rig
from ..roles import ARM, LEG, REQUIRED, SIDES, sided
from .bone_tree import path, subtree
from .find_limbs import find_limbs
from .named_bones import NamedBones

_UPRIGHT = -0.5
"""The cosine between a leg and the trunk: a person's is below."""
_TRUNK = 0.12
"""Of a leg's length: what a trunk is long at least."""
_ON_FLOOR = 0.35
"""Of the way from the feet up to the hips: hands that carry the body are below."""
_COPY = 0.03
"""Of the skeleton's size: a limb's copies, which control rigs have, begin within this distance of its bones."""

Roles = Mapping[str, Sequence[int]]


def why_no_humanoid(rig: Rig, named: NamedBones, roles: Roles) -> str:
    """Why a skeleton is none of a person, a sentence; "" for a person's."""
    if not rig.names:
        return "This armature has no bones."
    if further_limbs(rig, named, roles, LEG) and not further_limbs(rig, named, roles, ARM):
        return "This armature has more than two legs; only two-legged characters can dance."
    have = {
        limb: any(sided(side, part) in roles for side in SIDES for part in parts)
        for limb, parts in (("legs", LEG[:3]), ("arms", ARM[1:]))
    }
    if not any(have.values()):
        return "This armature has neither arms nor legs that could be recognised."
    if not all(have.values()):
        return f"This armature has no {'legs' if have['arms'] else 'arms'} that could be recognised."
    return _posture(rig, roles)


def further_limbs(rig: Rig, named: NamedBones, roles: Roles, parts: tuple[str, ...]) -> list[int]:
    """The first bones of limbs of a kind (`ARM`, `LEG`) that names tell beside those found, and that are no copies of
    them."""
    mine = [bone for role, bones in roles.items() if role[2:] in parts for bone in bones]
    if not mine:
        return []
    hanging = {other for bone in mine for other in subtree(bone, rig.parents)}
    near = _COPY * float(np.ptp(rig.heads, axis=0).max())
    away = np.linalg.norm(rig.heads[:, None] - rig.heads[mine], axis=-1).min(axis=1)
    free = [
        reading
        for bone, ways in enumerate(named.readings)
        if bone not in hanging and away[bone] > near
        for reading in ways
    ]
    found = find_limbs(free, general(), rig.names, rig.parents, rig.deforms.tolist())
    needed = [part for part in parts if sided(SIDES[0], part) in REQUIRED]
    whole = [side for side in SIDES if all(sided(side, part) in found for part in needed)]
    if whole or parts != ARM:
        return [found[sided(side, needed[0])] for side in whole]
    return _without_side(free, rig, needed)


def _without_side(readings: Sequence[Reading], rig: Rig, needed: Sequence[str]) -> list[int]:
    """The first bone of a limb that is on no side."""
    meant: dict[int, set[str]] = {}
    for reading in readings:
        if not reading.side:
            meant.setdefault(reading.bone, set()).update(m.part for m in general().meanings.get(reading.key, ()))
    for bone in [bone for bone, parts in meant.items() if needed[-1] in parts]:
        line = [other for other in path(bone, rig.parents)[:-1] if not meant.get(other, set()).isdisjoint(needed[:-1])]
        if len(line) >= len(needed) - 1:
            return line[:1]
    return []


def _posture(rig: Rig, roles: Roles) -> str:
    """What is wrong with where limbs are; also where the skeleton lies."""
    places: dict[str, list[Floats]] = {}
    for part in ("thigh", "foot", "upper_arm", "hand", "forearm"):
        places[part] = [rig.heads[roles[role][0]] for role in (sided(side, part) for side in SIDES) if roles.get(role)]
    ends = places["hand"] or places["forearm"]
    if not (places["thigh"] and places["foot"] and places["upper_arm"] and ends):
        return ""
    thigh, foot, arm, end = (
        np.mean(each, axis=0) for each in (places["thigh"], places["foot"], places["upper_arm"], ends)
    )
    ways = arm - thigh, foot - thigh, end - arm
    trunk_length, leg_length, reach_length = (max(float(np.linalg.norm(way)), 1e-9) for way in ways)
    trunk, leg, reach = (
        way / length for way, length in zip(ways, (trunk_length, leg_length, reach_length), strict=True)
    )
    if 1e-6 < trunk_length < _TRUNK * leg_length:
        return "Arms and legs of this armature begin in one place; only characters with a trunk can dance."
    if float(trunk @ leg) < _UPRIGHT or float(reach @ leg) < -_UPRIGHT:
        return ""
    if float((foot - end) @ leg) < _ON_FLOOR * leg_length:
        return "This armature stands on four legs; only two-legged characters can dance."
    return "The trunk of this armature lies level over its legs; only characters that stand upright can dance."
