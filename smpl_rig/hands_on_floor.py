"""Hands that carry the body, set down on the floor.

As a motion's arms are not the dancer's, hands that carry float by a decimetre or are in the floor. `floor_work` shifts
the body as a whole, slowly and not so far that another part would be in the floor, and says where the wrists belong.
`hands_down` bends the arms to them (two-bone inverse kinematics) and lays the palms flat; towards a place out of reach
the spine bends, and what is missing then the fingers bridge. Bone lengths never change.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from . import rotations as rot
from .floor_support import RADII, SIDES, carried_by, height_of_trunk, underside_of_head, undersides
from .held_points import (
    BoolArray,
    Release,
    away_from,
    fading,
    level_shifts,
    shift_problem,
    smooth_cover,
)
from .inverse_kinematics import bend_limb, lifting_swing
from .kinematics import forward_kinematics, global_rotations
from .motion import Motion
from .rotations import Array
from .skeleton import JOINT_INDEX, PARENTS, REST_OFFSETS

_RELEASE = Release(leaving=(1.0, 1.4), gliding=(1.0, 1.4))
_PALM = np.array(
    [[0.0, -0.036, 0.0], [0.09, -0.028, -0.045], [0.09, -0.028, 0.045], [0.09, -0.03, 0.08], [0.18, -0.028, 0.0]]
)
"""Points of the left hand's palm from the wrist, metres, body frame: heel, knuckles, thumb and fingertips."""
_DOWN = np.array([0.0, 0.0, -1.0])
_TURNS = (np.radians(100.0), np.radians(150.0))
"""Turn of a hand up to which it is laid flat, and from which on it stays as it is, on its back."""
_STEEPEST = np.radians(75.0)
"""Pitch of a hand on its fingertips, where the arm is too short for the palm."""
_LEGS_BEND, _FOLDED = 0.08, (0.2, 0.4)
"""Metres by which feet may be in the floor when the body comes down: `feet` lifts them, and the legs bend. And metres
from hip to ankle between which a leg that is folded already begins to do so."""

# Weights of the least-squares problem as times in seconds, see `held_points`.
_TOUCH_TIME = 0.01  # brings a hand to the floor
_ARM_TIME = 0.05  # keeps an arm's bend: the body comes down instead
_FLOOR_TIME = 0.01  # keeps points above the floor
_ROUNDS = 5

_ARM = 0.995 * float(sum(np.linalg.norm(REST_OFFSETS[JOINT_INDEX[name]]) for name in ("L_elbow", "L_wrist")))
"""Metres from shoulder to wrist that a correction may use."""
_SPINE = tuple(JOINT_INDEX[name] for name in ("spine1", "spine2", "spine3"))
_LEAN, _LEVER = np.radians(20.0), 0.10
"""By which the spine is bent at most towards a hand out of reach, and the least lever, metres, it is reckoned with."""
_LEAN_WINDOW = 0.15  # seconds on either side over which the spine bends


@dataclass(frozen=True, eq=False)
class FloorWork:
    """Where hands or trunk carry the body, and how it comes to the floor.

    carried: (T,) 0..1 how far they do, faded in time. down: (T, 2) how far each hand is set down, faded. free: (T,) how
    far a frame may change. body: (T, 3) shift of the body as a whole, metres, world. wrists: (T, 2, 3) where the wrists
    belong. floor: its height, metres.
    """

    carried: Array
    down: Array
    free: Array
    body: Array
    wrists: Array
    floor: float


def floor_work(motion: Motion, floor: float, pinned: BoolArray, strength: float = 1.0) -> FloorWork | None:
    """How a motion's floor work comes to the floor; None for a dance on feet.

    pinned: (T,) frames that stay. strength: as for `feet.lock_feet`.
    """
    local = motion.rotations().astype(np.float64)
    joints, world = forward_kinematics(local, motion.trans.astype(np.float64)), global_rotations(local)
    fps = motion.fps
    carried = carried_by(joints, world, fps, floor)
    if carried is None:
        return None
    free = away_from(pinned, fps) * strength
    down, resting = carried.down * free[:, None], carried.resting
    points = [JOINT_INDEX[f"{side}_wrist"] for side in SIDES]
    wrists = joints[:, points]
    hands = [_blended(world[:, point], _laid(world[:, point]), down[:, side]) for side, point in enumerate(points)]
    lowest = floor - np.stack([_underside_of_hand(hand, side) for side, hand in enumerate(hands)], axis=-1)
    parts = (undersides(joints, RADII) + _yielding(joints)).min(axis=-1)
    parts = np.minimum(parts, underside_of_head(joints, world)) - floor
    body = carried.lying, height_of_trunk(joints, world) - floor, parts
    level, _ = level_shifts(wrists, resting.astype(np.float64), _RELEASE, fps, pinned)
    height = _height_shifts(wrists[..., 2:], resting, lowest, body, fps, pinned)
    shifts = np.concatenate([level, height], axis=-1) * strength
    return FloorWork(carried.body, down, free, shifts[:, -1], wrists + shifts[:, :-1], floor)


