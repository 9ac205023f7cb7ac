"""A new piece of motion fitted between motion that stays.

The piece begins exactly at the pose, place and heading of the last frame that stays before it and arrives exactly at
those of the first that stays after it, as fast as they move, with an acceleration between theirs and its own (quintic
Hermite curves of time are added). What the piece's path and heading miss at the end is spread over the whole piece;
what its pose misses is faded in over `BLEND` at each end. Then the feet are planted again between frames that are
pinned.
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
"""Seconds over which a pose fades into the neighbour's at each end. Chosen on gaps of real dances: below it the fading
shows as acceleration, above it the piece loses moves of its own."""
_NEAR = 0.3
"""Seconds beside a pinned frame in which the fading shows most."""
# of values at frames 0, 1, 2 from a pin outwards: the values inwards, if the last known difference goes on
_AHEAD = {1: np.eye(1), 2: np.array([[1, 0], [2, -1]]), 3: np.array([[1, 0, 0], [3, -3, 1], [6, -8, 3]])}
# of what is missed at frames 0, 1, 2: the correction's value, slope, and the slope's rise. Of the difference between
# both sides' accelerations, which three frames tell badly, half is corrected: they meet in the middle
_DERIVATIVES = {
    1: np.eye(1),
    2: np.array([[1, 0], [-1, 1]]),
    3: np.array([[1, 0, 0], [-1.75, 2.5, -0.75], [0.5, -1, 0.5]]),
}
_FEET_AROUND = 10
"""Pinned frames on each side that the foot lock sees."""


@dataclass(frozen=True)
class Fitted:
    """Frames first..first + len(motion) of the dance, of which the pinned ones are only nearly what stays.

    correction_cm, correction_degrees: what path and heading missed at the end. seam_acceleration: mean joint
    acceleration beside the pinned frames, m/s^2, the larger of both ends. after: what follows, moved, where it follows.
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
    where it is. The piece holds frames start..end at least.
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
    motion = _blend(old, motion, start, end)
    return Fitted(
        motion,
        first,
        float(np.linalg.norm(missed[1:])) * 100,
        abs(float(np.degrees(missed[0]))),
        _seam_acceleration(motion, start is not None, end is not None),
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
    inside = piece.cut(first - offset, last - offset + 1)
    own, count = _root(inside), len(inside)
    ramp = 1 - _rest(count, count - 1)[0]
    offsets = np.zeros(count)
    if start is not None:
        offsets += _led(_root(_outwards(old, start, -1))[:, 0], own[:, 0], old.fps)
    if end is not None:
        there = _root(_outwards(old, end, 1))[:, 0]
        if start is not None:
            turn = _wrapped(there[0] - own[-1, 0] - offsets[-1])
        offsets += _led(there, own[::-1, 0], old.fps)[::-1]
    offsets += turn * ramp
    steps = np.diff(own[:, 1:], axis=0)
    turned = np.einsum("tij,tj->ti", rot.yaw(offsets[:-1])[:, :2, :2], steps)
    path: Array = own[0, 1:] + np.concatenate([np.zeros((1, 2)), np.cumsum(turned, axis=0)])
    corrections = np.zeros_like(path)
    if start is not None:
        corrections += _led(_root(_outwards(old, start, -1))[:, 1:], path, old.fps)
    if end is not None:
        there = _root(_outwards(old, end, 1))[:, 1:]
        corrections += _led(there, path[::-1], old.fps)[::-1]
        corrections += (there[0] - path[-1]) * (ramp[:, None] if start is not None else 1.0)
    rotations = rot.axis_angle_to_matrix(inside.poses[:, :3].astype(np.float64))
    poses, trans = inside.poses.astype(np.float64), inside.trans.astype(np.float64)
    poses[:, :3] = rot.matrix_to_axis_angle(rot.yaw(offsets) @ rotations)
    trans[:, :2] = path + corrections
    return Motion(poses.astype(np.float32), trans.astype(np.float32), old.fps)


def _blend(old: Motion, motion: Motion, start: int | None, end: int | None) -> Motion:
    """`motion` with its pose and height led from the pose at `start` and into the pose at `end`."""
    own, heights = _upright(motion), motion.trans[:, 2].astype(np.float64)
    quaternions, rises = own, np.zeros(len(motion))
    for pin, side in ((start, -1), (end, 1)):
        if pin is None:
            continue
        kept, inwards = _outwards(old, pin, side), slice(None, None, -side)
        curve = _eased(_turns_to(_upright(kept), own[inwards]), len(motion), old.fps)[inwards]
        quaternions = rot.quaternion_multiply(rot.axis_angle_to_quaternion(curve), quaternions)
        missed = _missed_by(kept.trans[:, 2].astype(np.float64), heights[inwards])
        rises += _eased(missed, len(motion), old.fps)[inwards]
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
    """A pinned frame and up to two more that stay, away from it: before it (side -1) or after it (1)."""
    frames = np.arange(pin, pin + 3 * side, side)
    frames = frames[(frames >= 0) & (frames < len(old))]
    return replace(old, poses=old.poses[frames], trans=old.trans[frames])


def _ahead(kept: Array) -> Array:
    """(n, ...) values at the pin and inwards, as those from the pin outwards (n, ...) foretell them: with the speed and
    acceleration that they have at the pin."""
    return np.tensordot(_AHEAD[len(kept)], kept, 1)


def _missed_by(kept: Array, own: Array) -> Array:
    """(n, ...) by which values inwards from the pin (T, ...) miss what those outwards foretell, n up to 3."""
    count = min(len(kept), len(own))
    return _ahead(kept[:count]) - own[:count]


def _turns_to(kept: Array, own: Array) -> Array:
    """`_missed_by` for quaternions (n, 24, 4): (n, 24, 3) rotation vectors, which do not jump at a half turn."""
    count = min(len(kept), len(own))
    moved_on = rot.quaternion_to_axis_angle(rot.quaternion_multiply(kept[:count], rot.quaternion_conjugate(kept[:1])))
    there = rot.quaternion_multiply(rot.axis_angle_to_quaternion(_ahead(moved_on)), kept[:1])
    turns = rot.quaternion_to_axis_angle(rot.quaternion_multiply(there, rot.quaternion_conjugate(own[:count])))
    angles = np.linalg.norm(turns, axis=-1, keepdims=True)
    others = turns * (1 - 2 * np.pi / np.maximum(angles, 1e-9))
    nearer = np.linalg.norm(others - turns[:1], axis=-1) < np.linalg.norm(turns - turns[:1], axis=-1)
    return np.where(nearer[..., None], others, turns)


def _led(kept: Array, own: Array, fps: float) -> Array:
    """(T, ...) what, added to `own` (T, ...), leaves its first value and lets it go on as `kept` foretells."""
    missed = _missed_by(kept, own)
    return _eased(missed - missed[:1], len(own), fps)


def _rest(count: int, length: float) -> Array:
    """(3, count) quintic Hermite curves that come to rest at 0 after `length` frames: from 1, with slope 1 a frame, and
    with slope rising by 1 a frame."""
    s = np.minimum(np.arange(count) / max(length, 1), 1)
    return np.stack(
        [
            1 - s**3 * (10 - 15 * s + 6 * s**2),
            length * s * (1 - s) ** 3 * (1 + 3 * s),
            length**2 * s**2 * (1 - s) ** 3 / 2,
        ]
    )


def _eased(missed: Array, count: int, fps: float) -> Array:
    """(count, ...) a curve that begins as `missed` (n, ...) and comes to rest at 0 after `BLEND`."""
    start = np.tensordot(_DERIVATIVES[len(missed)], missed, 1)
    curves = _rest(count, min(BLEND * fps, count - 1))[: len(start)]
    return np.tensordot(curves.T, start, 1)


def _seam_acceleration(motion: Motion, begins: bool, arrives: bool) -> float:
    """Mean joint acceleration of the first and last `_NEAR`, m/s^2: the larger of the ends that meet something."""
    if len(motion) < 3:
        return 0.0
    near = round(_NEAR * motion.fps)
    bends = np.diff(motion.joints().astype(np.float64), n=2, axis=0)
    accelerations = np.linalg.norm(bends, axis=-1).mean(axis=-1) * motion.fps**2
    ends = [accelerations[:near]] * begins + [accelerations[-near:]] * arrives
    return max((float(end.mean()) for end in ends), default=0.0)
