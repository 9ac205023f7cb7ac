"""Import of .npz motions of SMPL bodies as other programs and data sets write them, whatever their unit and axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError
from engine.motion.files.placement import check_moves, find_placement
from engine.motion.files.reference_poses import Recording, dance_range
from smpl_rig import rotations as rot
from smpl_rig.kinematics import forward_kinematics
from smpl_rig.motion import (
    ORIGIN_NAMES,
    PELVIS,
    POSE_WIDTHS,
    RATE_NAMES,
    SAME_PLACE,
    Motion,
    MotionFileError,
    body_poses,
    check_pose_width,
    frame_rate,
    load_npz,
    numbers,
    read_npz,
    said_origin,
    written_pelvis,
)
from smpl_rig.skeleton import JOINT_COUNT, SMPL_PELVIS

Arrays = Mapping[str, NDArray[Any]]
FloatArray = NDArray[np.float32]

_POSES = ("poses", "smpl_poses", "fullpose", "full_pose")
_RARE_POSES = ("smpl_pose", "pose_aa", "pose", "Poses", "thetas")
_ROOT, _BODY = ("root_orient", "global_orient"), ("pose_body", "body_pose")
_PELVIS_TRANS = "root_trans_offset"
_TRANS = ("trans", "smpl_trans", "transl", "translation", "root_trans", "Trans", _PELVIS_TRANS)
_SCALING = "smpl_scaling"
_MAX_FRAMES = 200_000
_DEGREES, _TURNS = 4.5, 4 * np.pi
"""Radians that hardly any joint of a body, and that none, turns by; angles beyond are degrees."""
_FLOOR_OFFSET = 0.1
"""Metres up to which a floor that is not at height 0 is left where it is."""
_FARTHEST_FLOOR = 1.5


def read_npz_motion(path: Path) -> Motion:
    """The dance in an .npz file, see `read_npz_recording`."""
    return read_npz_recording(path).dance


def read_npz_recording(path: Path) -> Recording:
    """The motion in an .npz file: metres, Z up, the pelvis's position. Raises DataError.

    A file of ours, and one of a data set that says what its places are, is read as it stands. Others may name their
    arrays as AMASS, SMPL-X or AIST++ do, have any unit and up axis, and a floor that is not at height 0.
    """
    try:
        data = read_npz(path, (*_POSES, *_RARE_POSES, *_ROOT, *_BODY, *_TRANS, _SCALING, *RATE_NAMES, *ORIGIN_NAMES))
        if {"poses", "trans"} <= data.keys() and said_origin(path, data) and _unchanged(path, data):
            return _checked(path, load_npz(path), 0)
        return _foreign(path, data)
    except MotionFileError as error:
        raise DataError(str(error)) from error


def _checked(path: Path, motion: Motion, before: int) -> Recording:
    check_moves(path.name, motion)
    return Recording(motion, before)


def _unchanged(path: Path, data: Arrays) -> bool:
    """Whether a file of ours is as we wrote it: nobody changed the unit of `trans` and left `joints` as they were."""
    written = written_pelvis(data)
    if written is None:
        return True
    trans = numbers(path.name, "trans", data["trans"])
    if written.shape != trans.shape:
        return False
    pelvis = trans if said_origin(path, data) == PELVIS else trans + SMPL_PELVIS
    return bool(np.abs(written - pelvis).max(initial=0) < SAME_PLACE)


def _foreign(path: Path, data: Arrays) -> Recording:
    name = path.name
    poses, places = _poses(name, data), _places(name, data)
    fps = frame_rate(name, data, len(poses))
    if not len(poses) or places.shape != (len(poses), 3):
        raise DataError(
            f"{name}: poses {poses.shape} and trans {places.shape} do not match. (T, 72) and (T, 3) are needed."
        )
    if len(poses) > _MAX_FRAMES:
        raise DataError(f"{name}: has {len(poses):,} frames, more than {_MAX_FRAMES:,}. Cut it into shorter motions.")
    turned = np.linalg.norm(poses.reshape(len(poses), -1, 3)[:, 1:22], axis=-1)
    if np.percentile(turned, 95) > _DEGREES or turned.max() > _TURNS:
        raise DataError(
            f"{name}: its poses hold angles of up to {turned.max():.3g}, which are degrees or no angles. Export them "
            "as axis-angle in radians."
        )
    poses = body_poses(poses)
    rotations = rot.axis_angle_to_matrix(poses.reshape(-1, JOINT_COUNT, 3))
    joints = forward_kinematics(rotations, np.zeros((len(poses), 3), np.float32))
    # a reference pose is left out first: it may stand on another floor, the origin. Jumps are jumps in any unit
    at_rest = np.asarray((np.abs(poses[:, 3:]) < 1e-6).all(axis=1))
    start, stop = dance_range(joints + places[:, None], fps, at_rest)
    poses, places, rotations, joints = (array[start:stop] for array in (poses, places, rotations, joints))
    at_pelvis = _first(data, _TRANS) == _PELVIS_TRANS or said_origin(path, {"trans": places, **data}) == PELVIS
    origin = np.zeros(3) if at_pelvis else SMPL_PELVIS
    placement = find_placement(name, joints, places, fps, ("z", "y"), origin, _FARTHEST_FLOOR)
    pelvis = (places * placement.unit + origin) @ placement.to_z_up.T
    if abs(placement.low) > _FLOOR_OFFSET:
        pelvis[:, 2] -= placement.low
    if not np.array_equal(placement.to_z_up, np.eye(3)):
        world = placement.to_z_up @ rotations[:, 0].astype(np.float64)
        poses = np.concatenate([rot.matrix_to_axis_angle(world).astype(np.float32), poses[:, 3:]], axis=1)
    return _checked(path, Motion(poses, pelvis.astype(np.float32), fps), start)


def _poses(name: str, data: Arrays) -> FloatArray:
    """Axis-angle poses (T, 66 or more) from whichever arrays hold them."""
    root, body = _first(data, _ROOT), _first(data, _BODY)
    in_parts = root is not None and body is not None
    whole = _first(data, _POSES) or (None if in_parts else _first(data, _RARE_POSES))
    if whole is None:
        if root is None or body is None:
            raise DataError(
                f"{name}: has no poses (nor root_orient and pose_body). Give an AMASS-style .npz, which has poses and "
                "trans."
            )
        parts = [_flat(name, key, data[key]) for key in (root, body)]
        if len(parts[0]) != len(parts[1]) or parts[0].shape[1] != 3 or parts[1].shape[1] not in (63, 69):
            raise DataError(
                f"{name}: {root} {parts[0].shape} and {body} {parts[1].shape} do not match. (T, 3) and (T, 63) are "
                "needed."
            )
        return np.concatenate(parts, axis=1)
    poses = _flat(name, whole, data[whole])
    check_pose_width(name, whole, poses)
    return poses


def _flat(name: str, key: str, array: NDArray[Any]) -> FloatArray:
    """An array (T, J * 3) from (T, J * 3), (T, J, 3), or rotation matrices (T, J, 3, 3)."""
    values = numbers(name, key, array)
    if values.ndim == 3 and len(values) == 1 and values.shape[2] in POSE_WIDTHS:
        values = values[0]  # a batch of one motion
    if values.ndim == 4 and values.shape[2:] == (3, 3):
        square = values @ np.swapaxes(values, -1, -2)
        if not np.allclose(square, np.eye(3), atol=1e-2) or (np.linalg.det(values) < 0).any():
            raise DataError(f"{name}: its {key} are 3 by 3 matrices but no rotations. Export the motion again.")
        values = rot.matrix_to_axis_angle(values)
    if not values.size or values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] != 3):
        raise DataError(f"{name}: its {key} has the shape {values.shape}. (T, 72) or (T, 24, 3) is needed.")
    return values.reshape(len(values), -1)


def _places(name: str, data: Arrays) -> FloatArray:
    key = _first(data, _TRANS)
    if key is None:
        raise DataError(f"{name}: has no trans. Give an AMASS-style .npz, which has poses and trans.")
    places = numbers(name, key, data[key])
    if places.ndim == 3 and places.shape[1] == 1:
        places = places[:, 0]
    elif places.ndim == 3 and len(places) == 1:
        places = places[0]
    if key == "smpl_trans" and _SCALING in data:
        scaling = numbers(name, _SCALING, data[_SCALING]).reshape(-1)
        if len(scaling) != 1 or not scaling[0] > 0:
            raise DataError(f"{name}: its {_SCALING} is {scaling[:3].tolist()}. A number above 0 is needed.")
        places = places / scaling[0]
    return places


def _first(data: Arrays, names: Sequence[str]) -> str | None:
    return next((name for name in names if name in data), None)
