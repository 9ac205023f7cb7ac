"""Rotations from positions: the joints are restored, and nothing flips."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smpl_rig.inverse_kinematics import solve_rotations
from smpl_rig.kinematics import forward_kinematics
from smpl_rig.motion import load_npz, resample
from smpl_rig.rotations import Array, axis_angle_to_matrix, matrix_to_axis_angle
from smpl_rig.skeleton import BODY_TO_WORLD, JOINT_INDEX, REST_OFFSETS, rest_joints

HINGES = {"L_knee": (1, 0, 0), "R_knee": (1, 0, 0), "L_elbow": (0, -1, 0), "R_elbow": (0, 1, 0)}


def position_errors(positions: Array, rotations: Array, trans: Array, offsets: Array = REST_OFFSETS) -> Array:
    """Distances (T, J), metres, between `positions` (T, J, 3) and the joints of a body with these rotations and
    place."""
    joints = forward_kinematics(rotations, trans, offsets)[:, : positions.shape[1]]
    return np.linalg.norm(joints - positions, axis=-1)


def moving(seed: int, frames: int = 60, size: float = 0.4) -> tuple[np.ndarray, np.ndarray]:
    """Smooth random rotations (T, 24, 3, 3), with knees and elbows as hinges, and a pelvis path (T, 3)."""
    rng = np.random.default_rng(seed)
    time = np.linspace(0, 3, frames)[:, None, None]
    waves = np.sin(time * rng.uniform(1, 4, (24, 3)) + rng.uniform(0, 6, (24, 3)))
    poses = rng.uniform(0, size, (24, 3)) * waves
    for joint, axis in HINGES.items():
        poses[:, JOINT_INDEX[joint]] = np.abs(waves[:, JOINT_INDEX[joint], :1]) * 1.8 * np.array(axis)
    rotations = axis_angle_to_matrix(poses)
    rotations[:, 0] = axis_angle_to_matrix(time[:, 0] * [0, 0, 1.5]) @ BODY_TO_WORLD @ rotations[:, 0]
    return rotations, waves[:, 0] * [1, 1, 0.1] + [0, 0, 1]


def steps(rotations: np.ndarray) -> np.ndarray:
    """Degrees (T - 1, 24) between one frame and the next."""
    return np.degrees(
        np.linalg.norm(matrix_to_axis_angle(np.swapaxes(rotations[:-1], -1, -2) @ rotations[1:]), axis=-1)
    )


@pytest.mark.parametrize("count", [22, 24])
@given(seed=st.integers(0, 10_000))
@settings(max_examples=25)
def test_positions_of_our_body_are_restored_exactly(count: int, seed: int) -> None:
    rotations, trans = moving(seed)
    positions = forward_kinematics(rotations, trans)[:, :count]
    solved, path = solve_rotations(positions)
    assert position_errors(positions, solved, path).max() < 1e-6
    np.testing.assert_allclose(np.linalg.det(solved), 1, atol=1e-9)
    np.testing.assert_allclose(
        solved @ np.swapaxes(solved, -1, -2), np.broadcast_to(np.eye(3), solved.shape), atol=1e-9
    )


def test_the_rest_pose_has_no_rotations() -> None:
    positions = np.repeat(rest_joints()[None] @ BODY_TO_WORLD.T, 5, axis=0)
    rotations, trans = solve_rotations(positions)
    np.testing.assert_allclose(rotations[:, 0], np.broadcast_to(BODY_TO_WORLD, (5, 3, 3)), atol=1e-4)
    np.testing.assert_allclose(matrix_to_axis_angle(rotations[:, 1:]), 0, atol=0.2)
    np.testing.assert_allclose(trans, 0, atol=1e-6)


@pytest.mark.parametrize(
    "limb", [("L_hip", "L_knee"), ("R_hip", "R_knee"), ("L_shoulder", "L_elbow"), ("R_shoulder", "R_elbow")]
)
def test_the_twist_of_a_bent_limb_is_restored(limb: tuple[str, str]) -> None:
    upper, lower = (JOINT_INDEX[name] for name in limb)
    pose = np.zeros((20, 24, 3))
    pose[:, upper] = axis_of(upper) * 0.6
    pose[:, lower] = np.array(HINGES[limb[1]]) * 1.4
    rotations = axis_angle_to_matrix(pose)
    solved, _ = solve_rotations(forward_kinematics(rotations, np.zeros((20, 3))))
    difference = np.swapaxes(rotations, -1, -2) @ solved
    assert np.degrees(np.linalg.norm(matrix_to_axis_angle(difference[:, [upper, lower]]), axis=-1)).max() < 12


def axis_of(joint: int) -> np.ndarray:
    child = {1: 4, 2: 5, 16: 18, 17: 19}[joint]
    return REST_OFFSETS[child] / np.linalg.norm(REST_OFFSETS[child])


def test_a_limb_that_straightens_and_bends_again_does_not_flip() -> None:
    pose = np.zeros((60, 24, 3))
    for joint, axis in HINGES.items():
        # bends, straightens a little too far, bends again
        pose[:, JOINT_INDEX[joint]] = (1.2 * np.cos(np.linspace(0, 2 * np.pi, 60)) + 1.1)[:, None] * np.array(axis)
    rotations = axis_angle_to_matrix(pose)
    positions = forward_kinematics(rotations, np.zeros((60, 3)))
    positions = positions + np.random.default_rng(0).normal(scale=1e-3, size=positions.shape)
    assert steps(solve_rotations(positions)[0]).max() < steps(rotations).max() + 12


def test_bones_of_a_body_of_other_proportions_point_the_same_way() -> None:
    rotations, trans = moving(3)
    offsets = REST_OFFSETS * np.random.default_rng(0).uniform(0.93, 1.07, (24, 1))
    positions = forward_kinematics(rotations, trans, offsets)
    solved, path = solve_rotations(positions)
    assert position_errors(positions, solved, path).mean() < 0.05
    own, own_path = solve_rotations(positions, offsets=offsets)
    assert position_errors(positions, own, own_path, offsets).max() < 1e-6


def test_a_single_frame_is_enough() -> None:
    rotations, trans = moving(1, frames=1)
    positions = forward_kinematics(rotations, trans)
    assert position_errors(positions, *solve_rotations(positions)).max() < 1e-6


def test_other_shapes_and_nan_are_refused() -> None:
    with pytest.raises(ValueError, match="is needed"):
        solve_rotations(np.zeros((5, 21, 3)))
    with pytest.raises(ValueError, match="NaN"):
        solve_rotations(np.full((5, 22, 3), np.nan))


@pytest.mark.parametrize("name", ["cmu_05_07", "tang_waltz_05", "tang_rumba_06_a"])
def test_real_dances_are_restored_as_smooth_as_they_were(dance_data: Path, name: str) -> None:
    motion = resample(load_npz(dance_data / "motions" / f"{name}.npz"), 20)
    positions = motion.joints()
    solved, path = solve_rotations(positions, motion.fps)
    assert position_errors(positions, solved, path).max() < 1e-4
    true = steps(motion.rotations().astype(np.float64))
    assert np.percentile(steps(solved), 99.9) < 1.2 * np.percentile(true, 99.9)
    assert steps(solved).max() < 1.3 * true.max() + 5
