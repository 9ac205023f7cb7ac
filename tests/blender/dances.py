"""What the tests of editing look at and do again and again. The dance is the fixture `dancer`'s."""

from __future__ import annotations

import contextlib

import blenders
import bpy
import installed
import numpy as np

from magma_blender.scene.dancer import load

ELBOW = 'pose.bones["L_elbow"].rotation_quaternion'
LOCKED = slice(30, 60)
"""Frames of the dance in the second second, which the tests lock; their scene frames are one higher."""
SAME = 4e-3
"""Two keyings of the same motion are so near to each other, at least: twice what sparse keys leave of a number."""
NEAR = 5e-3
"""Metres that the joints of keys and of the motion that was keyed are apart at most: turns add up along a limb."""


@contextlib.contextmanager
def one_engine(folder):
    """The enabled add-on with one fake engine for several tests, in an empty scene with a song; gives the path of a
    .blend to save."""
    from test_addon_generate import add_song

    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 30
    preferences = installed.enable()
    preferences.data_folder = str(folder / "data")
    blenders.use_engine(preferences, folder, "ok")
    add_song(folder)
    bpy.context.scene.magma.use_body = False
    bpy.context.scene.magma.style = "waltz"
    yield str(folder / "dance.blend")
    installed.disable()


def curves(armature):
    """The dance's curves in the order of its channels."""
    from smpl_rig.blender.keying import curves_of

    return list(curves_of(keying_of(armature)).values())


def keying_of(armature):
    """What the armature's dance is keyed on."""
    from magma_blender.scene.target import target_of

    return target_of(armature)._keying


def keys(armature):
    """(frames, curves) what the dance's curves are at every frame from their first key to the last, bit for bit."""
    ours = curves(armature)
    first, last = ours[0].range()
    return np.array([[curve.evaluate(frame) for curve in ours] for frame in range(round(first), round(last) + 1)])


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
    """As an animator does: a key at the frame, with another value than the curve's there."""
    from smpl_rig.blender import compat

    curve = next(
        curve
        for place in compat.places(armature)
        for curve in place.curves()
        if (curve.data_path, curve.array_index) == (path, index)
    )
    values = {near: curve.evaluate(near) for near in (frame - 1, frame, frame + 1)}
    for near, value in values.items():  # its neighbours are keyed, too, so that no other frame changes
        point = curve.keyframe_points.insert(near, value + (by if near == frame else 0))
        point.interpolation = "LINEAR"
    curve.update()


def fifths(document, position):
    """A position in whole fifths of a second: the fake engine's positions."""
    return int(position / document.token_rate * 5 + 1e-6)


def spans(armature):
    """Start and stop, in fifths of a second, lock, chosen variant and number of variants of every span."""
    document = load(armature).document
    return [
        (fifths(document, s.start), fifths(document, s.stop), s.locked, s.chosen, len(s.variants))
        for s in document.spans
    ]


def span_at(armature, place):
    """The span at a place in fifths of a second."""
    document = load(armature).document
    return document.span_at(round(place / 5 * document.token_rate))


def saved_and_opened(folder, name="song"):
    """Save the file, open it again, and give the dancer in it."""
    file = str(folder / "saved.blend")
    bpy.ops.wm.save_as_mainfile(filepath=file)
    bpy.ops.wm.open_mainfile(filepath=file)
    return bpy.data.objects[name]
