"""Geometric features: the share of frames in which each of 32 boolean relations between joints holds.

The relations are those of Mueller, Roeder and Clausen, "Efficient Content-Based Retrieval of Motion Capture Data"
(2005), in the selection and with the thresholds of the AIST++ toolbox's manual features. Thresholds are in lengths of
the upper arm and widths of the shoulders and hips, here of this skeleton. Where the toolbox differs from the paper,
this module follows the paper, so its numbers are not the toolbox's:

- the toolbox assumes 1/120 s between frames at any rate; here speeds use the motion's rate;
- its relations "joint moves in a direction" use the speed of another joint, so that "hand rises" never holds; here they
  use the speed of the joint itself, relative to the joint it is compared with;
- its planes face opposite ways for the left and the right side; here they face as the relation is named, and a left
  relation is the right one of the mirrored body.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.motion.body_frame import mirror_body
from smpl_rig.skeleton import JOINT_INDEX, rest_joints

BoolArray = NDArray[np.bool_]
Array = NDArray[np.float64]

SIDED: tuple[str, ...] = (
    "hand moves forward of neck and hips",
    "hand above neck",
    "hand rises from chest",
    "elbow bent",
    "hand moves away from pelvis",
    "hand fast",
    "foot in front of other leg",
    "foot raised",
    "knee bent",
    "foot fast",
    "upper arm raised",
    "thigh raised",
    "hand low",
)
"""Relations of one side of the body."""
WHOLE: tuple[str, ...] = (
    "hands far apart",
    "hands approach",
    "feet far apart",
    "pelvis behind neck and feet",
    "trunk lies",
    "body fast",
)
"""Relations of the whole body."""
NAMES: tuple[str, ...] = (*(f"right {n}" for n in SIDED), *(f"left {n}" for n in SIDED), *WHOLE)
"""The columns: right side, left side, whole body."""

_REST = rest_joints().astype(np.float64)


def _length(one: str, other: str) -> float:
    return float(np.linalg.norm(_REST[JOINT_INDEX[one]] - _REST[JOINT_INDEX[other]]))


_ARM = _length("R_shoulder", "R_elbow")
_SHOULDERS = _length("L_shoulder", "R_shoulder")
_HIPS = _length("L_hip", "R_hip")
_UP = np.array([0.0, 0.0, 1.0])


def geometric_features(joints: NDArray[np.floating[Any]], fps: float) -> Array:
    """(32,) shares of frames in which each relation of `NAMES` holds. joints: as in `geometric_relations`."""
    return geometric_relations(joints, fps).mean(axis=0)


def geometric_relations(joints: NDArray[np.floating[Any]], fps: float) -> BoolArray:
    """(T - 1, 32) which relations hold in every frame but the first. joints: (T, 24, 3) metres, Z up.

    Raises ValueError for fewer than 2 frames, which have no speeds.
    """
    if len(joints) < 2:
        raise ValueError(f"{len(joints)} frames are too short for geometric features; at least 2 are needed.")
    body = _Body(joints.astype(np.float64), fps)
    mirrored = _Body(mirror_body(joints).astype(np.float64), fps)
    return np.stack([*body.right_side(), *mirrored.right_side(), *body.whole()], axis=1)


class _Body:
    """Positions and steps of joints by name, and the paper's generic relations between them."""

    def __init__(self, joints: Array, fps: float):
        self.now, self.steps = joints[1:], np.diff(joints, axis=0) * fps
        self.height = joints[1:, :, 2] - joints[1:, :, 2].min(axis=1, keepdims=True)

    def right_side(self) -> list[BoolArray]:
        """Relations in the order of `SIDED`."""
        return [
            self._along("R_wrist", "neck", self._normal("neck", "R_hip", "L_hip")) > 1.8 * _ARM,
            self._beyond("neck", "R_wrist", self._bone("spine3", "neck")) > 0.2 * _ARM,
            self._along("R_wrist", "spine3", self._bone("spine1", "spine3")) > 1.8 * _ARM,
            self._angle(self._bone("R_elbow", "R_shoulder"), self._bone("R_elbow", "R_wrist")) < 110,
            self._along("R_wrist", "pelvis", self._bone("pelvis", "R_wrist")) > 1.4 * _ARM,
            self._speed("R_wrist") > 2.5 * _ARM,
            self._beyond("pelvis", "R_ankle", self._normal("pelvis", "L_foot", "L_hip")) > 0.38 * _ARM,
            self.height[:, JOINT_INDEX["R_ankle"]] > 1.2 * _ARM,
            self._angle(self._bone("R_knee", "R_hip"), self._bone("R_knee", "R_ankle")) < 110,
            self._speed("R_ankle") > 2.5 * _ARM,
            self._angle(self._bone("neck", "pelvis"), self._bone("R_shoulder", "R_elbow")) > 25,
            self._angle(self._bone("neck", "pelvis"), self._bone("R_hip", "R_knee")) > 50,
            self.height[:, JOINT_INDEX["R_wrist"]] < 1.2 * _ARM,
        ]

    def whole(self) -> list[BoolArray]:
        """Relations in the order of `WHOLE`."""
        trunk = self._angle(self._bone("neck", "pelvis"), np.broadcast_to(_UP, self.now[:, 0].shape))
        return [
            self._beyond("L_wrist", "R_wrist", self._bone("L_shoulder", "R_shoulder")) > 2.5 * _SHOULDERS,
            self._along("L_wrist", "R_wrist", self._bone("L_wrist", "R_wrist")) > 1.4 * _ARM,
            self._beyond("L_ankle", "R_ankle", self._bone("L_hip", "R_hip")) > 2.1 * _HIPS,
            self._beyond("R_ankle", "pelvis", self._normal("R_ankle", "neck", "L_ankle")) > 0.5 * _ARM,
            (trunk > 70) & (trunk < 110),
            self._speed("pelvis") > 2.3 * _ARM,
        ]

    def _at(self, joint: str) -> Array:
        return self.now[:, JOINT_INDEX[joint]]

    def _bone(self, start: str, end: str) -> Array:
        return self._at(end) - self._at(start)

    def _normal(self, corner: str, second: str, third: str) -> Array:
        return np.cross(self._bone(corner, second), self._bone(corner, third))

    def _beyond(self, origin: str, joint: str, direction: Array) -> Array:
        """How far the joint lies from the origin in a direction, metres."""
        return _component(self._bone(origin, joint), direction)

    def _along(self, joint: str, relative_to: str, direction: Array) -> Array:
        """How fast the joint moves in a direction, relative to another joint, m/s."""
        return _component(self.steps[:, JOINT_INDEX[joint]] - self.steps[:, JOINT_INDEX[relative_to]], direction)

    def _speed(self, joint: str) -> Array:
        return np.linalg.norm(self.steps[:, JOINT_INDEX[joint]], axis=-1)

    def _angle(self, one: Array, other: Array) -> Array:
        """Degrees between two vectors (T, 3)."""
        return np.degrees(np.arccos(np.clip(_component(one, other) / np.linalg.norm(one, axis=-1), -1, 1)))


def _component(vector: Array, direction: Array) -> Array:
    """(T,) component of (T, 3) vectors along directions; 0 where a direction has no length."""
    return (vector * direction).sum(axis=-1) / np.maximum(np.linalg.norm(direction, axis=-1), 1e-9)
