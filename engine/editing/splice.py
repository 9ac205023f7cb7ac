"""A new piece of motion fitted between motion that stays.

The piece begins exactly at the pose, place and heading of the last frame that stays before it and arrives exactly at
those of the first that stays after it, with the velocities on both sides equal (offsets are cubic Hermite curves of
time, so the result is C1 up to the frame rate). What the piece's path and heading miss at the end is spread over the
whole piece; what its pose misses is faded in over `BLEND` at each end. Then the feet are planted again between frames
that are pinned.
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

BLEND = 0.35
"""Seconds over which a pose fades into the neighbour's at each end."""
_FEET_AROUND = 10
"""Pinned frames on each side that the foot lock sees."""


@dataclass(frozen=True)
class Fitted:
    """Frames first..first + len(motion) of the dance, of which the pinned ones are only nearly what stays.

    correction_cm, correction_degrees: what path and heading missed at the end. seam_acceleration: mean joint
    acceleration at the pinned frames, m/s^2, the larger of both ends. after: what follows, moved, where it follows.
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
    turn = _headings(like.cut(0, 1))[0] - _headings(motion.cut(0, 1))[0]
    return _brought(motion, motion.trans[0], like.trans[0], float(turn))


def fit(old: Motion, piece: Motion, offset: int, start: int | None, end: int | None, follows: bool = False) -> Fitted:
    """Fit `piece`, whose first frame is frame `offset` of the dance, into `old`.

    start, end: the frames of `old` that stay and that the result begins and ends with; None where the dance itself
    begins or ends. follows: what comes after the end moves to where the piece arrives, instead of the piece arriving
    where it is. The piece holds frames start..end, better with one more at each side.
    """
    first = 0 if start is None else start
    last = len(old) - 1 if end is None else end
    begin, stop = first - offset, last - offset
    if start is not None:
        piece = _at(piece, begin, old, start)
    elif end is not None:
        piece = _at(piece, stop, old, end)
    else:
        piece = _at(piece, begin, old, 0)
    after = None
    if follows and start is not None and end is not None:
        after = _at(old.cut(end, len(old)), 0, _glide(old, piece, offset, start, None, last), last - first)
        before = old.cut(0, end)
        poses, trans = (np.concatenate(pair) for pair in ((before.poses, after.poses), (before.trans, after.trans)))
        old = replace(old, poses=poses, trans=trans)
    missed = _missed(old, piece, offset, start, end, last)
    motion = _glide(old, piece, offset, start, end, last)
    motion = _blend(old, motion, piece, offset, start, end)
    return Fitted(
        motion,
        first,
        float(np.linalg.norm(missed[1:])) * 100,
        abs(float(np.degrees(missed[0]))),
        max(_seam(old, motion, first, pin) for pin in (start, end)),
        after,
    )


def plant(motion: Motion, kept: NDArray[np.bool_]) -> Motion:
    """The motion with its feet planted in the frames that are not `kept` (T,), which is copied bit for bit."""
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


def _at(piece: Motion, frame: int, like: Motion, other: int) -> Motion:
    """The piece moved so that its `frame` has heading and place of frame `other` of `like`."""
    turn = _headings(like.cut(other, other + 1))[0] - _headings(piece.cut(frame, frame + 1))[0]
    return _brought(piece, piece.trans[frame], like.trans[other], float(turn))


def _brought(motion: Motion, source: NDArray[np.float32], target: NDArray[np.float32], turn: float) -> Motion:
    source_there = rot.yaw(np.array(turn)) @ source.astype(np.float64)
    shift = target.astype(np.float64) - source_there
    return moved(motion, turn, (float(shift[0]), float(shift[1])))


def _root(motion: Motion) -> Array:
    """(T, 3) heading, x, y."""
    return np.concatenate([_headings(motion)[:, None], motion.trans[:, :2].astype(np.float64)], axis=1)


def _root_velocity(motion: Motion, frame: int, side: int) -> Array:
    near = max(0, frame - 2)
    return _velocity(_root(motion.cut(near, frame + 3)), frame - near, side)


def _missed(old: Motion, piece: Motion, offset: int, start: int | None, end: int | None, last: int) -> Array:
    """(3,) heading, x, y by which the piece, begun at `start`, would miss the end."""
    if start is None or end is None:
        return np.zeros(3)
    free = _glide(old, piece, offset, start, None, last)
    missed = _root(old.cut(end, end + 1))[0] - _root(free)[-1]
    missed[0] = _wrapped(missed[0])
    # a turn of the whole path is part of the heading's correction, and is not counted again as a shift
    turned = _glide(old, piece, offset, start, None, last, missed[0])
    missed[1:] = old.trans[end, :2].astype(np.float64) - turned.trans[-1, :2].astype(np.float64)
    return missed


def _wrapped(angle: float) -> float:
    return float((angle + np.pi) % (2 * np.pi) - np.pi)


def _glide(
    old: Motion, piece: Motion, offset: int, start: int | None, end: int | None, last: int, turn: float = 0.0
) -> Motion:
    """Frames first..last of the piece with heading and path corrected: velocities equal at the pins, and the end's
    place and heading reached. turn: radians that the heading turns over the whole piece where no end is given."""
    first = 0 if start is None else start
    span = slice(first - offset, last - offset + 1)
    inside = piece.cut(span.start, span.stop)
    count = len(inside)
    ramp = _smoothstep(np.linspace(0, 1, count)) if count > 1 else np.zeros(count)
    root = _root(piece)
    own = root[span]
    offsets = np.zeros(count)
    speed: Array
    if start is not None:
        speed = _root_velocity(old, start, -1) - _velocity(root, span.start, -1)
        offsets += _eased(0.0, speed[0], count, old.fps)
    if end is not None:
        goal = _root(old.cut(end, end + 1))[0]
        if start is not None:
            turn = _wrapped(goal[0] - own[-1, 0] - offsets[-1])
        speed = _root_velocity(old, end, 1) - _velocity(root, span.stop - 1, 1)
        offsets += _eased(0.0, -speed[0], count, old.fps)[::-1]
    offsets += turn * ramp
    steps = np.diff(own[:, 1:], axis=0)
    turned = np.einsum("tij,tj->ti", rot.yaw(offsets[:-1])[:, :2, :2], steps)
    path: Array = own[0, 1:] + np.concatenate([np.zeros((1, 2)), np.cumsum(turned, axis=0)])
    if start is not None:
        speed = _root_velocity(old, start, -1) - _velocity(root, span.start, -1)
        path += _eased(np.zeros(2), speed[1:], count, old.fps)
    if end is not None:
        speed = _root_velocity(old, end, 1)[1:]
        own_speed = rot.yaw(offsets[-1:])[0, :2, :2] @ _velocity(root, span.stop - 1, 1)[1:]
        path += _eased(np.zeros(2), own_speed - speed, count, old.fps)[::-1]
        missing = old.trans[end, :2].astype(np.float64) - path[-1]
        path += missing * (ramp[:, None] if start is not None else 1.0)
    rotations = rot.axis_angle_to_matrix(inside.poses[:, :3].astype(np.float64))
    poses, trans = inside.poses.astype(np.float64), inside.trans.astype(np.float64)
    poses[:, :3] = rot.matrix_to_axis_angle(rot.yaw(offsets) @ rotations)
    trans[:, :2] = path
    return Motion(poses.astype(np.float32), trans.astype(np.float32), old.fps)


def _blend(old: Motion, motion: Motion, piece: Motion, offset: int, start: int | None, end: int | None) -> Motion:
    """`motion` with its pose and height led from the pose at `start` and into the pose at `end`."""
    first = 0 if start is None else start
    quaternions = _upright(motion)
    height: Array = motion.trans[:, 2].astype(np.float64)
    source = _upright(piece)
    pins = [(start, 0, -1, 1), (end, len(motion) - 1, 1, -1)]
    for pin, index, side, order in pins:
        if pin is None:
            continue
        near = slice(max(0, pin - 2), pin + 3)
        there = _upright(old.cut(near.start, near.stop))
        at = pin - near.start
        own = first + index - offset
        away = rot.quaternion_multiply(there[at], rot.quaternion_conjugate(source[own]))
        miss = rot.quaternion_to_axis_angle(away)
        spin = _spin(there, at, side) - rot.quaternion_rotate(away, _spin(source, own, side))
        curve = _eased(miss, order * _rate(miss, spin), len(motion), old.fps)[::order]
        quaternions = rot.quaternion_multiply(rot.axis_angle_to_quaternion(curve), quaternions)
        heights, own_heights = old.trans[:, 2:].astype(np.float64), piece.trans[:, 2:].astype(np.float64)
        rise = _velocity(heights, pin, side) - _velocity(own_heights, own, side)
        height += _eased(heights[pin] - own_heights[own], order * rise, len(motion), old.fps)[::order, 0]
    rotations = rot.quaternion_to_matrix(quaternions)
    rotations[:, 0] = rot.yaw(_headings(motion)) @ rotations[:, 0]
    poses = rot.matrix_to_axis_angle(rotations).reshape(len(motion), -1)
    trans = motion.trans.copy()
    trans[:, 2] = height
    return replace(motion, poses=poses.astype(np.float32), trans=trans)


def _upright(motion: Motion) -> Array:
    """(T, 24, 4) quaternions, the pelvis without its heading."""
    rotations = rot.axis_angle_to_matrix(motion.poses.reshape(-1, JOINT_COUNT, 3).astype(np.float64))
    rotations[:, 0] = rot.yaw(-heading(rotations[:, 0])) @ rotations[:, 0]
    return rot.matrix_to_quaternion(rotations)


def _velocity(values: Array, frame: int, side: int) -> Array:
    """Change a frame towards `side` (-1 before, 1 after) of a frame, or on its other side at the array's end."""
    before = frame + min(side, 0)
    if not (before >= 0 and before + 1 < len(values)):
        before = frame if before < 0 else frame - 1
    if not 0 <= before < len(values) - 1:
        return np.zeros_like(values[frame])
    return values[before + 1] - values[before]


