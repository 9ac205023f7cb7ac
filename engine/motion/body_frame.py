"""Joints in the body's frame, independent of place and heading: the pelvis at the origin, the hips along x."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from smpl_rig.skeleton import JOINT_INDEX, MIRROR

_LEFT, _RIGHT = JOINT_INDEX["L_hip"], JOINT_INDEX["R_hip"]


def in_body_frame(joints: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Joints (T, 24, 3), metres, Z up, with the pelvis moved to the origin and the hips turned along x."""
    centred = joints - joints[:, :1]
    across = centred[:, _LEFT] - centred[:, _RIGHT]
    angle = -np.arctan2(across[:, 1], across[:, 0])
    cosine, sine = np.cos(angle)[:, None], np.sin(angle)[:, None]
    x, y = centred[..., 0], centred[..., 1]
    return np.stack([cosine * x - sine * y, sine * x + cosine * y, centred[..., 2]], axis=-1)


def mirror_body(joints: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Joints (T, 24, 3) of the body mirrored left to right, in the body's frame or in the world's (at x = 0)."""
    return joints[:, list(MIRROR)] * np.array([-1, 1, 1], joints.dtype)
