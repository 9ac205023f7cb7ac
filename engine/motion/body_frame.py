"""Joints as seen from the body: the pelvis at the origin, the hips along x. Where it is and faces does not count."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from smpl_rig.skeleton import JOINT_INDEX, MIRROR

_LEFT, _RIGHT = JOINT_INDEX["L_hip"], JOINT_INDEX["R_hip"]


def in_body_frame(joints: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """(T, 24, 3) joints, metres, Z up -> the same with the pelvis at the origin and the hips turned to face one way."""
    centred = joints - joints[:, :1]
    across = centred[:, _LEFT] - centred[:, _RIGHT]
    angle = -np.arctan2(across[:, 1], across[:, 0])
    cosine, sine = np.cos(angle)[:, None], np.sin(angle)[:, None]
    x, y = centred[..., 0], centred[..., 1]
    return np.stack([cosine * x - sine * y, sine * x + cosine * y, centred[..., 2]], axis=-1)


def mirror_body(joints: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """(T, 24, 3) joints of the body mirrored left to right, in the body's frame or in the world's (at x = 0)."""
    return joints[:, list(MIRROR)] * np.array([-1, 1, 1], joints.dtype)
