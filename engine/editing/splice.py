"""Splicing: a new piece of motion fitted between motion that stays.

The piece begins exactly at the pose, place and heading of the last frame kept before it and ends exactly at those of
the first frame kept after it. Velocities match there, and accelerations lie between those of both sides (quintic
Hermite curves of time are added). The error of path and heading at the end is spread over the whole piece; the error of
the pose is corrected within `BLEND` of each end. Then the feet are locked again, between frames that are pinned.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.motion.representation import heading
from smpl_rig import rotations as rot
from smpl_rig.feet import lock_feet
from smpl_rig.kinematics import forward_kinematics
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
_AT_ONCE = 1024
"""Frames of all pieces that are fitted at once: what bounds the memory, and stays in the processor's cache."""

Move = tuple[float, tuple[float, float]]
"""A turn about the world's Z axis, radians, and a shift, metres."""


@dataclass(frozen=True)
class Fitted:
    """A fitted piece: frames first..first + len(motion) of the dance. Its pinned frames equal the kept ones nearly.

    joints: (T, 24, 3) of the motion, metres, world. correction_cm, correction_degrees: the error of path and heading at
    the end, before it was corrected. seam_acceleration: mean joint acceleration beside the pinned frames, m/s^2, the
    larger of both ends. after: the turn and shift, as for `moved`, that bring the rest of the dance to the end of the
    piece; None if it stays where it is.
    """

    motion: Motion
    first: int
    joints: NDArray[np.float32]
    correction_cm: float
    correction_degrees: float
    seam_acceleration: float
    after: Move | None = None


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
    turns, shifts = _way(_bodies([motion.cut(0, 1)]), 0, _bodies([like.cut(0, 1)]), 0)
    return moved(motion, *_moves(turns, shifts)[0])


def fit(old: Motion, piece: Motion, offset: int, start: int | None, end: int | None, follows: bool = False) -> Fitted:
    """`fit_all` for one piece."""
    return fit_all(old, [piece], offset, start, end, follows)[0]


