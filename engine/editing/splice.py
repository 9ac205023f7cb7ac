"""Splicing: a new piece of motion fitted between motion that stays.

The piece begins exactly at the pose, place and heading of the last frame kept before it and ends exactly at those of
the first frame kept after it. Velocities match there, and accelerations lie between those of both sides (quintic
Hermite curves of time are added). The error of path and heading at the end is spread over the whole piece; the error of
the pose is corrected within `BLEND` of each end. Then the feet are locked again, between frames that are pinned.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.motion.representation import heading
from smpl_rig import rotations as rot
from smpl_rig.feet import lock_feet
from smpl_rig.motion import Motion
from smpl_rig.rotations import Array
from smpl_rig.skeleton import JOINT_COUNT

BLEND = 0.6
"""Seconds over which a pose is blended with the kept pose at each end. Chosen on gaps cut into real dances: a shorter
blend shows as acceleration, a longer one removes movement of the piece."""
_NEAR = 0.3
"""Seconds beside a pinned frame in which the blend shows most."""
# maps values at frames 0, 1, 2 from a pin outwards to extrapolated values inwards; the last known difference stays
_EXTRAPOLATE = {1: np.eye(1), 2: np.array([[1, 0], [2, -1]]), 3: np.array([[1, 0, 0], [3, -3, 1], [6, -8, 3]])}
# maps errors at frames 0, 1, 2 to the correction's value, first and second derivative. Only half of the difference of
# the accelerations is corrected, since three frames give a poor estimate of them: both sides meet in the middle
_DERIVATIVES = {
    1: np.eye(1),
    2: np.array([[1, 0], [-1, 1]]),
    3: np.array([[1, 0, 0], [-1.75, 2.5, -0.75], [0.5, -1, 0.5]]),
}
_FEET_AROUND = 10
"""Pinned frames on each side that the foot locking is given."""


@dataclass(frozen=True)
class Fitted:
    """A fitted piece: frames first..first + len(motion) of the dance. Its pinned frames equal the kept ones nearly.

    correction_cm, correction_degrees: the error of path and heading at the end, before it was corrected.
    seam_acceleration: mean joint acceleration beside the pinned frames, m/s^2, the larger of both ends. after: the rest
    of the dance, moved to the end of the piece; None if it stays where it is.
    """

    motion: Motion
    first: int
    correction_cm: float
    correction_degrees: float
    seam_acceleration: float
    after: Motion | None = None


def moved(motion: Motion, turn: float, shift: tuple[float, float]) -> Motion:
    """The motion turned about the world's Z axis (radians) through the origin, then shifted by (x, y) metres."""
    rotations = rot.axis_angle_to_matrix(motion.poses[:, :3].astype(np.float64))
    turned = rot.yaw(np.array(turn))
    poses = motion.poses.copy()
    poses[:, :3] = rot.matrix_to_axis_angle(turned @ rotations)
    trans = motion.trans.astype(np.float64) @ turned.T + np.array([*shift, 0.0])
    return replace(motion, poses=poses, trans=trans.astype(np.float32))


def placed(motion: Motion, like: Motion) -> Motion:
    """The motion moved so that its first frame has the heading and the place of the first frame of `like`."""
    return _aligned(motion, 0, like, 0)


def fit(old: Motion, piece: Motion, offset: int, start: int | None, end: int | None, follows: bool = False) -> Fitted:
    """Fit `piece`, whose first frame is frame `offset` of the dance, into `old`.

    start, end: the pinned frames of `old` that the result begins and ends with; None where the dance itself begins or
    ends. The piece covers at least frames start..end. follows: what comes after the end is moved to the end of the
    piece, instead of the piece being corrected to end there.
    """
    first = 0 if start is None else start
    last = len(old) - 1 if end is None else end
    begin, stop = first - offset, last - offset
    if start is not None:
        piece = _aligned(piece, begin, old, start)
    elif end is not None:
        piece = _aligned(piece, stop, old, end)
    else:
        piece = _aligned(piece, begin, old, 0)
    after = None
    if follows and start is not None and end is not None:
        after = _aligned(old.cut(end, len(old)), 0, _correct_path(old, piece, offset, start, None, last), last - first)
        before = old.cut(0, end)
        poses, trans = (np.concatenate(pair) for pair in ((before.poses, after.poses), (before.trans, after.trans)))
        old = replace(old, poses=poses, trans=trans)
    error = _path_error(old, piece, offset, start, end, last)
    motion = _correct_path(old, piece, offset, start, end, last)
    motion = _blend(old, motion, start, end)
    return Fitted(
        motion,
        first,
        float(np.linalg.norm(error[1:])) * 100,
        abs(float(np.degrees(error[0]))),
        _seam_acceleration(motion, start is not None, end is not None),
        after,
    )


