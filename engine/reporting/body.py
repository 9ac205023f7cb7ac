"""The solid body that pictures show for a skeleton: points of a motion, and tapered limbs between them.

The 24 joints alone do not show the orientation of head, chest and feet, so landmarks fixed to these are added. The page
and the videos draw the same limbs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smpl_rig.kinematics import global_rotations
from smpl_rig.motion import Motion
from smpl_rig.skeleton import CROWN_ABOVE_HEAD, JOINT_INDEX, JOINT_NAMES

LANDMARKS: dict[str, tuple[str, tuple[float, float, float]]] = {
    "skull": ("head", (0.0, CROWN_ABOVE_HEAD - 0.095, 0.015)),
    "crown": ("head", (0.0, CROWN_ABOVE_HEAD, 0.01)),
    "nose": ("head", (0.0, 0.035, 0.105)),
    "L_chest": ("spine3", (0.085, 0.03, 0.01)),
    "R_chest": ("spine3", (-0.085, 0.03, 0.01)),
    "sternum": ("spine3", (0.0, 0.02, 0.025)),
    "belly": ("spine1", (0.0, 0.03, 0.015)),
    "L_waist": ("spine1", (0.05, 0.05, 0.0)),
    "R_waist": ("spine1", (-0.05, 0.05, 0.0)),
    "L_heel": ("L_ankle", (-0.013, -0.05, -0.045)),
    "R_heel": ("R_ankle", (0.013, -0.05, -0.045)),
    "L_toe": ("L_foot", (0.02, 0.0, 0.06)),
    "R_toe": ("R_foot", (-0.02, 0.0, 0.06)),
}
"""Name -> (joint whose rotation it follows, offset from that joint in the rest pose, metres, body frame)."""
POINT_NAMES: tuple[str, ...] = (*JOINT_NAMES, *LANDMARKS)
POINT_INDEX: dict[str, int] = {name: index for index, name in enumerate(POINT_NAMES)}


COLOURS = {"left": (70, 150, 225), "right": (240, 130, 60), "middle": (214, 218, 226)}
"""RGB of the body's sides: left and right differ, so that they are told apart from behind as well."""


@dataclass(frozen=True)
class Limb:
    """A cone with round ends between two points; radii in metres. side: "left", "right" or "middle"."""

    start: str
    stop: str
    start_radius: float
    stop_radius: float
    side: str


def _both(start: str, stop: str, start_radius: float, stop_radius: float) -> list[Limb]:
    names = {"L": "left", "R": "right"}
    return [
        Limb(start.replace("*", letter), stop.replace("*", letter), start_radius, stop_radius, names[letter])
        for letter in "LR"
    ]


LIMBS: tuple[Limb, ...] = (
    *_both("*_hip", "*_knee", 0.075, 0.052),
    *_both("*_knee", "*_ankle", 0.050, 0.032),
    *_both("*_ankle", "*_heel", 0.034, 0.028),
    *_both("*_heel", "*_foot", 0.028, 0.024),
    *_both("*_ankle", "*_foot", 0.032, 0.026),
    *_both("*_foot", "*_toe", 0.024, 0.018),
    *_both("*_shoulder", "*_elbow", 0.046, 0.036),
    *_both("*_elbow", "*_wrist", 0.035, 0.025),
    *_both("*_wrist", "*_hand", 0.027, 0.024),
    Limb("L_hip", "R_hip", 0.092, 0.092, "middle"),
    Limb("pelvis", "spine2", 0.100, 0.095, "middle"),
    Limb("L_hip", "L_waist", 0.090, 0.072, "middle"),
    Limb("R_hip", "R_waist", 0.090, 0.072, "middle"),
    Limb("L_waist", "L_chest", 0.072, 0.084, "middle"),
    Limb("R_waist", "R_chest", 0.072, 0.084, "middle"),
    Limb("belly", "sternum", 0.095, 0.100, "middle"),
    Limb("L_waist", "R_waist", 0.074, 0.074, "middle"),
    Limb("L_chest", "R_chest", 0.088, 0.088, "middle"),
    Limb("L_chest", "L_shoulder", 0.080, 0.052, "middle"),
    Limb("R_chest", "R_shoulder", 0.080, 0.052, "middle"),
    Limb("L_collar", "R_collar", 0.060, 0.060, "middle"),
    Limb("L_collar", "L_shoulder", 0.060, 0.054, "middle"),
    Limb("R_collar", "R_shoulder", 0.060, 0.054, "middle"),
    Limb("spine3", "neck", 0.085, 0.050, "middle"),
    Limb("neck", "head", 0.050, 0.052, "middle"),
    Limb("head", "skull", 0.070, 0.095, "middle"),
    Limb("skull", "nose", 0.050, 0.022, "middle"),
)


def points(motion: Motion) -> NDArray[np.float32]:
    """(T, 37, 3) joints, then landmarks, metres in the world, in the order of `POINT_NAMES`."""
    joints = motion.joints()
    world = global_rotations(motion.rotations())
    extra = [
        joints[:, JOINT_INDEX[joint]] + world[:, JOINT_INDEX[joint]] @ np.array(place, np.float32)
        for joint, place in LANDMARKS.values()
    ]
    return np.concatenate([joints, np.stack(extra, axis=1)], axis=1)
