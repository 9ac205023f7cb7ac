"""An animator's own rig as the target: keyed on its mapped bones alone, and every edit works on it."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("bpy")
import bpy
import rigs
import skips
import user_data
from dances import select_frames
from test_addon_generate import add_song

from magma_blender.scene.dance_keys import hand_edited
from magma_blender.scene.dancer import load
from magma_blender.scene.target import target_of

pytestmark = pytest.mark.skipif(bpy.app.version[:2] in skips.ELSEWHERE_IN, reason=skips.ELSEWHERE)

ARM = "mixamorig:LeftForeArm"
LOCKED = slice(30, 60)


def dance_on(rig, tmp_path):
    add_song(tmp_path)
    bpy.context.scene.magma.target = rig
    bpy.context.scene.magma.style = "waltz"
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    bpy.context.view_layer.objects.active = rig
    return rig


@pytest.fixture
def guy(magma, tmp_path):
    """A Mixamo character that dances 3 s at 30 frames/s from frame 1 on."""
    return dance_on(rigs.mixamo(), tmp_path)


def keyed(rig):
    """(frames, curves) what the dance's curves are at every frame, bit for bit."""
    from smpl_rig.blender.keying import curves_of

    curves = curves_of(target_of(rig)._keying)
    return np.array([[curve.evaluate(frame) for curve in curves.values()] for frame in range(1, 91)])


def posed(rig, frame):
    """(C, 4, 4) where Blender shows all bones."""
    bpy.context.scene.frame_set(frame)
    evaluated = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return np.array([rig.matrix_world @ bone.matrix for bone in evaluated.pose.bones])


def direction(rig, frame, one, other):
    names = [bone.name for bone in rig.pose.bones]
    heads = posed(rig, frame)[:, :3, 3]
    line = heads[names.index(f"mixamorig:{other}")] - heads[names.index(f"mixamorig:{one}")]
    return line / np.linalg.norm(line)


def follows(rig, frames=(0, 45, 89)):
    """The limbs point where the motion's do."""
    from smpl_rig.skeleton import JOINT_INDEX

    dancer = load(rig)
    joints = dancer.motion().joints()
    for frame in frames:
        for one, other, first, second in (
            ("LeftArm", "LeftForeArm", "L_shoulder", "L_elbow"),
            ("LeftForeArm", "LeftHand", "L_elbow", "L_wrist"),
            ("RightArm", "RightForeArm", "R_shoulder", "R_elbow"),
        ):
            line = joints[frame, JOINT_INDEX[second]] - joints[frame, JOINT_INDEX[first]]
            away = direction(rig, dancer.frame_start + frame, one, other) - line / np.linalg.norm(line)
            assert np.abs(away).max() < 0.02
    assert hand_edited(rig, dancer) == []


def test_a_character_dances_after_one_press(guy):
    follows(guy)
    paths = {curve.data_path.partition('"]')[0] for curve in user_data.curves_of(guy)}
    assert paths <= {f'pose.bones["{bone.name}' for bone in guy.pose.bones}
    moved = {c.data_path for c in user_data.curves_of(guy) if c.data_path.endswith("location")}
    assert moved == {'pose.bones["mixamorig:Hips"].location'}
    assert load(guy).character


def test_locked_moves_keep_their_keys_in_every_edit(guy):
    select_frames(31, 60)
    assert bpy.ops.magma.lock_spans() == {"FINISHED"}
    bpy.context.scene.use_preview_range = False
    before = keyed(guy)
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    after = keyed(guy)
    assert np.array_equal(after[LOCKED], before[LOCKED]) and (after != before).any()
    follows(guy)
    assert bpy.ops.magma.restore_keyframes() == {"FINISHED"}
    follows(guy)
    assert len(bpy.data.actions) == 1
