"""Foot contacts, and foot locking: planted feet stay in their place.

`lock_feet` works in two steps. First one linear least-squares problem over the whole clip shifts the paths of both
ankles, both feet and the pelvis: planted points should not move, every path should keep its acceleration, feet their
place under the pelvis, and the pelvis its place in the world. As accelerations are kept, a correction fades in and out
by itself, adds no jitter and keeps the beat of the steps. A foot is either planted or moving: a contact that cannot be
stopped is released, and a moving foot is lifted off the floor rather than dragged along it. Then two-bone inverse
kinematics bends each leg to its new ankle, and the ankle turns the foot to its new place. Bone lengths never change.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from . import rotations as rot
from .banded_matrix import solve_banded
from .frame_runs import runs_of
from .inverse_kinematics import bend_limb
from .kinematics import forward_kinematics, global_rotations
from .motion import Motion
from .rotations import Array
from .skeleton import JOINT_INDEX, PARENTS, REST_OFFSETS, SOLE_BELOW_FOOT

BoolArray = NDArray[np.bool_]

CONTACT_JOINTS: tuple[int, ...] = tuple(JOINT_INDEX[name] for name in ("L_ankle", "R_ankle", "L_foot", "R_foot"))
"""The columns of a contacts array (T, 4)."""
ANKLE_REST_HEIGHT = 0.08
"""Height of the ankle joints over the floor when the foot is flat on it, metres."""

# Contact thresholds of ankle and foot: (begins below, ends above), metres over the floor and metres per second.
# Measured on dancers in heels, whose planted foot joints are 2 to 6 cm high and drift up to half a metre per second;
# faster than the second speed is a step or an intended glide.
_HEIGHTS = {"ankle": (0.10, 0.12), "foot": (0.055, 0.07)}
_SPEEDS = (0.7, 1.4)
_SPEED_WINDOW = 0.1  # seconds over which a speed is measured, so that jitter does not end a contact
_SHORTEST_CONTACT = 0.1  # seconds
_SHORTEST_GAP = 0.075  # seconds; a shorter gap in a contact is closed

# Weights of the least-squares problem as times in seconds, relative to 1 m/s of sliding of a planted point.
_ACCELERATION_TIME = 0.06  # keeps the acceleration of foot paths, and with it the moments at which they brake
_PELVIS_ACCELERATION_TIME = 0.3  # the pelvis may only shift slowly
_LEG_TIME = 0.2  # keeps a foot in its place under the pelvis
_PELVIS_TIME = 0.2  # keeps the pelvis in its place
_FOOT_WEIGHT = 100.0  # keeps the direction of the foot
_PLANTED_VERTICAL = 0.1  # vertical against horizontal: heels may rise and sink
_HEIGHT_TIME = 0.1  # keeps the height of a foot
_FLOOR_TIME = 0.01  # keeps points above the floor
_PINNED = 1e8  # keeps every point of a pinned frame: far above all other weights

# Planted and moving, metres per second; between the first and the second speed one fades into the other.
_LEAVING_SPEEDS = (0.4, 0.9)  # before correction: a contact that speeds up is released here, not by a jerk later
_ROUNDS = 4
_FIRM_SPEED, _FIRMEST = 0.25, 10.0  # after correction: slower points are held more firmly, up to this factor
_GLIDE_SPEEDS = (0.4, 0.8)  # after correction: a contact that cannot be stopped is released
_LIFT_SPEEDS = (0.3, 0.5)  # after correction: a moving foot is lifted
_CLEARANCE = 0.035  # metres between the floor and the sole of a foot that moves

_REACH = 0.995  # share of the straight leg's length that a correction may use
_LARGEST_DROP = 0.08  # metres that the pelvis may be lowered for a foot out of reach
_DROP_WINDOW = 0.2  # seconds on either side over which the pelvis is lowered


def foot_contacts(joints: Array, fps: float, floor: float = 0.0) -> BoolArray:
    """The contacts (T, 4) of a motion: which foot points are planted, columns as in CONTACT_JOINTS.

    joints: (T, 24, 3) or (T, 22, 3) positions, metres, Z-up world. A contact begins where a point is low and slow and
    extends, in both directions of time, as far as it is fairly low and fairly slow (hysteresis).
    """
    points = joints[:, list(CONTACT_JOINTS)].astype(np.float64)
    height = points[..., 2] - floor
    speed = _horizontal_speed(points, fps)
    bounds = np.array([_HEIGHTS["ankle"]] * 2 + [_HEIGHTS["foot"]] * 2)
    sure = (height < bounds[:, 0]) & (speed < _SPEEDS[0])
    fair = (height < bounds[:, 1]) & (speed < _SPEEDS[1])
    contacts = np.empty(fair.shape, dtype=bool)
    for column in range(len(CONTACT_JOINTS)):
        contacts[:, column] = _clean(sure[:, column], fair[:, column], fps)
    return contacts


def lock_feet(
    motion: Motion,
    strength: float = 1.0,
    contacts: BoolArray | None = None,
    floor: float = 0.0,
    pinned: BoolArray | None = None,
) -> Motion:
    """The motion with planted feet kept in place, moving feet above the floor, and no foot below it.

    strength: 0 leaves the motion as it is, 1 corrects it fully. contacts: (T, 4), by default those of `foot_contacts`.
    floor: height of the floor, metres. pinned: (T,) frames that stay as they are (to rounding); the correction fades
    out smoothly towards them. Raises ValueError for a strength outside 0..1, or contacts or pinned of another shape.
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"foot lock strength {strength} is outside 0..1")
    joints = _joints(motion)
    if contacts is None:
        contacts = foot_contacts(joints, motion.fps, floor)
    if contacts.shape != (len(motion), len(CONTACT_JOINTS)):
        raise ValueError(f"contacts have shape {contacts.shape}; {(len(motion), len(CONTACT_JOINTS))} is needed")
    pinned = np.zeros(len(motion), dtype=bool) if pinned is None else pinned
    if pinned.shape != (len(motion),):
        raise ValueError(f"pinned has shape {pinned.shape}; {(len(motion),)} is needed")
    if strength == 0 or len(motion) < 3:
        return motion
    shifts = _path_shifts(joints, contacts, motion.fps, floor, _CLEARANCE, pinned) * strength
    return _apply_shifts(motion, joints, shifts, pinned)


