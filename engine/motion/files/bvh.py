"""Biovision BVH files: a parser for any of them, and a writer for motions of our skeleton.

The writer uses SMPL's 24 joints under their names, with the rest pose in SMPL's body frame and the world Y up, as the
format's readers expect; Blender imports the files with its default axes. Angles are degrees, rotations Z X Y
(R = Rz Rx Ry). Format: M. Meredith and S. Maddock, "Motion Capture File Formats Explained" (2001).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError
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

_POSITIONS = {"Xposition": 0, "Yposition": 1, "Zposition": 2}
_ROTATIONS = {"Xrotation": 0, "Yrotation": 1, "Zrotation": 2}
_TIP = 0.05
"""Metres from the last joint of a limb to its end site."""
_AXIS_ORDER = ("Zrotation", "Xrotation", "Yrotation")


@dataclass
class BvhJoint:
    """A joint of a hierarchy. offset: (3,) from its parent at rest. tip: (3,) end site, if there is one."""

    name: str
    parent: int
    offset: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))
    channels: tuple[str, ...] = ()
    tip: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class BvhFile:
    """A parsed file. values: (T, channels) in the file's order and length unit, angles in degrees. fps: frames per
    second."""

    joints: tuple[BvhJoint, ...]
    values: NDArray[np.float64]
    fps: float

    def rest_positions(self) -> NDArray[np.float64]:
        """(J, 3) joint positions with every rotation zero, the root at its offset, in the file's unit and axes."""
        rest = np.zeros((len(self.joints), 3))
        for index, joint in enumerate(self.joints):
            rest[index] = joint.offset if joint.parent < 0 else rest[joint.parent] + joint.offset
        return rest

    def world(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(T, J, 3, 3) rotations and (T, J, 3) positions of every joint in the file's world, unit and axes."""
        frames = len(self.values)
        rotations = np.empty((frames, len(self.joints), 3, 3))
        positions = np.empty((frames, len(self.joints), 3))
        column = 0
        for index, joint in enumerate(self.joints):
            local = np.broadcast_to(np.eye(3), (frames, 3, 3))
            offset = np.broadcast_to(joint.offset, (frames, 3)).copy()
            for channel in joint.channels:
                values = self.values[:, column]
                column += 1
                if channel in _POSITIONS:
                    offset[:, _POSITIONS[channel]] = values
                else:
                    local = local @ _turn(_ROTATIONS[channel], np.radians(values))
            if joint.parent < 0:
                rotations[:, index], positions[:, index] = local, offset
            else:
                parent = rotations[:, joint.parent]
                rotations[:, index] = parent @ local
                positions[:, index] = positions[:, joint.parent] + np.einsum("tij,tj->ti", parent, offset)
        return rotations, positions


def parse_bvh(path: Path) -> BvhFile:
    """Parse a BVH file of any skeleton. Raises DataError that says what cannot be parsed."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Check the path.") from error
    head, motion, numbers = text.partition("MOTION")
    if not motion or "HIERARCHY" not in head:
        raise DataError(f"{path.name}: is not a BVH file (no HIERARCHY and MOTION). Export the motion as BVH.")
    try:
        joints = _parse_hierarchy(iter(head.split()))
        words = iter(numbers.split())
        count, fps = _parse_motion_head(words)
        values = np.array(list(words), np.float64)
    except (ValueError, StopIteration, IndexError) as error:
        reason = str(error) or "it ends too early"
        raise DataError(f"{path.name}: is a damaged BVH file ({reason}). Export the motion again.") from error
    width = sum(len(joint.channels) for joint in joints)
    if count < 1 or values.size != count * width:
        raise DataError(
            f"{path.name}: should have {count} frames of {width} channels, but has {values.size} values. "
            "Export the motion again."
        )
    if not np.isfinite(values).all():
        raise DataError(f"{path.name}: has NaN or infinite values. Export the motion again.")
    return BvhFile(tuple(joints), values.reshape(count, width), fps)


def write_bvh(path: Path, motion: Motion, unit: float = 0.01) -> None:
    """Write a motion as BVH. unit: metres per unit of length in the file; most programs expect 0.01, centimetres.

    `engine.motion.files.bvh_import.read_bvh` restores the motion to a hundredth of a millimetre and of a degree.
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


def _parse_hierarchy(words: Iterator[str]) -> list[BvhJoint]:
    joints: list[BvhJoint] = []
    open_joints: list[int] = []
    in_tip = False
    for word in words:
        if word in ("ROOT", "JOINT"):
            if word == "ROOT" and joints:
                raise ValueError("it has more than one ROOT")
            if word == "JOINT" and not open_joints:
                raise ValueError("a JOINT is outside of ROOT")
            name = " ".join(itertools.takewhile(lambda part: part != "{", words))
            joints.append(BvhJoint(name, open_joints[-1] if open_joints else -1))
            open_joints.append(len(joints) - 1)
        elif word == "End":
            in_tip = True
        elif word == "}":
            if in_tip:
                in_tip = False
            else:
                open_joints.pop()
        elif word == "OFFSET":
            offset = np.array([float(next(words)) for _ in range(3)])
            if in_tip:
                joints[open_joints[-1]].tip = offset
            else:
                joints[open_joints[-1]].offset = offset
        elif word == "CHANNELS":
            channels = tuple(next(words) for _ in range(int(next(words))))
            unknown = [channel for channel in channels if channel not in _POSITIONS and channel not in _ROTATIONS]
            if unknown:
                raise ValueError(f"unknown channel {unknown[0]!r}")
            joints[open_joints[-1]].channels = channels
        elif word not in ("HIERARCHY", "Site", "{"):
            raise ValueError(f"unexpected word {word!r} in its hierarchy")
    if not joints or open_joints:
        raise ValueError("its hierarchy is not closed")
    return joints


def _parse_motion_head(words: Iterator[str]) -> tuple[int, float]:
    """`Frames: N` and `Frame Time: S` -> (N, frames per second)."""
    if next(words) != "Frames:":
        raise ValueError("no 'Frames:' after MOTION")
    count = int(next(words))
    if (next(words), next(words)) != ("Frame", "Time:"):
        raise ValueError("no 'Frame Time:' after 'Frames:'")
    step = float(next(words))
    if not step > 0:
        raise ValueError(f"frame time {step}")
    # files write 0.033333 or less for 1/30; rates like 29.97 are further from a whole number than this
    fps = 1 / step
    return count, float(round(fps)) if abs(fps / max(round(fps), 1) - 1) < 3e-4 else round(fps, 4)


def _write_joint(lines: list[str], joint: int, depth: int, scale: float) -> None:
    pad = "\t" * depth
    offset = " ".join(f"{value:.6f}" for value in REST_OFFSETS[joint] * scale)
    lines.append(f"{pad}{'JOINT' if depth else 'ROOT'} {JOINT_NAMES[joint]}")
    lines.append(f"{pad}{{")
    lines.append(f"{pad}\tOFFSET {offset}")
    channels = (*(() if depth else tuple(_POSITIONS)), *_AXIS_ORDER)
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


def _turn(axis: int, angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotations (T, 3, 3) by angles (T,), radians, about coordinate axis 0..2."""
    vector = np.zeros((len(angle), 3))
    vector[:, axis] = angle
    return rot.axis_angle_to_matrix(vector).astype(np.float64)


def _zxy_angles(m: Array) -> Array:
    """Angles z, x, y (..., 3) in radians of rotations (..., 3, 3) = Rz Rx Ry.

    Where x is a quarter turn only the sum of z and y is determined: y is 0 there.
    """
    x = np.arcsin(np.clip(m[..., 2, 1], -1, 1))
    locked = np.abs(m[..., 2, 1]) > 1 - 1e-12
    z = np.where(locked, np.arctan2(m[..., 1, 0], m[..., 0, 0]), np.arctan2(-m[..., 0, 1], m[..., 1, 1]))
    y = np.where(locked, 0.0, np.arctan2(-m[..., 2, 0], m[..., 2, 2]))
    return np.stack([z, x, y], axis=-1)
