"""Legs of a character's own proportions on the feet of a motion.

The ball of the foot is where the motion has it, times the ratio of the legs, so what is planted stays planted. Height
and tilt of the foot go together: the lower one of the sole's ends under ball and ankle is as high as the motion's, so a
heel that lands and toes that push off meet the floor on feet of any length. Two-bone inverse kinematics bends the leg
to the ankle; the knee points where the motion's does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import rotations as rot
from ..inverse_kinematics import bend_limb
from ..rotations import Array
from ..skeleton import JOINT_INDEX, REST_OFFSETS, SOLE_BELOW_FOOT
from .calibration import SMPL_ANKLE_HEIGHT, Foot

_SOFT = 0.005
"""Metres on SMPL's legs over which the lower end of a sole changes from heel to ball."""
_STRETCH = 0.985
_STRETCHED = 0.9995
"""Shares of a leg's length from which a foot out of reach is held back, and which it never passes."""


@dataclass(frozen=True, eq=False)
class Leg:
    """A leg of the motion. joints: (T, 4, 3) hip, knee, ankle and foot, metres, stage. thigh, foot: (T, 3, 3) world
    rotations."""

    joints: Array
    thigh: Array
    foot: Array

    @property
    def stretch(self) -> Array:
        """(T,) distance from hip to ankle as a share of the leg's length."""
        hip, knee, ankle = self.joints[:, 0], self.joints[:, 1], self.joints[:, 2]
        length = np.linalg.norm(knee - hip, axis=-1) + np.linalg.norm(ankle - knee, axis=-1)
        return np.linalg.norm(ankle - hip, axis=-1) / length


def leg_of(side: str, joints: Array, world: Array) -> Leg:
    """A side's leg of joints (T, 24, 3) with world rotations (T, 24, 3, 3)."""
    names = [JOINT_INDEX[f"{side}_{name}"] for name in ("hip", "knee", "ankle", "foot")]
    return Leg(joints[:, names], world[:, names[0]], world[:, names[2]])


def _softest(first: Array, second: Array, width: float) -> Array:
    """A smooth minimum (T,) that is `width * log(2)` below equal values."""
    return -width * np.logaddexp(-first / width, -second / width)


def ankle_goal(leg: Leg, side: str, foot: Foot, turn: Array, ratio: float) -> Array:
    """Where (T, 3) the ankle of a character's foot with turns `turn` (T, 3, 3) should be, metres, stage."""
    down = np.array([0.0, -SOLE_BELOW_FOOT, 0.0])
    smpl_ball = leg.foot @ (REST_OFFSETS[JOINT_INDEX[f"{side}_foot"]].astype(np.float64) + down)
    smpl_heel = leg.foot @ np.array([0.0, -SMPL_ANKLE_HEIGHT, 0.0])
    ankle = leg.joints[:, 2]
    ball, heel = turn @ foot.ball, turn @ foot.heel
    level = ratio * (ankle + smpl_ball)[:, :2] - ball[:, :2]
    low = ratio * (ankle[:, 2] + _softest(smpl_ball[:, 2], smpl_heel[:, 2], _SOFT))
    height = low - _softest(ball[:, 2], heel[:, 2], _SOFT * ratio)
    return np.concatenate([level, height[:, None]], axis=-1)


def limits(leg: Leg, length: float) -> tuple[Array, float]:
    """Distances from hip to ankle, metres: (T,) from where a foot is held back, and the longest."""
    longest = _STRETCHED * length
    return np.minimum(np.maximum(_STRETCH, leg.stretch) * length, longest), longest


def held_back(line: Array, soft: Array, longest: float) -> Array:
    """Vectors (T, 3) from hip to ankle no longer than `longest`, shortened smoothly from `soft` (T,) on."""
    distance = np.maximum(np.linalg.norm(line, axis=-1), 1e-9)
    room = np.maximum(longest - soft, 1e-9)
    beyond = np.maximum(distance - soft, 0)
    shortened = np.where(beyond > 0, soft + room * -np.expm1(-beyond / room), distance)
    return line * (np.minimum(shortened, longest) / distance)[:, None]


def bent(leg: Leg, thigh: Array, shin: Array, line: Array) -> tuple[Array, Array]:
    """World rotations (T, 3, 3) to be put on thigh and shin, with vectors (T, 3), so that the ankle is at `line` (T, 3)
    from the hip."""
    left = leg.thigh[:, :, 0]
    bend = np.cross(rot.normalize(thigh), rot.normalize(shin))
    # the bend itself determines the hinge, as far as there is one; a straight leg's is the thigh's left axis
    clear = np.clip(np.sum(bend * left, axis=-1, keepdims=True) / 0.2, 0, 1)
    return bend_limb(thigh, shin, line, rot.normalize(clear**2 * bend + 0.1 * left))