def plant(motion: Motion, kept: NDArray[np.bool_]) -> Motion:
    """The motion with its feet locked in the frames that are not `kept` (T,); the kept ones are copied bit for bit."""
    changed = np.flatnonzero(~kept)
    if not len(changed):
        return motion
    poses, trans = motion.poses.copy(), motion.trans.copy()
    for run in np.split(changed, np.flatnonzero(np.diff(changed) > 2 * _FEET_AROUND) + 1):
        window = slice(max(0, run[0] - _FEET_AROUND), min(len(motion), run[-1] + 1 + _FEET_AROUND))
        planted = lock_feet(motion.cut(window.start, window.stop), pinned=kept[window])
        inside = run - window.start
        poses[run], trans[run] = planted.poses[inside], planted.trans[inside]
    return replace(motion, poses=poses, trans=trans)


def _headings(motion: Motion) -> Array:
    return heading(rot.axis_angle_to_matrix(motion.poses[:, :3].astype(np.float64)))


def _aligned(piece: Motion, frame: int, like: Motion, other: int) -> Motion:
    """The piece moved so that its `frame` has the heading and the place of frame `other` of `like`."""
    turn = float(_headings(like.cut(other, other + 1))[0] - _headings(piece.cut(frame, frame + 1))[0])
    turned = rot.yaw(np.array(turn)) @ piece.trans[frame].astype(np.float64)
    shift = like.trans[other].astype(np.float64) - turned
    return moved(piece, turn, (float(shift[0]), float(shift[1])))


def _root(motion: Motion) -> Array:
    """(T, 3) heading, x, y."""
    return np.concatenate([_headings(motion)[:, None], motion.trans[:, :2].astype(np.float64)], axis=1)


def _path_error(old: Motion, piece: Motion, offset: int, start: int | None, end: int | None, last: int) -> Array:
    """(3,) heading (radians), x, y by which the piece, aligned at `start`, would miss the end."""
    if start is None or end is None:
        return np.zeros(3)
    free = _correct_path(old, piece, offset, start, None, last)
    error = _root(old.cut(end, end + 1))[0] - _root(free)[-1]
    error[0] = _wrapped(error[0])
    # correcting the heading turns the whole path; what that moves is not counted again as a shift
    turned = _correct_path(old, piece, offset, start, None, last, error[0])
    error[1:] = old.trans[end, :2].astype(np.float64) - turned.trans[-1, :2].astype(np.float64)
    return error


def _wrapped(angle: float) -> float:
    return float((angle + np.pi) % (2 * np.pi) - np.pi)


def _correct_path(
    old: Motion, piece: Motion, offset: int, start: int | None, end: int | None, last: int, turn: float = 0.0
) -> Motion:
    """Frames first..last of the piece with heading and path corrected: velocities match at the pins, and the piece ends
    at the place and heading of the end. turn: radians that the heading turns over the whole piece if end is None."""
    first = 0 if start is None else start
    inside = piece.cut(first - offset, last - offset + 1)
    own, count = _root(inside), len(inside)
    ramp = 1 - _hermite_curves(count, count - 1)[0]
    offsets = np.zeros(count)
    if start is not None:
        offsets += _velocity_correction(_root(_outwards(old, start, -1))[:, 0], own[:, 0], old.fps)
    if end is not None:
        kept = _root(_outwards(old, end, 1))[:, 0]
        if start is not None:
            turn = _wrapped(kept[0] - own[-1, 0] - offsets[-1])
        offsets += _velocity_correction(kept, own[::-1, 0], old.fps)[::-1]
    offsets += turn * ramp
    steps = np.diff(own[:, 1:], axis=0)
    turned = np.einsum("tij,tj->ti", rot.yaw(offsets[:-1])[:, :2, :2], steps)
    path: Array = own[0, 1:] + np.concatenate([np.zeros((1, 2)), np.cumsum(turned, axis=0)])
    corrections = np.zeros_like(path)
    if start is not None:
        corrections += _velocity_correction(_root(_outwards(old, start, -1))[:, 1:], path, old.fps)
    if end is not None:
        kept = _root(_outwards(old, end, 1))[:, 1:]
        corrections += _velocity_correction(kept, path[::-1], old.fps)[::-1]
        corrections += (kept[0] - path[-1]) * (ramp[:, None] if start is not None else 1.0)
    rotations = rot.axis_angle_to_matrix(inside.poses[:, :3].astype(np.float64))
    poses, trans = inside.poses.astype(np.float64), inside.trans.astype(np.float64)
    poses[:, :3] = rot.matrix_to_axis_angle(rot.yaw(offsets) @ rotations)
    trans[:, :2] = path + corrections
    return Motion(poses.astype(np.float32), trans.astype(np.float32), old.fps)


