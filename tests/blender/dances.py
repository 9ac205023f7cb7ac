"""What the tests of editing look at and do again and again. The dance is the fixture `dancer`'s."""

from __future__ import annotations

import bpy
import numpy as np

from magma_blender.scene.dancer import load

ELBOW = 'pose.bones["L_elbow"].rotation_quaternion'
LOCKED = slice(30, 60)
"""Frames of the dance in the second second, which the tests lock; their scene frames are one higher."""


def keys(armature):
    """(frames, curves) values of all keys of the dance's curves, bit for bit."""
    from smpl_rig.blender import compat
    from smpl_rig.blender.rewrite import CHANNELS

    curves = {(curve.data_path, curve.array_index): curve for curve in compat.fcurves(armature)}
    columns = []
    for channel in CHANNELS:
        points = curves[channel].keyframe_points
        co = np.empty(2 * len(points), np.float32)
        points.foreach_get("co", co)
        columns.append(co.reshape(-1, 2)[:, 1])
    return np.stack(columns, axis=1)


def state(armature):
    dancer = load(armature)
    return dancer.document, dancer.npz, dancer.key_prints, keys(armature).tobytes(), armature.animation_data.action.name


def select_frames(first, last):
    scene = bpy.context.scene
    scene.use_preview_range = True
    scene.frame_preview_start, scene.frame_preview_end = first, last


def lock_the_second_second(armature):
    select_frames(31, 60)
    assert bpy.ops.magma.lock_spans() == {"FINISHED"}
    bpy.context.scene.use_preview_range = False
    return keys(armature)


def move_key(armature, frame, path=ELBOW, index=1, by=0.25):
    from smpl_rig.blender import compat

    curve = next(c for c in compat.fcurves(armature) if (c.data_path, c.array_index) == (path, index))
    point = next(p for p in curve.keyframe_points if round(p.co[0]) == frame)
    point.co[1] += by
    curve.update()


def spans(armature):
    return [(s.start, s.stop, s.locked, s.chosen, len(s.variants)) for s in load(armature).document.spans]


def saved_and_opened(folder):
    """Save the file, open it again, and give the dancer in it."""
    file = str(folder / "saved.blend")
    bpy.ops.wm.save_as_mainfile(filepath=file)
    bpy.ops.wm.open_mainfile(filepath=file)
    return bpy.data.objects["song"]
