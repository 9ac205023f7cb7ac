"""Motions of the SMPL body, and AMASS-style .npz files of them.

A `Motion` has the pelvis joint's position. `trans` in a file of AMASS, and in files that we write for others, is SMPL's
translation, which moves the body's origin; `trans_origin` in a file of ours says which of both it has.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from . import rotations as rot
from .kinematics import forward_kinematics
from .npz import NpzError, read_arrays
from .regular_files import read_regular
from .skeleton import JOINT_COUNT, MIRROR, SMPL_PELVIS

FloatArray = NDArray[np.float32]

ORIGIN = "trans_origin"
"""Name of the text in an .npz that says what its `trans` is: `SMPL` or `PELVIS`."""
SMPL, PELVIS = "smpl", "pelvis"
ORIGIN_NAMES = (ORIGIN, "joints", "frames_trans")
"""Arrays that tell what `trans` is."""
RATE_NAMES = (
    "mocap_framerate", "mocap_frame_rate", "mocap_fps", "fps", "framerate", "frame_rate", "frameRate", "motion_fps",
)  # fmt: skip
POSE_WIDTHS = tuple(3 * joints for joints in (22, 23, 24, 25, 52, 53, 54, 55))
"""Numbers a frame of axis-angle poses: SMPL with or without its hands, SMPL-H and SMPL-X with parts of its face. Others
are quaternions, matrices or another body: 22 to 55 joints never have as many numbers as these in another way."""
MAX_FRAME_RATE = 1000.0
_SAME_RATE = 2e-3
"""Share by which two frame rates of a file may differ, as 30 and 29.97 do."""
_LARGEST = 1e8
"""Of any number in a motion file: a hundred kilometres in millimetres."""
_SKELETON_FILE, _INDEX_FILE, _MAX_DATA_SET_BYTES = "skeleton.json", "index.json", 1 << 24
SAME_PLACE = 1e-3
"""Metres within which `joints` and `trans` of a file agree; a `trans` changed since then counts."""


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
    """The motion at the given times in seconds (N,), by cubic curves through its frames.

    Straight lines from frame to frame would take a fifth of the strength of movements at 4 to 6 Hz, a third at 6 to 8
    Hz, and would add corners. A moment depends on two frames on either side. Times outside the motion give its first
    or last frame. The result's fps is the mean rate of `times`.
    """
    last = len(motion) - 1
    before, fraction = _places(motion, times)
    frames = np.clip(before[:, None] + np.arange(-1, 3), 0, last)  # (N, 4): two on either side
    quaternions = rot.axis_angle_to_quaternion(motion.poses.reshape(-1, JOINT_COUNT, 3).astype(np.float64))[frames]
    inverse = rot.quaternion_conjugate(quaternions[:, :-1])
    turns = rot.quaternion_to_axis_angle(rot.quaternion_multiply(inverse, quaternions[:, 1:]))  # (N, 3, 24, 3)
    turn = rot.axis_angle_to_quaternion(_eased(turns, fraction[:, None, None]))
    mixed = rot.quaternion_multiply(quaternions[:, 1], turn)
    steps = np.diff(motion.trans.astype(np.float64)[frames], axis=1)  # (N, 3, 3)
    trans = motion.trans[before] + _eased(steps, fraction[:, None])
    return _sampled(motion, mixed, trans, times)


def sample_straight(motion: Motion, times: NDArray[np.floating[Any]]) -> Motion:
    """The same by slerp for rotations and straight lines for the pelvis, as dances of earlier versions were sampled."""
    before, fraction = _places(motion, times)
    after = np.minimum(before + 1, len(motion) - 1)
    quaternions = rot.axis_angle_to_quaternion(motion.poses.reshape(-1, JOINT_COUNT, 3).astype(np.float64))
    mixed = rot.slerp(quaternions[before], quaternions[after], np.repeat(fraction[:, None], JOINT_COUNT, axis=1))
    trans = motion.trans[before] + fraction[:, None] * (motion.trans[after] - motion.trans[before])
    return _sampled(motion, mixed, trans, times)


def _places(motion: Motion, times: NDArray[np.floating[Any]]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The frame before each time (N,), and how far the time is on its way to the next, 0..1."""
    position = np.clip(np.asarray(times, np.float64) * motion.fps, 0, len(motion) - 1)
    before = np.minimum(position.astype(np.int64), max(len(motion) - 2, 0))
    return before, position - before


