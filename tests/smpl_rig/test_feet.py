"""Foot locking: planted feet stay in place, all feet stay above the floor, and otherwise move as before."""

from pathlib import Path

import numpy as np
import pytest

from engine.motion.foot_beats import alignment, foot_beats
from smpl_rig import feet
from smpl_rig.banded_matrix import solve_banded
from smpl_rig.motion import Motion, from_rotations, load_npz, resample
from smpl_rig.rotations import axis_angle_to_matrix
from smpl_rig.skeleton import BODY_TO_WORLD, JOINT_INDEX

FPS = 20.0
FEET = list(feet.CONTACT_JOINTS)


def squatting(frames: int = 80, drift: tuple[float, float, float] = (0, 0, 0)) -> Motion:
    """A body with bent knees and flat feet that drifts by `drift` metres per second: its feet skate."""
    rotations = np.tile(np.eye(3), (frames, 24, 1, 1))
    rotations[:, 0] = BODY_TO_WORLD
    for side in "LR":
        for joint, angle in (("hip", -0.4), ("knee", 0.8), ("ankle", -0.4)):
            rotations[:, JOINT_INDEX[f"{side}_{joint}"]] = axis_angle_to_matrix(np.array([angle, 0.0, 0.0]))
    motion = from_rotations(rotations, np.zeros((frames, 3)), FPS)
    trans = -motion.joints()[0, JOINT_INDEX["L_foot"]] * [0, 0, 1] + [0, 0, 0.02]
    return Motion(motion.poses, (trans + np.arange(frames)[:, None] / FPS * drift).astype(np.float32), FPS)


def gliding(speed: float, frames: int = 60) -> Motion:
    """A standing body whose left foot glides forward from frame 20 to 30, at most `speed` metres per second."""
    part = np.clip((np.arange(frames) - 20) / 10, 0, 1)
    path = 10 / FPS * speed / np.pi * (1 - np.cos(np.pi * part))
    motion = squatting(frames)
    joints = motion.joints().astype(np.float64)
    shifts = np.zeros((frames, 5, 3))
    shifts[:, [0, 1], 1] = -path[:, None]  # the left foot and ankle; the body faces -Y
    return feet._apply_shifts(motion, joints, shifts, np.zeros(frames), 0.0, np.zeros(frames, dtype=bool))


def bone_lengths(motion: Motion) -> np.ndarray:
    joints = motion.joints()
    chain = [[1, 4], [4, 7], [7, 10], [2, 5], [5, 8], [8, 11]]
    return np.stack([np.linalg.norm(joints[:, a] - joints[:, b], axis=-1) for a, b in chain])


def skate(joints: np.ndarray, fps: float) -> float:
    """Share of frames in which a low foot point moves faster than half a metre per second."""
    points = joints[:, FEET]
    speed = np.linalg.norm(np.diff(points[..., :2], axis=0), axis=-1) * fps
    return float(((points[1:, :, 2] < [0.08, 0.08, 0.05, 0.05]) & (speed > 0.5)).any(axis=1).mean())


def mean_jerk(joints: np.ndarray) -> float:
    return float(np.linalg.norm(np.diff(joints, 3, axis=0), axis=-1).mean())


def test_a_standing_body_has_four_contacts_and_is_not_changed() -> None:
    motion = squatting()
    assert feet.foot_contacts(motion.joints(), FPS).all()
    locked = feet.lock_feet(motion)
    np.testing.assert_allclose(locked.joints(), motion.joints(), atol=1e-3)


def test_feet_in_the_air_or_running_have_no_contacts() -> None:
    motion = squatting()
    assert not feet.foot_contacts(motion.joints() + np.array([0, 0, 0.3]), FPS).any()
    assert not feet.foot_contacts(squatting(drift=(2, 0, 0)).joints(), FPS).any()


def test_a_contact_survives_one_noisy_frame_but_one_low_slow_frame_is_not_a_contact() -> None:
    joints = squatting().joints()
    joints[40, 10, 2] += 0.1
    assert feet.foot_contacts(joints, FPS)[:, 2].all()
    high = squatting().joints() + np.array([0, 0, 0.3], np.float32)
    high[40, 10, 2] -= 0.3
    assert not feet.foot_contacts(high, FPS).any()


