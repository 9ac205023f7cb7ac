"""One pose of a dance as a few bytes: its joints as somebody in front of it sees them. Pure: nothing here touches
Blender."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smpl_rig.motion import Motion

_TURN = 0.45
"""Radians by which the onlooker stands beside the front."""
_UNITS = 100
"""Numbers a metre."""


def seen_from_the_front(motion: Motion, frame: int) -> str:
    """The joints (24, 2) of a frame, in centimetres to the right of the pelvis and above it, as hexadecimal bytes."""
    import numpy as np

    from smpl_rig.skeleton import JOINT_INDEX

    joints = motion.cut(frame, frame + 1).joints()[0].astype(np.float64)
    joints -= joints[0]
    across = joints[JOINT_INDEX["L_hip"]] - joints[JOINT_INDEX["R_hip"]]
    angle = np.arctan2(across[1], across[0]) + _TURN
    right = np.array([np.cos(angle), np.sin(angle), 0.0])
    flat = np.stack([joints @ right, joints[:, 2]], axis=1)
    return np.clip(np.round(flat * _UNITS), -127, 127).astype(np.int8).tobytes().hex()


def joints_of(pose: str) -> list[tuple[int, int]]:
    """The joints (24, 2) of a pose. Raises ValueError."""
    numbers = [number - 256 if number > 127 else number for number in bytes.fromhex(pose)]
    if len(numbers) != 48:
        raise ValueError("a pose has 24 joints")
    return list(zip(numbers[::2], numbers[1::2], strict=True))