def _blend(old: Motion, motion: Motion, start: int | None, end: int | None) -> Motion:
    """`motion` with pose and height blended with those of `old` at the pinned frames `start` and `end`."""
    own, heights = _upright(motion), motion.trans[:, 2].astype(np.float64)
    quaternions, rises = own, np.zeros(len(motion))
    for pin, side in ((start, -1), (end, 1)):
        if pin is None:
            continue
        kept, inwards = _outwards(old, pin, side), slice(None, None, -side)
        curve = _decaying(_rotation_error(_upright(kept), own[inwards]), len(motion), old.fps)[inwards]
        quaternions = rot.quaternion_multiply(rot.axis_angle_to_quaternion(curve), quaternions)
        error = _error(kept.trans[:, 2].astype(np.float64), heights[inwards])
        rises += _decaying(error, len(motion), old.fps)[inwards]
    rotations = rot.quaternion_to_matrix(quaternions)
    rotations[:, 0] = rot.yaw(_headings(motion)) @ rotations[:, 0]
    poses = rot.matrix_to_axis_angle(rotations).reshape(len(motion), -1)
    trans = motion.trans.copy()
    trans[:, 2] = heights + rises
    return replace(motion, poses=poses.astype(np.float32), trans=trans)


def _upright(motion: Motion) -> Array:
    """(T, 24, 4) quaternions, the pelvis without its heading."""
    rotations = rot.axis_angle_to_matrix(motion.poses.reshape(-1, JOINT_COUNT, 3).astype(np.float64))
    rotations[:, 0] = rot.yaw(-heading(rotations[:, 0])) @ rotations[:, 0]
    return rot.matrix_to_quaternion(rotations)


def _outwards(old: Motion, pin: int, side: int) -> Motion:
    """A pinned frame and up to two more kept frames on its far side: before it (side -1) or after it (1)."""
    frames = np.arange(pin, pin + 3 * side, side)
    frames = frames[(frames >= 0) & (frames < len(old))]
    return replace(old, poses=old.poses[frames], trans=old.trans[frames])


def _extrapolated(kept: Array) -> Array:
    """(n, ...) values at the pin and inwards, extrapolated from those at the pin and outwards (n, ...) with the speed
    and acceleration at the pin."""
    return np.tensordot(_EXTRAPOLATE[len(kept)], kept, 1)


def _error(kept: Array, own: Array) -> Array:
    """(n, ...) by which values inwards from the pin (T, ...) differ from the extrapolated kept ones, n up to 3."""
    count = min(len(kept), len(own))
    return _extrapolated(kept[:count]) - own[:count]


def _rotation_error(kept: Array, own: Array) -> Array:
    """`_error` for quaternions (n, 24, 4): (n, 24, 3) rotation vectors, which do not jump at a half turn."""
    count = min(len(kept), len(own))
    change = rot.quaternion_to_axis_angle(rot.quaternion_multiply(kept[:count], rot.quaternion_conjugate(kept[:1])))
    expected = rot.quaternion_multiply(rot.axis_angle_to_quaternion(_extrapolated(change)), kept[:1])
    turns = rot.quaternion_to_axis_angle(rot.quaternion_multiply(expected, rot.quaternion_conjugate(own[:count])))
    angles = np.linalg.norm(turns, axis=-1, keepdims=True)
    others = turns * (1 - 2 * np.pi / np.maximum(angles, 1e-9))
    nearer = np.linalg.norm(others - turns[:1], axis=-1) < np.linalg.norm(turns - turns[:1], axis=-1)
    return np.where(nearer[..., None], others, turns)


def _velocity_correction(kept: Array, own: Array, fps: float) -> Array:
    """(T, ...) correction that, added to `own` (T, ...), leaves its first value and gives it the speed of `kept`."""
    error = _error(kept, own)
    return _decaying(error - error[:1], len(own), fps)


def _hermite_curves(count: int, length: float) -> Array:
    """(3, count) quintic Hermite curves that come to rest at 0 after `length` frames. At frame 0 they have value, first
    and second derivative (per frame) 1, one each, and the others 0."""
    s = np.minimum(np.arange(count) / max(length, 1), 1)
    return np.stack(
        [
            1 - s**3 * (10 - 15 * s + 6 * s**2),
            length * s * (1 - s) ** 3 * (1 + 3 * s),
            length**2 * s**2 * (1 - s) ** 3 / 2,
        ]
    )


def _decaying(error: Array, count: int, fps: float) -> Array:
    """(count, ...) a curve that begins as `error` (n, ...) and comes to rest at 0 after `BLEND`."""
    start = np.tensordot(_DERIVATIVES[len(error)], error, 1)
    curves = _hermite_curves(count, min(BLEND * fps, count - 1))[: len(start)]
    return np.tensordot(curves.T, start, 1)


def _seam_acceleration(motion: Motion, pinned_start: bool, pinned_end: bool) -> float:
    """Mean joint acceleration within `_NEAR` of the pinned ends, m/s^2: the larger of them; 0 without any."""
    if len(motion) < 3:
        return 0.0
    near = round(_NEAR * motion.fps)
    differences = np.diff(motion.joints().astype(np.float64), n=2, axis=0)
    accelerations = np.linalg.norm(differences, axis=-1).mean(axis=-1) * motion.fps**2
    ends = [accelerations[:near]] * pinned_start + [accelerations[-near:]] * pinned_end
    return max((float(end.mean()) for end in ends), default=0.0)