def test_a_skating_foot_is_stopped_while_the_body_moves_on() -> None:
    motion = squatting(24, drift=(0.3, 0.0, 0.0))
    locked = feet.lock_feet(motion)
    before, after = (np.abs(np.diff(m.joints()[4:-4, FEET, 0], axis=0)).mean() * FPS for m in (motion, locked))
    assert before == pytest.approx(0.3, abs=1e-3)
    assert after < 0.05
    np.testing.assert_allclose(bone_lengths(locked), bone_lengths(motion), atol=1e-5)
    others = np.delete(np.arange(24), [1, 2, 4, 5, 7, 8])
    np.testing.assert_array_equal(
        locked.poses.reshape(-1, 24, 3)[:, others], motion.poses.reshape(-1, 24, 3)[:, others]
    )


def test_a_gliding_foot_keeps_its_speed_above_the_floor_while_the_other_is_planted() -> None:
    motion = gliding(1.2)
    before, after = motion.joints(), feet.lock_feet(motion).joints()
    left, right = JOINT_INDEX["L_foot"], JOINT_INDEX["R_foot"]
    pace_before, pace_after = (np.linalg.norm(np.diff(j[:, left, :2], axis=0), axis=-1) * FPS for j in (before, after))
    assert abs(int(pace_after.argmax()) - int(pace_before.argmax())) <= 1
    np.testing.assert_allclose(pace_after, pace_before, atol=0.25)
    assert before[22:28, left, 2].max() < 0.03 and after[22:28, left, 2].min() > 0.05
    assert after[:15, left, 2].max() < 0.03 and after[36:, left, 2].max() < 0.03
    assert after[:, right, 2].max() < 0.03
    assert np.linalg.norm(np.diff(after[:, right, :2], axis=0), axis=-1).max() * FPS < 0.1


def test_knees_keep_bending_forward() -> None:
    locked = feet.lock_feet(squatting(40, drift=(0.2, 0.3, 0.0)))
    knees = locked.poses.reshape(-1, 24, 3)[:, [4, 5]]
    assert (knees[..., 0] > 0.3).all()
    assert np.abs(np.diff(knees, axis=0)).max() < 0.1


def test_feet_below_the_floor_are_lifted_and_the_pelvis_stays_near() -> None:
    motion = squatting()
    sunk = Motion(motion.poses, motion.trans - np.array([0, 0, 0.04], np.float32), FPS)
    fixed = feet.lock_feet(sunk)
    assert fixed.joints()[:, [10, 11], 2].min() > 0.02 - 0.002
    assert np.abs(fixed.trans - sunk.trans).max() < 0.05


def test_another_floor_height_can_be_given() -> None:
    motion = squatting(drift=(0.1, 0, 0))
    raised = Motion(motion.poses, motion.trans + np.array([0, 0, 1.5], np.float32), FPS)
    difference = feet.lock_feet(raised, floor=1.5).joints() - feet.lock_feet(motion).joints()
    np.testing.assert_allclose(difference, np.broadcast_to([0, 0, 1.5], difference.shape), atol=1e-4)


def test_a_foot_out_of_reach_lowers_the_pelvis_and_never_stretches_the_leg() -> None:
    motion = squatting(60)
    trans = motion.trans.copy()
    trans[:, 2] += 0.13 * np.sin(np.linspace(0, np.pi, 60)) ** 2  # rises past the straight leg
    jumping = Motion(motion.poses, trans.astype(np.float32), FPS)
    locked = feet.lock_feet(jumping, contacts=np.ones((60, 4), bool))
    np.testing.assert_allclose(bone_lengths(locked), bone_lengths(motion), atol=1e-5)
    assert np.abs(np.diff(locked.trans[:, 2], 2)).max() < 0.01
    assert (locked.poses.reshape(-1, 24, 3)[:, [4, 5], 0] > -0.05).all()


