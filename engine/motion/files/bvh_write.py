"""Motions of our skeleton as BVH files.

The files have SMPL's 24 joints under their names, with the rest pose in SMPL's body frame and the world Y up, as the
format's readers expect; Blender imports them with its default axes. Rotations are Z X Y (R = Rz Rx Ry), degrees.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smpl_rig import rotations as rot
from smpl_rig.motion import Motion
from smpl_rig.skeleton import (
    BODY_TO_WORLD,
    CHILDREN,
    CROWN_ABOVE_HEAD,
    JOINT_COUNT,
    JOINT_INDEX,
    JOINT_NAMES,
    REST_OFFSETS,
)

Array = NDArray[np.floating[Any]]

_POSITIONS = ("Xposition", "Yposition", "Zposition")
_TIP = 0.05
"""Metres from the last joint of a limb to its end site."""
_AXIS_ORDER = ("Zrotation", "Xrotation", "Yrotation")


def write_bvh(path: Path, motion: Motion, unit: float = 0.01) -> None:
    """Write a motion as BVH. unit: metres per unit of length in the file; most programs expect 0.01, centimetres.

    `engine.motion.files.bvh_read.read_bvh` restores the motion to a hundredth of a millimetre and of a degree.
    """
    lines = ["HIERARCHY"]
    _write_joint(lines, 0, 0, 1.0 / unit)
    turn = BODY_TO_WORLD.T.astype(np.float64)
    rotations = rot.axis_angle_to_matrix(motion.poses.reshape(-1, JOINT_COUNT, 3).astype(np.float64))
    rotations[:, 0] = turn @ rotations[:, 0]
    order = list(_depth_first(0))
    angles = np.degrees(np.unwrap(_zxy_angles(rotations[:, order]), axis=0)).reshape(len(motion), -1)
    position = motion.trans.astype(np.float64) @ turn.T / unit
    lines += ["MOTION", f"Frames: {len(motion)}", f"Frame Time: {1 / motion.fps:.10g}"]
    lines += [" ".join(f"{value:.6f}" for value in row) for row in np.concatenate([position, angles], axis=1)]
    path.write_text("\n".join(lines) + "\n", encoding="ascii")


def _write_joint(lines: list[str], joint: int, depth: int, scale: float) -> None:
    pad = "\t" * depth
    offset = " ".join(f"{value:.6f}" for value in REST_OFFSETS[joint] * scale)
    lines.append(f"{pad}{'JOINT' if depth else 'ROOT'} {JOINT_NAMES[joint]}")
    lines.append(f"{pad}{{")
    lines.append(f"{pad}\tOFFSET {offset}")
    channels = (*(() if depth else _POSITIONS), *_AXIS_ORDER)
    lines.append(f"{pad}\tCHANNELS {len(channels)} {' '.join(channels)}")
    for child in CHILDREN[joint]:
        _write_joint(lines, child, depth + 1, scale)
    if not CHILDREN[joint]:
        tip = " ".join(f"{value:.6f}" for value in _tip(joint) * scale)
        lines += [f"{pad}\tEnd Site", f"{pad}\t{{", f"{pad}\t\tOFFSET {tip}", f"{pad}\t}}"]
    lines.append(f"{pad}}}")


def _tip(joint: int) -> NDArray[np.float64]:
    """The end site (3,) of a last joint, metres: the crown of the head, or a little further along the limb."""
    if joint == JOINT_INDEX["head"]:
        return np.array([0.0, CROWN_ABOVE_HEAD, 0.0])
    if JOINT_NAMES[joint].endswith("foot"):
        return np.array([0.0, 0.0, _TIP])
    return np.array([np.sign(REST_OFFSETS[joint][0]) * _TIP, 0.0, 0.0])


def _depth_first(joint: int) -> Iterator[int]:
    yield joint
    for child in CHILDREN[joint]:
        yield from _depth_first(child)


def _zxy_angles(m: Array) -> Array:
    """Angles z, x, y (..., 3) in radians of rotations (..., 3, 3) = Rz Rx Ry.

    Where x is a quarter turn only the sum of z and y is determined: y is 0 there.
    """
    x = np.arcsin(np.clip(m[..., 2, 1], -1, 1))
    locked = np.abs(m[..., 2, 1]) > 1 - 1e-12
    z = np.where(locked, np.arctan2(m[..., 1, 0], m[..., 0, 0]), np.arctan2(-m[..., 0, 1], m[..., 1, 1]))
    y = np.where(locked, 0.0, np.arctan2(-m[..., 2, 0], m[..., 2, 2]))
    return np.stack([z, x, y], axis=-1)
