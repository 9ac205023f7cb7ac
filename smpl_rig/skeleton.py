"""SMPL's 24 joints: names, tree, rest pose and left/right map.

The rest pose is an adult neutral T-pose rounded to the centimetre, in SMPL's body frame: x to the body's left,
y up, z forward, metres. The world is Z up (AMASS, Blender), so the pelvis rotation of a motion contains the rotation
from y-up to Z-up; `BODY_TO_WORLD` is that of a body at rest that faces the world's -Y.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

JOINT_NAMES: tuple[str, ...] = (
    "pelvis", "L_hip", "R_hip", "spine1", "L_knee", "R_knee", "spine2", "L_ankle", "R_ankle", "spine3",
    "L_foot", "R_foot", "neck", "L_collar", "R_collar", "head", "L_shoulder", "R_shoulder", "L_elbow",
    "R_elbow", "L_wrist", "R_wrist", "L_hand", "R_hand",
)  # fmt: skip
JOINT_COUNT = len(JOINT_NAMES)
JOINT_INDEX: dict[str, int] = {name: index for index, name in enumerate(JOINT_NAMES)}

PARENTS: tuple[int, ...] = (
    -1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21,
)  # fmt: skip
"""Parent of every joint; parents come before children."""

CHILDREN: tuple[tuple[int, ...], ...] = tuple(
    tuple(child for child, parent in enumerate(PARENTS) if parent == joint) for joint in range(JOINT_COUNT)
)

REST_OFFSETS: NDArray[np.float32] = np.array(
    [
        [0.00, 0.00, 0.00],
        [0.06, -0.09, -0.01], [-0.06, -0.09, -0.01], [0.00, 0.12, -0.03],
        [0.04, -0.38, 0.00], [-0.04, -0.38, 0.00], [0.00, 0.14, 0.02],
        [-0.01, -0.41, -0.04], [0.01, -0.41, -0.04], [0.00, 0.05, 0.00],
        [0.04, -0.06, 0.12], [-0.04, -0.06, 0.12], [0.00, 0.21, -0.03],
        [0.07, 0.12, -0.02], [-0.07, 0.12, -0.02], [0.00, 0.09, 0.05],
        [0.12, 0.04, -0.02], [-0.12, 0.04, -0.02],
        [0.26, -0.01, -0.02], [-0.26, -0.01, -0.02],
        [0.26, 0.01, -0.01], [-0.26, 0.01, -0.01],
        [0.09, -0.01, -0.01], [-0.09, -0.01, -0.01],
    ],
    dtype=np.float32,
)  # fmt: skip
"""Offset (24, 3) of every joint from its parent in the rest pose, metres, body frame."""
REST_OFFSETS.setflags(write=False)

SOLE_BELOW_FOOT = 0.02
"""Distance in metres from the foot joints (L_foot, R_foot) down to the sole in the rest pose."""
CROWN_ABOVE_HEAD = 0.14
"""Distance in metres from the head joint up to the crown in the rest pose."""

SMPL_PELVIS: NDArray[np.float64] = np.array([-0.0018, -0.2233, 0.0282])
"""(3,) pelvis joint of the neutral SMPL body at rest, metres, body frame (SMPL's joint regressor on its template).
SMPL's translation moves the body's origin, not the pelvis: the pelvis joint is at translation + this, not rotated."""
SMPL_PELVIS.setflags(write=False)

MIRROR: tuple[int, ...] = tuple(
    JOINT_INDEX.get({"L": "R", "R": "L"}.get(name[0], name[0]) + name[1:], index) if name[1] == "_" else index
    for index, name in enumerate(JOINT_NAMES)
)
"""The joint on the other side of the body for every joint; itself on the midline."""

BODY_TO_WORLD: NDArray[np.float32] = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], dtype=np.float32)
"""Rotation (3, 3) from the y-up body frame to the Z-up world."""
BODY_TO_WORLD.setflags(write=False)


def rest_joints(offsets: NDArray[np.float32] = REST_OFFSETS) -> NDArray[np.float32]:
    """Joint positions (24, 3) of the rest pose with the pelvis at the origin, metres, body frame."""
    joints = np.zeros((JOINT_COUNT, 3), dtype=np.float32)
    for joint in range(1, JOINT_COUNT):
        joints[joint] = joints[PARENTS[joint]] + offsets[joint]
    return joints