def test_strength_scales_the_correction_and_zero_changes_nothing() -> None:
    motion = squatting(30, drift=(0.3, 0, 0))
    assert feet.lock_feet(motion, 0.0) is motion
    moved = [np.abs(feet.lock_feet(motion, s).joints() - motion.joints())[:, 10].mean() for s in (0.25, 0.5, 1.0)]
    assert moved[0] < moved[1] < moved[2]
    assert moved[1] == pytest.approx(moved[2] / 2, rel=0.1)


@pytest.mark.parametrize("strength", [-0.1, 1.5, float("nan")])
def test_a_strength_outside_its_range_is_refused(strength: float) -> None:
    with pytest.raises(ValueError, match="is outside"):
        feet.lock_feet(squatting(5), strength)


def test_contacts_of_the_wrong_length_are_refused() -> None:
    with pytest.raises(ValueError, match="contacts have shape"):
        feet.lock_feet(squatting(5), contacts=np.zeros((4, 4), bool))


@pytest.mark.parametrize("frames", [1, 2, 3, 4])
def test_very_short_motions_are_accepted(frames: int) -> None:
    assert len(feet.lock_feet(squatting(frames, drift=(0.5, 0, 0)))) == frames


@pytest.mark.parametrize("fps", [20.0, 60.0])
@pytest.mark.parametrize("name", ["cmu_60_10", "tang_waltz_07", "tang_rumba_02"])
def test_real_dances_do_not_skate_and_keep_their_beat_and_smoothness(dance_data: Path, name: str, fps: float) -> None:
    files = sorted((dance_data / "motions").glob(f"{name}*.npz"))
    motion = resample(load_npz(files[0]), fps).cut(0, round(30 * fps))
    locked = feet.lock_feet(motion)
    before, after = motion.joints(), locked.joints()
    assert skate(after, fps) < min(0.08, 0.5 * skate(before, fps))
    assert after[:, [10, 11], 2].min() > 0.02 - 0.005
    assert np.linalg.norm(after - before, axis=-1).mean() < 0.03
    assert alignment(foot_beats(before, fps), foot_beats(after, fps)) > 0.7
    if fps == FPS:  # above the recording's frame rate, jerk would measure the linear resampling
        assert 0.95 < mean_jerk(after) / mean_jerk(before) < 1.05
    knees_before, knees_after = (
        np.abs(np.diff(m.poses.reshape(-1, 24, 3)[:, [4, 5]], axis=0)) for m in (motion, locked)
    )
    assert knees_after.max() < 1.3 * knees_before.max()
    np.testing.assert_allclose(bone_lengths(locked), bone_lengths(motion), atol=1e-4)


@pytest.mark.parametrize(("size", "width"), [(1, 3), (10, 0), (23, 10), (24, 5), (25, 10), (500, 7)])
def test_banded_systems_are_solved(size: int, width: int) -> None:
    rng = np.random.default_rng(size)
    band = rng.normal(size=(size, width + 1))
    band[:, 0] = 4 * width + 4
    matrix = sum(np.diag(band[: max(size - k, 0), k], k) for k in range(width + 1) if k < size)
    matrix = matrix + matrix.T - np.diag(np.diag(matrix))
    right = rng.normal(size=(size, 2))
    np.testing.assert_allclose(matrix @ solve_banded(band, right), right, atol=1e-9)


def test_pinned_frames_stay_and_the_correction_fades_towards_them() -> None:
    motion = squatting(drift=(0.3, 0, 0))
    pinned = np.zeros(len(motion), dtype=bool)
    pinned[:30] = True
    locked = feet.lock_feet(motion, pinned=pinned)
    moved = np.linalg.norm(locked.joints() - motion.joints(), axis=-1).max(axis=1)
    assert moved[pinned].max() < 1e-4
    assert moved[~pinned].max() > 1e-3
    assert np.abs(np.diff(moved)).max() < 0.5 * moved.max() + 1e-3  # no jump at the border
    with pytest.raises(ValueError, match="pinned has shape"):
        feet.lock_feet(motion, pinned=pinned[:-1])
