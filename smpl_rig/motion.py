"""Motions of the SMPL body, and AMASS-style .npz files of them."""

from __future__ import annotations

import struct
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from . import rotations as rot
from .kinematics import forward_kinematics
from .skeleton import JOINT_COUNT, MIRROR

FloatArray = NDArray[np.float32]

_NPZ_ERRORS = (
    OSError, EOFError, ValueError, SyntaxError, RuntimeError, MemoryError,
    tokenize.TokenError, struct.error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""Exceptions of numpy and zipfile for damaged files (observed, or found in their code)."""


class MotionFileError(ValueError):
    """A motion file cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Motion:
    """A motion. poses: (T, 72) axis-angle of 24 joints, radians, the pelvis in the Z-up world. trans: (T, 3) pelvis
    position, metres. fps: frames per second."""

    poses: FloatArray
    trans: FloatArray
    fps: float

    def __len__(self) -> int:
        return len(self.poses)

    @property
    def seconds(self) -> float:
        return len(self) / self.fps

    def rotations(self) -> FloatArray:
        """Rotations (T, 24, 3, 3) local to the parent, the pelvis in the world."""
        return rot.axis_angle_to_matrix(self.poses.reshape(-1, JOINT_COUNT, 3)).astype(np.float32)

    def quaternions(self) -> FloatArray:
        """Sign-continuous quaternions (T, 24, 4), (w, x, y, z), local to the parent."""
        quaternions = rot.axis_angle_to_quaternion(self.poses.reshape(-1, JOINT_COUNT, 3))
        return rot.make_continuous(quaternions).astype(np.float32)

    def joints(self) -> FloatArray:
        """Joint positions (T, 24, 3), metres, world."""
        return forward_kinematics(self.rotations(), self.trans).astype(np.float32)

    def cut(self, start: int, stop: int) -> Motion:
        """The frames start..stop (half-open)."""
        return replace(self, poses=self.poses[start:stop], trans=self.trans[start:stop])


def from_rotations(rotations: rot.Array, trans: rot.Array, fps: float) -> Motion:
    """The motion of rotations (T, 24, 3, 3), local to the parent, and pelvis positions (T, 3)."""
    poses = rot.matrix_to_axis_angle(rotations).reshape(len(rotations), -1)
    return Motion(poses.astype(np.float32), np.asarray(trans, np.float32), fps)


def sample(motion: Motion, times: NDArray[np.floating[Any]]) -> Motion:
    """The motion at the given times in seconds (N,), by slerp for rotations and linear interpolation for the pelvis.

    Times outside the motion give its first or last frame. The result's fps is the mean rate of `times`.
    """
    position = np.clip(np.asarray(times, np.float64) * motion.fps, 0, len(motion) - 1)
    before = np.minimum(position.astype(np.int64), max(len(motion) - 2, 0))
    after = np.minimum(before + 1, len(motion) - 1)
    fraction = position - before
    quaternions = rot.axis_angle_to_quaternion(motion.poses.reshape(-1, JOINT_COUNT, 3).astype(np.float64))
    mixed = rot.slerp(quaternions[before], quaternions[after], np.repeat(fraction[:, None], JOINT_COUNT, axis=1))
    trans = motion.trans[before] + fraction[:, None] * (motion.trans[after] - motion.trans[before])
    poses = rot.quaternion_to_axis_angle(mixed).reshape(len(mixed), -1)
    fps = (len(times) - 1) / float(times[-1] - times[0]) if len(times) > 1 else motion.fps
    return Motion(poses.astype(np.float32), trans.astype(np.float32), fps)


def resample(motion: Motion, fps: float) -> Motion:
    """The same motion at another frame rate; frame 0 stays frame 0."""
    if fps == motion.fps:
        return motion
    count = max(1, round((len(motion) - 1) / motion.fps * fps) + 1)
    return replace(sample(motion, np.arange(count) / fps), fps=fps)


def mirror(motion: Motion) -> Motion:
    """The motion with left and right exchanged, reflected in the world's YZ plane; its own inverse."""
    poses = motion.poses.reshape(-1, JOINT_COUNT, 3)[:, list(MIRROR)]
    # a reflection in x keeps the axial vector's x and turns the others; both frames have x as the left/right axis
    poses = poses * np.array([1, -1, -1], np.float32)
    return replace(
        motion, poses=poses.reshape(-1, 3 * JOINT_COUNT), trans=motion.trans * np.array([-1, 1, 1], np.float32)
    )


def read_npz(file: Path | IO[bytes], names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """The named arrays of an .npz, as far as it has them; pickled objects in it are never loaded.

    Raises MotionFileError for a file that cannot be read.
    """
    try:
        data = np.load(file, allow_pickle=False)
        if not isinstance(data, np.lib.npyio.NpzFile):
            raise MotionFileError(f"{file}: is a single array. Give an .npz file.")
        with data:
            return {name: data[name] for name in names if name in data}
    except MotionFileError:
        raise
    except _NPZ_ERRORS as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise MotionFileError(f"{file}: cannot be read as an .npz file ({reason}). Export or copy it again.") from error


def load_npz(file: Path | IO[bytes]) -> Motion:
    """The motion in an AMASS-style .npz (`poses` with 66 or more columns, `trans`, `mocap_framerate`).

    AMASS's SMPL-H files have 156 columns; their fingers are dropped, and SMPL's hand joints are at rest. Raises
    MotionFileError.
    """
    data = read_npz(file, ("poses", "trans", "mocap_framerate", "mocap_frame_rate"))
    missing = [key for key in ("poses", "trans") if key not in data]
    if missing:
        raise MotionFileError(
            f"{file}: has no {' and no '.join(missing)}. Give an AMASS-style .npz, which has poses and trans."
        )
    try:
        poses, trans = np.asarray(data["poses"], np.float32), np.asarray(data["trans"], np.float32)
        rate = next((float(data[key]) for key in ("mocap_framerate", "mocap_frame_rate") if key in data), None)
    except (ValueError, TypeError) as error:
        raise MotionFileError(f"{file}: has values that are no numbers ({error}). Give an AMASS-style .npz.") from error
    if rate is None or not rate > 0:
        raise MotionFileError(f"{file}: has no mocap_framerate above 0. Add the frame rate in frames per second.")
    if poses.ndim != 2 or poses.shape[1] < 66 or trans.shape != (len(poses), 3) or not len(poses):
        raise MotionFileError(
            f"{file}: poses {poses.shape} and trans {trans.shape} do not match. (T, 72) and (T, 3) are needed."
        )
    if not (np.isfinite(poses).all() and np.isfinite(trans).all()):
        raise MotionFileError(f"{file}: has NaN or infinite values. Export the motion again.")
    if poses.shape[1] != 3 * JOINT_COUNT:
        poses = np.concatenate([poses[:, :66], np.zeros((len(poses), 6), np.float32)], axis=1)
    return Motion(poses, trans, rate)


def save_npz(file: Path | IO[bytes], motion: Motion, **extra: Any) -> None:
    """Write a motion as AMASS-style .npz with `joints` (T, 24, 3) and any extra arrays or strings."""
    arrays: dict[str, Any] = {
        "poses": motion.poses,
        "trans": motion.trans,
        "mocap_framerate": np.float64(motion.fps),
        "betas": np.zeros(10, np.float32),
        "gender": "neutral",
        "joints": motion.joints(),
        **extra,
    }
    np.savez_compressed(file, **arrays)
