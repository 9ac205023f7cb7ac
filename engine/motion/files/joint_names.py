"""Joints of any human skeleton recognised by their names and by the tree, in the words that characters are found by."""

from __future__ import annotations

from collections.abc import Sequence

from smpl_rig.retarget.finding.bone_tree import between, meeting, path
from smpl_rig.retarget.finding.named_bones import NamedBones
from smpl_rig.retarget.roles import REQUIRED, SIDES, sided
from smpl_rig.skeleton import JOINT_INDEX

_OURS = {
    "shoulder": "collar", "upper_arm": "shoulder", "forearm": "elbow", "hand": "wrist",
    "thigh": "hip", "shin": "knee", "foot": "ankle", "toes": "foot",
}  # fmt: skip
"""The joint of ours at which a limb's bone begins."""


class UnknownJointsError(ValueError):
    """The names of our joints that no joint is recognised as, as the message."""


def match_joints(names: Sequence[str], parents: Sequence[int]) -> dict[int, int]:
    """The joint of a skeleton for each of our joints that can be found: 0, the pelvis, both limbs and the head are.

    names, parents: of the skeleton's joints, parents before children. Raises UnknownJointsError.
    """
    named = NamedBones(names, parents)
    limbs = named.limbs
    ours = {sided(side, part): f"{side}_{joint}" for side in SIDES for part, joint in _OURS.items()}
    missing = [ours[role] for role in ours if role in REQUIRED and role not in limbs]
    if missing:
        raise UnknownJointsError(", ".join(missing))
    found = {JOINT_INDEX[ours[role]]: joint for role, joint in limbs.items()}
    hips, arms = ([limbs[sided(side, part)] for side in SIDES] for part in ("thigh", "upper_arm"))
    chest = meeting(arms[0], arms[1], parents)
    head = named.head(chest, [*hips, *arms])
    if head < 0:
        raise UnknownJointsError("head")
    pelvis = meeting(hips[0], hips[1], parents)
    found |= {0: pelvis if pelvis >= 0 else path(hips[0], parents)[0], JOINT_INDEX["head"]: head}
    return found | _hands(named, found) | _trunk(found[0], chest, head, parents)


def _hands(named: NamedBones, found: dict[int, int]) -> dict[int, int]:
    """The tips of hands where wrist and hand are two joints."""
    hands = {}
    for side in SIDES:
        wrist = found.get(JOINT_INDEX[f"{side}_wrist"], -1)
        below = [j for j, parent in enumerate(named.parents) if parent == wrist >= 0 and named.means(j, "hand", side)]
        if below:
            hands[JOINT_INDEX[f"{side}_hand"]] = below[0]
    return hands


def _trunk(pelvis: int, chest: int, head: int, parents: Sequence[int]) -> dict[int, int]:
    """Spine and neck, from the path between pelvis and head: programs use one to many joints there."""
    found = {}
    start = meeting(pelvis, head, parents)
    spine = between(start, chest, parents)
    if spine:
        for place, name in enumerate(("spine1", "spine2", "spine3")):
            found[JOINT_INDEX[name]] = spine[round(place * (len(spine) - 1) / 2)]
    neck = between(meeting(chest, head, parents), head, parents)[:-1]
    if neck:
        found[JOINT_INDEX["neck"]] = neck[0]
    return found
