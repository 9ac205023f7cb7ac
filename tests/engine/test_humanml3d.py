"""The 263-d representation: exact round trips, headings, contacts, bone directions, and conversion to SMPL."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import DataError
from engine.motion import humanml3d as h3d
from smpl_rig import rotations as rot
from smpl_rig.motion import Motion, from_rotations, load_npz, resample
from smpl_rig.skeleton import BODY_TO_WORLD

TO_Y_UP = BODY_TO_WORLD.astype(np.float64)


def wandering(seed: int, frames: int = 90, turns: float = 0.0, speed: float = 0.5) -> Motion:
    """A body that swings all joints smoothly, walks forward at `speed` m/s and turns `turns` times on its way."""
    rng = np.random.default_rng(seed)
    time = np.arange(frames)[:, None, None] / h3d.FPS
    poses = rng.uniform(0, 0.5, (24, 3)) * np.sin(time * rng.uniform(0.5, 5, (24, 3)) + rng.uniform(0, 6, (24, 3)))
    rotations = rot.axis_angle_to_matrix(poses)
    yaw = rng.uniform(-3, 3) + 2 * np.pi * turns * np.linspace(0, 1, frames)
    rotations[:, 0] = rot.yaw(yaw) @ BODY_TO_WORLD @ rot.axis_angle_to_matrix(0.3 * poses[:, 0])
    path = np.cumsum(np.stack([np.sin(yaw), -np.cos(yaw), 0 * yaw], axis=-1), axis=0) * speed / h3d.FPS
    return from_rotations(rotations, path + rng.normal(size=3) * [3, 3, 0] + [0, 0, 1], h3d.FPS)


@given(seed=st.integers(0, 10_000), turns=st.floats(-3, 3))
@settings(max_examples=30)
def test_positions_are_restored_except_for_place_and_first_heading(seed: int, turns: float) -> None:
    joints = wandering(seed, turns=turns).joints()
    decoded = h3d.decode_positions(h3d.encode(joints))
    assert decoded.shape == (len(joints) - 1, 22, 3)
    np.testing.assert_allclose(decoded, h3d.canonicalise(joints)[:-1], atol=1e-4)


@given(seed=st.integers(0, 10_000), yaw=st.floats(-3.1, 3.1))
@settings(max_examples=15)
def test_place_and_heading_of_the_whole_motion_do_not_matter(seed: int, yaw: float) -> None:
    joints = wandering(seed, 30).joints().astype(np.float64)
    moved = joints @ rot.yaw(np.array(yaw)).T + [5, -3, 0.4]
    np.testing.assert_allclose(h3d.encode(moved), h3d.encode(joints), atol=2e-4)


def test_a_canonical_motion_is_on_the_floor_at_the_origin_and_faces_minus_y() -> None:
    joints = h3d.canonicalise(wandering(1).joints())
    np.testing.assert_allclose(joints[0, 0, :2], 0, atol=1e-9)
    assert joints[..., 2].min() == pytest.approx(0)
    across = joints[0, 1] - joints[0, 2] + joints[0, 16] - joints[0, 17]
    assert across[0] > 0
    assert across[1] == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(h3d.canonicalise(joints), joints, atol=1e-9)


@pytest.mark.parametrize("turns", [2.0, -2.0])
def test_a_full_turn_is_twice_the_sum_of_the_yaw_velocities(turns: float) -> None:
    features = h3d.encode(wandering(5, frames=240, turns=turns).joints())
    middle = slice(60, 180)
    turned = 2 * features[middle, 0].sum()
    # the heading is the rotation back to +Z, so it turns the other way than the body
    assert turned == pytest.approx(-2 * np.pi * turns * 120 / 239, rel=0.1)
    assert np.abs(features[1:, 0]).max() < 0.2


def test_a_body_that_walks_forward_moves_along_its_z() -> None:
    features = h3d.encode(wandering(2, frames=200, turns=1.0, speed=1.0).joints())[40:160]
    step = 1.0 / h3d.FPS
    np.testing.assert_allclose(features[:, 2].mean(), step, rtol=0.1)
    assert abs(features[:, 1].mean()) < 0.3 * step


def test_velocities_are_steps_in_the_heading_of_the_frame() -> None:
    joints = wandering(7, turns=1.0).joints()
    features = h3d.encode(joints)
    decoded = h3d.decode_positions(features).astype(np.float64)
    lengths = np.linalg.norm(np.diff(decoded, axis=0), axis=-1)
    velocities = features[:-1, h3d.GROUPS["velocities"]].reshape(-1, 22, 3)
    np.testing.assert_allclose(np.linalg.norm(velocities, axis=-1), lengths, atol=1e-4)
    np.testing.assert_allclose(velocities[..., 1], np.diff(decoded[..., 2], axis=0), atol=1e-4)


def test_contacts_are_the_foot_points_that_are_still() -> None:
    joints = np.repeat(wandering(0, 2).joints()[:1], 10, axis=0)
    joints[5:, 11] += [0, 0.05, 0]  # the right foot jumps 5 cm once, from frame 4 to 5
    joints[:, 7] += np.arange(10)[:, None] * [0.05, 0, 0]  # the left ankle moves all the time
    contacts = h3d.encode(joints)[:, h3d.GROUPS["contacts"]]
    expected = np.ones((9, 4))
    expected[:, 0] = 0
    expected[4, 3] = 0
    np.testing.assert_array_equal(contacts, expected)


def test_six_d_rotations_point_the_bone_that_ends_at_their_joint() -> None:
    joints = wandering(11, turns=0.7).joints()
    features = h3d.encode(joints)
    matrices = rot.six_d_to_matrix(features[:, h3d.GROUPS["rotations"]].reshape(-1, 21, 6).astype(np.float64))
    points = h3d.canonicalise(joints)[:-1] @ TO_Y_UP
    half = np.concatenate([[0], np.cumsum(features[:-1, 0].astype(np.float64))])
    root = rot.quaternion_to_matrix(np.stack([np.cos(half), 0 * half, np.sin(half), 0 * half], axis=-1))
    down, up, front = np.array([0.0, -1, 0]), np.array([0.0, 1, 0]), np.array([0.0, 0, 1])
    for chain, axes in (
        ((0, 2, 5, 8, 11), (np.array([-1.0, 0, 0]), down, down, front)),
        ((0, 3, 6, 9, 12, 15), (up, up, up, up, front)),
        ((9, 13, 16, 18, 20), (np.array([1.0, 0, 0]), down, down, down)),
    ):
        world = root
        for start, end, axis in zip(chain, chain[1:], axes, strict=False):
            world = world @ matrices[:, end - 1]
            np.testing.assert_allclose(world @ axis, rot.normalize(points[:, end] - points[:, start]), atol=1e-4)


def test_normalising_is_undone_and_survives_a_constant_group() -> None:
    features = h3d.encode(wandering(4).joints())
    features[:, h3d.GROUPS["contacts"]] = 1
    mean, std = h3d.statistics(features)
    assert len(np.unique(std[h3d.GROUPS["positions"]])) == 1
    assert std[260] == 1
    normal = h3d.normalise(features, mean, std)
    assert np.abs(normal.mean(axis=0)).max() < 1e-3
    np.testing.assert_allclose(h3d.denormalise(normal, mean, std), features, atol=1e-5)


def test_conversion_to_smpl_keeps_the_joints_and_puts_soles_on_the_floor() -> None:
    features = h3d.encode(wandering(9).joints() * np.float32(1.1))
    positions = h3d.decode_positions(features)
    scale = h3d.leg_scale(positions)
    assert scale == pytest.approx(1 / 1.1, rel=1e-3)
    motion = h3d.to_smpl(features)
    assert motion.fps == 20
    np.testing.assert_allclose(motion.joints()[:, :22], positions * scale + np.array([0, 0, 0.02]), atol=1e-4)


def test_garbage_is_refused() -> None:
    for joints in (np.zeros((10, 21, 3)), np.zeros((1, 22, 3)), np.full((5, 22, 3), np.nan)):
        with pytest.raises(DataError):
            h3d.encode(joints)
    for features in (np.zeros((10, 262)), np.zeros((0, 263)), np.zeros(263)):
        with pytest.raises(DataError):
            h3d.decode_positions(features)


@pytest.mark.parametrize("name", ["cmu_05_07", "tang_waltz_05", "tang_rumba_06_a"])
def test_real_dances_round_trip(dance_data: Path, name: str) -> None:
    motion = resample(load_npz(dance_data / "motions" / f"{name}.npz"), 20)
    features = h3d.encode(motion.joints())
    positions = h3d.decode_positions(features)
    np.testing.assert_allclose(positions, h3d.canonicalise(motion.joints())[:-1], atol=1e-4)
    # the lowest joint of the former is at z = 0, of ours the sole
    np.testing.assert_allclose(h3d.to_smpl(features).joints()[:, :22], positions + np.array([0, 0, 0.02]), atol=1e-3)
