"""The rotations of our joints from another skeleton's: for each joint the constant rotation between its frame and ours.

Where the skeleton rests upright when all rotations are zero, or stands so at an end of the recording, that pose says
everything. Otherwise a joint's own axes are arbitrary, and the positions of the whole recording say how its bones lie
in them: exactly where a joint has two bones or more; about the axis of a limb by the plane in which knees and elbows
bend, and where they do not bend by the smallest twist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smpl_rig import rotations as rot
from smpl_rig.skeleton import JOINT_COUNT, JOINT_INDEX, JOINT_NAMES, PARENTS, REST_OFFSETS, rest_joints

Array = NDArray[np.floating[Any]]

_ALIGNED = {"hip": "knee", "knee": "ankle", "shoulder": "elbow", "elbow": "wrist"}
"""Limb joints whose bone, to the second joint, is turned to the source's direction at rest; feet, hands and trunk rest
alike in all skeletons."""
_FLAT_FOOT = np.cos(np.radians(45))
_NO_LENGTH = 0.02
"""Share of the legs below which two joints count as at one place."""
_TWIST_WEIGHT = 1.0
"""Of the smallest twist beside the sine of a bent knee's or elbow's angle. Of 0.1 to 100 the one that came nearest to
the twist of real dances: 8 degrees off at the thigh, 11 at the upper arm."""
_TRUNK = ("spine1", "spine2", "spine3", "neck", "head")
_BENDS = {"hip": (1.0, 0.0, 0.0), "shoulder": (0.0, -1.0, 0.0)}
"""The axis about which the next joint of a left limb bends, at rest in our body frame. The right arm's is opposite."""
_COMPARED = (
    ("trunk", "pelvis", "neck"), ("shoulder line", "R_shoulder", "L_shoulder"), ("hip line", "R_hip", "L_hip"),
    *((f"{word} {part}", f"{side}_{one}", f"{side}_{two}") for side, word in (("L", "left"), ("R", "right"))
      for part, one, two in (("thigh", "hip", "knee"), ("shin", "knee", "ankle"), ("upper arm", "shoulder", "elbow"),
                             ("forearm", "elbow", "wrist"))),
)  # fmt: skip


@dataclass(frozen=True)
class SourceSkeleton:
    """A recording on another skeleton, by our joints.

    rotations: (T, 24, 3, 3) and positions: (T, 24, 3), in the file's world, unit and axes. mapped: our joints that the
    skeleton has; one that it lacks has its parent's values.
    """

    rotations: Array
    positions: Array
    mapped: frozenset[int]

    @property
    def legs(self) -> float:
        """The length of a leg, in the file's unit."""
        lengths = [np.median(np.linalg.norm(self.bone(f"{s}_{a}", f"{s}_{b}"), axis=-1)) for s, a, b in _LEGS]
        return float(sum(lengths)) / 2

    def bone(self, one: str, two: str) -> Array:
        """Vectors (T, 3) from one joint to another."""
        vectors: Array = self.positions[:, JOINT_INDEX[two]] - self.positions[:, JOINT_INDEX[one]]
        return vectors


_LEGS = tuple((side, one, two) for side in "LR" for one, two in (("hip", "knee"), ("knee", "ankle")))


def rotations_by_rest(source: SourceSkeleton, rest: Array, turned: Array) -> Array:
    """World rotations (T, 24, 3, 3) of our joints from a pose in which the skeleton rests as ours does, but for the
    directions of its limbs. rest: (24, 3) positions and turned: (24, 3, 3) rotations in that pose."""
    frame = body_frame(rest)
    world = np.empty_like(source.rotations)
    for joint in range(JOINT_COUNT):
        if joint not in source.mapped:
            world[:, joint] = world[:, PARENTS[joint]]
            continue
        align = _alignment(joint, rest @ frame, source.mapped)
        world[:, joint] = source.rotations[:, joint] @ (turned[joint].T @ frame @ align)
    return world


