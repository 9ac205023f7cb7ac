"""What carries a body beside its feet: hands that stand on the floor, or a trunk that lies on it.

A dancer on the floor, as in break, stands on hands as much as on feet. A hand carries the body where it rests near the
floor and the body's middle of mass is beside what the legs stand on; a dancer on feet who bends down to touch the floor
keeps it over them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from .frame_runs import runs_of
from .held_points import BoolArray, contact_runs, horizontal_speed, smooth_cover
from .rotations import Array
from .skeleton import JOINT_INDEX

SIDES = ("L", "R")
"""The columns of hands."""

# Thresholds of hands: (begins below, ends above), metres over the floor and metres per second. Hands that carry break
# dancers in our data are 4 to 20 cm high, a second one up to 30, since recordings stand on the floor by a constant, and
# drift or pivot by up to a metre a second. Hands of a dancer who tilts on one toe come down to 21 cm and carry nothing.
_HEIGHTS = (0.20, 0.34)
_SECOND_HEIGHT = 0.30
_SPEEDS = (1.0, 1.4)
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

_CARRY_WINDOW = 0.1  # seconds; hands begin to carry twice as long before they rest, and cease as long after


@dataclass(frozen=True, eq=False)
class Carried:
    """Where hands or trunk carry the body. resting: (T, 2) hands; lying: (T,) the trunk. down: (T, 2) how far each hand
    rests on the floor, body: (T,) how far feet do not carry the body; both 0..1 and faded in time."""

    resting: BoolArray
    lying: BoolArray
    down: Array
    body: Array


def carried_by(joints: Array, world: Array, fps: float, floor: float = 0.0) -> Carried | None:
    """What carries a body beside its feet; None for a dance on feet. joints: (T, 24, 3) metres, Z-up world, with world
    rotations (T, 24, 3, 3)."""
    resting = supporting_hands(joints, fps, floor)
    trunk = height_of_trunk(joints, world) - floor
    lying = contact_runs(trunk < _LYING[0], trunk < _LYING[1], fps)
    if not (resting.any() or lying.any()):
        return None
    down = [smooth_cover(hand.astype(np.float64), fps, _CARRY_WINDOW) for hand in resting.T]
    body = smooth_cover((resting.any(axis=1) | lying).astype(np.float64), fps, _CARRY_WINDOW)
    return Carried(resting, lying, np.stack(down, axis=-1), body)


def supporting_hands(joints: Array, fps: float, floor: float = 0.0) -> BoolArray:
    """Which hands (T, 2), left and right, carry the body. joints: (T, 24, 3) metres, Z-up world."""
    hands = joints[:, [JOINT_INDEX[f"{side}_hand"] for side in SIDES]].astype(np.float64)
    height, speed = hands[..., 2] - floor, horizontal_speed(hands, fps)
    slow = speed < _SPEEDS[0]
    sure = slow & (height < _HEIGHTS[0])
    fair = (height < _HEIGHTS[1]) & (speed < _SPEEDS[1])
    if not sure.any():
        return np.zeros_like(fair)
    resting = _resting(height, sure & (_beside(joints, floor) > _BESIDE)[:, None], fair, fps)
    second = slow & (height < _SECOND_HEIGHT) & resting.any(axis=1, keepdims=True)
    return resting | _resting(height, second, fair, fps)


def _resting(height: Array, sure: BoolArray, fair: BoolArray, fps: float) -> BoolArray:
    """Which hands (T, 2) at heights (T, 2) rest: from `sure` frames as far as they are `fair` and stay down."""
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


def undersides(joints: Array, radii: dict[str, float]) -> Array:
    """Heights (T, P) of the undersides of parts, metres."""
    return joints[:, [JOINT_INDEX[name] for name in radii], 2] - np.array(list(radii.values()))


def height_of_trunk(joints: Array, world: Array) -> Array:
    """Height (T,) of the lowest part of trunk and head, metres."""
    return np.minimum(undersides(joints, _TRUNK).min(axis=-1), underside_of_head(joints, world))


def underside_of_head(joints: Array, world: Array) -> Array:
    """Height (T,) of the lowest point of the head, metres."""
    head = JOINT_INDEX["head"]
    return joints[:, head, 2] + world[:, head, 2] @ _HEAD - _HEAD_RADIUS