def _height_shifts(
    path: Array,
    resting: BoolArray,
    lowest: Array,
    body: tuple[BoolArray, Array, Array],
    fps: float,
    pinned: BoolArray,
) -> Array:
    """Vertical shifts (T, 3, 1) of wrists with heights `path` (T, 2, 1), and of the body.

    They bring resting hands (T, 2) to heights `lowest` (T, 2), and keep the others above. body: where the trunk lies
    (T,), and heights (T,) over the floor of the trunk, which is laid on it there, and of the lowest part of all, which
    stays above it.
    """
    lying, trunk, parts = body
    squares = shift_problem(path, np.zeros((len(path) - 1, len(SIDES))), fps, pinned)
    wanted = np.concatenate([lowest - path[..., 0], -parts[:, None]], axis=1)
    for side in range(len(SIDES)):
        squares.add([(side, 0, 1.0)], resting[:, side] * _TOUCH_TIME**-2, wanted[:, side, None])
        squares.add([(side, 0, 1.0), (len(SIDES), 0, -1.0)], resting[:, side] * _ARM_TIME**-2)
    squares.add([(len(SIDES), 0, 1.0)], lying * _ARM_TIME**-2, -trunk[:, None])
    # points that would end too low are held at the lowest height; that lifts their neighbours, hence a few rounds
    held = np.concatenate([resting, np.zeros((len(path), 1), dtype=bool)], axis=1)
    shifts = squares.solve()
    for _ in range(_ROUNDS):
        new = (shifts[..., 0] < wanted - 1e-4) & ~held & ~pinned[:, None]
        if not new.any():
            break
        for point in range(new.shape[1]):
            squares.add([(point, 0, 1.0)], new[:, point] * _FLOOR_TIME**-2, wanted[:, point, None])
        held |= new
        shifts = squares.solve()
    return shifts


