"""Forward kinematics of the SMPL tree in numpy."""

from __future__ import annotations

import numpy as np

from .rotations import Array
from .skeleton import JOINT_COUNT, PARENTS, REST_OFFSETS


def global_rotations(rotations: Array) -> Array:
    """World rotations (T, 24, 3, 3) of rotations local to the parent (T, 24, 3, 3)."""
    world = np.empty_like(rotations)
    for joint in range(JOINT_COUNT):
        parent = PARENTS[joint]
        world[:, joint] = rotations[:, joint] if parent < 0 else world[:, parent] @ rotations[:, joint]
    return world


def local_rotations(world: Array) -> Array:
    """Rotations local to the parent (T, 24, 3, 3) of world rotations (T, 24, 3, 3); the inverse of
    `global_rotations`."""
    local = world.copy()
    for joint in range(1, JOINT_COUNT):
        local[:, joint] = np.swapaxes(world[:, PARENTS[joint]], -1, -2) @ world[:, joint]
    return local


def forward_kinematics(rotations: Array, trans: Array, offsets: Array = REST_OFFSETS) -> Array:
    """Joint positions (T, 24, 3) of a motion, metres, world.

    rotations: (T, 24, 3, 3) local to the parent, the pelvis in the world. trans: (T, 3) pelvis position, metres, world.
    offsets: (24, 3) rest offsets, metres, body frame.
    """
    world = global_rotations(rotations)
    joints = np.empty((*rotations.shape[:2], 3), dtype=rotations.dtype)
    joints[:, 0] = trans
    for joint in range(1, JOINT_COUNT):
        parent = PARENTS[joint]
        joints[:, joint] = joints[:, parent] + world[:, parent] @ offsets[joint].astype(rotations.dtype)
    return joints