def _joints(motion: Motion) -> Array:
    return forward_kinematics(motion.rotations().astype(np.float64), motion.trans.astype(np.float64))


def _horizontal_speed(points: Array, fps: float) -> Array:
    reach = max(1, round(0.5 * _SPEED_WINDOW * fps))
    frames = np.arange(len(points))
    after, before = np.minimum(frames + reach, len(points) - 1), np.maximum(frames - reach, 0)
    distance = np.linalg.norm(points[after, :, :2] - points[before, :, :2], axis=-1)
    return distance * fps / np.maximum(after - before, 1)[:, None]


def _clean(sure: BoolArray, fair: BoolArray, fps: float) -> BoolArray:
    """The runs of `fair` (T,) that contain a `sure` frame, with short gaps between them closed, then short runs
    dropped."""
    runs = [(start, stop) for start, stop in runs_of(fair) if sure[start:stop].any()]
    contact = np.zeros_like(fair)
    for index, (start, stop) in enumerate(runs):
        near = index > 0 and start - runs[index - 1][1] < _SHORTEST_GAP * fps
        contact[runs[index - 1][1] if near else start : stop] = True
    for start, stop in runs_of(contact):
        if stop - start < _SHORTEST_CONTACT * fps:
            contact[start:stop] = False
    return contact


# Unknowns of a frame, in this order; neighbours in the list have the strongest coupling.
_POINTS = tuple(JOINT_INDEX[name] for name in ("L_foot", "L_ankle", "R_foot", "R_ankle"))
_COLUMNS = tuple(CONTACT_JOINTS.index(joint) for joint in _POINTS)
_PELVIS = len(_POINTS)
_UNKNOWNS = len(_POINTS) + 1
_BAND = 2 * _UNKNOWNS  # second differences reach two frames back


