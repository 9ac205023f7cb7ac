"""The three clicks to a first dance, and Try an Example."""

from __future__ import annotations

import types

import pytest

pytest.importorskip("bpy")
import bpy
from test_addon_choreography_panel import Layout
from test_addon_drawing import context_for
from test_addon_generate import add_song


def shown():
    """What the panel shows."""
    layout = Layout(context_for())
    bpy.types.MAGMA_PT_viewport.draw(types.SimpleNamespace(layout=layout), layout.context)
    return layout.seen


def test_the_empty_panel_shows_three_clicks_and_the_example(magma, tmp_path):
    first = {"1", "2", "3", "Add Song", "Generate Dance", "Try an Example"}
    assert first <= set(shown())
    add_song(tmp_path)
    seen = set(shown())
    assert "Generate Dance" in seen and not seen & (first - {"Generate Dance"})


def test_a_song_is_added_at_the_playhead_and_the_scene_lasts_for_it(magma, tmp_path):
    import blenders

    if not bpy.app.build_options.audaspace:
        pytest.skip("this Blender was built without sound")
    scene = bpy.context.scene
    scene.frame_set(11)
    scene.frame_end = 20
    assert bpy.ops.magma.add_song(filepath=str(blenders.song(tmp_path, 3.0))) == {"FINISHED"}
    assert bpy.ops.magma.add_song(filepath=str(blenders.song(tmp_path, 3.0, "other.wav")), extend=False) == {"FINISHED"}
    strip = scene.sequence_editor.active_strip
    assert strip.name == "other" and strip.select and strip.channel == 2 and strip.frame_final_start == 11
    assert scene.frame_end == 100
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(RuntimeError, match=r"Blender cannot play .*text\.wav"):
        bpy.ops.magma.add_song(filepath=str(tmp_path / "text.wav"))
    with pytest.raises(RuntimeError, match="No song is given"):
        bpy.ops.magma.add_song()


def test_an_example_is_composed_danced_and_seen(magma, tmp_path):
    from bpy_extras.object_utils import world_to_camera_view

    scene = bpy.context.scene
    bpy.ops.mesh.primitive_cube_add()  # as in Blender's own first scene: where the dance would begin
    assert bpy.ops.magma.try_example() == {"FINISHED"}
    song = tmp_path / "data" / "sounds" / "example-waltz.wav"
    assert song.stat().st_size > 4_000_000
    armature = scene.magma.target
    assert armature.name == "Example Waltz" and abs(armature.location.x) > 2
    assert [obj for obj in scene.objects if obj.select_get()] == [bpy.context.object] == [armature]
    assert len([obj for obj in scene.objects if obj.type == "LIGHT"]) == 1
    for frame in (1, 300, 700):
        scene.frame_set(frame)
        for bone in ("head", "L_foot", "R_wrist"):
            place = armature.matrix_world @ armature.pose.bones[bone].head
            seen = world_to_camera_view(scene, scene.camera, place)
            assert 0 < seen.x < 1 and 0 < seen.y < 1 and seen.z > 0
    if bpy.app.build_options.audaspace:
        strip = scene.sequence_editor.active_strip
        assert strip.frame_final_start == 1 and scene.frame_end == strip.frame_final_end - 1 == 720
    before = song.stat().st_mtime_ns, set(scene.objects)
    bpy.context.view_layer.objects.active = armature
    assert bpy.ops.magma.try_example() == {"FINISHED"}  # again: on the same dancer, to the same file
    assert before == (song.stat().st_mtime_ns, set(scene.objects))


def test_the_active_armature_becomes_the_character(magma):
    bpy.ops.object.armature_add()
    rig = bpy.context.object
    assert bpy.ops.magma.use_active() == {"FINISHED"}
    assert bpy.context.scene.magma.target == rig
    assert not bpy.ops.magma.use_active.poll()
