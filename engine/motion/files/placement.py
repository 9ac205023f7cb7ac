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
    """The unit and the up axis of a motion. Raises DataError where no reading is plausible.

    joints: (T, 24, 3) from the pelvis, metres, the file's axes. places: (T, 3) in the file's unit and axes; the pelvis
    is at `places` * unit + `origin` (3,). usual: axes that may be up, the likeliest first, for a body that lies.
    farthest: metres that the floor may be from height 0.
    """
    up = _up_axis(name, joints, places, usual, origin)
    for size in UNITS:
        low, leaps = _floor(joints, places * size + origin, up)
        possible = leaps < _LEAPS and _speed(places * size, fps) < _FASTEST
        # another unit than metres is certain only for a body that stands: close to 0 every unit looks the same
        stands = size == 1 or np.median(places @ TO_Z_UP[up][2]) * size > _STANDING_PELVIS
        if possible and stands and abs(low) < _ON_FLOOR:
            return Placement(size, TO_Z_UP[up], low)
    low, leaps = _floor(joints, places + origin, up)
    speed = _speed(places, fps)
    if abs(low) < farthest and leaps < _LEAPS and speed < _FASTEST:
        return Placement(1.0, TO_Z_UP[up], low)
    raise DataError(
        f"{name}: its places are not in metres, nor in another unit that is certain (in metres, the body's lowest "
        f"point is at {low:.3g} m, rises by {leaps:.3g} m and moves by {speed:.3g} m a second). Export the motion in "
        "metres."
    )


def _up_axis(name: str, joints: Array, places: Array, usual: Sequence[str], origin: Array) -> str:
    trunk = joints[:, JOINT_INDEX["head"]] - joints[:, 0]
    trunk = (trunk / np.maximum(np.linalg.norm(trunk, axis=-1, keepdims=True), 1e-9)).mean(axis=0)
    axis = int(np.abs(trunk).argmax())
    standing = ("-" if trunk[axis] < 0 else "") + "xyz"[axis]
    share = float(abs(trunk[axis]))
    if standing == usual[0] and share > _UPRIGHT:
        return standing
    # lying, upside down, or standing along another axis: on the right floor the body's lowest point stays at one height
    lying = {each: _floor(joints, places + origin, each) for each in usual}
    if share < _UPRIGHT:
        return min(usual, key=lambda each: (abs(lying[each][0]) > _ON_FLOOR, round(lying[each][1], 1)))
    low, leaps = lying[usual[0]]
    stands_low, stands_leaps = _floor(joints, places + origin, standing)
    on_floor = abs(low) < _LIES_ON_FLOOR and leaps < stands_leaps + _LIES_ON_FLOOR
    if on_floor and abs(stands_low) > _LIES_ON_FLOOR:
        return usual[0]
    if standing not in usual and share < _SURELY_UPRIGHT:
        raise DataError(
            f"{name}: which of its axes is up cannot be told (the body lies along {standing}). Export the motion "
            "with Z up."
        )
    return standing


def _floor(joints: Array, places: Array, up: str) -> tuple[float, float]:
    """Height of the body's lowest point, soles included, and by how much it rises and falls, metres."""
    vertical = TO_Z_UP[up][2]
    lowest = (joints @ vertical).min(axis=1) + places @ vertical - SOLE_BELOW_FOOT
    low, high = np.percentile(lowest, (_PERCENTILE, 100 - _PERCENTILE))
    return float(low), float(high - low)


def _speed(places: Array, fps: float) -> float:
    if len(places) < 2:
        return 0.0
    return float(np.percentile(np.linalg.norm(np.diff(places, axis=0), axis=-1), 95) * fps)


def check_moves(name: str, motion: Motion) -> None:
    """Raise DataError for a motion whose pelvis jumps between two frames or is higher than a body reaches."""
    steps = np.linalg.norm(np.diff(motion.trans.astype(np.float64), axis=0), axis=-1)
    frame = int(steps.argmax()) if len(steps) else 0
    if len(steps) and steps[frame] > max(_JUMP, _JUMP_SPEED / motion.fps):
        raise DataError(
            f"{name}: its body jumps by {steps[frame]:.2g} m between frames {frame + 1} and {frame + 2}. Cut the "
            "motion there, or export it again."
        )
    height = float(np.median(motion.trans[:, 2]))
    if height > _TALLEST:
        raise DataError(f"{name}: its pelvis is {height:.3g} m above the floor. Export the motion in metres, Z up.")
