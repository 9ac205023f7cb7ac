"""The 263-number motion representation of HumanML3D (Guo et al., CVPR 2022), at 20 frames per second.

It is Y up, in metres, with SMPL's first 22 joints; everything outside this module is Z up. The vector of frame t holds

    0         yaw velocity of the root: HALF the angle turned from frame t to t + 1, radians
    1:3       x, z of the root's step from t to t + 1, in the heading of t + 1
    3         height of the root
    4:67      joints 1..21: root's x and z removed, in the heading of t
    67:193    6-d rotations of joints 1..21 (see `_bone_rotations`: not SMPL's)
    193:259   steps of joints 0..21 from t to t + 1, in the heading of t
    259:263   contacts of left ankle, left foot, right ankle, right foot: the joint moves less than sqrt(0.002) m

so T frames give T - 1 vectors. Two of its quirks are kept because models were trained with them: the heading adds the
hips' vector from right to left to the shoulders' from left to right, so that the wider shoulders decide, and it is
smoothed over a second. One is not kept: where the heading passes half a turn, the original's yaw velocity changes sign
and a decoded motion turns the wrong way.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError
from engine.motion.signals import smooth
from smpl_rig import rotations as rot
from smpl_rig.inverse_kinematics import solve_rotations
from smpl_rig.motion import Motion, from_rotations
from smpl_rig.skeleton import BODY_TO_WORLD, JOINT_INDEX, PARENTS, REST_OFFSETS, SOLE_BELOW_FOOT

Array = NDArray[np.floating[Any]]
FloatArray = NDArray[np.float32]

FPS = 20.0
JOINTS = 22
WIDTH = 263
GROUPS: dict[str, slice] = {
    "yaw_velocity": slice(0, 1),
    "root_velocity": slice(1, 3),
    "root_height": slice(3, 4),
    "positions": slice(4, 67),
    "rotations": slice(67, 193),
    "velocities": slice(193, 259),
    "contacts": slice(259, 263),
}
"""The place of each part in a vector."""

_FEET = (7, 10, 8, 11)
_STILL = 0.002  # squared metres per frame
_HEADING_SIGMA = 20  # frames
_CHAINS = ((0, 2, 5, 8, 11), (0, 1, 4, 7, 10), (0, 3, 6, 9, 12, 15), (9, 14, 17, 19, 21), (9, 13, 16, 18, 20))
_X, _Y, _Z = np.eye(3)
_BONE_AXES = (_X * 0, _X, -_X, _Y, -_Y, -_Y, _Y, -_Y, -_Y, _Y, _Z, _Z, _Y, _X, -_X, _Z, *[-_Y] * 6)
"""Direction of the bone that ends at each joint, in HumanML3D's rest pose: arms hang, every bone along an axis."""


def canonicalise(joints: Array) -> Array:
    """A motion moved to HumanML3D's canonical place and heading.

    joints: (T, 22 or more, 3) metres, Z-up world. Returns (T, 22, 3) float64, Z-up world: in frame 0 the root is above
    the origin and faces -Y, and the lowest joint of the clip is at z = 0. `decode_positions` restores this of an
    encoded motion.
    """
    return _canonical(_to_y_up(joints)) @ BODY_TO_WORLD.T.astype(np.float64)


def encode(joints: Array) -> FloatArray:
    """The vectors (T - 1, 263) of joint positions (T, 22 or more, 3): metres, Z-up world, 20 frames per second.

    The motion's place, first heading and height over the floor are lost (see `canonicalise`). Its skeleton is not
    rescaled. Raises DataError for fewer than 2 frames, another shape, or values that are not finite.
    """
    points = _canonical(_to_y_up(joints))
    heading = _heading(points)
    inverse = rot.quaternion_conjugate(heading)
    turn = rot.quaternion_multiply(heading[1:], inverse[:-1])
    turn = turn * np.where(turn[:, :1] < 0, -1, 1)
    steps = np.diff(points, axis=0)
    local = points.copy()
    local[..., [0, 2]] -= points[:, :1, [0, 2]]
    local = rot.quaternion_rotate(heading[:, None], local)
    features = [
        np.arcsin(np.clip(turn[:, 2:3], -1, 1)),
        rot.quaternion_rotate(heading[1:], steps[:, 0])[:, [0, 2]],
        points[:-1, 0, 1:2],
        local[:-1, 1:].reshape(len(steps), -1),
        rot.matrix_to_six_d(rot.quaternion_to_matrix(_bone_rotations(points, heading)))[:-1, 1:].reshape(
            len(steps), -1
        ),
        rot.quaternion_rotate(heading[:-1, None], steps).reshape(len(steps), -1),
        np.sum(steps[:, _FEET] ** 2, axis=-1) < _STILL,
    ]
    return np.concatenate(features, axis=-1).astype(np.float32)


def decode_positions(features: Array) -> FloatArray:
    """Joint positions (N, 22, 3), metres, Z-up world, of vectors (N, 263) that are not normalised.

    The root's path is integrated, the joints are read from the positions; the rotations and velocities are redundant
    and not used, as in the original. Frame 0 is above the origin and faces -Y. Raises DataError for another shape.
    """
    _check_features(features)
    values = features.astype(np.float64)
    half = np.concatenate([[0.0], np.cumsum(values[:-1, 0])])
    inverse = np.stack([np.cos(half), 0 * half, -np.sin(half), 0 * half], axis=-1)
    steps = np.stack([values[:-1, 1], np.zeros(len(values) - 1), values[:-1, 2]], axis=-1)
    path = np.zeros((len(values), 3))
    path[1:] = np.cumsum(rot.quaternion_rotate(inverse[1:], steps), axis=0)
    points = rot.quaternion_rotate(inverse[:, None], values[:, GROUPS["positions"]].reshape(len(values), -1, 3))
    path[:, 1] = values[:, 3]
    points[..., [0, 2]] += path[:, None, [0, 2]]
    points = np.concatenate([path[:, None], points], axis=1)
    return (points @ BODY_TO_WORLD.T.astype(np.float64)).astype(np.float32)


