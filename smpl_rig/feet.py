"""Foot contacts, and foot locking: planted feet stay in their place.

`lock_feet` works in two steps. First one linear least-squares problem over the whole clip shifts the paths of both
ankles, both feet and the pelvis: planted points should not move, every path should keep its acceleration, feet their
place under the pelvis, and the pelvis its place in the world. As accelerations are kept, a correction fades in and out
by itself, adds no jitter and keeps the beat of the steps. A foot is either planted or moving: a contact that cannot be
stopped is released, and a moving foot is lifted off the floor rather than dragged along it. Then two-bone inverse
kinematics bends each leg to its new ankle, and the ankle turns the foot to its new place. Bone lengths never change.

Where hands carry the body (`floor_support`), feet are not planted, not lifted, and do not lower the pelvis; they only
stay above the floor. The hands are set down instead (`hands_on_floor`). A dance on feet has nothing of this.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from . import rotations as rot
from .floor_support import RADII
from .hands_on_floor import floor_work, hands_down
from .held_points import (
    BoolArray,
    Release,
    away_from,
    contact_runs,
    fading,
    horizontal_speed,
    level_shifts,
    shift_problem,
    smooth_cover,
    speed_reach,
    step_speeds,
)
from .inverse_kinematics import bend_limb, lifting_swing
from .kinematics import forward_kinematics, global_rotations
from .motion import Motion
from .rotations import Array
from .skeleton import JOINT_INDEX, JOINT_NAMES, PARENTS, REST_OFFSETS, SOLE_BELOW_FOOT

CONTACT_JOINTS: tuple[int, ...] = tuple(JOINT_INDEX[name] for name in ("L_ankle", "R_ankle", "L_foot", "R_foot"))
"""The columns of a contacts array (T, 4)."""
ANKLE_REST_HEIGHT = 0.08
"""Height of the ankle joints over the floor when the foot is flat on it, metres."""
_LYING_ANKLE = 0.04
"""That of a foot that lies on its side or instep, where hands carry the body."""

# Contact thresholds of ankle and foot: (begins below, ends above), metres over the floor and metres per second.
# Measured on dancers in heels, whose planted foot joints are 2 to 6 cm high and drift up to half a metre per second;
# faster than the second speed is a step or an intended glide.
_HEIGHTS = {"ankle": (0.10, 0.12), "foot": (0.055, 0.07)}
_SPEEDS = (0.7, 1.4)

# Weights of the least-squares problem as times in seconds, see `held_points`.
_PLANTED_VERTICAL = 0.1  # vertical against horizontal: heels may rise and sink
_HEIGHT_TIME = 0.1  # keeps the height of a foot
_FLOOR_TIME = 0.01  # keeps points above the floor

_RELEASE = Release(leaving=(0.4, 0.9), gliding=(0.4, 0.8))
_LIFT_SPEEDS = (0.3, 0.5)  # after correction: a moving foot is lifted
_CLEARANCE = 0.035  # metres between the floor and the sole of a foot that moves

_REACH = 0.995  # share of the straight leg's length that a correction may use
_LARGEST_DROP = 0.08  # metres that the pelvis may be lowered for a foot out of reach


def foot_contacts(joints: Array, fps: float, floor: float = 0.0) -> BoolArray:
    """The contacts (T, 4) of a motion: which foot points are planted, columns as in CONTACT_JOINTS.

    joints: (T, 24, 3) or (T, 22, 3) positions, metres, Z-up world. A contact begins where a point is low and slow and
    extends, in both directions of time, as far as it is fairly low and fairly slow (hysteresis).
    """
    points = joints[:, list(CONTACT_JOINTS)].astype(np.float64)
    height = points[..., 2] - floor
    speed = horizontal_speed(points, fps)
    bounds = np.array([_HEIGHTS["ankle"]] * 2 + [_HEIGHTS["foot"]] * 2)
    sure = (height < bounds[:, 0]) & (speed < _SPEEDS[0])
    fair = (height < bounds[:, 1]) & (speed < _SPEEDS[1])
    contacts = np.empty(fair.shape, dtype=bool)
    for column in range(len(CONTACT_JOINTS)):
        contacts[:, column] = contact_runs(sure[:, column], fair[:, column], fps)
    return contacts


def lock_feet(
    motion: Motion,
    strength: float = 1.0,
    contacts: BoolArray | None = None,
    floor: float = 0.0,
    pinned: BoolArray | None = None,
) -> Motion:
    """The motion with planted feet kept in place, moving feet above the floor, and no foot below it. Hands that carry
    the body are set down on it.

    strength: 0 leaves the motion as it is, 1 corrects it fully. contacts: (T, 4), by default those of `foot_contacts`.
    floor: height of the floor, metres. pinned: (T,) frames that stay as they are (to rounding); the correction fades
    out smoothly towards them. Raises ValueError for a strength outside 0..1, or contacts or pinned of another shape.
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"foot lock strength {strength} is outside 0..1")
    if contacts is not None and contacts.shape != (len(motion), len(CONTACT_JOINTS)):
        raise ValueError(f"contacts have shape {contacts.shape}; {(len(motion), len(CONTACT_JOINTS))} is needed")
    pinned = np.zeros(len(motion), dtype=bool) if pinned is None else pinned
    if pinned.shape != (len(motion),):
        raise ValueError(f"pinned has shape {pinned.shape}; {(len(motion),)} is needed")
    if strength == 0 or len(motion) < 3:
        return motion
    work = floor_work(motion, floor, pinned, strength)
    carried = np.zeros(len(motion)) if work is None else work.carried
    body = motion if work is None else replace(motion, trans=(motion.trans + work.body).astype(np.float32))
    joints = _joints(body)
    if contacts is None:
        contacts = foot_contacts(joints, motion.fps, floor)
    shifts = _path_shifts(joints, contacts, carried, motion.fps, floor, pinned) * strength
    locked = _apply_shifts(body, joints, shifts, carried, floor, pinned)
    return locked if work is None else hands_down(locked, work, locked.trans - body.trans)


