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
    from smpl_rig.blender.smpl_keying import SmplKeying
    from smpl_rig.motion import Motion

    armature = create_armature("turner")
    poses = np.zeros((30, 24, 3), np.float32)
    write_motion(
        SmplKeying(armature), Motion(poses.reshape(30, 72), np.zeros((30, 3), np.float32), 30.0), 1, 30.0, "turn"
    )
    before = keys(armature)
    turning = poses.copy()
    turning[10:20, 12, 1] = np.linspace(0.3, 2 * np.pi - 0.3, 10)
    changed = np.zeros(30, bool)
    changed[10:20] = True
    rewrite_motion(
        SmplKeying(armature), Motion(turning.reshape(30, 72), np.zeros((30, 3), np.float32), 30.0), changed, 1
    )
    after = keys(armature)
    assert np.array_equal(np.delete(after, np.s_[10:20], 0), np.delete(before, np.s_[10:20], 0))
    path = 'pose.bones["neck"].rotation_quaternion'
    curves = [curve for curve in compat.fcurves(armature) if curve.data_path == path]
    for frame in np.arange(10, 21, 0.25):
        assert np.linalg.norm([curve.evaluate(frame) for curve in curves]) > 0.9
    held = [round(point.co[0]) for point in curves[0].keyframe_points if point.interpolation == "CONSTANT"]
    assert held == [20]


ELBOW = ('pose.bones["L_elbow"].rotation_quaternion', 1)
OWN_KEYS = {
    "stepped": {20: (0.1, "FREE"), 30: (0.5, "FREE"), 90: (-0.2, "FREE")},
    "automatic": {
        **{20: (0.1, "AUTO_CLAMPED"), 30: (0.5, "AUTO"), 38: (0.2, "AUTO_CLAMPED")},
        **{80: (0.6, "AUTO"), 90: (-0.2, "AUTO_CLAMPED"), 100: (0.3, "AUTO_CLAMPED")},
    },
    "vectors": {20: (0.1, "AUTO"), 30: (0.5, "VECTOR"), 38: (0.2, "ALIGNED"), 80: (0.6, "VECTOR"), 90: (-0.2, "AUTO")},
}


@pytest.mark.parametrize("smoothing", ["NONE", "CONT_ACCEL"])
@pytest.mark.parametrize("own", OWN_KEYS)
@pytest.mark.parametrize("runs", [[(40, 70)], [(32, 36), (42, 70), (84, 86)]])
def test_keys_of_the_animators_own_beside_a_change_play_as_before(scene, own, smoothing, runs):
    """An elbow keyed by hand with stepped keys, as blocking has them, or with Automatic handles, whose shape depends on
    the keys around them."""
    from smpl_rig.blender.armature import create_armature
    from smpl_rig.blender.keyframes import write_motion
    from smpl_rig.blender.keying import curves_of
    from smpl_rig.blender.rewrite import rewrite_motion
    from smpl_rig.blender.smpl_keying import SmplKeying
    from smpl_rig.motion import Motion

    count = 120
    still = Motion(np.zeros((count, 72), np.float32), np.zeros((count, 3), np.float32), 30.0)
    armature = create_armature("elbow")
    write_motion(SmplKeying(armature), still, 1, 30.0, "elbow")
    curve = curves_of(SmplKeying(armature))[ELBOW]
    curve.auto_smoothing = smoothing
    for point in reversed(list(curve.keyframe_points)):
        if 15 < point.co[0] < 105:
            curve.keyframe_points.remove(point)
    for frame, (value, handle) in OWN_KEYS[own].items():
        point = curve.keyframe_points.insert(frame, value)
        point.handle_left_type = point.handle_right_type = handle
        point.interpolation = "CONSTANT" if own == "stepped" else "BEZIER"
    curve.update()
    before = keys(armature)
    changed = np.zeros(count, bool)
    for start, stop in runs:
        changed[start:stop] = True
    moving = still.poses.copy()
    moving[:, 54] = np.sin(np.arange(count))
    rewrite_motion(SmplKeying(armature), Motion(moving, still.trans, 30.0), changed, 1)
    after = keys(armature)
    assert np.array_equal(after[~changed], before[~changed])
    assert (after[changed] != before[changed]).any(axis=1).all()


@pytest.mark.parametrize("frame", [-40, 160])
def test_an_own_key_beside_the_dance_leaves_its_prints(scene, frame):
    """I pressed on the dance's bones some frames before it, for a walk-in."""
    from smpl_rig.blender.armature import create_armature
    from smpl_rig.blender.key_prints import DanceKeys
    from smpl_rig.blender.keyframes import write_motion
    from smpl_rig.blender.keying import curves_of
    from smpl_rig.blender.smpl_keying import SmplKeying
    from smpl_rig.motion import Motion

    armature = create_armature("walker")
    poses = np.sin(np.arange(60)[:, None] / 9 + np.arange(72)).astype(np.float32)
    write_motion(SmplKeying(armature), Motion(poses, np.zeros((60, 3), np.float32), 30.0), 1, 30.0, "walk")
    before = DanceKeys(SmplKeying(armature)).prints(60, 1)
    for curve in curves_of(SmplKeying(armature)).values():
        curve.keyframe_points.insert(frame, curve.evaluate(frame)).interpolation = "BEZIER"
    assert np.array_equal(DanceKeys(SmplKeying(armature)).prints(60, 1), before)


def test_a_curve_that_was_baked_to_samples_is_said(scene):
    from smpl_rig.blender.armature import create_armature
    from smpl_rig.blender.key_prints import DanceKeys
    from smpl_rig.blender.keyframes import write_motion
    from smpl_rig.blender.keying import curves_of
    from smpl_rig.blender.rewrite import rewrite_motion
    from smpl_rig.blender.smpl_keying import SmplKeying
    from smpl_rig.motion import Motion

    armature = create_armature("baked")
    motion = Motion(np.zeros((60, 72), np.float32), np.zeros((60, 3), np.float32), 30.0)
    write_motion(SmplKeying(armature), motion, 1, 30.0, "baked")
    points = curves_of(SmplKeying(armature))[ELBOW].keyframe_points
    while len(points):
        points.remove(points[0])
    assert len(DanceKeys(SmplKeying(armature)).between(np.array([3]), 60, 1))
    changed = np.arange(60) < 30
    with pytest.raises(ValueError, match=r"L_elbow.*has no keys.*Restore"):
        rewrite_motion(SmplKeying(armature), motion, changed, 1)