def _spin(quaternions: Array, frame: int, side: int) -> Array:
    """(24, 3) rotation a frame, in the parent's axes, as `_velocity`."""
    before = frame + min(side, 0)
    if not (before >= 0 and before + 1 < len(quaternions)):
        before = frame if before < 0 else frame - 1
    if not 0 <= before < len(quaternions) - 1:
        return np.zeros_like(quaternions[frame, :, 1:])
    step = rot.quaternion_multiply(quaternions[before + 1], rot.quaternion_conjugate(quaternions[before]))
    return rot.quaternion_to_axis_angle(step)


def _rate(turn: Array, spin: Array) -> Array:
    """(24, 3) change of a rotation vector `turn` whose rotation spins by `spin`: the inverse of SO(3)'s left Jacobian
    (Chirikjian, "Stochastic Models, Information Theory, and Lie Groups", volume 2, 2012, section 10.6)."""
    angle = np.minimum(np.linalg.norm(turn, axis=-1, keepdims=True), 3.0)  # it has no limit at a half turn
    safe = np.maximum(angle, 1e-3)
    second = np.where(angle < 1e-3, 1 / 12, 1 / safe**2 - (1 + np.cos(safe)) / (2 * safe * np.sin(safe)))
    across = np.cross(turn, spin)
    return spin - 0.5 * across + second * np.cross(turn, across)


