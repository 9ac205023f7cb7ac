"""Rotations, kinematics and motion files: round trips and invariants."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smpl_rig import kinematics, motion, skeleton
from smpl_rig import rotations as rot

seeds = st.integers(0, 2**31 - 1)


def random_motion(seed: int, frames: int = 12, fps: float = 20.0) -> motion.Motion:
    generator = np.random.default_rng(seed)
    poses = generator.normal(0, 1.0, (frames, 72)).astype(np.float32)
    return motion.Motion(poses, generator.normal(0, 1, (frames, 3)).astype(np.float32), fps)


@given(seeds)
def test_every_rotation_form_gives_the_same_rotation(seed: int) -> None:
    vectors = np.random.default_rng(seed).normal(0, 2, (50, 3))
    vectors[0] = 0
    vectors[1] = [np.pi, 0, 0]
    matrix = rot.axis_angle_to_matrix(vectors)
    np.testing.assert_allclose(
        matrix @ np.swapaxes(matrix, -1, -2), np.broadcast_to(np.eye(3), matrix.shape), atol=1e-9
    )
    for back in (
        rot.quaternion_to_matrix(rot.matrix_to_quaternion(matrix)),
        rot.axis_angle_to_matrix(rot.matrix_to_axis_angle(matrix)),
        rot.six_d_to_matrix(rot.matrix_to_six_d(matrix)),
    ):
        np.testing.assert_allclose(back, matrix, atol=1e-7)


@given(seeds)
def test_slerp_reaches_both_ends_and_halves_the_angle(seed: int) -> None:
    start, end = rot.normalize(np.random.default_rng(seed).normal(size=(2, 20, 4)))
    np.testing.assert_allclose(np.abs(np.sum(rot.slerp(start, end, np.zeros(20)) * start, -1)), 1, atol=1e-7)
    np.testing.assert_allclose(np.abs(np.sum(rot.slerp(start, end, np.ones(20)) * end, -1)), 1, atol=1e-7)
    middle = rot.slerp(start, end, np.full(20, 0.5))
    np.testing.assert_allclose(np.abs(np.sum(middle * start, -1)), np.abs(np.sum(middle * end, -1)), atol=1e-7)


@given(seeds)
def test_rotation_between_turns_source_into_target(seed: int) -> None:
    source, target = np.random.default_rng(seed).normal(size=(2, 30, 3))
    target[0] = -2 * source[0]
    turned = rot.quaternion_rotate(rot.rotation_between(source, target), rot.normalize(source))
    np.testing.assert_allclose(turned, rot.normalize(target), atol=1e-6)


def test_make_continuous_removes_sign_flips() -> None:
    angles = np.linspace(0, 4 * np.pi, 200)
    quaternions = rot.matrix_to_quaternion(rot.yaw(angles))
    continuous = rot.make_continuous(quaternions)
    assert (np.sum(continuous[1:] * continuous[:-1], -1) > 0).all()
    np.testing.assert_allclose(rot.quaternion_to_matrix(continuous), rot.yaw(angles), atol=1e-9)


@given(seeds)
@settings(max_examples=20)
def test_bone_lengths_never_change(seed: int) -> None:
    joints = random_motion(seed).joints()
    for joint in range(1, skeleton.JOINT_COUNT):
        length = np.linalg.norm(joints[:, joint] - joints[:, skeleton.PARENTS[joint]], axis=-1)
        np.testing.assert_allclose(length, np.linalg.norm(skeleton.REST_OFFSETS[joint]), atol=1e-5)


@given(seeds)
@settings(max_examples=20)
def test_global_and_local_rotations_are_inverse(seed: int) -> None:
    rotations = rot.axis_angle_to_matrix(random_motion(seed).poses.reshape(-1, 24, 3).astype(np.float64))
    back = kinematics.local_rotations(kinematics.global_rotations(rotations))
    np.testing.assert_allclose(back, rotations, atol=1e-6)


@given(seeds)
@settings(max_examples=20)
def test_mirror_reflects_the_joints_and_is_its_own_inverse(seed: int) -> None:
    clip = random_motion(seed)
    mirrored = motion.mirror(clip)
    expected = clip.joints()[:, list(skeleton.MIRROR)] * np.array([-1, 1, 1])
    np.testing.assert_allclose(mirrored.joints(), expected, atol=1e-5)
    twice = motion.mirror(mirrored)
    np.testing.assert_array_equal(twice.poses, clip.poses)
    np.testing.assert_array_equal(twice.trans, clip.trans)


def test_resample_keeps_frames_at_shared_times() -> None:
    clip = random_motion(3, frames=21, fps=20)
    faster = motion.resample(clip, 60)
    assert len(faster) == 61
    np.testing.assert_allclose(faster.joints()[::3], clip.joints(), atol=1e-5)


def test_npz_round_trip(tmp_path: Path) -> None:
    clip = random_motion(5)
    motion.save_npz(tmp_path / "clip.npz", clip, seed=np.int64(4))
    loaded = motion.load_npz(tmp_path / "clip.npz")
    np.testing.assert_array_equal(loaded.poses, clip.poses)
    with np.load(tmp_path / "clip.npz") as data:
        np.testing.assert_allclose(data["joints"], loaded.joints(), atol=1e-6)
        assert int(data["seed"]) == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"poses": None}, "no poses"),
        ({"mocap_framerate": None}, "mocap_framerate"),
        ({"trans": np.zeros((3, 3), np.float32)}, "do not match"),
        ({"poses": np.full((12, 72), np.nan, np.float32)}, "the value nan in frame 1 of 12 of its poses"),
    ],
)
def test_bad_motion_files_are_refused_with_the_reason(tmp_path: Path, change: dict[str, object], message: str) -> None:
    clip = random_motion(1)
    content = {"poses": clip.poses, "trans": clip.trans, "mocap_framerate": 20.0, **change}
    np.savez(tmp_path / "bad.npz", **{key: value for key, value in content.items() if value is not None})  # type: ignore[arg-type]
    with pytest.raises(motion.MotionFileError, match=message):
        motion.load_npz(tmp_path / "bad.npz")


def test_text_file_named_npz_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(motion.MotionFileError, match=r"cannot be read"):
        motion.load_npz(tmp_path / "text.npz")
