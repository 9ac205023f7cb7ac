"""Motions of SMPL bodies from other programs: any unit, up axis, names of arrays and frame rate, or a sentence."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from other_skeletons import Y_UP, dance, joined, same_body, t_pose

from engine.data.dataset import DanceDataset
from engine.errors import DataError
from engine.motion.files.read import read_motion
from smpl_rig import rotations as rot
from smpl_rig.dance_motion import read_dance_motion
from smpl_rig.motion import Motion, MotionFileError, load_npz, pack_npz, save_npz

Array = NDArray[np.floating[Any]]

REST_PELVIS = np.array([-0.0018, -0.2233, 0.0282])
"""SMPL's pelvis at rest from the body's origin, metres, as its neutral model has it."""
UPS = {
    "z": np.eye(3),
    "y": Y_UP,
    "x": np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]]),
    "-y": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
    "-z": np.diag([1.0, -1, -1]),
}
"""Rotations (3, 3) from Z up to worlds in which another axis is up."""


def amass(motion: Motion, unit: float = 1.0, axes: Array = UPS["z"]) -> dict[str, Any]:
    """The arrays of an AMASS file, made independently of the product. unit: of the file in a metre."""
    poses = motion.poses.copy()
    poses[:, :3] = rot.matrix_to_axis_angle(axes @ rot.axis_angle_to_matrix(poses[:, :3].astype(np.float64)))
    trans = (motion.trans.astype(np.float64) @ axes.T - REST_PELVIS) * unit
    return {"poses": poses, "trans": trans, "mocap_framerate": motion.fps}


def read_arrays(folder: Path, arrays: Mapping[str, Any]) -> Motion:
    path = folder / "motion.npz"
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    return read_motion(path)


def same(motion: Motion, other: Motion, tolerance: float = 1e-4) -> bool:
    return len(motion) == len(other) and bool(np.abs(motion.joints() - other.joints()).max() < tolerance)


@pytest.mark.parametrize("up", UPS)
@pytest.mark.parametrize("unit", [1, 100, 1000, 39.37], ids=["m", "cm", "mm", "inch"])
@pytest.mark.parametrize("frames", [1, 40])
def test_units_and_axes_are_found(tmp_path: Path, unit: float, up: str, frames: int) -> None:
    """As a file in centimetres, whose dancer was 94 m up, and as AIST++, which is Y up."""
    motion = dance().cut(0, frames)
    assert same(motion, read_arrays(tmp_path, amass(motion, unit, UPS[up])))


def test_trans_is_smpls_translation(tmp_path: Path) -> None:
    """AMASS's `trans` moves the body's origin: the pelvis is 22 cm and 3 cm from there, however the body turns."""
    motion = dance()
    arrays = amass(motion)
    back = read_arrays(tmp_path, arrays)
    np.testing.assert_allclose(back.trans, arrays["trans"] + REST_PELVIS, atol=1e-6)
    assert np.array_equal(back.poses, arrays["poses"])


@given(st.integers(0, 2**31 - 1))
@settings(max_examples=20)
def test_files_of_ours_mean_what_amass_means_and_keep_every_bit(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    path = tmp_path_factory.mktemp("npz") / "dance.npz"
    motion = dance(70, seed=seed).cut(5, 65)  # without its ends, which are T-poses
    motion.trans[:] += np.random.default_rng(seed).normal(0, 3, 3) * [1, 1, 0]
    save_npz(path, motion)
    for back in (read_motion(path), load_npz(path), load_npz(io.BytesIO(pack_npz(motion)))):
        assert np.array_equal(back.poses, motion.poses) and np.array_equal(back.trans, motion.trans)
    with np.load(path) as data:
        np.testing.assert_allclose(data["trans"] + REST_PELVIS, motion.trans, atol=1e-5)
        assert str(data["trans_origin"]) == "smpl" and np.array_equal(data["joints"][:, 0], motion.trans)
        others = {name: data[name] for name in ("poses", "trans", "mocap_framerate")}
    again = path.with_name("others.npz")
    np.savez(again, **others)  # another program kept only what AMASS has
    assert same_body(motion, read_motion(again), 1e-4)


def test_a_file_of_ours_that_another_program_moved_is_where_it_was_moved_to(tmp_path: Path) -> None:
    save_npz(tmp_path / "a.npz", dance())
    with np.load(tmp_path / "a.npz") as data:
        arrays = dict(data)
    moved = read_arrays(tmp_path, {**arrays, "trans": arrays["trans"] + np.array([2, 0, 0])})
    assert same(replace(dance(), trans=dance().trans + np.array([2, 0, 0], np.float32)), moved)
    assert same(dance(), read_arrays(tmp_path, {**arrays, "trans": arrays["trans"] * 100}))


def test_files_of_ours_from_before_still_have_the_pelvis(tmp_path: Path) -> None:
    motion = dance()
    old = {"poses": motion.poses, "trans": motion.trans, "mocap_framerate": 30.0}
    frames = {"frames_poses": motion.poses, "frames_trans": motion.trans}
    for arrays in ({**old, "joints": motion.joints()}, {**old, **frames}, {**old, **frames, "joints": motion.joints()}):
        assert np.array_equal(read_arrays(tmp_path, arrays).trans, motion.trans)
        assert np.array_equal(load_npz(tmp_path / "motion.npz").trans, motion.trans)


def test_a_data_set_may_say_that_its_places_are_the_pelvis(tmp_path: Path) -> None:
    motion = dance()
    (tmp_path / "motions").mkdir()
    arrays = {"poses": motion.poses, "trans": motion.trans, "mocap_framerate": 30.0, "betas": np.zeros(10)}
    path = tmp_path / "motions" / "motion.npz"
    (tmp_path / "index.json").write_text(json.dumps({"clips": [{"name": "motion", "style": "waltz"}]}))
    for first, pelvis in (([0.0, 0.0, 0.0], True), ([-0.0018, -0.2233, 0.0282], False), ("x", False), (None, False)):
        (tmp_path / "skeleton.json").write_text(json.dumps({"rest_offsets_m": [first]} if first else {}))
        wanted = motion.trans if pelvis else (motion.trans + REST_PELVIS).astype(np.float32)
        assert np.array_equal(read_arrays(path.parent, arrays).trans, wanted)
        (clip,) = DanceDataset(tmp_path)
        assert np.array_equal(clip.motion().trans, wanted) and np.array_equal(load_npz(path).trans, wanted)
    (tmp_path / "skeleton.json").write_text("[" * 100_000)
    assert len(read_motion(path)) == 40


@pytest.mark.parametrize("index", [{"clips": [{"name": "other"}]}, {"clips": [3]}, [], None], ids=str)
def test_a_file_that_was_put_into_a_data_sets_folder_is_not_of_the_data_set(tmp_path: Path, index: object) -> None:
    """An AMASS file beside the data set's clips: its places are SMPL's translation."""
    (tmp_path / "motions").mkdir()
    (tmp_path / "skeleton.json").write_text(json.dumps({"rest_offsets_m": [[0.0, 0.0, 0.0]]}))
    if index is not None:
        (tmp_path / "index.json").write_text(json.dumps(index))
    for folder in (tmp_path / "motions", tmp_path):
        assert same(dance(), read_arrays(folder, amass(dance())))


def test_an_unknown_meaning_of_trans_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="trans_origin is 'feet'"):
        read_arrays(tmp_path, {**amass(dance()), "trans_origin": "feet"})


def split(arrays: dict[str, Any]) -> tuple[Array, Array]:
    return arrays["poses"][:, :3], arrays["poses"][:, 3:66]


def test_names_and_shapes_of_other_programs_are_read(tmp_path: Path) -> None:
    motion, arrays = dance(), amass(dance())
    poses, trans = arrays["poses"], arrays["trans"]
    root, body = split(arrays)
    hands = np.concatenate([poses[:, :66], np.full((40, 90), 0.2)], axis=1)
    motion.poses[:, 66:] = 0  # hands are not read from bodies with fingers
    y_up = amass(motion, axes=UPS["y"])
    for named in (
        {"root_orient": root, "pose_body": body, "trans": trans, "mocap_frame_rate": 30.0},
        {"global_orient": root[:, None], "body_pose": body.reshape(40, 21, 3), "transl": trans, "fps": 30},
        {"global_orient": root, "body_pose": np.concatenate([body, np.zeros((40, 6))], 1), "transl": trans, "fps": 30},
        {"poses": hands, "trans": trans, "mocap_fps": np.float32(30)},
        {"poses": hands.reshape(40, 52, 3), "trans": trans, "mocap_framerate": 30},
        {"poses": np.concatenate([hands, np.zeros((40, 9))], axis=1), "trans": trans, "mocap_framerate": 30},
        {"poses": poses[:, :66], "trans": trans, "mocap_framerate": 30},
        {"poses": poses.reshape(40, 24, 3) * [1], "trans": trans[:, None], "mocap_framerate": 30},
        {"poses": rot.axis_angle_to_matrix(poses[:, :66].reshape(40, 22, 3)), "trans": trans, "frame_rate": 30},
        {"Poses": poses, "Trans": trans, "fps": 30},
        {"pose": poses, "trans": trans, "fps": 30},
        {"smpl_pose": poses, "trans": trans, "fps": 30},
        {"thetas": poses, "transl": trans, "fps": 30},
        {"pose_aa": poses, "root_trans_offset": motion.trans, "fps": 30},
        {"poses": poses[None], "trans": trans[None], "fps": 30},
        {"poses": poses, "trans": trans, "fps": np.full(40, 30)},
        {"poses": poses, "trans": trans, "fps": 30, "mocap_framerate": 30.0},
        {"poses": poses, "trans": trans, "fps": 29.97, "mocap_framerate": 30.0},
        {"smpl_poses": y_up["poses"][:, :66], "smpl_trans": y_up["trans"] * 94, "smpl_scaling": [94.0], "fps": 30},
    ):
        back = read_arrays(tmp_path, named)
        body_joints = slice(0, 22)
        assert np.abs(back.joints() - motion.joints())[:, body_joints].max() < 1e-4, list(named)


@pytest.mark.parametrize("rate", [30, 30.0, np.float32(30), [30.0], [[30]], "30"], ids=repr)
def test_frame_rates_of_any_shape_are_read(tmp_path: Path, rate: object) -> None:
    arrays = {**amass(dance()), "mocap_framerate": np.array(rate)}
    assert read_arrays(tmp_path, arrays).fps == 30 and load_npz(tmp_path / "motion.npz").fps == 30


@pytest.mark.parametrize(
    "rate", [0, -30, np.nan, np.inf, 1e9, 1 / 30, [30, 30], [30] * 39 + [31], [], "fast", True, None], ids=repr
)
def test_absurd_frame_rates_are_refused(tmp_path: Path, rate: object) -> None:
    arrays = {**amass(dance()), "mocap_framerate": None if rate is None else np.array(rate)}
    with pytest.raises(DataError, match=r"mocap_framerate"):
        read_arrays(tmp_path, arrays)


def test_two_frame_rates_that_differ_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="its mocap_framerate is 120 but its fps is 30"):
        read_arrays(tmp_path, {**amass(dance()), "mocap_framerate": 120.0, "fps": 30})


def test_a_floor_that_is_not_at_height_zero_is_moved_there(tmp_path: Path) -> None:
    motion = dance()
    for up in ("z", "y"):
        for away in (motion.trans[:1], [0, 0, -0.9], [0, 0, 0.8]):
            moved = replace(motion, trans=(motion.trans - away).astype(np.float32))
            back = read_arrays(tmp_path, amass(moved, axes=UPS[up]))
            assert same(replace(moved, trans=back.trans), back) and abs(back.joints()[..., 2].min() - 0.02) < 0.05
            np.testing.assert_allclose(back.trans[:, :2], moved.trans[:, :2], atol=1e-4)


def lying(degrees: float = 20.0) -> Motion:
    poses = np.zeros((40, 72), np.float32)
    poses[:, 3 * 16] = np.linspace(0, np.radians(degrees), 40)
    return Motion(poses, np.tile(np.array([0.3, -0.2, 0.1], np.float32), (40, 1)), 30.0)


@pytest.mark.parametrize("unit", [1, 100])
@pytest.mark.parametrize("up", ["z", "y"])
def test_floor_work_stays_on_the_floor(tmp_path: Path, up: str, unit: float) -> None:
    assert same(lying(), read_arrays(tmp_path, amass(lying(), unit, UPS[up])))


def test_a_reference_pose_at_the_start_is_left_out(tmp_path: Path) -> None:
    assert same(dance(), read_arrays(tmp_path, amass(joined(t_pose(3), dance(), t_pose(2)))))


def test_what_cannot_be_told_is_refused_with_a_sentence(tmp_path: Path) -> None:
    arrays = amass(dance())
    poses, trans = arrays["poses"], arrays["trans"]
    away = trans.copy()
    away[20:] += [4, 0, 0]
    nan = poses.copy()
    nan[6, 5] = np.nan
    for change, words in (
        ({"poses": np.degrees(poses)}, "which are degrees"),
        ({"poses": np.degrees(amass(lying())["poses"])}, "which are degrees"),
        ({"trans": away}, r"jumps by 3.8 m between frames 20 and 21"),
        ({"trans": (trans - trans[:1]) * 100}, "not in metres"),
        ({"trans": trans * 7}, "not in metres"),
        ({"trans": trans + np.array([0, 0, 20])}, "not in metres"),
        ({"trans": trans + np.array([0, 0, 1e30])}, "has the value 1e\\+30 in frame 1 of 40 of its trans"),
        ({"poses": nan}, "has the value nan in frame 7 of 40 of its poses"),
        ({"trans": trans[:30]}, "do not match"),
        ({"poses": poses[:0], "trans": trans[:0]}, "shape"),
        ({"poses": poses[:, :63]}, "63 numbers a frame"),
        ({"poses": np.ones((40, 24, 4))}, "shape"),
        ({"poses": np.ones((40, 24, 3, 3))}, "no rotations"),
        ({"poses": np.array(["a"])}, "no numbers"),
        ({"poses": np.array([{}], object)}, "no numbers or text"),
        ({"poses": None}, "has no poses"),
        ({"trans": None}, "has no trans"),
        ({"poses": None, "root_orient": poses[:, :3], "pose_body": poses[:, 3:60]}, "do not match"),
        (amass(replace(lying(), trans=lying().trans * 0)), "which of its axes is up"),
    ):
        with pytest.raises(DataError, match=words):
            read_arrays(tmp_path, {**arrays, **change})


def test_rotations_that_are_no_axis_angle_are_no_poses(tmp_path: Path) -> None:
    """Their numbers would be read as other angles of more joints: a dance of nonsense."""
    poses = dance().poses.reshape(40, 24, 3)
    matrices = rot.axis_angle_to_matrix(poses)
    for values in (
        rot.axis_angle_to_quaternion(poses),
        matrices[..., :2],  # 6D
        matrices,
        matrices[:, :22, :, :2],
    ):
        arrays = {**amass(dance()), "poses": values.reshape(40, -1).astype(np.float32)}
        with pytest.raises(DataError, match=rf"{values[0].size} numbers a frame, which is no SMPL body in axis-angle"):
            read_arrays(tmp_path, arrays)
        with pytest.raises(MotionFileError, match="no SMPL body in axis-angle"):
            load_npz(tmp_path / "motion.npz")
        with pytest.raises(DataError, match="no SMPL body in axis-angle"):
            read_arrays(tmp_path, {**arrays, "trans_origin": "smpl"})


def test_pipes_devices_folders_and_empty_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.npz").touch()
    (tmp_path / "folder.npz").mkdir()
    os.mkfifo(tmp_path / "pipe.npz")
    os.mkfifo(tmp_path / "pipe.bvh")
    for name in ("zero.npz", "zero.bvh"):
        (tmp_path / name).symlink_to("/dev/zero")
    (tmp_path / "huge.npz").touch()
    os.truncate(tmp_path / "huge.npz", 1 << 40)
    for path, words in (
        ("empty.npz", "is empty"), ("folder.npz", "is a folder"), ("pipe.npz", "a pipe"), ("pipe.bvh", "a pipe"),
        ("zero.npz", "a device"), ("zero.bvh", "a device"), ("huge.npz", "MB"), ("gone.npz", "no such file"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=words):
            read_motion(tmp_path / path)
    for odd in ("a\0b.npz", "a" * 5000 + ".npz", "a\0b.bvh"):
        with pytest.raises(DataError, match="no such file"):
            read_motion(Path(odd))


def test_a_motion_of_days_is_refused(tmp_path: Path) -> None:
    still = t_pose(4000, 1.0, (0, 0, 0.95))
    with pytest.raises(DataError, match="lasts 67 minutes"):
        read_arrays(tmp_path, amass(still))


@pytest.mark.parametrize(
    "change",
    [
        {"frames_poses": np.zeros((40, 66))}, {"frames_trans": np.zeros((39, 3))}, {"frames_poses": np.zeros(())},
        {"frames_poses": np.full((40, 72), np.nan)}, {"frames_trans": np.full((40, 3), "a")},
        {"frames_poses": np.zeros((0, 72)), "frames_trans": np.zeros((0, 3))}, {"clip_a_poses": np.zeros((3, 71))},
    ],
)  # fmt: skip
def test_a_damaged_dance_is_refused_with_a_sentence(change: dict[str, Array]) -> None:
    motion = dance()
    arrays = {"frames_poses": motion.poses, "frames_trans": motion.trans, "clip_a_poses": motion.poses}
    data = pack_npz(motion, **{**arrays, "clip_a_trans": motion.trans, **change})
    with pytest.raises(MotionFileError, match=r"frames|clip_a"):
        read_dance_motion(data, ["a"], 10, 10.0)
