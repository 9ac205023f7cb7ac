"""Floor work: hands that carry the body are on the floor, stay there, and nothing else is in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from characters import person

from smpl_rig import feet
from smpl_rig.floor_support import carried_by, supporting_hands
from smpl_rig.inverse_kinematics import lifting_swing
from smpl_rig.kinematics import global_rotations
from smpl_rig.motion import Motion, from_rotations, load_npz, resample
from smpl_rig.retarget.retargeter import Retargeter
from smpl_rig.rotations import axis_angle_to_matrix
from smpl_rig.skeleton import JOINT_INDEX, PARENTS

FPS = 20.0
WRISTS, HANDS = ([JOINT_INDEX[f"{side}_{name}"] for side in "LR"] for name in ("wrist", "hand"))


def on_hands(drift: float = 0.0, floats: float = 0.1, frames: int = 80) -> Motion:
    """A body on straight arms and toes, prone, a little above the floor, that drifts by `drift` metres per second; for
    the first and last second it stands on its feet."""
    rotations = np.tile(np.eye(3), (frames, 24, 1, 1))
    prone = np.arange(frames) // 20 % 3 > 0
    prone[60:] = False
    share = np.convolve(np.pad(prone, 5, mode="edge"), np.full(11, 1 / 11), "valid")
    for joint, angle in ((0, [np.pi / 2, 0, 0]), (16, [0, -np.pi / 2, 0]), (17, [0, np.pi / 2, 0])):
        rotations[:, joint] = axis_angle_to_matrix(share[:, None] * np.array(angle))
    rotations[:, 0] = rotations[:, 0] @ np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    motion = from_rotations(rotations, np.zeros((frames, 3)), FPS)
    lowest = motion.joints()[..., 2].min(axis=1)
    trans = np.stack([drift * np.arange(frames) / FPS, np.zeros(frames), 0.02 + floats * share - lowest], axis=-1)
    return replace(motion, trans=trans.astype(np.float32))


def bone_lengths(motion: Motion) -> np.ndarray:
    joints = motion.joints()
    return np.linalg.norm(joints[:, 1:] - joints[:, PARENTS[1:]], axis=-1)


def test_hands_that_float_come_to_the_floor_and_lie_flat() -> None:
    motion = on_hands()
    rest = supporting_hands(motion.joints(), FPS)
    assert rest[30:50].all() and not rest[:10].any() and not rest[70:].any()
    locked = feet.lock_feet(motion)
    joints = locked.joints()
    assert np.abs(joints[30:50][:, WRISTS, 2] - 0.036).max() < 0.01
    palms = global_rotations(locked.rotations())[30:50][:, WRISTS, 2, 1]
    assert palms.min() > 0.99
    assert joints[..., 2].min() > 0
    np.testing.assert_allclose(bone_lengths(locked), bone_lengths(motion), atol=1e-5)


def test_hands_in_the_floor_come_out_of_it() -> None:
    locked = feet.lock_feet(on_hands(floats=-0.1))
    assert locked.joints()[30:50][:, HANDS, 2].min() > 0.01


def test_hands_that_drift_stay_in_place() -> None:
    before = on_hands(drift=0.1)
    after = feet.lock_feet(before)
    slips = [
        np.linalg.norm(np.diff(motion.joints()[30:50][:, WRISTS, :2], axis=0), axis=-1).mean() * FPS
        for motion in (before, after)
    ]
    assert slips[1] < 0.5 * slips[0]


def test_feet_do_not_carry_while_hands_do() -> None:
    # toes of a prone body rest on the floor; were they planted, they would stay in place
    before = on_hands(drift=0.3, floats=0.0)
    after = feet.lock_feet(before)
    body = [motion.joints()[30:50, JOINT_INDEX["L_foot"], 0] - motion.trans[30:50, 0] for motion in (before, after)]
    np.testing.assert_allclose(body[1], body[0], atol=0.02)


def test_pinned_frames_stay() -> None:
    motion, pinned = on_hands(), np.zeros(80, dtype=bool)
    pinned[35:] = True
    locked = feet.lock_feet(motion, pinned=pinned)
    np.testing.assert_allclose(locked.joints()[35:], motion.joints()[35:], atol=1e-3)
    steps = np.diff(locked.joints()[25:45], 2, axis=0)
    assert np.abs(steps).max() < 0.08  # and there is no step before them


@pytest.mark.parametrize("name", ["tang_waltz_02", "tang_rumba_06_a", "cmu_60_01", "cmu_05_06"])
def test_nothing_carries_a_dance_on_feet_beside_them(dance_data: Path, name: str) -> None:
    """Two of them have hands at the floor. What the foot lock does to them it always did."""
    motion = resample(load_npz(dance_data / "motions" / f"{name}.npz"), FPS)
    assert carried_by(motion.joints(), global_rotations(motion.rotations()), FPS) is None


def test_recorded_floor_work_touches_the_floor(dance_data: Path) -> None:
    motion = resample(load_npz(dance_data / "motions" / "cmu_85_04.npz"), FPS)
    locked = feet.lock_feet(motion)
    rest = supporting_hands(motion.joints(), FPS)
    before, after = (each.joints().astype(np.float64) for each in (motion, locked))
    assert np.percentile(after[:, HANDS, 2][rest], 75) < 0.05 < np.percentile(before[:, HANDS, 2][rest], 5)
    assert after[..., 2].min() > 0
    np.testing.assert_allclose(bone_lengths(locked), bone_lengths(motion), atol=1e-5)
    jerks = [np.linalg.norm(np.diff(joints, 3, axis=0), axis=-1).mean() for joints in (before, after)]
    assert jerks[1] < 1.1 * jerks[0]


def test_a_character_puts_its_hands_on_the_floor() -> None:
    motion = feet.lock_feet(on_hands())
    rig, roles = person("A", axes=2)
    character = Retargeter(rig, roles)
    solved = character.solve(motion)
    places = solved.places @ rig.to_world[:3, :3].T + rig.to_world[:3, 3]
    names = [control.bone for control in character.controls]
    wrists = places[30:50][:, [names.index(f"{side}_hand.0") for side in "LR"]]
    assert np.abs(wrists[..., 2] - 0.036).max() < 0.02


def test_a_lifted_joint_is_as_high_as_asked_and_the_ends_stay() -> None:
    random = np.random.default_rng(0)
    upper, line = random.normal(size=(2, 50, 3))
    lowest = 0.5 * upper[:, 2] - 0.1
    swing = lifting_swing(upper, line, lowest, np.ones(50))
    turned = np.einsum("tij,tj->ti", swing, upper)
    np.testing.assert_allclose(np.einsum("tij,tj->ti", swing, line), line, atol=1e-9)
    axis = line / np.linalg.norm(line, axis=-1, keepdims=True)
    middle = np.sum(upper * axis, axis=-1, keepdims=True) * axis
    top = middle[:, 2] + np.linalg.norm(upper - middle, axis=-1) * np.linalg.norm(
        [0, 0, 1] - axis[:, 2:] * axis, axis=-1
    )
    reachable = np.minimum(lowest, top)
    assert (turned[:, 2] > reachable - 1e-6).all()
    np.testing.assert_allclose(turned[upper[:, 2] > lowest], upper[upper[:, 2] > lowest], atol=1e-9)
