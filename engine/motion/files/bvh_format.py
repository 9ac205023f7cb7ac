"""Biovision BVH: the contents of a file, and its parser.

Angles are degrees. Format: M. Meredith and S. Maddock, "Motion Capture File Formats Explained" (2001).
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

Array = NDArray[np.floating[Any]]

_POSITIONS = {"Xposition": 0, "Yposition": 1, "Zposition": 2}
_ROTATIONS = {"Xrotation": 0, "Yrotation": 1, "Zrotation": 2}


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


def _turn(axis: int, angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotations (T, 3, 3) by angles (T,), radians, about coordinate axis 0..2."""
    vector = np.zeros((len(angle), 3))
    vector[:, axis] = angle
    return rot.axis_angle_to_matrix(vector).astype(np.float64)