def _eased(steps: rot.Array, fraction: rot.Array) -> rot.Array:
    """How far to go at `fraction` of the middle one of three steps (N, 3, ..., 3) between four frames (N, ..., 3).

    A cubic Hermite curve whose speed at a frame is the mean of both sides', as Catmull and Rom's, but at most three
    times that of the slower side: what has come to rest does not swing past its place (Fritsch and Carlson 1980).
    """
    size = np.linalg.norm(steps, axis=-1, keepdims=True)
    speeds = []
    for side in (0, 1):
        mean = (steps[:, side] + steps[:, side + 1]) / 2
        most = 3 * np.minimum(size[:, side], size[:, side + 1])
        length = np.linalg.norm(mean, axis=-1, keepdims=True)
        speeds.append(mean * np.minimum(1.0, most / np.maximum(length, 1e-12)))
    t = fraction
    begins, ends = t * (1 - t) ** 2, -(t**2) * (1 - t)
    return np.asarray(begins * speeds[0] + t**2 * (3 - 2 * t) * steps[:, 1] + ends * speeds[1])


def _sampled(motion: Motion, quaternions: rot.Array, trans: rot.Array, times: NDArray[np.floating[Any]]) -> Motion:
    poses = rot.quaternion_to_axis_angle(quaternions).reshape(len(quaternions), -1)
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


def read_npz(file: Path | str | IO[bytes], names: Iterable[str]) -> dict[str, NDArray[Any]]:
    """The named arrays of an .npz, as far as it has them, see `npz.read_arrays`. Raises MotionFileError."""
    try:
        return read_arrays(file, names)
    except NpzError as error:
        raise MotionFileError(str(error)) from error


def load_npz(file: Path | str | IO[bytes]) -> Motion:
    """The motion in an AMASS-style .npz (`poses` with 66 or more columns, `trans`, `mocap_framerate`).

    AMASS's SMPL-H files have 156 columns; their fingers are dropped, and SMPL's hand joints are at rest. `trans` is
    SMPL's translation unless the file or its data set says that it is the pelvis, see `said_origin`. Raises
    MotionFileError.
    """
    data = read_npz(file, ("poses", "trans", *RATE_NAMES, *ORIGIN_NAMES))
    name = file_name(file)
    missing = [key for key in ("poses", "trans") if key not in data]
    if missing:
        raise MotionFileError(
            f"{name}: has no {' and no '.join(missing)}. Give an AMASS-style .npz, which has poses and trans."
        )
    poses, trans = numbers(name, "poses", data["poses"]), numbers(name, "trans", data["trans"])
    rate = frame_rate(name, data, len(poses) if poses.ndim else 0)
    if poses.ndim == 2:
        check_pose_width(name, "poses", poses)
    if poses.ndim != 2 or trans.shape != (len(poses), 3) or not len(poses):
        raise MotionFileError(
            f"{name}: poses {poses.shape} and trans {trans.shape} do not match. (T, 72) and (T, 3) are needed."
        )
    return Motion(body_poses(poses), pelvis_positions(file, data, trans), rate)