def to_smpl(features: Array) -> Motion:
    """A motion of this project's body from vectors (N, 263) that are not normalised.

    Bodies differ: the positions are scaled so that their legs are as long as the body's, lifted by its sole and solved
    for rotations. The proportions of other bones still differ.
    """
    points = decode_positions(features)
    return solve(points, leg_scale(points))


def solve(points: Array, scale: float) -> Motion:
    """A motion of this project's body from positions (N, 22, 3), as from `decode_positions`, times `scale`."""
    rotations, trans = solve_rotations(points * scale + np.array([0, 0, SOLE_BELOW_FOOT], np.float32), FPS)
    return from_rotations(rotations, trans, FPS)


def leg_scale(joints: Array) -> float:
    """The length of this project's legs over the median length of those of `joints` (T, 22, 3)."""
    bones = [JOINT_INDEX[f"{side}_{name}"] for side in "LR" for name in ("knee", "ankle")]
    theirs = sum(np.median(np.linalg.norm(joints[:, bone] - joints[:, PARENTS[bone]], axis=-1)) for bone in bones)
    return float(np.linalg.norm(REST_OFFSETS[bones], axis=-1).sum() / theirs)


def statistics(features: Array) -> tuple[FloatArray, FloatArray]:
    """Mean (263,) and standard deviation (263,) of vectors (N, 263), the deviation averaged within each group.

    A group that never changes gets deviation 1, so that normalising divides by no zero.
    """
    _check_features(features)
    deviation = features.std(axis=0, dtype=np.float64)
    for group in GROUPS.values():
        deviation[group] = deviation[group].mean() or 1.0
    return features.mean(axis=0, dtype=np.float64).astype(np.float32), deviation.astype(np.float32)


def normalise(features: Array, mean: Array, std: Array) -> FloatArray:
    """(N, 263) -> (features - mean) / std."""
    return ((features - mean) / std).astype(np.float32)


def denormalise(features: Array, mean: Array, std: Array) -> FloatArray:
    """(N, 263) -> features * std + mean."""
    return (features * std + mean).astype(np.float32)


def _to_y_up(joints: Array) -> Array:
    if joints.ndim != 3 or joints.shape[1] < JOINTS or joints.shape[2] != 3 or len(joints) < 2:
        raise DataError(f"Joint positions have shape {joints.shape}; (T, 22, 3) with at least 2 frames is needed.")
    if not np.isfinite(joints).all():
        raise DataError("Joint positions have NaN or infinite values. Repair or leave out this motion.")
    return joints[:, :JOINTS].astype(np.float64) @ BODY_TO_WORLD.astype(np.float64)


def _check_features(features: Array) -> None:
    if features.ndim != 2 or features.shape[1] != WIDTH or not len(features):
        raise DataError(f"Motion vectors have shape {features.shape}; (N, {WIDTH}) is needed.")


def _forward(across: Array) -> Array:
    """(T, 3) horizontal direction square to `across` (T, 3), which points to the body's right."""
    return np.cross(_Y, rot.normalize(across))


def _yaw_to_z(forward: Array) -> Array:
    """(T, 4) rotations about Y that turn `forward` to +Z."""
    return rot.rotation_between(forward, np.broadcast_to(_Z, forward.shape))


def _canonical(points: Array) -> Array:
    left_hip, right_hip, left, right = points[0, [1, 2, 16, 17]]
    turn = _yaw_to_z(_forward((right_hip - left_hip + right - left)[None]))
    moved = points - points[0, 0] * [1, 0, 1]
    moved[..., 1] -= moved[..., 1].min()
    return rot.quaternion_rotate(turn[:, None], moved)


def _heading(points: Array) -> Array:
    """(T, 4) yaw that turns the body's smoothed forward direction to +Z; the identity in frame 0."""
    across = points[:, 1] - points[:, 2] + points[:, 17] - points[:, 16]
    forward = smooth(_forward(across), _HEADING_SIGMA, "edge")
    heading = _yaw_to_z(forward)
    heading[0] = [1, 0, 0, 0]
    return heading


def _bone_rotations(points: Array, heading: Array) -> Array:
    """(T, 22, 4) rotations by the original's inverse kinematics: along each chain, the shortest rotation from a bone's
    axis to its current direction, relative to the bone before it, and for a chain's first bone to the heading.

    The rotation at index j belongs to the bone that ENDS at joint j and has no twist. Index 0 is the heading.
    """
    local = np.zeros((*points.shape[:2], 4))
    local[:, 0] = heading
    for chain in _CHAINS:
        before = heading
        for start, end in pairwise(chain):
            bone = points[:, end] - points[:, start]
            world = rot.rotation_between(np.broadcast_to(_BONE_AXES[end], bone.shape), bone)
            local[:, end] = rot.quaternion_multiply(rot.quaternion_conjugate(before), world)
            before = world
    return local
