"""Hands that carry the body: when they do, and how they come to rest on the floor.

A dancer on the floor, as in break, stands on hands as much as on feet. A hand carries the body where it rests near the
floor and the body's middle of mass is beside what the legs stand on; a dancer who bends down to touch the floor keeps
it over the feet, so no dance on feet has a frame of these. As the motion's arms are not the dancer's, such hands float by
a decimetre or are in the floor. `floor_work` shifts the body as a whole by little and slowly, not so far that another
part would be in the floor, and says where the wrists belong; `hands_down` bends the arms to them (two-bone inverse
kinematics) and lays the palms flat. Bone lengths never change.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from . import rotations as rot
from .frame_runs import runs_of
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
)
from .inverse_kinematics import bend_limb, lifting_swing
from .kinematics import forward_kinematics, global_rotations
from .motion import Motion
from .rotations import Array
from .skeleton import JOINT_INDEX, PARENTS, REST_OFFSETS

SIDES = ("L", "R")
"""The columns of hands."""

# Thresholds of hands: (begins below, ends above), metres over the floor and metres per second. Hands that carry break
# dancers in our data are 4 to 30 cm high, since recordings stand on the floor by a constant, and drift or pivot by up to
# a metre a second.
_HEIGHTS = (0.30, 0.34)
_SPEEDS = (1.0, 1.4)
_RELEASE = Release(leaving=(1.0, 1.4), gliding=(1.0, 1.4))
_RISES = 0.07
"""Metres over its lowest point from which a hand has left the floor, or is not there yet: how far a recording floats
differs from hand to hand, but little while one rests."""
_BESIDE = 0.2
"""Metres, on the floor, from what the legs stand on to the middle of mass, from which they do not carry it. Hands that
touch the floor in dances on feet do so at 0.01 to 0.13, those that carry at 0.2 to 0.8."""
_LEGS = {"knee": 0.15, "ankle": 0.3, "foot": 0.25}
"""Metres over the floor up to which a part of a leg may stand on it: floor work floats."""
_LYING = (0.06, 0.10)
"""Metres between floor and trunk below which it begins, and above which it ceases, to lie on the floor."""

# Segments: from, to, and their share of the body's mass. Winter, Biomechanics and Motor Control of Human Movement
# (4th edition, 2009), table 4.1; the middle stands for each segment's own.
_MASSES = (
    ("pelvis", "neck", 0.497),
    ("neck", "head", 0.081),
    *(
        (f"{side}_{first}", f"{side}_{second}", mass)
        for side in SIDES
        for first, second, mass in (
            ("shoulder", "elbow", 0.028),
            ("elbow", "wrist", 0.016),
            ("wrist", "hand", 0.006),
            ("hip", "knee", 0.100),
            ("knee", "ankle", 0.0465),
            ("ankle", "foot", 0.0145),
        )
    ),
)
_TRUNK = {"pelvis": 0.11, "L_hip": 0.09, "R_hip": 0.09, "spine1": 0.10, "spine2": 0.10, "spine3": 0.11, "neck": 0.05}
_LIMBS = {"shoulder": 0.055, "elbow": 0.04, "knee": 0.05, "ankle": 0.04, "foot": 0.02}
RADII = _TRUNK | {f"{side}_{name}": radius for side in SIDES for name, radius in _LIMBS.items()}
"""Metres of flesh around a joint; hands are set down by themselves."""
_HEAD, _HEAD_RADIUS = np.array([0.0, 0.045, 0.01]), 0.095
"""The middle of the head's ball from the head joint, metres, body frame."""
_PALM = np.array(
    [[0.0, -0.036, 0.0], [0.09, -0.028, -0.045], [0.09, -0.028, 0.045], [0.09, -0.03, 0.08], [0.18, -0.028, 0.0]]
)
"""Points of the left hand's palm from the wrist, metres, body frame: heel, knuckles, thumb and fingertips."""
_DOWN = np.array([0.0, 0.0, -1.0])
_TURNS = (np.radians(100.0), np.radians(150.0))
"""Turn of a hand up to which it is laid flat, and from which on it stays as it is, on its back."""
_STEEPEST = np.radians(75.0)
"""Pitch of a hand on its fingertips, where the arm is too short for the palm."""
_LEGS_BEND = 0.08
"""Metres by which feet may be in the floor when the body comes down: `feet` lifts them, and the legs bend."""