def frame_rate(name: str, data: Mapping[str, NDArray[Any]], frames: int) -> float:
    """The frames per second that the arrays of a motion of so many frames say: a number in any shape, or the same one
    for each frame. Raises MotionFileError."""
    said = {key: _frame_rate(name, key, data[key], frames) for key in RATE_NAMES if key in data}
    if not said:
        raise MotionFileError(f"{name}: has no mocap_framerate. Add the frame rate in frames per second.")
    first, rate = next(iter(said.items()))
    for key, other in said.items():
        if abs(other - rate) > _SAME_RATE * rate:
            raise MotionFileError(
                f"{name}: its {first} is {rate:g} but its {key} is {other:g}. Leave out the one that is wrong."
            )
    return rate


def _frame_rate(name: str, key: str, array: NDArray[Any], frames: int) -> float:
    try:
        values = np.asarray(array).astype(np.float64).reshape(-1)
    except ValueError as error:
        raise MotionFileError(
            f"{name}: its {key} is no number ({str(error)[:200]}). Give frames per second."
        ) from error
    if len(values) == frames and len(set(values.tolist())) == 1:
        values = values[:1]
    truth = np.asarray(array).dtype == bool
    if len(values) != 1 or truth or not 1 <= values[0] <= MAX_FRAME_RATE:
        said = f"{values[0]:g}" if len(values) == 1 else f"{len(values)} numbers"
        said = "true or false" if truth else said
        raise MotionFileError(
            f"{name}: its {key} is {said}, which is no frame rate. Give frames per second, 1 to {MAX_FRAME_RATE:g}."
        )
    return float(values[0])


def numbers(name: str, key: str, array: NDArray[Any]) -> FloatArray:
    """An array of a motion file as float32. Raises MotionFileError for text, NaN, infinite and absurd values."""
    try:
        with np.errstate(over="ignore"):
            values = np.asarray(array, np.float32)
    except (ValueError, TypeError) as error:
        raise MotionFileError(
            f"{name}: its {key} has values that are no numbers ({str(error)[:200]}). Export the motion again."
        ) from error
    wrong = np.argwhere(~(np.abs(values) < _LARGEST))
    if len(wrong):
        value = np.asarray(array)[tuple(wrong[0])]
        frame = f"frame {wrong[0][0] + 1} of {len(values)} of " if values.ndim > 1 else ""
        raise MotionFileError(f"{name}: has the value {value} in {frame}its {key}. Export the motion again without it.")
    return values


def check_pose_width(name: str, key: str, poses: FloatArray) -> None:
    """Raise MotionFileError for poses (T, N) that are no body's in axis-angle."""
    if poses.shape[1] not in POSE_WIDTHS:
        raise MotionFileError(
            f"{name}: its {key} has {poses.shape[1]} numbers a frame, which is no SMPL body in axis-angle. (T, 72) is "
            "needed; quaternions, 6D rotations and flat matrices must be converted."
        )


def body_poses(poses: FloatArray) -> FloatArray:
    """Poses (T, 72) of SMPL's 24 joints from those of SMPL, SMPL-H or SMPL-X (T, 66 or more).

    Their first 22 joints are the same; the fingers are dropped, and SMPL's hand joints are at rest.
    """
    if poses.shape[1] == 3 * JOINT_COUNT:
        return poses
    return np.concatenate([poses[:, :66], np.zeros((len(poses), 6), np.float32)], axis=1)


def said_origin(file: Path | str | IO[bytes], data: Mapping[str, NDArray[Any]]) -> str | None:
    """What is said of a motion file's `trans`, that it is `SMPL` or `PELVIS`, or None. Raises MotionFileError.

    The file says it itself. Our files before `trans_origin` had the pelvis there, which their `joints` and the names of
    their `frames` show. A data set says it of the clips that its `index.json` lists: in its
    `skeleton.json` the pelvis rests at the origin.
    """
    if ORIGIN in data:
        origin = str(np.asarray(data[ORIGIN]).reshape(-1)[0]) if np.size(data[ORIGIN]) else ""
        if origin not in (SMPL, PELVIS):
            raise MotionFileError(
                f"{file_name(file)}: its {ORIGIN} is {origin[:40]!r}. It must be {SMPL!r} or {PELVIS!r}."
            )
        return origin
    written = written_pelvis(data)
    if written is not None and np.array_equal(written, data["trans"]):
        return PELVIS
    return PELVIS if "frames_trans" in data or (isinstance(file, Path) and _data_set_says_pelvis(file)) else None


