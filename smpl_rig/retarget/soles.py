"""Feet of any shape that stand on the floor.

A motion tells where the joints of a foot are, seldom how its sole lies: planted feet of dancers are pitched by some
degrees, float by some centimetres, and roll as nobody stands. A character's planted foot stands flat instead, as high
as it rests, on all points of its own sole; what a foot is pitched beyond that, as heels that strike and push off, it
keeps. Corrections are smooth curves of least squares that are held where the foot is planted and fade between. A foot
that does not stand is kept out of the floor by such a curve as well, and what that leaves is raised at once.

Feet that somebody posed keep their pose: nothing is done to them, and what is done around passes over them.
"""

from __future__ import annotations

import numpy as np

from .. import rotations as rot
from ..banded_matrix import solve_banded
from ..motion import Motion
from ..rotations import Array
from ..skeleton import JOINT_INDEX
from .calibration import Foot
from .rig import Bools, Floats

_SOFT = 0.007
"""Metres on SMPL's legs within which points of a sole share in being the lowest."""
_GIVES = 0.005
"""Metres on SMPL's legs that a sole gives in to the floor."""
_DEEP = 0.02
"""Metres on SMPL's legs by which a swinging foot dips into the floor to be raised about as firmly as a planted one."""
_LEVEL = (float(np.radians(-10.0)), float(np.radians(14.0)))
"""Pitch of planted feet, toes down and up, that is no pitch; beyond it a foot is pitched by what is more."""
_ROLLS = (0.06, 0.25)
"""Heights of SMPL's sole, metres, from the first to the second of which a foot begins to roll about its length."""
_STEEP = (0.1, 0.5)
"""Cosines of the pitch between which a foot that points down begins to have a roll."""
_HOLD, _ACCELERATION_TIME, _FREE_TIME = 1e4, 0.12, 1.0
"""Weights of a correction where the foot is planted, of its acceleration, and of none, as in `smpl_rig.feet`."""
TOES = (JOINT_INDEX["L_foot"], JOINT_INDEX["R_foot"])
_TURNED = 1e-3
"""Radians that toes are turned at least where somebody posed them."""
_STEEP_TOES, _MOST_BENT = (0.05, 0.25), np.radians(80.0)
"""Cosines of the pitch between which toes begin to be bent, and the angle by which they are at most."""


def posed_feet(motion: Motion) -> Bools:
    """The frames (T,) in which somebody posed the feet: joint positions do not tell how toes turn, so only in those do
    they. None where most are so, as in a motion of another origin."""
    toes = motion.poses.reshape(len(motion), -1, 3)[:, list(TOES)]
    posed: Bools = np.asarray((np.abs(toes) > _TURNED / 2).any(axis=(1, 2)))
    return posed if posed.mean() < 0.5 else np.zeros(len(motion), bool)


def marked_as_posed(poses: Array) -> Array:
    """Poses (N, 72) of frames in which `posed_feet` finds that somebody posed the feet."""
    marked = poses.reshape(len(poses), -1, 3).copy()
    still = (np.abs(marked[:, TOES[0]]) < _TURNED).all(axis=1)
    marked[still, TOES[0], 0] = _TURNED
    return marked.reshape(poses.shape)


def bridged(values: Array, left_out: Bools) -> Array:
    """Values (T, ...) with those of some frames (T,) interpolated from the others."""
    if not left_out.any() or left_out.all():
        return values
    frames = np.arange(len(values))
    flat = values.reshape(len(values), -1).copy()
    for column in flat.T:
        column[left_out] = np.interp(frames[left_out], frames[~left_out], column[~left_out])
    return flat.reshape(values.shape)


def rising(value: Array, low: float, high: float) -> Array:
    """A smooth step: 0 up to `low`, 1 from `high` on."""
    part = np.clip((value - low) / (high - low), 0, 1)
    return part * part * (3 - 2 * part)


def lowest(heights: Array, ratio: float) -> Array:
    """The smallest (T,) of heights (T, K), smoothly: their mean that the smallest govern."""
    above = heights - heights.min(axis=1, keepdims=True)
    weights = np.exp(-above / (ratio * _SOFT))
    return np.sum(weights * heights, axis=1) / np.sum(weights, axis=1)


def accelerations(count: int, fps: float, time: float) -> Floats:
    """The band (T, 3) of the normal equations of a curve's accelerations, for `solve_banded`."""
    band = np.zeros((count, 3))
    weight = (time * fps**2) ** 2
    for delay, coefficient in enumerate((1.0, -2.0, 1.0)):
        for other, second in enumerate((1.0, -2.0, 1.0)):
            if other >= delay:
                band[delay : count - 2 + delay, other - delay] += weight * coefficient * second
    return band


