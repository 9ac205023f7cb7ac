"""Levelling of heads that look up all the time.

Optical capture with few head markers hardly observes the pitch of the head, and its solvers then leave the head tilted
back: in the ballroom clips of "Dance with Melody" the face points 30 to 60 degrees above the horizon on the median.
Nobody dances like that, and a model trained on it would generate such heads. The correction is one constant rotation
per clip, so that every movement of the head stays.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smpl_rig.kinematics import global_rotations
from smpl_rig.motion import Motion, from_rotations
from smpl_rig.skeleton import JOINT_INDEX

HIGHEST_PITCH = np.radians(15.0)
"""A clip with a higher median pitch of the face, radians, is levelled."""
_NODDING = (JOINT_INDEX["neck"], JOINT_INDEX["head"])
_ROUNDS = 4


def face_pitch(rotations: NDArray[np.floating]) -> NDArray[np.floating]:
    """(T,) angle of the face above the horizon, radians, of (T, 24, 3, 3) local rotations."""
    forward = global_rotations(rotations)[:, JOINT_INDEX["head"], :, 2]
    return np.arcsin(np.clip(forward[:, 2], -1, 1))


def level_head(motion: Motion) -> Motion:
    """The motion with neck and head turned down by a constant angle, half each, so that the median face pitch is level.

    A motion with a median pitch of at most `HIGHEST_PITCH` is returned as it is.
    """
    rotations = motion.rotations().astype(np.float64)
    if np.median(face_pitch(rotations)) <= HIGHEST_PITCH:
        return motion
    for _ in range(_ROUNDS):  # a head that also leans sideways needs more than the angle that it is off by
        rotations[:, _NODDING] = rotations[:, _NODDING] @ _nod(float(np.median(face_pitch(rotations))) / len(_NODDING))
    return from_rotations(rotations, motion.trans, motion.fps)


def _nod(angle: float) -> NDArray[np.float64]:
    """(3, 3) rotation by `angle` radians about the joint's own lateral axis, face down."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[1.0, 0.0, 0.0], [0.0, cosine, -sine], [0.0, sine, cosine]])
