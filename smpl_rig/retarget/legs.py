"""Legs of a character's own proportions on the feet of a motion.

An ankle moves as the motion's does, times the ratio of the legs. While a foot is planted, the ball of the foot is where
the motion has it and the sole on the floor, see `soles`; corrections to that are smooth curves that fade where the foot
swings, so they add no jerk. Two-bone inverse kinematics bends the leg to the ankle; the knee points where the motion's
does. Where a leg would be too short the hips are lowered, slowly, and a foot out of reach is held back.

Hips that are broad for their legs stand broader and sway less: their feet are set apart by the excess, to the sides of
the pelvis but not while a foot is planted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import rotations as rot
from ..banded_matrix import solve_banded
from ..rotations import Array
from ..skeleton import JOINT_INDEX, REST_OFFSETS, SOLE_BELOW_FOOT
from .calibration import FOOT_LENGTH, SMPL_ANKLE_HEIGHT, Foot
from .rig import Bools
from .soles import accelerations, bridged, lowest, rising

_LONG = 1.15
"""A foot up to so much longer than the legs' ratio, from ankle to ball, is pitched as the motion's is."""
_STIFF = 0.6
"""Share that a foot without toes has of the motion's pitch, and of how that moves the ankle about the ball."""
_BROAD = 2.0
"""Hips up to so much broader than the legs' ratio sway as the motion's do."""
_MOST_SWAY, _LIES = np.radians(20.0), (np.radians(30.0), np.radians(60.0))
"""Roll of a pelvis that counts as sway at most, and between which rolls that fades: whoever lies is rolled as well."""
_STRETCH = 0.94
_STRETCHED = 0.9995
"""Shares of a leg's length from which a foot out of reach is held back, and which it never passes."""

_LEVEL = np.array([1.0, 0.0, 1.0])
_SMPL_LENGTH = float(np.linalg.norm(REST_OFFSETS[[JOINT_INDEX["L_knee"], JOINT_INDEX["L_ankle"]]], axis=1).sum())
"""Metres of SMPL's thigh and shin."""

_CLEAR_BEND, _STRAIGHT = 0.3, 0.1
"""Sine of the bend from which a knee's axis is clear, and the weight of the thigh's left axis beside it."""
_HINGE_TIME = 0.003
"""Weight of a knee axis's acceleration, as in `smpl_rig.feet`: over a twentieth of a second where the bend is clear."""

_STANCE = 1.15 * float(REST_OFFSETS[[JOINT_INDEX[name] for name in ("L_hip", "L_knee", "L_ankle")], 0].sum())
"""Half the distance of SMPL's feet when it stands, metres: hips up to a little broader stand on the same feet."""
_HOLD, _HELD_SPEEDS = 1e2, (0.7, 1.4)
_ACCELERATION_TIME, _LEG_TIME = 0.3, 0.35
"""Weights of a foot's shift to the side, as in `smpl_rig.feet`: a planted foot is held, up to the second speed, m/s."""


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


def roll_share(foot: Foot, ratio: float) -> float:
    """Share of the motion's pitch that a foot has: less for one that is long for its leg, so that its heel rises as
    high as the motion's, and for one without toes, whose sole would leave the floor."""
    share = min(1.0, _LONG * ratio * FOOT_LENGTH / float(np.linalg.norm(foot.ball * _LEVEL)))
    return share if foot.has_toes else share * _STIFF


def sway_share(half_width: float, ratio: float) -> float:
    """Share that hips of half a width of `half_width` metres have of how the motion's sway: less for hips that are
    broad for their legs, of which one or the other would have to fold."""
    return min(1.0, _BROAD * ratio * float(REST_OFFSETS[JOINT_INDEX["L_hip"], 0]) / half_width)


def swaying(pelvis: Array, share: float) -> Array:
    """World rotations (T, 3, 3) to be put on a pelvis with rotations (T, 3, 3) so that it has only a share of its sway,
    which is a roll as far as people on their feet roll."""
    if share == 1:
        return np.broadcast_to(np.eye(3), pelvis.shape)
    left = pelvis[:, :, 0]
    roll = np.arcsin(np.clip(left[:, 2], -1, 1))
    sway = roll * (1 + (roll / _MOST_SWAY) ** 4) ** -0.25 * (1 - rising(np.abs(roll), *_LIES))
    ahead = rot.normalize(np.cross(left, [0.0, 0.0, 1.0]))
    return rot.axis_angle_to_matrix(ahead * ((share - 1) * sway)[:, None])


def rolled(leg: Leg, side: str, share: float) -> Array:
    """World rotations (T, 3, 3) to be put on a foot so that it has only a share of its pitch."""
    ahead = _ahead(side)
    pitch = np.arcsin(np.clip((leg.foot @ ahead)[:, 2], -1, 1))
    across = leg.foot @ np.cross([0.0, 1.0, 0.0], ahead)
    return rot.axis_angle_to_matrix(across * ((1 - share) * pitch)[:, None])