def _smoothstep(share: Array) -> Array:
    return share * share * (3 - 2 * share)


def _eased(value: Array | float, step: Array | float, count: int, fps: float) -> Array:
    """(count, ...) the cubic Hermite curve from `value`, changing by `step` a frame, to rest at 0 after `BLEND`."""
    value, step = np.asarray(value, np.float64), np.asarray(step, np.float64)
    length = min(BLEND * fps, max(count - 1, 1))
    share = np.minimum(np.arange(count) / length, 1).reshape(-1, *[1] * value.ndim)
    return (1 - _smoothstep(share)) * value + share * (1 - share) ** 2 * step * length


def _seam(old: Motion, motion: Motion, first: int, pin: int | None) -> float:
    """Mean joint acceleration at a pinned frame, m/s^2."""
    if pin is None or len(motion) < 2:
        return 0.0
    if pin == first and pin > 0:
        frames = [old.cut(pin - 1, pin + 1), motion.cut(1, 2)]
    elif pin > first and pin + 1 < len(old):
        frames = [motion.cut(len(motion) - 2, len(motion) - 1), old.cut(pin, pin + 2)]
    else:
        return 0.0
    poses = np.concatenate([part.poses for part in frames])
    joints = Motion(poses, np.concatenate([part.trans for part in frames]), old.fps).joints().astype(np.float64)
    return float(np.linalg.norm(joints[0] - 2 * joints[1] + joints[2], axis=-1).mean() * old.fps**2)