def body_frame(rest: Array) -> Array:
    """The rotation (3, 3) from our body frame (x left, y up, z forward) to the rest pose's axes.

    Rounded to the nearest quarter turn, because a T-pose is along the axes even where its spine leans a little.
    """
    left = rest[JOINT_INDEX["L_hip"]] - rest[JOINT_INDEX["R_hip"]]
    hips = (rest[JOINT_INDEX["L_hip"]] + rest[JOINT_INDEX["R_hip"]]) / 2
    up = rest[JOINT_INDEX["head"]] - hips
    x = rot.normalize(left)
    y = rot.normalize(up - (up @ x) * x)
    frame = np.stack([x, y, np.cross(x, y)], axis=-1)
    quarter = np.round(frame)
    return quarter if np.allclose(quarter @ quarter.T, np.eye(3)) else frame


def _alignment(joint: int, rest: Array, mapped: frozenset[int]) -> Array:
    """The rotation (3, 3) of our bone at `joint` at rest into the direction of the source's (rest: in our axes)."""
    side, _, part = JOINT_NAMES[joint].partition("_")
    child = JOINT_INDEX.get(f"{side}_{_ALIGNED.get(part, 'foot' if part == 'ankle' else '')}")
    if child is None or child not in mapped:
        return np.eye(3)
    theirs = rest[child] - rest[joint]
    length = float(np.linalg.norm(theirs))
    # feet are flat in any T-pose, whatever the height of the toe joint; only a pointed foot is another pose
    if length < 1e-9 or (part == "ankle" and theirs[2] / length > _FLAT_FOOT):
        return np.eye(3)
    return rot.quaternion_to_matrix(rot.rotation_between(REST_OFFSETS[child].astype(np.float64), theirs))


def rotations_by_positions(source: SourceSkeleton) -> Array:
    """World rotations (T, 24, 3, 3) of our joints from how the bones lie in the joints' frames during the recording."""
    world = np.empty_like(source.rotations)
    for joint in range(JOINT_COUNT):
        if joint not in source.mapped:
            world[:, joint] = world[:, PARENTS[joint]]
            continue
        wanted = _wanted(source, world, joint)
        turned = source.rotations[:, joint]
        mean = np.einsum("tji,tjk->ik", turned, wanted)
        world[:, joint] = turned @ _nearest_rotation(mean)
    return world


def _wanted(source: SourceSkeleton, world: Array, joint: int) -> Array:
    """Matrices (T, 3, 3): where our joint's axes are by the positions in each frame, times a weight."""
    side, _, part = JOINT_NAMES[joint].partition("_")
    if joint == 0:
        return _by_two(
            source.bone("R_hip", "L_hip"), _upwards(source), _rest("R_hip", "L_hip"), _rest("L_hip", "spine1", 0)
        )
    above = world[:, PARENTS[joint]]
    if JOINT_NAMES[joint] in _TRUNK:
        return _wanted_trunk(source, world, joint)
    child = {"ankle": "foot", "collar": "shoulder", **_ALIGNED}.get(part)
    end = JOINT_INDEX.get(f"{side}_{child}", -1)
    if end not in source.mapped or _short(source, joint, end):
        return above
    bone, rest = source.positions[:, end] - source.positions[:, joint], REST_OFFSETS[end].astype(np.float64)
    if part in ("ankle", "collar"):
        across = np.array([1.0, 0.0, 0.0] if part == "ankle" else [0.0, 1.0, 0.0])
        return _by_two(bone, above @ across, rest, across)
    local = np.einsum("tji,tj->ti", above, rot.normalize(bone))
    least = above @ rot.quaternion_to_matrix(rot.rotation_between(np.broadcast_to(rest, local.shape), local))
    if part not in _BENDS:
        return least
    after = source.bone(f"{side}_{child}", f"{side}_{_ALIGNED[child]}") if child else bone
    axis = np.cross(rot.normalize(bone), rot.normalize(after))
    hinge = np.array(_BENDS[part]) * (-1 if (side, part) == ("R", "shoulder") else 1)
    bent = np.linalg.norm(axis, axis=-1)[:, None, None]
    return bent * _by_two(bone, axis, rest, hinge) + _TWIST_WEIGHT * least


