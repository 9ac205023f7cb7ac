"""Import of the motion of any human BVH skeleton as a motion of our SMPL body.

Joints are found by their names (Mixamo, CMU and its conversions, 3ds Max, SMPL) and by the tree; bone lengths are ours,
and the legs give the scale. Each joint turns in the world as the source's does, relative to its rest pose; where the
source's limbs rest in another direction (an A-pose) the bone directions are matched.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError
from engine.motion.files.bvh_format import BvhFile, parse_bvh
from engine.motion.grounding import grounded
from smpl_rig import rotations as rot
from smpl_rig.kinematics import local_rotations
from smpl_rig.motion import Motion, from_rotations
from smpl_rig.skeleton import (
    BODY_TO_WORLD,
    JOINT_COUNT,
    JOINT_INDEX,
    PARENTS,
    REST_OFFSETS,
    rest_joints,
)

Array = NDArray[np.floating[Any]]

_NAMES: tuple[tuple[str, tuple[str, ...]], ...] = (
    # in this order, each source joint used once: "foot" is the toes only where there is an "ankle" as well
    ("hip", ("upleg", "upperleg", "thigh", "hip", "femur")),
    ("knee", ("leg", "lowerleg", "lowleg", "knee", "shin", "calf", "tibia")),
    ("ankle", ("ankle", "foot")),
    ("foot", ("toebase", "toe", "toes", "toe0", "ball", "foot")),
    ("shoulder", ("arm", "upperarm", "uparm", "shoulder", "humerus")),
    ("collar", ("collar", "clavicle", "shoulder")),
    ("elbow", ("forearm", "lowerarm", "lowarm", "elbow", "radius")),
    ("wrist", ("wrist", "hand")),
    ("hand", ("hand",)),
)
_PELVIS = ("hips", "pelvis", "hip", "root")
_OPTIONAL = ("foot", "collar", "wrist", "hand")
_ALIGNED = {"hip": "knee", "knee": "ankle", "shoulder": "elbow", "elbow": "wrist"}
"""Limb joints whose bone, to the second joint, is turned to the source's direction at rest; feet, hands and trunk rest
alike in all skeletons."""
_FLAT_FOOT = np.cos(np.radians(45))
_PREFIX = re.compile(r"^(mixamorig\d*|bip0*1|character1|bvh|skeleton)[\s_:.-]*", re.IGNORECASE)
_SIDE_FIRST = re.compile(r"^(left|right|l|r)[\s_.-]*(.+)$", re.IGNORECASE)
_SIDE_LAST = re.compile(r"^(.+?)[\s_.-]+(left|right|l|r)$", re.IGNORECASE)


def read_bvh(path: Path) -> Motion:
    """The motion in a BVH file, in metres, Z up.

    Our own files are restored exactly. A motion of another skeleton is scaled by its legs and set on the floor. Raises
    DataError if the file is damaged or limbs cannot be recognised.
    """
    path = Path(path)
    file = parse_bvh(path)
    source = _match_joints(path, file)
    rotations, positions = file.world()
    rest = file.rest_positions()
    frame = _body_frame(rest, source)
    scale = _leg_length(rest_joints(), {joint: joint for joint in range(JOINT_COUNT)}) / _leg_length(rest, source)
    ours = _is_ours(file, source, scale)
    # our files are always y up; for others the posture decides, which is wrong for a lying body
    to_z_up = BODY_TO_WORLD.astype(np.float64) if ours else _to_z_up(positions, source)

    world = np.empty((len(file.values), JOINT_COUNT, 3, 3))
    for joint in range(JOINT_COUNT):
        if joint not in source:
            world[:, joint] = world[:, PARENTS[joint]]
            continue
        align = _alignment(joint, rest @ frame, source)
        world[:, joint] = to_z_up @ rotations[:, source[joint]] @ frame @ align
    trans = positions[:, source[0]] @ to_z_up.T * scale
    motion = from_rotations(local_rotations(world), trans, file.fps)
    return motion if ours else grounded(motion)


def _match_joints(path: Path, file: BvhFile) -> dict[int, int]:
    """The file's joint for each of our joints that can be found."""
    sided: dict[tuple[str, str], int] = {}
    plain: dict[str, int] = {}
    for index, joint in enumerate(file.joints):
        side, name = _split_name(joint.name)
        if side:
            sided.setdefault((side, name), index)
        plain.setdefault(name if not side else _squeeze(joint.name), index)
    source: dict[int, int] = {}
    missing = []
    for side in ("L", "R"):
        used: set[int] = set()
        for ours, names in _NAMES:
            found = next((i for n in names if (i := sided.get((side, n), -1)) >= 0 and i not in used), None)
            if found is not None:
                used.add(found)
                source[JOINT_INDEX[f"{side}_{ours}"]] = found
            elif ours not in _OPTIONAL:
                missing.append(f"{side}_{ours}")
    head = plain.get("head")
    if head is None:
        missing.append("head")
    if missing or head is None:
        present = ", ".join(joint.name for joint in file.joints[:30])
        raise DataError(
            f"{path.name}: no joint is recognised as {', '.join(missing)} (its joints: {present}). "
            "Rename its joints as in Mixamo or SMPL."
        )
    source[0] = next((plain[name] for name in _PELVIS if name in plain), 0)
    _match_trunk(file, source, head)
    return source


