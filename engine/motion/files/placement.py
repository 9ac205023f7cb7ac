"""Units and axes of a motion from elsewhere: found from how the body stands on a floor, or refused.

A file does not say which axis is up nor what its unit of length is, but a body has a size that is known, stands on its
feet most of the time, and does not move faster than a body can.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError
from smpl_rig.motion import Motion
from smpl_rig.skeleton import BODY_TO_WORLD, JOINT_INDEX, SOLE_BELOW_FOOT

Array = NDArray[np.floating[Any]]

UNITS = (1.0, 0.01, 0.001, 0.0254)
"""Metres in a metre, a centimetre, a millimetre and an inch."""
TO_Z_UP: dict[str, NDArray[np.float64]] = {
    "z": np.eye(3),
    "y": BODY_TO_WORLD.astype(np.float64),
    "x": np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]]),
    "-z": np.diag([1.0, -1, -1]),
    "-y": BODY_TO_WORLD.T.astype(np.float64),
    "-x": np.array([[0.0, -1, 0], [0, 0, 1], [-1, 0, 0]]),
}
"""The rotation (3, 3) of a world to Z up, by its axis that is up."""
_UPRIGHT, _SURELY_UPRIGHT = 0.5, 0.8
"""Mean of the body's direction along an axis from which on it stands along it."""
_ON_FLOOR = 0.3
_LIES_ON_FLOOR = 0.08
"""Metres within which the lowest point of a body, and of one that lies, is on the floor."""
_STANDING_PELVIS = 0.4
"""Metres above the floor that the pelvis of a standing body is at least."""
_LEAPS = 1.5
"""Metres by which the lowest point may rise and fall."""
_CLEARLY = 0.3
"""Metres by which the lowest point rises and falls more along an axis that is not up."""
_FASTEST = 8.0
"""Metres a second that a pelvis moves in nineteen of twenty frames at most."""
_JUMP, _JUMP_SPEED = 0.6, 15.0
"""Metres, and metres a second, from which on a pelvis jumps between two frames."""
_TALLEST = 2.0
"""Metres above the floor that a pelvis is at most, most of the time."""
_PERCENTILE = 2.0


@dataclass(frozen=True)
class Placement:
    """How a file's places become ours: times `unit`, then turned by `to_z_up` (3, 3). low: metres, then, of the body's
    lowest point, soles included."""

    unit: float
    to_z_up: NDArray[np.float64]
    low: float


def find_placement(
    name: str, joints: Array, places: Array, fps: float, usual: Sequence[str], origin: Array, farthest: float
) -> Placement:
    """The unit and the up axis of a motion. Raises DataError where no reading is certain.

    joints: (T, 24, 3) from the pelvis, metres, the file's axes. places: (T, 3) in the file's unit and axes; the pelvis
    is at `places` * unit + `origin` (3,). usual: axes that may be up, the likeliest first, for a body that lies.
    farthest: metres that the floor may be from height 0.
    """
    standing, share = _standing_axis(joints)
    upright = standing if share > _UPRIGHT else None
    readings = {
        (up, unit): _reading(joints, places, fps, up, unit, origin)
        for up in dict.fromkeys((*((upright,) if upright else ()), *usual))
        for unit in UNITS
    }
    for (up, unit), reading in readings.items():
        # close to 0 every unit looks the same, so that a body that stands must be as high as it is
        high = unit == 1 or up != upright or reading.pelvis > _STANDING_PELVIS
        if (
            reading.possible(_JUMP_SPEED)
            and high
            and abs(reading.low) < (_ON_FLOOR if up == upright else _LIES_ON_FLOOR)
        ):
            return Placement(unit, TO_Z_UP[up], reading.low)
    # on no floor: then a body that stands along the usual axis, or one that does not leave its floor along another
    up = upright or usual[0]
    reading, other = readings[up, 1.0], readings[usual[0], 1.0]
    if not reading.possible(_FASTEST) or abs(reading.low) > farthest:
        raise DataError(f"{name}: {_why_not(places, reading)}")
    if up != usual[0] and (share < _SURELY_UPRIGHT or other.leaps < reading.leaps + _CLEARLY):
        raise DataError(
            f"{name}: which of its axes is up cannot be told (its body is along {standing}). Export the motion with Z "
            "up, standing on height 0."
        )
    return Placement(1.0, TO_Z_UP[up], reading.low)


@dataclass(frozen=True)
class _Reading:
    """How a motion would be in one unit and with one axis up. low, leaps: height of the body's lowest point, soles
    included, and by how much it rises and falls, metres. pelvis: its height. speed: metres a second."""

    low: float
    leaps: float
    pelvis: float
    speed: float

    def possible(self, fastest: float) -> bool:
        return self.leaps < _LEAPS and self.speed < fastest


def _reading(joints: Array, places: Array, fps: float, up: str, unit: float, origin: Array) -> _Reading:
    vertical = TO_Z_UP[up][2]
    heights = (places * unit + origin) @ vertical
    lowest = (joints @ vertical).min(axis=1) + heights - SOLE_BELOW_FOOT
    low, high = np.percentile(lowest, (_PERCENTILE, 100 - _PERCENTILE))
    steps = np.linalg.norm(np.diff(places, axis=0), axis=-1) if len(places) > 1 else np.zeros(1)
    return _Reading(
        float(low), float(high - low), float(np.median(heights)), float(np.percentile(steps, 95) * unit * fps)
    )


def _standing_axis(joints: Array) -> tuple[str, float]:
    """The axis that the body's trunk is along on the whole, and how much of it is."""
    trunk = joints[:, JOINT_INDEX["head"]] - joints[:, 0]
    trunk = (trunk / np.maximum(np.linalg.norm(trunk, axis=-1, keepdims=True), 1e-9)).mean(axis=0)
    axis = int(np.abs(trunk).argmax())
    return ("-" if trunk[axis] < 0 else "") + "xyz"[axis], float(abs(trunk[axis]))


def _why_not(places: Array, reading: _Reading) -> str:
    steps = np.linalg.norm(np.diff(places, axis=0), axis=-1) if len(places) > 1 else np.zeros(1)
    if reading.speed < _FASTEST and steps.max() > max(_JUMP, 10 * np.percentile(steps, 95)):
        return _jump(steps)
    return (
        "its places are not in metres, nor in another unit that is certain (in metres, the body's lowest point is at "
        f"{reading.low:.3g} m, rises by {reading.leaps:.3g} m, and the body moves by {reading.speed:.3g} m a second). "
        "Export the motion in metres, standing on height 0."
    )


def _jump(steps: Array) -> str:
    frame = int(steps.argmax())
    return (
        f"its body jumps by {steps[frame]:.2g} m between frames {frame + 1} and {frame + 2}. Cut the motion there, or "
        "export it again."
    )


def check_moves(name: str, motion: Motion) -> None:
    """Raise DataError for a motion whose pelvis jumps between two frames or is higher than a body reaches."""
    steps = np.linalg.norm(np.diff(motion.trans.astype(np.float64), axis=0), axis=-1)
    if len(steps) and steps.max() > max(_JUMP, _JUMP_SPEED / motion.fps):
        raise DataError(f"{name}: {_jump(steps)}")
    height = float(np.median(motion.trans[:, 2]))
    if height > _TALLEST:
        raise DataError(f"{name}: its pelvis is {height:.3g} m above the floor. Export the motion in metres, Z up.")