def held(wanted: Array, planted: Array | Bools, fps: float) -> Array:
    """Smooth curves (T, K) that are as `wanted` (T, K) where `planted` (T,), or as far as it is, 0..1, and fade to
    nothing elsewhere."""
    band = accelerations(len(wanted), fps, _ACCELERATION_TIME)
    band[:, 0] += _FREE_TIME**-2 + _HOLD * planted
    curves: Array = solve_banded(band, (_HOLD * planted[:, None] * wanted).astype(np.float64))
    return curves


def tilt(turn: Array, shape: Foot, share: float, height: Array, planted: Bools, posed: Bools, fps: float) -> Array:
    """Pitch and roll (T, 2), radians, that are taken from a foot with turns (T, 3, 3) so that it stands flat.

    share: of the motion's pitch that the foot has. height: (T,) of the motion's sole over the floor, metres. posed:
    (T,) frames of which nothing is taken.
    """
    ahead, level = _axes(turn, shape)
    left = turn @ np.cross([0.0, 1.0, 0.0], shape.ahead)
    roll = np.arctan2(np.sum(left * np.cross(ahead, level), axis=-1), np.sum(left * level, axis=-1))
    roll = roll * (1 - rising(height, *_ROLLS)) * rising(np.hypot(ahead[:, 0], ahead[:, 1]), *_STEEP)
    pitch = np.arcsin(np.clip(ahead[:, 2], -1, 1))
    most = np.where(pitch < 0, share * _LEVEL[0], share * _LEVEL[1])
    little = pitch * (1 + (pitch / most) ** 4) ** -0.25  # nearly all of a little, and smoothly no more than `most`
    lowered = held(bridged(little, posed)[:, None], planted, fps)[:, 0]
    return np.stack([lowered, roll], axis=-1) * ~posed[:, None]


def levelled(turn: Array, shape: Foot, tilted: Array) -> Array:
    """World rotations (T, 3, 3) to be put on a foot with turns (T, 3, 3) that take a `tilt` (T, 2) from it."""
    ahead, level = _axes(turn, shape)
    return rot.axis_angle_to_matrix(level * tilted[:, :1]) @ rot.axis_angle_to_matrix(-ahead * tilted[:, 1:])


def _axes(turn: Array, shape: Foot) -> tuple[Array, Array]:
    """Where (T, 3) a foot points, and the level direction to the left of that."""
    ahead = turn @ shape.ahead
    return ahead, rot.normalize(np.cross([0.0, 0.0, 1.0], ahead) + 1e-9 * turn[:, :, 0])


def out_of_floor(height: Array, ratio: float) -> Array:
    """By how much (T,) points at heights (T,) in metres are raised so that they are not deeper than `_GIVES`: from
    nothing on the floor, smoothly."""
    deep = np.maximum(-height, 0)
    return deep**2 / (deep + ratio * _GIVES)


def kept_out_of_floor(deep: Array, planted: Bools, ratio: float, fps: float) -> Array:
    """A smooth curve (T,) that raises a foot by about `deep` (T,), metres, where it swings so deep through the floor,
    and fades before and after; raised only while it meets the floor, it would stop there within a frame.

    planted: (T,) frames in which it is raised by no more than that.
    """
    dips = deep / (deep + ratio * _DEEP)
    return held(deep[:, None], np.maximum(planted, dips**2), fps)[:, 0]


def toes_on_floor(turns: Array, shape: Foot, height: Array, ratio: float) -> Array:
    """Turns (T, 3, 3) of toes that would reach through the floor, raised to it.

    turns: (T, 3, 3). height: (T,) of the toes' head over the floor, metres.
    """
    line = shape.tip - shape.toes_at
    across = rot.normalize(np.cross(line, [0.0, 1.0, 0.0]))
    along, up = (turns @ line)[:, 2], (turns @ np.cross(across, line))[:, 2]
    raised = along + out_of_floor(height + along, ratio)
    # the height of the tip at an angle is along cos(angle) + up sin(angle)
    highest = np.maximum(np.hypot(along, up), 1e-9)
    angle = np.arctan2(up, along) - np.arccos(np.clip(raised / highest, -1, 1))
    # toes that point straight down are not bent, whichever side of the vertical they are on
    angle = np.clip(angle, 0, _MOST_BENT) * rising(up / np.linalg.norm(line), *_STEEP_TOES)
    return turns @ rot.axis_angle_to_matrix(across * angle[:, None])