def _joints(motion: Motion) -> Array:
    return forward_kinematics(motion.rotations().astype(np.float64), motion.trans.astype(np.float64))


# Unknowns of a frame, in this order; neighbours in the list have the strongest coupling.
_POINTS = tuple(JOINT_INDEX[name] for name in ("L_foot", "L_ankle", "R_foot", "R_ankle"))
_COLUMNS = tuple(CONTACT_JOINTS.index(joint) for joint in _POINTS)
_PELVIS = len(_POINTS)
_BONES = ((0, 1), (2, 3))


def _path_shifts(
    joints: Array, contacts: BoolArray, carried: Array, fps: float, floor: float, pinned: BoolArray
) -> Array:
    """The shifts (T, 5, 3) of `_POINTS` and of the pelvis, metres, world."""
    points = joints[:, list(_POINTS)]
    planted = contacts[:, list(_COLUMNS)]
    level, hold = level_shifts(points, planted * (1 - carried)[:, None], _RELEASE, fps, pinned, _BONES)
    lift = _CLEARANCE * _moving(step_speeds(points[..., :2] + level[:, :_PELVIS], fps), fps) * (1 - carried)[:, None]
    lowest = np.array([SOLE_BELOW_FOOT, ANKLE_REST_HEIGHT] * 2) + floor + lift * np.array([1, 0, 1, 0])
    lowest -= (ANKLE_REST_HEIGHT - _LYING_ANKLE) * carried[:, None] * np.array([0, 1, 0, 1])
    return np.concatenate([level, _height_shifts(points[..., 2:], hold, lowest, fps, pinned)], axis=-1)


def _height_shifts(path: Array, hold: Array, lowest: Array, fps: float, pinned: BoolArray) -> Array:
    """Vertical shifts (T, 5, 1) of points with heights `path` (T, 4, 1) that keep them above `lowest` (T, 4)."""
    squares = shift_problem(path, np.minimum(hold, 1) * _PLANTED_VERTICAL, fps, pinned, _BONES)
    wanted = lowest - path[..., 0]
    for index in range(_PELVIS):
        squares.add([(index, 0, 1.0)], _HEIGHT_TIME**-2)
    # points that would end too low are held at the lowest height; that lifts their neighbours, hence a few rounds
    held = np.zeros(lowest.shape, dtype=bool)
    shifts = squares.solve()
    for _ in range(3):
        new = (shifts[:, :_PELVIS, 0] < wanted - 1e-4) & ~held & ~pinned[:, None]
        if not new.any():
            break
        for index in range(_PELVIS):
            squares.add([(index, 0, 1.0)], new[:, index] * _FLOOR_TIME**-2, wanted[:, index, None])
        held |= new
        shifts = squares.solve()
    return shifts