def hands_down(motion: Motion, work: FloorWork, moved: Array) -> Motion:
    """The motion with its arms bent so that resting hands are on the floor, palms flat.

    moved: (T, 3) metres by which the body was moved since `work` was made; free hands follow it.
    """
    local = motion.rotations().astype(np.float64)
    joints, world = forward_kinematics(local, motion.trans.astype(np.float64)), global_rotations(local)
    goals = work.wrists + (1 - work.down[..., None]) * moved[:, None]
    laid = [_laid(world[:, JOINT_INDEX[f"{side}_wrist"]]) for side in SIDES]
    leant = _leant(local, joints, world, goals, work, motion.fps)
    joints, world = forward_kinematics(leant, motion.trans.astype(np.float64)), global_rotations(leant)
    poses = motion.poses.reshape(len(motion), -1, 3).copy()
    for joint in _SPINE:
        poses[:, joint] = rot.matrix_to_axis_angle(leant[:, joint])
    for index, side in enumerate(SIDES):
        shoulder, elbow, wrist = (JOINT_INDEX[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist"))
        down = work.down[:, index]
        line = goals[:, index] - joints[:, shoulder]
        before = np.linalg.norm(joints[:, wrist] - joints[:, shoulder], axis=-1)
        distance = np.linalg.norm(line, axis=-1)
        reach = np.minimum(distance, np.maximum(before, _ARM))
        line = line * (reach / np.maximum(distance, 1e-6))[:, None]
        upper, lower = joints[:, elbow] - joints[:, shoulder], joints[:, wrist] - joints[:, elbow]
        # the bend itself determines the hinge; the straighter the arm, the more the upper arm's own axis does
        own = world[:, shoulder, :, 1] * (-1.0 if side == "L" else 1.0)
        bent = np.cross(rot.normalize(upper), rot.normalize(lower))
        first, second = bend_limb(upper, lower, line, rot.normalize(bent + 0.1 * own))
        lowest = work.floor + RADII[f"{side}_elbow"] - joints[:, shoulder, 2]
        swing = lifting_swing(np.einsum("tij,tj->ti", first, upper), line, lowest, work.carried * work.free)
        first, second = swing @ first, swing @ second
        forearm = second @ world[:, elbow]
        gap = joints[:, shoulder, 2] + line[:, 2] - work.wrists[:, index, 2]
        rests = _tented(laid[index], index, gap)
        hand = _blended(forearm @ local[:, wrist], rests, down)
        new = {shoulder: first @ world[:, shoulder], elbow: forearm, wrist: hand}
        for joint, matrix in new.items():
            parent = new.get(PARENTS[joint], world[:, PARENTS[joint]])
            poses[:, joint] = rot.matrix_to_axis_angle(np.swapaxes(parent, -1, -2) @ matrix)
    return replace(motion, poses=poses.reshape(len(motion), -1).astype(np.float32))


def _leant(local: Array, joints: Array, world: Array, goals: Array, work: FloorWork, fps: float) -> Array:
    """The rotations (T, 24, 3, 3), local to the parent, with the spine bent towards resting hands out of reach.

    goals: (T, 2, 3) of the wrists, metres.
    """
    bend: Array = np.zeros((len(local), 2))
    for index, side in enumerate(SIDES):
        shoulder = joints[:, JOINT_INDEX[f"{side}_shoulder"]]
        line = goals[:, index] - shoulder
        below = np.sqrt(np.maximum(_ARM**2 - np.sum(line[:, :2] ** 2, axis=-1), 0))
        gap = smooth_cover(work.down[:, index] * np.maximum(-line[:, 2] - below, 0), fps, _LEAN_WINDOW / 2)
        # the smallest turn (horizontal axis) that lowers the shoulder by the gap
        lever = (shoulder - joints[:, _SPINE[1]])[:, :2]
        size = np.sum(lever**2, axis=-1)
        bend = bend + (gap / (size + _LEVER**2))[:, None] * np.stack([-lever[:, 1], lever[:, 0]], axis=-1)
    angle = np.linalg.norm(bend, axis=-1, keepdims=True)
    bend = work.free[:, None] * bend * _LEAN / np.maximum(np.hypot(angle, _LEAN), 1e-9)
    bent = local.copy()
    third = rot.axis_angle_to_matrix(np.concatenate([bend, np.zeros((len(bend), 1))], axis=-1) / len(_SPINE))
    for joint in _SPINE:
        parent = world[:, PARENTS[joint]]
        # each of them turns by a third about the same axis of the world, so the turns add up
        bent[:, joint] = np.swapaxes(parent, -1, -2) @ third @ parent @ local[:, joint]
    return bent


def _laid(hand: Array) -> Array:
    """World rotations (T, 3, 3) of a hand laid on its palm; one that lies on its back stays."""
    palm = -hand[:, :, 1]
    turn = rot.quaternion_to_axis_angle(rot.rotation_between(palm, np.broadcast_to(_DOWN, palm.shape)))
    share = fading(np.linalg.norm(turn, axis=-1), *_TURNS)
    return rot.axis_angle_to_matrix(share[:, None] * turn) @ hand


def _tented(hand: Array, side: int, gap: Array) -> Array:
    """World rotations (T, 3, 3) of a hand raised from its fingertips so that its wrist is `gap` (T,) metres higher."""
    fingers = hand[:, :, 0] * (1.0 if side == 0 else -1.0)
    reach, pitch = float(np.hypot(*_PALM[-1, :2])), float(np.arctan2(*-_PALM[-1, 1::-1]))
    # how far the fingertips are under the wrist, and are to be
    flat = np.arcsin(np.clip(-fingers[:, 2], -1, 1))
    now = reach * np.sin(flat + pitch)
    wanted = np.arcsin(np.clip((now + np.maximum(gap, 0)) / reach, -1, np.sin(_STEEPEST))) - pitch
    axis = rot.normalize(np.cross(fingers, np.broadcast_to(_DOWN, fingers.shape)))
    return rot.axis_angle_to_matrix(np.maximum(wanted - flat, 0)[:, None] * axis) @ hand


def _blended(first: Array, second: Array, share: Array) -> Array:
    """Rotations (T, 3, 3) between two, `share` (T,) of the way."""
    ends = rot.matrix_to_quaternion(first), rot.matrix_to_quaternion(second)
    return rot.quaternion_to_matrix(rot.slerp(*ends, share))


def _underside_of_hand(hand: Array, side: int) -> Array:
    """Height (T,) of the lowest point of a hand with world rotations (T, 3, 3) over its wrist, metres."""
    mirrored = np.array([1.0 if side == 0 else -1.0, 1.0, 1.0])
    return (hand[:, 2] @ (_PALM * mirrored).T).min(axis=-1)


def _yielding(joints: Array) -> Array:
    """By how much (T, P) the parts of `RADII` may be in the floor when the body comes down, metres."""
    given = np.zeros((len(joints), len(RADII)))
    for side in SIDES:
        leg = joints[:, JOINT_INDEX[f"{side}_ankle"]] - joints[:, JOINT_INDEX[f"{side}_hip"]]
        bends = _LEGS_BEND * (1 - fading(np.linalg.norm(leg, axis=-1), *_FOLDED))
        given[:, [list(RADII).index(f"{side}_{name}") for name in ("ankle", "foot")]] = bends[:, None]
    return given