def _match_trunk(file: BvhFile, source: dict[int, int], head: int) -> None:
    """Add spine, neck and head to `source`, from the path between pelvis and head: programs use one to many joints
    there."""
    path = _ancestors(file, head)[::-1]
    path = path[path.index(source[0]) + 1 :] if source[0] in path else path[1:]
    arm = set(_ancestors(file, source[JOINT_INDEX["L_shoulder"]]))
    trunk = [joint for joint in path if joint in arm]
    neck = [joint for joint in path if joint not in arm and joint != head]
    for place, name in enumerate(("spine1", "spine2", "spine3")):
        if trunk:
            source[JOINT_INDEX[name]] = trunk[round(place * (len(trunk) - 1) / 2)]
    if neck:
        source[JOINT_INDEX["neck"]] = neck[0]
    source[JOINT_INDEX["head"]] = head


def _ancestors(file: BvhFile, joint: int) -> list[int]:
    path = []
    while joint >= 0:
        path.append(joint)
        joint = file.joints[joint].parent
    return path


def _squeeze(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", _PREFIX.sub("", name.rsplit(":", 1)[-1]).lower())


def _split_name(name: str) -> tuple[str, str]:
    """A joint's name as its side ("L", "R" or "") and the rest in lower case without separators."""
    known = {part for _, names in _NAMES for part in names}
    bare = _PREFIX.sub("", name.rsplit(":", 1)[-1])
    for pattern, side_group, name_group in ((_SIDE_FIRST, 1, 2), (_SIDE_LAST, 2, 1)):
        match = pattern.match(bare)
        if match and (rest := _squeeze(match[name_group])) in known:
            return match[side_group][0].upper(), rest
    return "", _squeeze(name)


def _body_frame(rest: Array, source: dict[int, int]) -> Array:
    """The rotation (3, 3) from our body frame (x left, y up, z forward) to the rest pose's axes.

    Rounded to the nearest quarter turn, because a T-pose is along the axes even where its spine leans a little.
    """
    left = rest[source[JOINT_INDEX["L_hip"]]] - rest[source[JOINT_INDEX["R_hip"]]]
    hips = (rest[source[JOINT_INDEX["L_hip"]]] + rest[source[JOINT_INDEX["R_hip"]]]) / 2
    up = rest[source[JOINT_INDEX["head"]]] - hips
    x = rot.normalize(left)
    y = rot.normalize(up - (up @ x) * x)
    frame = np.stack([x, y, np.cross(x, y)], axis=-1)
    quarter = np.round(frame)
    return quarter if np.allclose(quarter @ quarter.T, np.eye(3)) else frame


def _to_z_up(positions: Array, source: dict[int, int]) -> Array:
    """The rotation (3, 3) of the file's world to Z up, by whether the body's height is along y or z."""
    up = (positions[:, source[JOINT_INDEX["head"]]] - positions[:, source[0]]).mean(axis=0)
    return np.eye(3) if abs(up[2]) > abs(up[1]) else BODY_TO_WORLD.astype(np.float64)


def _alignment(joint: int, rest: Array, source: dict[int, int]) -> Array:
    """The rotation (3, 3) of our bone at `joint` at rest into the direction of the source's (rest: in our axes)."""
    name = next((name for name, index in JOINT_INDEX.items() if index == joint), "")
    side, _, part = name.partition("_")
    child = JOINT_INDEX.get(f"{side}_{_ALIGNED.get(part, 'foot' if part == 'ankle' else '')}")
    if child is None or child not in source:
        return np.eye(3)
    theirs = rest[source[child]] - rest[source[joint]]
    length = float(np.linalg.norm(theirs))
    # feet are flat in any T-pose, whatever the height of the toe joint; only a pointed foot is another pose
    if length < 1e-9 or (part == "ankle" and theirs[2] / length > _FLAT_FOOT):
        return np.eye(3)
    return rot.quaternion_to_matrix(rot.rotation_between(REST_OFFSETS[child].astype(np.float64), theirs))


def _leg_length(rest: Array, source: dict[int, int]) -> float:
    legs = [[rest[source[JOINT_INDEX[f"{side}_{part}"]]] for part in ("hip", "knee", "ankle")] for side in "LR"]
    length = sum(float(np.linalg.norm(hip - knee) + np.linalg.norm(knee - ankle)) for hip, knee, ankle in legs) / 2
    if not length > 0:
        raise DataError("The skeleton's legs have no length, so its rest pose is empty. Export the BVH with offsets.")
    return length


def _is_ours(file: BvhFile, source: dict[int, int], scale: float) -> bool:
    if len(file.joints) != JOINT_COUNT or len(source) != JOINT_COUNT:
        return False
    offsets = np.array([file.joints[source[joint]].offset for joint in range(JOINT_COUNT)]) * scale
    return bool(np.abs(offsets - REST_OFFSETS).max() < 1e-4)