class _LeastSquares:
    """Normal equations of a least-squares problem over `frames` frames of `_UNKNOWNS` shifts each."""

    def __init__(self, frames: int, width: int) -> None:
        self.frames = frames
        self.band = np.zeros((frames * _UNKNOWNS, _BAND + 1))
        self.right = np.zeros((frames * _UNKNOWNS, width))

    def add(self, terms: list[tuple[int, int, float]], weight: Array | float, target: Array | None = None) -> None:
        """Add weight * |sum of coefficient * unknown at frame t + delay - target|² for all t it fits.

        terms: (unknown, delay, coefficient). weight: one number, or (T - largest delay,). target: (T - largest delay,
        width).
        """
        count = self.frames - max(delay for _, delay, _ in terms)
        frames = np.arange(count)
        for unknown_a, delay_a, a in terms:
            row = (frames + delay_a) * _UNKNOWNS + unknown_a
            for unknown_b, delay_b, b in terms:
                offset = (delay_b - delay_a) * _UNKNOWNS + unknown_b - unknown_a
                if offset >= 0:
                    self.band[row, offset] += weight * a * b
            if target is not None:
                self.right[row] += np.broadcast_to(np.asarray(weight * a), (count,))[:, None] * target

    def solve(self) -> Array:
        return solve_banded(self.band, self.right).reshape(self.frames, _UNKNOWNS, -1)


def _path_shifts(
    joints: Array, contacts: BoolArray, fps: float, floor: float, clearance: float, pinned: BoolArray
) -> Array:
    """The shifts (T, 5, 3) of `_POINTS` and of the pelvis, metres, world."""
    points = joints[:, list(_POINTS)]
    planted = contacts[:, list(_COLUMNS)]
    pace = _horizontal_speed(points, fps)
    contact = (planted[1:] & planted[:-1]) * _fading(np.maximum(pace[1:], pace[:-1]), *_LEAVING_SPEEDS)
    level, hold = _level_shifts(points[..., :2], contact, fps, pinned)
    lift = clearance * _moving(_step_speeds(points[..., :2] + level[:, :_PELVIS], fps), fps)
    lowest = np.array([SOLE_BELOW_FOOT, ANKLE_REST_HEIGHT] * 2) + floor + lift * np.array([1, 0, 1, 0])
    return np.concatenate([level, _height_shifts(points[..., 2:], hold, lowest, fps, pinned)], axis=-1)


def _problem(path: Array, hold: Array, fps: float, pinned: BoolArray) -> _LeastSquares:
    """The least-squares problem for shifts of points with paths (T, 4, D): they stop the points, with weights `hold`
    (T - 1, 4), and keep everything else."""
    squares = _LeastSquares(len(path), path.shape[-1])
    bend = (_ACCELERATION_TIME * fps**2) ** 2
    for index in range(_PELVIS):
        squares.add([(index, 0, 1.0), (index, 1, -2.0), (index, 2, 1.0)], bend)
        steps = path[:-1, index] - path[1:, index]
        squares.add([(index, 0, -1.0), (index, 1, 1.0)], hold[:, index] * fps**2, steps)
        squares.add([(index, 0, 1.0), (_PELVIS, 0, -1.0)], _LEG_TIME**-2)
    for foot in (0, 2):
        squares.add([(foot, 0, 1.0), (foot + 1, 0, -1.0)], _FOOT_WEIGHT)
    bend = (_PELVIS_ACCELERATION_TIME * fps**2) ** 2
    squares.add([(_PELVIS, 0, 1.0), (_PELVIS, 1, -2.0), (_PELVIS, 2, 1.0)], bend)
    squares.add([(_PELVIS, 0, 1.0)], _PELVIS_TIME**-2)
    if pinned.any():
        for unknown in range(_UNKNOWNS):
            squares.add([(unknown, 0, 1.0)], pinned * _PINNED)
    return squares