def _wanted_trunk(source: SourceSkeleton, world: Array, joint: int) -> Array:
    name = JOINT_NAMES[joint]
    chest = world[:, JOINT_INDEX["spine3"]]
    if name == "head":
        return chest + world[:, PARENTS[joint]]  # on the whole a head is held as the trunk is
    place = _TRUNK.index(name)
    ends = [JOINT_INDEX[other] for other in _TRUNK[place + 1 :]]
    end = next((e for e in ends if e in source.mapped and not _short(source, joint, e)), None)
    if end is None:
        return world[:, PARENTS[joint]]
    if name == "neck":
        across = chest[..., 0]
    else:
        share = (place + 1) / 3
        across = (1 - share) * world[:, 0, :, 0] + share * rot.normalize(source.bone("R_shoulder", "L_shoulder"))
    rest = rest_joints().astype(np.float64)
    bone = source.positions[:, end] - source.positions[:, joint]
    return _by_two(bone, across, rest[end] - rest[joint], np.array([1.0, 0.0, 0.0]))


def _upwards(source: SourceSkeleton) -> Array:
    """Vectors (T, 3) from between the hips to the lower end of the spine."""
    hips = (source.positions[:, JOINT_INDEX["L_hip"]] + source.positions[:, JOINT_INDEX["R_hip"]]) / 2
    for name in ("spine1", "spine2", "spine3", "neck", "head"):
        joint = JOINT_INDEX[name]
        vectors: Array = source.positions[:, joint] - hips
        if joint in source.mapped and np.linalg.norm(vectors, axis=-1).min() > 5 * _NO_LENGTH * source.legs:
            break
    return vectors


def _rest(one: str, two: str, x: float | None = None) -> Array:
    """Our rest vector (3,) between two joints, its x replaced by `x`."""
    rest = rest_joints().astype(np.float64)
    vector: Array = rest[JOINT_INDEX[two]] - rest[JOINT_INDEX[one]]
    return vector if x is None else np.array([x, *vector[1:]])


def _short(source: SourceSkeleton, one: int, two: int) -> bool:
    apart = np.linalg.norm(source.positions[:, two] - source.positions[:, one], axis=-1)
    return bool(np.median(apart) < _NO_LENGTH * source.legs)


def _by_two(primary: Array, secondary: Array, our_primary: Array, our_secondary: Array) -> Array:
    """Rotations (T, 3, 3) that turn two of our vectors (3,) into those of (T, 3): the first exactly, the second as near
    as that allows."""
    return _axes(primary, secondary) @ _axes(our_primary, our_secondary).T


def _axes(primary: Array, secondary: Array) -> Array:
    x = rot.normalize(primary)
    y = rot.normalize(secondary - np.sum(secondary * x, axis=-1, keepdims=True) * x)
    return np.stack([x, y, np.cross(x, y)], axis=-1)


def _nearest_rotation(matrix: Array) -> Array:
    """The rotation (3, 3) nearest to a sum of rotations (Kabsch 1976)."""
    left, _, right = np.linalg.svd(matrix)
    return left @ np.diag([1.0, 1.0, np.linalg.det(left @ right)]) @ right


def directions_off(world: Array, source: SourceSkeleton) -> dict[str, float]:
    """Degrees, mean over the frames, between the recording's own directions and those of our body with the rotations
    `world` (T, 24, 3, 3), by the names of body parts."""
    joints = np.zeros_like(source.positions)
    for joint in range(1, JOINT_COUNT):
        joints[:, joint] = joints[:, PARENTS[joint]] + world[:, PARENTS[joint]] @ REST_OFFSETS[joint].astype(np.float64)
    off = {}
    for name, one, two in _COMPARED:
        start, end = JOINT_INDEX[one], JOINT_INDEX[two if JOINT_INDEX[two] in source.mapped else "head"]
        if start not in source.mapped or (end == JOINT_INDEX["head"] and two != "neck"):
            continue
        theirs = rot.normalize(source.positions[:, end] - source.positions[:, start])
        ours = rot.normalize(joints[:, end] - joints[:, start])
        off[name] = float(np.degrees(np.arccos(np.clip((theirs * ours).sum(axis=-1), -1, 1))).mean())
    return off
