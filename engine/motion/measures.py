"""Figures of how a motion moves: feet on the floor, smoothness, travel.

Joint positions are (T, 24, 3) in metres, Z up, floor at z = 0. Differences over time depend on the frame rate: compare
motions at the same rate only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smpl_rig.skeleton import JOINT_INDEX, SOLE_BELOW_FOOT

Joints = NDArray[np.floating[Any]]

_FEET = [JOINT_INDEX["L_foot"], JOINT_INDEX["R_foot"]]
_ANKLES = [JOINT_INDEX["L_ankle"], JOINT_INDEX["R_ankle"]]
_FOOT_DOWN, _ANKLE_DOWN = 0.05, 0.08
_SKATE_SPEED = 0.5
FROZEN_SPEED = 0.05
"""Mean joint speed, m/s, below which a second of motion counts as frozen. 0.2 % of the seconds of the training split
are slower."""


@dataclass(frozen=True)
class Drift:
    """Distance of a dancer from the start, metres: the farthest, and the last per minute of the dance."""

    farthest: float
    per_minute: float


@dataclass(frozen=True)
class Penetration:
    """Depth of the deeper sole below the floor, metres: mean over all frames, and the worst."""

    mean: float
    worst: float


def foot_skate(joints: Joints, fps: float) -> float:
    """Share of frames in which a foot joint below 5 cm, or an ankle below 8 cm, moves sideways faster than 0.5 m/s."""
    if len(joints) < 2:
        return 0.0
    speed = np.linalg.norm(np.diff(joints[:, :, :2], axis=0), axis=-1) * fps
    height = joints[1:, :, 2]
    slides = [
        (height[:, indices] < limit) & (speed[:, indices] > _SKATE_SPEED)
        for indices, limit in ((_FEET, _FOOT_DOWN), (_ANKLES, _ANKLE_DOWN))
    ]
    return float(np.concatenate(slides, axis=1).any(axis=1).mean())


def penetration(joints: Joints) -> Penetration:
    """Depth below the floor of the soles, which are `SOLE_BELOW_FOOT` under the foot joints."""
    depth = np.maximum(SOLE_BELOW_FOOT - joints[:, _FEET, 2], 0).max(axis=1)
    return Penetration(float(depth.mean()), float(depth.max()))


def freezing(joints: Joints, fps: float) -> float:
    """Share of whole seconds with a mean joint speed below `FROZEN_SPEED`; 0 for less than a second."""
    size = round(fps)
    count = (len(joints) - 1) // size
    if not count:
        return 0.0
    speed = np.linalg.norm(np.diff(joints, axis=0), axis=-1).mean(axis=1) * fps
    return float((speed[: count * size].reshape(count, size).mean(axis=1) < FROZEN_SPEED).mean())


def drift(joints: Joints, fps: float) -> Drift:
    """Horizontal distance of the pelvis from where it started."""
    distance = np.linalg.norm(joints[:, 0, :2] - joints[0, 0, :2], axis=-1)
    minutes = (len(joints) - 1) / fps / 60
    return Drift(float(distance.max()), float(distance[-1] / minutes) if minutes else 0.0)


def jerk(joints: Joints, fps: float) -> float:
    """Mean jerk over frames and joints, m/s^3."""
    return float(jerks(joints, fps).mean()) if len(joints) > 3 else 0.0


def jerks(joints: Joints, fps: float) -> NDArray[np.float64]:
    """(T - 3, 24) m/s^3: the length of the third difference of each joint's positions (T, 24, 3)."""
    return np.linalg.norm(np.diff(joints.astype(np.float64), n=3, axis=0), axis=-1) * fps**3
