"""A Rigify rig whose arms and legs dance on their IK controls."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("bpy")
import bpy
import user_data
from dances import move_key
from rigs import dance_on
from test_character import hand_edits_are_noticed_kept_and_locked, turn_key

from magma_blender.scene.dancer import load
from smpl_rig.retarget.roles import LIMBS

SHOWN = [f"ORG-{part}.{side}" for side in "LR" for part in ("upper_arm", "forearm", "hand", "thigh", "shin", "foot")]
FRAMES = range(1, 91, 8)


def heads(rig):
    """(frames, limbs, 3, 3) shoulder, elbow and wrist, hip, knee and ankle, as Blender shows them."""
    found = []
    for frame in FRAMES:
        bpy.context.scene.frame_set(frame)
        found.append([rig.pose.bones[name].matrix.translation[:] for name in SHOWN])
    return np.array(found).reshape(len(FRAMES), -1, 3, 3)


def constraints(rig):
    """But for what the rig's own switches drive: influences, and which of two IKs is muted."""
    return {bone.name: [(c.type, c.name) for c in bone.constraints] for bone in rig.pose.bones}


def limbs(places):
    """Unit vectors along upper and lower parts."""
    lines = np.diff(places, axis=2)
    return lines / np.linalg.norm(lines, axis=-1, keepdims=True)


MOVED = {"upper_arm_ik_target.R": (1, 0.05), "hand_ik.L": (2, 0.05), "foot_ik.R": (2, 0.05)}
"""Bones that are moved, along which axis and how far."""


def change(rig, bone, frame):
    """Move a bone, or turn it."""
    if bone in MOVED:
        axis, by = MOVED[bone]
        move_key(rig, frame, f'pose.bones["{bone}"].location', index=axis, by=by)
    else:
        turn_key(rig, bone, frame)


def test_limbs_on_ik_show_the_same_dance_and_keep_what_hands_change(rigify, tmp_path):
    before = constraints(rigify)
    rig = dance_on(rigify, tmp_path)
    wanted = heads(rig)
    bpy.context.scene.magma_character.ik = set(LIMBS)
    assert bpy.ops.magma.restore_keyframes() == {"FINISHED"}
    found = heads(rig)
    assert np.linalg.norm(found - wanted, axis=-1)[:, :, 2].max() < 1.5e-3
    apart = np.degrees(np.linalg.norm(limbs(found) - limbs(wanted), axis=-1))
    print(f"{np.median(apart):.2f} degrees, at most {apart.max():.2f}")
    assert np.median(apart) < 0.5 and apart.max() < 4
    assert constraints(rig) == before
    switches = rig.pose.bones["thigh_parent.R"]
    assert switches["IK_FK"] == 0.0 and switches["pole_vector"] == 1 and isinstance(switches["IK_parent"], int)
    paths = {curve.data_path for curve in user_data.curves_of(rig)}
    assert not any("_fk." in path and "spine" not in path for path in paths)
    assert 'pose.bones["upper_arm_ik_target.L"].location' in paths and 'pose.bones["thigh_parent.L"]["IK_FK"]' in paths

    bones = ("hand_ik.R", "upper_arm_ik_target.R", "foot_ik.L", "toe_ik.R", "hand_ik.L", "foot_ik.R", "head")
    edits = {10 + 11 * number: bone for number, bone in enumerate(bones)}
    hand_edits_are_noticed_kept_and_locked(rig, edits, change)

    # back on FK, where IK leaves nothing behind
    assert bpy.ops.magma.save_character(name="on IK") == {"FINISHED"}
    fields = bpy.context.scene.magma_character
    fields.ik = set()
    assert bpy.ops.magma.load_character(name="on IK") == {"FINISHED"} and fields.ik == set(LIMBS)
    fields.ik = set()
    assert bpy.ops.magma.restore_keyframes() == {"FINISHED"}
    paths = {curve.data_path for curve in user_data.curves_of(rig)}
    assert not any("_ik" in path for path in paths) and '"ik":[]' in load(rig).character
