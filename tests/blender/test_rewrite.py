"""A keyed motion changed in some frames."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("bpy")
from dances import keys


def test_a_rotation_of_the_other_sign_keeps_the_kept_keys(scene):
    """A new piece may turn once more than the old one: its last key is held, so that nothing passes through zero."""
    from smpl_rig.blender import compat
    from smpl_rig.blender.armature import create_armature
    from smpl_rig.blender.keyframes import write_motion
    from smpl_rig.blender.rewrite import rewrite_motion
    from smpl_rig.motion import Motion

    armature = create_armature("turner")
    poses = np.zeros((30, 24, 3), np.float32)
    write_motion(armature, Motion(poses.reshape(30, 72), np.zeros((30, 3), np.float32), 30.0), 1, 30.0, "turn")
    before = keys(armature)
    turning = poses.copy()
    turning[10:20, 12, 1] = np.linspace(0.3, 2 * np.pi - 0.3, 10)
    changed = np.zeros(30, bool)
    changed[10:20] = True
    rewrite_motion(armature, Motion(turning.reshape(30, 72), np.zeros((30, 3), np.float32), 30.0), changed, 1)
    after = keys(armature)
    assert np.array_equal(np.delete(after, np.s_[10:20], 0), np.delete(before, np.s_[10:20], 0))
    path = 'pose.bones["neck"].rotation_quaternion'
    curves = [curve for curve in compat.fcurves(armature) if curve.data_path == path]
    for frame in np.arange(10, 21, 0.25):
        assert np.linalg.norm([curve.evaluate(frame) for curve in curves]) > 0.9
    held = [round(point.co[0]) for point in curves[0].keyframe_points if point.interpolation == "CONSTANT"]
    assert held == [20]