def _level_shifts(path: Array, contact: Array, fps: float, pinned: BoolArray) -> tuple[Array, Array]:
    """Horizontal shifts (T, 5, 2) of points with paths (T, 4, 2), and their final weights `hold` (T - 1, 4).

    contact: (T - 1, 4) 0..1. Iteratively reweighted least squares: a nearly still point gets more and more weight until
    it is still, one that glides on is not a contact and is released (a redescending weight, as in robust regression).
    """
    hold = contact
    shifts = _problem(path, hold, fps, pinned).solve()
    for _ in range(_ROUNDS):
        speed = _step_speeds(path + shifts[:, :_PELVIS], fps)
        firmness = np.clip(_FIRM_SPEED / np.maximum(speed, 1e-9), 1, _FIRMEST)
        hold = contact * firmness * _fading(speed, *_GLIDE_SPEEDS)
        shifts = _problem(path, hold, fps, pinned).solve()
    return shifts, hold


def _height_shifts(path: Array, hold: Array, lowest: Array, fps: float, pinned: BoolArray) -> Array:
    """Vertical shifts (T, 5, 1) of points with heights `path` (T, 4, 1) that keep them above `lowest` (T, 4)."""
    squares = _problem(path, np.minimum(hold, 1) * _PLANTED_VERTICAL, fps, pinned)
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
    floor before it moves and comes down after it has stopped, each by half of `_SPEED_WINDOW`."""
    reach = max(1, round(0.5 * _SPEED_WINDOW * fps))
    moves = np.pad(1 - _fading(speed, *_LIFT_SPEEDS), ((reach, reach), (0, 0)))
    return np.lib.stride_tricks.sliding_window_view(moves, 2 * reach, axis=0).max(axis=-1)


def _step_speeds(path: Array, fps: float) -> Array:
    """Speeds (T - 1, J), m/s, from each frame to the next of paths (T, J, D) in metres."""
    return np.linalg.norm(np.diff(path, axis=0), axis=-1) * fps


def _fading(speed: Array, slow: float, fast: float) -> Array:
    """A smooth step: 1 for speeds up to `slow`, 0 from `fast` on."""
    part = np.clip((speed - slow) / (fast - slow), 0, 1)
    return 1 - part * part * (3 - 2 * part)


def _apply_shifts(motion: Motion, joints: Array, shifts: Array, pinned: BoolArray) -> Motion:
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
    lowered = smooth_cover(np.minimum(drop, _LARGEST_DROP), motion.fps) * _fade(pinned, motion.fps)
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
        turn = rot.rotation_between(joints[:, foot] - joints[:, ankle], direction)
        new = {hip: thigh @ world[:, hip], knee: shin @ world[:, knee]}
        new[ankle] = rot.quaternion_to_matrix(turn) @ world[:, ankle]
        for joint, matrix in new.items():
            parent = new.get(PARENTS[joint], world[:, PARENTS[joint]])
            poses[:, joint] = rot.matrix_to_axis_angle(np.swapaxes(parent, -1, -2) @ matrix)
    trans = (motion.trans + pelvis).astype(np.float32)
    return replace(motion, poses=poses.reshape(len(motion), -1).astype(np.float32), trans=trans)


def _fade(pinned: BoolArray, fps: float) -> Array:
    """A factor (T,): 0 at pinned frames, rising smoothly to 1 at `_DROP_WINDOW` from them."""
    frames = np.arange(len(pinned))
    if not pinned.any():
        return np.ones(len(pinned))
    nearest = np.abs(frames[:, None] - np.flatnonzero(pinned)).min(axis=1)
    share = np.clip(nearest / fps / _DROP_WINDOW, 0, 1)
    return share * share * (3 - 2 * share)


def smooth_cover(values: Array, fps: float, reach: float = _DROP_WINDOW) -> Array:
    """A smooth curve (T,) that is nowhere below `values`: their maximum over `reach` seconds on either side, averaged
    over the same window."""
    half = max(1, round(reach * fps))
    window = np.lib.stride_tricks.sliding_window_view
    highest = window(np.pad(values, 2 * half, mode="edge"), 2 * half + 1).max(axis=-1)
    kernel = np.hanning(2 * half + 3)[1:-1]
    return window(highest, 2 * half + 1) @ (kernel / kernel.sum())