def _moving(speed: Array, fps: float) -> Array:
    """How much each point moves, (T, 4) 0..1 at frames, from speeds (T - 1, 4) in m/s between frames: a foot leaves the
    floor before it moves and comes down after it has stopped, each by half of the window of its speed."""
    reach = speed_reach(fps)
    moves = np.pad(1 - fading(speed, *_LIFT_SPEEDS), ((reach, reach), (0, 0)))
    return np.lib.stride_tricks.sliding_window_view(moves, 2 * reach, axis=0).max(axis=-1)


def _apply_shifts(
    motion: Motion, joints: Array, shifts: Array, carried: Array, floor: float, pinned: BoolArray
) -> Motion:
    local = motion.rotations().astype(np.float64)
    world = global_rotations(local)
    legs = [(("L_hip", "L_knee", "L_ankle", "L_foot"), 0), (("R_hip", "R_knee", "R_ankle", "R_foot"), 2)]
    chains = [tuple(JOINT_INDEX[name] for name in names) for names, _ in legs]
    pelvis = shifts[:, _PELVIS]
    goals = []  # (ankle goal, foot direction) of each leg
    for (hip, knee, ankle, foot), (_, index) in zip(chains, legs, strict=True):
        toe = joints[:, foot] + shifts[:, index]
        direction = rot.normalize(toe - joints[:, ankle] - shifts[:, index + 1])
        goal = toe - direction * np.linalg.norm(REST_OFFSETS[foot].astype(np.float64))
        length = float(np.linalg.norm(REST_OFFSETS[knee]) + np.linalg.norm(REST_OFFSETS[ankle]))
        before = np.linalg.norm(joints[:, ankle] - joints[:, hip], axis=-1)
        goals.append((goal, direction, np.maximum(before, _REACH * length)))
    drop = np.zeros(len(joints))
    for (hip, *_), (goal, _, reach) in zip(chains, goals, strict=True):
        line = goal - joints[:, hip] - pelvis
        below = np.sqrt(np.maximum(reach**2 - np.sum(line[:, :2] ** 2, axis=-1), 0))
        drop = np.maximum(drop, -line[:, 2] - below)
    free = away_from(pinned, motion.fps)
    lowered = smooth_cover(np.minimum(drop, _LARGEST_DROP) * (1 - carried), motion.fps) * free
    pelvis = pelvis - lowered[:, None] * [0, 0, 1]

    poses = motion.poses.reshape(len(motion), -1, 3).copy()
    for (hip, knee, ankle, foot), (goal, direction, reach) in zip(chains, goals, strict=True):
        line = goal - joints[:, hip] - pelvis
        distance = np.linalg.norm(line, axis=-1)
        line = line * (np.minimum(distance, reach) / np.maximum(distance, 1e-6))[:, None]
        upper, lower = joints[:, knee] - joints[:, hip], joints[:, ankle] - joints[:, knee]
        # the bend itself determines the hinge; the straighter the leg, the more the thigh's left axis does
        bent = np.cross(rot.normalize(upper), rot.normalize(lower))
        thigh, shin = bend_limb(upper, lower, line, rot.normalize(bent + 0.1 * world[:, hip, :, 0]))
        if carried.any():  # a bent leg's knee may lie on the floor
            lowest = floor + RADII[JOINT_NAMES[knee]] - (joints[:, hip] + pelvis)[:, 2]
            swing = lifting_swing(np.einsum("tij,tj->ti", thigh, upper), line, lowest, carried * free)
            thigh, shin = swing @ thigh, swing @ shin
        turn = rot.rotation_between(joints[:, foot] - joints[:, ankle], direction)
        new = {hip: thigh @ world[:, hip], knee: shin @ world[:, knee]}
        new[ankle] = rot.quaternion_to_matrix(turn) @ world[:, ankle]
        for joint, matrix in new.items():
            parent = new.get(PARENTS[joint], world[:, PARENTS[joint]])
            poses[:, joint] = rot.matrix_to_axis_angle(np.swapaxes(parent, -1, -2) @ matrix)
    trans = (motion.trans + pelvis).astype(np.float32)
    return replace(motion, poses=poses.reshape(len(motion), -1).astype(np.float32), trans=trans)