# Weights of the least-squares problem as times in seconds, see `held_points`.
_TOUCH_TIME = 0.01  # brings a hand to the floor
_ARM_TIME = 0.05  # keeps an arm's bend: the body comes down instead
_FLOOR_TIME = 0.01  # keeps points above the floor
_ROUNDS = 5

_CARRY_WINDOW = 0.1  # seconds; hands begin to carry twice as long before they rest, and cease as long after
_ARM = 0.995 * float(sum(np.linalg.norm(REST_OFFSETS[JOINT_INDEX[name]]) for name in ("L_elbow", "L_wrist")))
"""Metres from shoulder to wrist that a correction may use."""
_SPINE = tuple(JOINT_INDEX[name] for name in ("spine1", "spine2", "spine3"))
_LEAN, _LEVER = np.radians(10.0), 0.15
"""By which the spine is bent at most towards a hand out of reach, and the least lever, metres, it is reckoned with."""
_LEAN_WINDOW = 0.15  # seconds on either side over which the spine bends


@dataclass(frozen=True, eq=False)
class FloorWork:
    """Where hands or trunk carry the body, and how it comes to the floor.

    carried: (T,) 0..1 how far they do, faded in time. down: (T, 2) how far each hand rests on the floor, faded.
    body: (T, 3) shift of the body as a whole; wrists: (T, 2, 3) where the wrists belong, metres, world. floor: its
    height, metres.
    """

    carried: Array
    down: Array
    body: Array
    wrists: Array
    floor: float


def supporting_hands(joints: Array, fps: float, floor: float = 0.0) -> BoolArray:
    """Which hands (T, 2), left and right, carry the body. joints: (T, 24, 3) metres, Z-up world."""
    hands = joints[:, [JOINT_INDEX[f"{side}_hand"] for side in SIDES]].astype(np.float64)
    height, speed = hands[..., 2] - floor, horizontal_speed(hands, fps)
    falling = _beside(joints, floor) > _BESIDE
    sure = (height < _HEIGHTS[0]) & (speed < _SPEEDS[0]) & falling[:, None]
    fair = (height < _HEIGHTS[1]) & (speed < _SPEEDS[1])
    resting = np.zeros_like(fair)
    for side in range(len(SIDES)):
        for start, stop in runs_of(contact_runs(sure[:, side], fair[:, side], fps)):
            run = height[start:stop, side]
            resting[start:stop, side] = run < run.min() + _RISES
        resting[:, side] = contact_runs(resting[:, side], resting[:, side], fps)
    return resting


def _beside(joints: Array, floor: float) -> Array:
    """Distance (T,), metres on the floor, of the middle of mass from what the legs stand on; infinite where they do
    not."""
    total = sum(mass for _, _, mass in _MASSES)
    middle = sum(
        mass / total * 0.5 * (joints[:, JOINT_INDEX[first], :2] + joints[:, JOINT_INDEX[second], :2])
        for first, second, mass in _MASSES
    )
    points = [(JOINT_INDEX[f"{side}_{name}"], height) for side in SIDES for name, height in _LEGS.items()]
    nearest = np.full(len(joints), np.inf)
    for (first, high), (second, other) in combinations(points, 2):
        stands = (joints[:, first, 2] - floor < high) & (joints[:, second, 2] - floor < other)
        start, line = joints[:, first, :2], joints[:, second, :2] - joints[:, first, :2]
        along = np.sum((middle - start) * line, axis=-1) / np.maximum(np.sum(line**2, axis=-1), 1e-9)
        away = np.linalg.norm(middle - start - np.clip(along, 0, 1)[:, None] * line, axis=-1)
        nearest = np.where(stands, np.minimum(nearest, away), nearest)
    # a leg that stands on one point alone
    for joint, high in points:
        away = np.linalg.norm(middle - joints[:, joint, :2], axis=-1)
        nearest = np.where(joints[:, joint, 2] - floor < high, np.minimum(nearest, away), nearest)
    return nearest