def fit_all(
    old: Motion, pieces: Sequence[Motion], offset: int, start: int | None, end: int | None, follows: bool = False
) -> list[Fitted]:
    """Fit each of `pieces`, whose first frame is frame `offset` of the dance, into `old`.

    start, end: the pinned frames of `old` that the result begins and ends with; None where the dance itself begins or
    ends. A piece covers at least frames start..end. follows: what comes after the end is moved to the end of the
    piece, instead of the piece being corrected to end there.
    """
    first = 0 if start is None else start
    last = len(old) - 1 if end is None else end
    inside = [piece.cut(first - offset, last - offset + 1) for piece in pieces]
    size = max(1, _AT_ONCE // (last - first + 1))
    groups = (inside[begin : begin + size] for begin in range(0, len(inside), size))
    return [fitted for group in groups for fitted in _fitted(old, group, start, end, follows)]


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


@dataclass(frozen=True)
class _Bodies:
    """V motions side by side, time first. headings: (T, V), radians, continuous in time. places, heights: (T, V, 2) and
    (T, V) of the pelvis, metres. quaternions: (T, V, 24, 4), the pelvis without its heading."""

    headings: Array
    places: Array
    heights: Array
    quaternions: Array
    fps: float


def _bodies(motions: Sequence[Motion]) -> _Bodies:
    """Motions of the same length side by side."""
    poses = np.stack([motion.poses for motion in motions], 1).astype(np.float64)
    trans = np.stack([motion.trans for motion in motions], 1).astype(np.float64)
    quaternions = rot.axis_angle_to_quaternion(poses.reshape(*poses.shape[:2], JOINT_COUNT, 3))
    pelvis = rot.quaternion_to_matrix(quaternions[:, :, 0])
    headings = heading(pelvis)
    quaternions[:, :, 0] = rot.matrix_to_quaternion(rot.yaw(-headings) @ pelvis)
    return _Bodies(headings, trans[..., :2], trans[..., 2], quaternions, motions[0].fps)


def _way(bodies: _Bodies, frame: int, like: _Bodies, other: int) -> tuple[Array, Array]:
    """Turns (V,) and shifts (V, 2) that give a frame the heading and the place of frame `other` of `like`."""
    turns = like.headings[other] - bodies.headings[frame]
    return turns, like.places[other] - _turned(bodies.places[frame], turns)


def _moves(turns: Array, shifts: Array) -> list[Move]:
    """Turns (V,) and shifts (V, 2) one by one."""
    return [(float(turn), (float(x), float(y))) for turn, (x, y) in zip(turns, shifts, strict=True)]


def _moved(bodies: _Bodies, turns: Array, shifts: Array) -> _Bodies:
    return replace(bodies, headings=bodies.headings + turns, places=_turned(bodies.places, turns) + shifts)


def _turned(places: Array, angles: Array) -> Array:
    """Vectors (..., 2) turned by angles (...,); the leading axes broadcast."""
    cosine, sine = np.cos(angles), np.sin(angles)
    x, y = places[..., 0], places[..., 1]
    return np.stack([cosine * x - sine * y, sine * x + cosine * y], -1)


def _fitted(
    old: Motion, pieces: Sequence[Motion], start: int | None, end: int | None, follows: bool
) -> Iterator[Fitted]:
    """Fit pieces that have exactly the frames start..end."""
    new = _bodies(pieces)
    before = None if start is None else _bodies([_outwards(old, start, -1)])
    after = None if end is None else _bodies([_outwards(old, end, 1)])
    if before is None and after is not None:
        new = _moved(new, *_way(new, -1, after, 0))
    else:
        new = _moved(new, *_way(new, 0, before or _bodies([old.cut(0, 1)]), 0))
    moves: Sequence[Move | None] = [None] * len(pieces)
    if follows and before is not None and after is not None:
        turns, shifts = _way(after, 0, _on_path(new, before, None), -1)
        after, moves = _moved(after, turns, shifts), _moves(turns, shifts)
    headings, places = _path_errors(new, before, after)
    blended = _blended(_on_path(new, before, after), before, after)
    rotations = rot.quaternion_to_matrix(blended.quaternions)
    rotations[:, :, 0] = rot.yaw(blended.headings) @ rotations[:, :, 0]
    vectors = rot.quaternion_to_axis_angle(blended.quaternions)
    vectors[:, :, 0] = rot.matrix_to_axis_angle(rotations[:, :, 0])
    poses = vectors.reshape(*vectors.shape[:2], -1).astype(np.float32)
    trans = np.concatenate([blended.places, blended.heights[..., None]], -1).astype(np.float32)
    joints = forward_kinematics(rotations.reshape(-1, JOINT_COUNT, 3, 3).astype(np.float32), trans.reshape(-1, 3))
    joints = joints.reshape(*vectors.shape)
    seams = _seam_accelerations(joints, old.fps, start is not None, end is not None)
    for index, (error, place, seam, move) in enumerate(zip(headings, places, seams, moves, strict=True)):
        yield Fitted(
            Motion(poses[:, index].copy(), trans[:, index].copy(), old.fps),
            0 if start is None else start,
            joints[:, index],
            float(np.linalg.norm(place)) * 100,
            abs(float(np.degrees(error))),
            float(seam),
            move,
        )


def _path_errors(bodies: _Bodies, before: _Bodies | None, after: _Bodies | None) -> tuple[Array, Array]:
    """Heading (V,) (radians) and place (V, 2) by which pieces, placed at their start, would miss the end."""
    if before is None or after is None:
        return np.zeros(bodies.headings.shape[1]), np.zeros(bodies.places.shape[1:])
    headings = _wrapped(after.headings[0] - _on_path(bodies, before, None).headings[-1])
    # correcting the heading turns the whole path; what that moves is not counted again as a shift
    return headings, after.places[0] - _on_path(bodies, before, None, headings).places[-1]


def _wrapped(angle: Array) -> Array:
    return (angle + np.pi) % (2 * np.pi) - np.pi


def _on_path(bodies: _Bodies, before: _Bodies | None, after: _Bodies | None, turns: Array | float = 0.0) -> _Bodies:
    """Pieces with headings and paths corrected: velocities match at the pins, and they end at the place and heading of
    the end. turns: (V,) radians that the headings turn over the whole piece if there is no end."""
    own, fps = bodies.headings, bodies.fps
    ramp = 1 - _hermite_curves(len(own), len(own) - 1)[0][:, None]
    offsets = np.zeros_like(own)
    if before is not None:
        offsets += _velocity_correction(before.headings, own, fps)
    if after is not None:
        if before is not None:
            turns = _wrapped(after.headings[0] - own[-1] - offsets[-1])
        offsets += _velocity_correction(after.headings, own[::-1], fps)[::-1]
    offsets += turns * ramp
    steps = _turned(np.diff(bodies.places, axis=0), offsets[:-1])
    path = bodies.places[0] + np.concatenate([np.zeros_like(bodies.places[:1]), np.cumsum(steps, axis=0)])
    corrections = np.zeros_like(path)
    if before is not None:
        corrections += _velocity_correction(before.places, path, fps)
    if after is not None:
        corrections += _velocity_correction(after.places, path[::-1], fps)[::-1]
        corrections += (after.places[0] - path[-1]) * (ramp[..., None] if before is not None else 1.0)
    return replace(bodies, headings=own + offsets, places=path + corrections)


def _blended(bodies: _Bodies, before: _Bodies | None, after: _Bodies | None) -> _Bodies:
    """Pieces with poses and heights blended with those that are kept at the pins."""
    own, heights = bodies.quaternions, bodies.heights
    quaternions, rises = own, np.zeros_like(heights)
    for kept, inwards in ((before, slice(None)), (after, slice(None, None, -1))):
        if kept is None:
            continue
        turns = _decaying(_rotation_error(kept.quaternions, own[inwards]), len(own), bodies.fps)[inwards]
        quaternions = rot.quaternion_multiply(rot.axis_angle_to_quaternion(turns), quaternions)
        rises += _decaying(_error(kept.heights, heights[inwards]), len(own), bodies.fps)[inwards]
    return replace(bodies, quaternions=quaternions, heights=heights + rises)


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
    """`_error` for quaternions (n, ..., 4): rotation vectors (n, ..., 3), which do not jump at a half turn."""
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


def _seam_accelerations(joints: Array, fps: float, pinned_start: bool, pinned_end: bool) -> Array:
    """(V,) mean joint acceleration within `_NEAR` of the pinned ends, m/s^2, of joints (T, V, 24, 3): the larger of
    them; 0 without any."""
    near = round(_NEAR * fps) + 2
    largest = np.zeros(joints.shape[1])
    for end in [joints[:near]] * pinned_start + [joints[-near:]] * pinned_end:
        if len(end) > 2:
            accelerations = np.linalg.norm(np.diff(end.astype(np.float64), n=2, axis=0), axis=-1) * fps**2
            largest = np.maximum(largest, accelerations.mean(axis=(0, 2)))
    return largest