def _data_set_says_pelvis(path: Path) -> bool:
    for folder in (path.parent, path.parent.parent):
        try:
            said = json.loads(read_regular(folder / _SKELETON_FILE, _MAX_DATA_SET_BYTES))
            if [float(value) for value in said["rest_offsets_m"][0]] != [0.0, 0.0, 0.0]:
                return False
            # a file that somebody put there is not the data set's
            index = json.loads(read_regular(folder / _INDEX_FILE, _MAX_DATA_SET_BYTES))
            return any(clip["name"] == path.stem for clip in index["clips"])
        except FileNotFoundError:
            continue
        except (OSError, ValueError, TypeError, LookupError, RecursionError):
            return False
    return False


def pelvis_positions(file: Path | str | IO[bytes], data: Mapping[str, NDArray[Any]], trans: FloatArray) -> FloatArray:
    """The pelvis joint (T, 3), metres, world, of a motion file with `trans` (T, 3).

    `joints` of our own files restore the pelvis to the bit, as long as they agree with `trans`. Raises MotionFileError.
    """
    said = said_origin(file, data)
    if said == PELVIS:
        return trans
    pelvis = (trans + SMPL_PELVIS).astype(np.float32)
    written = written_pelvis(data)
    if not said or written is None or len(written) != len(pelvis):
        return pelvis
    return written if np.abs(written - pelvis).max() < SAME_PLACE else pelvis


def written_pelvis(data: Mapping[str, NDArray[Any]]) -> FloatArray | None:
    """The pelvis (T, 3) in the `joints` of a motion file, if it has them."""
    joints = data.get("joints")
    if joints is None or joints.ndim != 3 or joints.shape[1:] != (JOINT_COUNT, 3) or joints.dtype.kind != "f":
        return None
    return joints[:, 0].astype(np.float32)


def save_npz(file: Path | str | IO[bytes], motion: Motion, **extra: Any) -> None:
    """Write a motion as an AMASS-style .npz for any program, with `joints` (T, 24, 3) and any extra arrays or strings.

    `trans` is SMPL's translation, as in AMASS: the pelvis joint is `trans` + the rest pelvis of the neutral body
    (`skeleton.SMPL_PELVIS`, not rotated). `trans_origin` says so, and `joints[:, 0]` is the pelvis itself.
    """
    arrays: dict[str, Any] = {
        "poses": motion.poses,
        "trans": (motion.trans - SMPL_PELVIS).astype(np.float32),
        ORIGIN: SMPL,
        "mocap_framerate": np.float64(motion.fps),
        "betas": np.zeros(10, np.float32),
        "gender": "neutral",
        "joints": motion.joints(),
        **extra,
    }
    np.savez_compressed(file, **arrays)


def pack_npz(motion: Motion, **extra: Any) -> bytes:
    """A motion as the bytes of an .npz that engine and add-on give each other and keep in a .blend.

    `trans` is the pelvis joint, and `trans_origin` says so; `joints` follow from the rest and are left out.
    """
    arrays: dict[str, Any] = {
        "poses": motion.poses,
        "trans": motion.trans,
        ORIGIN: PELVIS,
        "mocap_framerate": np.float64(motion.fps),
        **extra,
    }
    return npz_bytes(arrays)


def npz_bytes(arrays: Mapping[str, Any]) -> bytes:
    """Arrays and texts as the bytes of a compressed .npz."""
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def file_name(file: Path | str | IO[bytes]) -> str:
    """How a message names a file, or bytes in memory."""
    return str(file) if isinstance(file, Path) else "The motion"
