"""Levels the gaze of dancers whose heads look up all the time.

Optical capture with few head markers hardly observes the nod, and its solvers then leave the head tilted back: the
ballroom clips of "Dance with Melody" look 30 to 60 degrees above the horizon on the median. Nobody dances so; a model
that learns it draws dances nobody wants to look at. The correction is one constant turn per clip, so that every
movement of the head stays.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smpl_rig.kinematics import global_rotations
from smpl_rig.motion import Motion, from_rotations
from smpl_rig.skeleton import JOINT_INDEX

HIGHEST_PITCH = np.radians(15.0)
"""A clip whose median gaze is higher is levelled."""
_NODDING = (JOINT_INDEX["neck"], JOINT_INDEX["head"])
_ROUNDS = 4


def face_pitch(rotations: NDArray[np.floating]) -> NDArray[np.floating]:
    """(T, 24, 3, 3) local rotations -> (T,) radians that the face looks above the horizon."""
    forward = global_rotations(rotations)[:, JOINT_INDEX["head"], :, 2]
    return np.arcsin(np.clip(forward[:, 2], -1, 1))


def level_head(motion: Motion) -> Motion:
    """The motion with neck and head turned down by a constant angle, half each, until its median gaze is level.

    A motion that does not look up by more than `HIGHEST_PITCH` on the median is returned as it is.
    """
    rotations = motion.rotations().astype(np.float64)
    if np.median(face_pitch(rotations)) <= HIGHEST_PITCH:
        return motion
    for _ in range(_ROUNDS):  # a head that also leans sideways needs more than the angle it is off by
        rotations[:, _NODDING] = rotations[:, _NODDING] @ _nod(float(np.median(face_pitch(rotations))) / len(_NODDING))
    return from_rotations(rotations, motion.trans, motion.fps)


def _nod(angle: float) -> NDArray[np.float64]:
    """Rotation by `angle` radians about the joint's own lateral axis, face down."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[1.0, 0.0, 0.0], [0.0, cosine, -sine], [0.0, sine, cosine]])
