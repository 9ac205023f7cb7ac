"""Rotation channels: the same rotation in every mode, in forms that go on from frame to frame."""

from __future__ import annotations

import numpy as np
import pytest

from smpl_rig import rotations as rot
from smpl_rig.blender.rotation_modes import continued, differ_in_form, from_quaternions, to_quaternions, width_of

MODES = ["QUATERNION", "AXIS_ANGLE", "XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX"]
AXIS_ORDER = {"X": 0, "Y": 1, "Z": 2}


def turning(frames: int = 400, bones: int = 3) -> rot.Array:
    """(T, B, 4) that turn through many revolutions, smoothly."""
    steps = np.cumsum(np.random.default_rng(5).normal(0, 0.004, (frames, bones, 3)), axis=0) + 0.02
    found = [np.tile([1.0, 0, 0, 0], (bones, 1))]
    for step in steps[1:]:
        found.append(rot.quaternion_multiply(rot.axis_angle_to_quaternion(step), found[-1]))
    return rot.normalize(np.array(found))


def off(one: rot.Array, other: rot.Array) -> float:
    return float(rot.quaternion_distance(one, other).max())


@pytest.mark.parametrize("mode", MODES)
def test_channels_say_the_same_rotation_without_jumps(mode):
    quaternions = turning()
    values = from_quaternions(mode, quaternions)
    assert values.shape == (*quaternions.shape[:2], width_of(mode))
    assert off(to_quaternions(mode, values), quaternions) < 1e-7
    assert not differ_in_form(mode, values[:-1], values[1:]).any()


@pytest.mark.parametrize("mode", MODES[2:])
def test_an_order_of_euler_angles_turns_about_its_first_axis_first(mode):
    angles = np.array([0.3, -0.5, 1.1])
    wanted = np.eye(3)
    for letter in mode:
        axis = AXIS_ORDER[letter]
        wanted = rot.axis_angle_to_matrix(np.eye(3)[axis] * angles[axis]) @ wanted
    assert np.allclose(rot.quaternion_to_matrix(to_quaternions(mode, angles)), wanted)


@pytest.mark.parametrize("mode", MODES[2:])
def test_the_outer_angles_stay_where_they_turn_about_one_axis(mode):
    middle = AXIS_ORDER[mode[1]]
    angles = np.full((5, 1, 3), 0.4)
    angles[:, 0, middle] = np.pi / 2 + np.array([-0.2, -0.1, 0, 0.1, 0.2])
    values = from_quaternions(mode, to_quaternions(mode, angles))
    assert np.abs(np.diff(values, axis=0)).max() < 0.11
    assert off(to_quaternions(mode, values), to_quaternions(mode, angles)) < 1e-6


@pytest.mark.parametrize("mode", MODES)
def test_a_piece_goes_on_from_another_form(mode):
    values = from_quaternions(mode, turning())
    before = -values[99] if width_of(mode) == 4 else values[99] + 2 * np.pi
    piece = continued(mode, values[100:], before)
    assert not differ_in_form(mode, before, piece[0]).any()
    assert off(to_quaternions(mode, piece), to_quaternions(mode, values[100:])) < 1e-7
    assert differ_in_form(mode, values[99], piece[0]).all()