def sole_height(leg: Leg, side: str) -> Array:
    """Heights (T,) of the lowest point of the motion's sole, under ankle and ball, over the floor, metres.

    The foot counts as not rolled about its length: joints do not tell how it is.
    """
    upright = np.hypot(*(leg.foot @ _ahead(side))[:, :2].T)
    below = upright[:, None] * [SMPL_ANKLE_HEIGHT, SOLE_BELOW_FOOT]
    return lowest(leg.joints[:, 2:, 2] - below, 1.0)


def _ahead(side: str) -> Array:
    """The direction (3,) of SMPL's foot at rest, level, body frame."""
    return rot.normalize(REST_OFFSETS[JOINT_INDEX[f"{side}_foot"]].astype(np.float64) * [1.0, 0.0, 1.0])


def ankle_with(leg: Leg, side: str, foot: Foot, turn: Array, ratio: float, length: float) -> Array:
    """Where (T, 3) the ankle of a character's foot with turns `turn` (T, 3, 3) is that moves as the motion's ankle
    does, metres, stage: so far from it that both balls are in one place, and both soles on the floor, when the feet
    are flat.

    length: of thigh and shin, metres. Where they are short for the height of the hips, as over high feet, feet are
    lifted less, so that knees bend as the motion's do.
    """
    smpl = REST_OFFSETS[JOINT_INDEX[f"{side}_foot"]].astype(np.float64)
    apart = ratio * (leg.foot @ (smpl * _LEVEL)) - turn @ (foot.held * _LEVEL)
    lifted = min(1.0, length / (ratio * _SMPL_LENGTH)) * (leg.joints[:, 2, 2] - SMPL_ANKLE_HEIGHT)
    apart[:, 2] = -foot.ball[1] + ratio * (lifted - leg.joints[:, 2, 2])
    return ratio * leg.joints[:, 2] + apart


def to_stand(leg: Leg, foot: Foot, turn: Array, ratio: float, ankle: Array) -> Array:
    """How far (T, 3) an `ankle` (T, 3) must move for its foot with turns `turn` (T, 3, 3) to stand on the floor with
    its ball where the motion's is, metres, stage. A foot without toes rolls about a point behind that."""
    missing = (ratio * leg.joints[:, 3] - turn @ foot.held - ankle) * (1.0 if foot.has_toes else _STIFF)
    missing[:, 2] = -sole_below(foot, turn, ratio) - ankle[:, 2]
    return missing


def sole_below(foot: Foot, turn: Array, ratio: float) -> Array:
    """Heights (T,) of the lowest point of a foot with turns `turn` (T, 3, 3) over its ankle, metres; toes excepted."""
    return lowest(np.einsum("tj,kj->tk", turn[:, 2], foot.sole), ratio)


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


def hinge(left: Array, thigh: Array, shin: Array) -> tuple[Array, Array]:
    """Evidence of the axis that a knee bends about, (T, 3), and its weight (T, 1): the bend itself, as far as there is
    one, and a little of the thigh's left axis `left` (T, 3). thigh, shin: (T, 3) vectors."""
    bend = np.cross(rot.normalize(thigh), rot.normalize(shin))
    clear = np.clip(np.sum(bend * left, axis=-1, keepdims=True) / _CLEAR_BEND, 0, 1) ** 2
    return clear * rot.normalize(bend) + _STRAIGHT * left, clear + _STRAIGHT


def steady_hinge(left: Array, thigh: Array, shin: Array, posed: Bools, fps: float) -> Array:
    """Axes (T, 3) that a knee bends about, steadied where the motion's leg is straight and tells little of them, as a
    leg of other proportions may be bent there. posed: (T,) frames that are taken as they are."""
    evidence, weight = hinge(left, thigh, shin)
    band = accelerations(len(left), fps, _HINGE_TIME)
    band[:, 0] += bridged(weight, posed)[:, 0]
    steady = solve_banded(band, bridged(evidence, posed).astype(np.float64))
    return rot.normalize(np.where(posed[:, None], evidence, steady))


def apart(leg: Leg, side: str, left: Array, planted: Bools, half_width: float, ratio: float, fps: float) -> Array:
    """How far (T, 3) a foot is set to its side for hips with half a width of `half_width` metres, stage.

    left: (T, 3) the pelvis's left. planted: (T,) whether the motion's foot is. A least-squares problem: the shift is to
    the side of the pelvis, does not change while the foot is planted, and changes smoothly between.
    """
    excess = half_width - ratio * _STANCE
    shift = np.zeros((len(left), 3))
    if excess <= 0:
        return shift
    wanted = left[:, :2] * (excess if side == "L" else -excess)
    speed = np.linalg.norm(np.diff(leg.joints[:, 3, :2], axis=0), axis=-1) * fps
    hold = _HOLD * fps**2 * (1 - rising(speed, *_HELD_SPEEDS)) * (planted[1:] & planted[:-1])
    band = accelerations(len(left), fps, _ACCELERATION_TIME)
    band[:, 0] += _LEG_TIME**-2
    band[:-1, 0] += hold
    band[1:, 0] += hold
    band[:-1, 1] -= hold
    shift[:, :2] = solve_banded(band, (wanted * _LEG_TIME**-2).astype(np.float64))
    return shift