def floor_work(motion: Motion, floor: float, pinned: BoolArray, strength: float = 1.0) -> FloorWork | None:
    """How a motion's floor work comes to the floor; None for a dance on feet.

    pinned: (T,) frames that stay. strength: as for `feet.lock_feet`.
    """
    local = motion.rotations().astype(np.float64)
    joints, world = forward_kinematics(local, motion.trans.astype(np.float64)), global_rotations(local)
    fps = motion.fps
    resting = supporting_hands(joints, fps, floor)
    trunk = np.minimum(_undersides(joints, _TRUNK).min(axis=-1), _underside_of_head(joints, world)) - floor
    lying = contact_runs(trunk < _LYING[0], trunk < _LYING[1], fps)
    if not (resting.any() or lying.any()):
        return None
    free = away_from(pinned, fps) * strength
    carried = smooth_cover((resting.any(axis=1) | lying).astype(np.float64), fps, _CARRY_WINDOW) * free
    down = np.stack([smooth_cover(hand.astype(np.float64), fps, _CARRY_WINDOW) * free for hand in resting.T], axis=-1)

    points = [JOINT_INDEX[f"{side}_wrist"] for side in SIDES]
    wrists = joints[:, points]
    hands = [_blended(world[:, point], _laid(world[:, point]), down[:, side]) for side, point in enumerate(points)]
    lowest = floor - np.stack([_underside_of_hand(hand, side) for side, hand in enumerate(hands)], axis=-1)
    soft = np.array([_LEGS_BEND * name.endswith(("ankle", "foot")) for name in RADII])
    parts = np.minimum((_undersides(joints, RADII) + soft).min(axis=-1), _underside_of_head(joints, world))
    level, _ = level_shifts(wrists, resting.astype(np.float64), _RELEASE, fps, pinned)
    height = _height_shifts(wrists[..., 2:], resting, lowest, (lying, trunk, parts - floor), fps, pinned)
    shifts = np.concatenate([level, height], axis=-1) * strength
    return FloorWork(carried, down, shifts[:, -1], wrists + shifts[:, :-1], floor)


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
    local = _leant(local, joints, world, goals, work.down, motion.fps)
    joints, world = forward_kinematics(local, motion.trans.astype(np.float64)), global_rotations(local)
    poses = motion.poses.reshape(len(motion), -1, 3).copy()
    for joint in _SPINE:
        poses[:, joint] = rot.matrix_to_axis_angle(local[:, joint])
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
        swing = lifting_swing(np.einsum("tij,tj->ti", first, upper), line, lowest, work.carried)
        first, second = swing @ first, swing @ second
        forearm = second @ world[:, elbow]
        gap = joints[:, shoulder, 2] + line[:, 2] - work.wrists[:, index, 2]
        rests = _tented(_laid(world[:, wrist]), index, gap)
        hand = _blended(forearm @ local[:, wrist], rests, down)
        new = {shoulder: first @ world[:, shoulder], elbow: forearm, wrist: hand}
        for joint, matrix in new.items():
            parent = new.get(PARENTS[joint], world[:, PARENTS[joint]])
            poses[:, joint] = rot.matrix_to_axis_angle(np.swapaxes(parent, -1, -2) @ matrix)
    return replace(motion, poses=poses.reshape(len(motion), -1).astype(np.float32))


def _leant(local: Array, joints: Array, world: Array, goals: Array, down: Array, fps: float) -> Array:
    """The rotations (T, 24, 3, 3), local to the parent, with the spine bent towards resting hands out of reach.

    goals: (T, 2, 3) of the wrists, metres. down: (T, 2).
    """
    bend = np.zeros((len(local), 2))
    for index, side in enumerate(SIDES):
        shoulder = joints[:, JOINT_INDEX[f"{side}_shoulder"]]
        line = goals[:, index] - shoulder
        below = np.sqrt(np.maximum(_ARM**2 - np.sum(line[:, :2] ** 2, axis=-1), 0))
        gap = smooth_cover(down[:, index] * np.maximum(-line[:, 2] - below, 0), fps, _LEAN_WINDOW / 2)
        # the smallest turn (horizontal axis) that lowers the shoulder by the gap
        lever = (shoulder - joints[:, _SPINE[1]])[:, :2]
        size = np.sum(lever**2, axis=-1)
        bend += (gap / (size + _LEVER**2))[:, None] * np.stack([-lever[:, 1], lever[:, 0]], axis=-1)
    angle = np.linalg.norm(bend, axis=-1, keepdims=True)
    bend = bend * _LEAN / np.maximum(np.hypot(angle, _LEAN), 1e-9)
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


def _undersides(joints: Array, radii: dict[str, float]) -> Array:
    """Heights (T, P) of the undersides of parts, metres."""
    return joints[:, [JOINT_INDEX[name] for name in radii], 2] - np.array(list(radii.values()))


def _underside_of_head(joints: Array, world: Array) -> Array:
    head = JOINT_INDEX["head"]
    return joints[:, head, 2] + world[:, head, 2] @ _HEAD - _HEAD_RADIUS
