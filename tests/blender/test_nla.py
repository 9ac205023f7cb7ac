"""A dance in the NLA: pushed down by Blender or by us, moved, trimmed, repeated, layered; edited, or refused."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("bpy")
import bpy
from dances import keys, one_engine, select_frames
from test_addon_generate import bone_heads
from test_rollback import strip_with
from test_target import danced_is_keyed, refused

from magma_blender.scene.dance_keys import current
from magma_blender.scene.dancer import load


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A file with the dancer "song". One engine serves all cases."""
    with one_engine(tmp_path_factory.mktemp("nla")) as file:
        assert bpy.ops.magma.generate_dance() == {"FINISHED"}
        bpy.ops.wm.save_as_mainfile(filepath=file)
        yield file


@pytest.fixture
def dancer(saved):
    """A dance of 3 s at 30 frames/s from frame 1 on."""
    bpy.ops.wm.open_mainfile(filepath=saved)
    return bpy.data.objects["song"]


def seen(armature, frames=(1, 30, 90)):
    """Where the joints are at scene frames, as Blender evaluates everything."""
    return np.array([bone_heads(armature, frame) for frame in frames])


def push_down(armature, **values):
    assert bpy.ops.magma.push_down(**values) == {"FINISHED"}
    return armature.animation_data.nla_tracks[-1].strips[0]


def regenerated(armature, first=1):
    """An edit of the first second: it is seen at its frames."""
    before = load(armature)
    select_frames(first + 30, first + 89)
    assert bpy.ops.magma.lock_spans() == {"FINISHED"}
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    assert load(armature).document != before.document
    assert current(armature).frame_start == first
    danced_is_keyed(armature)


def test_pushed_down_it_looks_the_same_and_is_edited(dancer):
    before, action = seen(dancer), dancer.animation_data.action
    strip = push_down(dancer)
    track = dancer.animation_data.nla_tracks[-1]
    assert (track.name, strip.name, strip.action) == ("Dance", "song", action)
    assert dancer.animation_data.action is None
    assert np.allclose(seen(dancer), before, atol=1e-5)
    regenerated(dancer)
    assert strip.action == action
    now = load(dancer).motion().joints()
    assert np.abs(seen(dancer) - now[[0, 29, 89]]).max() < 5e-3
    refused(bpy.ops.magma.push_down, "in the NLA strip .*song.* already", dancer)


def by_blenders_operator(armature):
    window = bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    kind, area.type = area.type, "DOPESHEET_EDITOR"
    area.spaces.active.ui_mode = "ACTION"
    region = next(region for region in area.regions if region.type == "WINDOW")
    armature.select_set(True)
    bpy.context.view_layer.objects.active = armature
    try:
        with bpy.context.temp_override(window=window, area=area, region=region):
            if not bpy.ops.action.push_down.poll():
                pytest.skip("background Blender does not offer it")
            bpy.ops.action.push_down()
    finally:
        area.type = kind
    return armature.animation_data.nla_tracks[-1].strips[0]


def test_pushed_down_by_blenders_own_operator(dancer):
    if not bpy.context.window_manager.windows:
        pytest.skip("this Blender has no window in background")
    strip = by_blenders_operator(dancer)
    assert strip.action is not None and dancer.animation_data.action is None
    regenerated(dancer)


def moved(strip):
    strip.frame_start_ui = 41
    return 41


def trimmed(strip):
    strip.action_frame_start, strip.action_frame_end = 11, 80
    strip.frame_start_ui = 11
    return 1


def repeated(strip):
    strip.repeat = 3
    return 1


def muted(strip):
    strip.mute = True
    return 1


def faint(strip):
    strip.influence, strip.use_animated_influence = 0.5, True
    return 1


@pytest.mark.parametrize("change", [moved, trimmed, repeated, muted, faint])
def test_a_changed_strip_is_edited(dancer, change):
    strip = push_down(dancer)
    first = change(strip)
    about = strip.action_frame_start, strip.action_frame_end, strip.repeat, strip.mute, strip.frame_start
    regenerated(dancer, first)
    assert (strip.action_frame_start, strip.action_frame_end, strip.repeat, strip.mute, strip.frame_start) == about


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"scale": 2.0}, "faster, slower or backwards"),
        ({"use_reverse": True}, "faster, slower or backwards"),
        ({"frame_start_ui": 11.5}, "between two frames"),
    ],
)
def test_a_strip_whose_frames_are_not_the_scenes_is_refused(dancer, values, sentence):
    strip = push_down(dancer)
    for name, value in values.items():
        setattr(strip, name, value)
    refused(bpy.ops.magma.regenerate_free, sentence, dancer)
    assert bpy.ops.magma.restore_keyframes() == {"FINISHED"}  # in an action above the strip
    assert dancer.animation_data.action is not None
    danced_is_keyed(dancer)


def tweak(armature, strip):
    data = armature.animation_data
    for track in data.nla_tracks:
        track.select = strip in track.strips[:]
        for other in track.strips:
            other.select = other == strip
        if track.select:
            data.nla_tracks.active = track
    data.use_tweak_mode = True
    assert data.use_tweak_mode


def test_a_strip_in_tweak_mode(dancer):
    strip = push_down(dancer)
    moved(strip)
    tweak(dancer, strip)
    regenerated(dancer, 41)
    refused(bpy.ops.magma.push_down, "already", dancer)
    refused(bpy.ops.magma.in_place, "being tweaked", dancer)
    refused(bpy.ops.magma.restore_keyframes, "being tweaked", dancer)
    dancer.animation_data.use_tweak_mode = False
    assert strip.action is not None
    danced_is_keyed(dancer)


def test_two_strips_of_one_dance_show_an_edit_both(dancer):
    strip = push_down(dancer)
    other = strip_with(dancer, strip.action, 101)
    other.mute, other.extrapolation = True, "NOTHING"
    regenerated(dancer)
    assert strip.action == other.action and len(bpy.data.actions) == 1
    other.mute = False
    near = seen(dancer, (31, 131))
    assert np.allclose(near[0], near[1], atol=1e-5)
    tweak(dancer, other)
    regenerated(dancer, 101)
    dancer.animation_data.use_tweak_mode = False
    assert strip.action == other.action


@pytest.mark.parametrize("blend", ["REPLACE", "COMBINE"])
def test_an_action_layer_above_the_dance_stays(dancer, blend):
    """The animator keys the head on top, or everything, added to the dance."""
    push_down(dancer)
    data = dancer.animation_data
    bones = dancer.pose.bones if blend == "COMBINE" else [dancer.pose.bones["head"]]
    for bone in bones:
        bone.keyframe_insert("rotation_quaternion", frame=20)
        bone.keyframe_insert("location", frame=20)
    data.action.name = "mine"
    data.action_blend_type = blend
    mine = data.action
    regenerated(dancer)
    assert data.action == mine and mine.frame_range[:] in ((20, 20), (20, 21))
    refused(bpy.ops.magma.push_down, "already", dancer)


def test_a_muted_take_above_the_dance_is_not_the_dance(dancer):
    """Another action with the same curves on a muted track."""
    take = dancer.animation_data.action.copy()
    push_down(dancer)
    strip = strip_with(dancer, take, 1)
    dancer.animation_data.nla_tracks[-1].mute = True
    before = [(point.co.x, point.co.y) for curve in curves_in(take) for point in curve.keyframe_points]
    regenerated(dancer)
    assert strip.action == take
    assert before == [(point.co.x, point.co.y) for curve in curves_in(take) for point in curve.keyframe_points]


def curves_in(action):
    if hasattr(action, "fcurves"):
        return list(action.fcurves)
    return [curve for bag in action.layers[0].strips[0].channelbags for curve in bag.fcurves]


def test_a_loop_goes_on_in_a_repeated_strip_and_with_a_cycles_modifier(dancer):
    assert bpy.ops.magma.make_loop() == {"FINISHED"}
    for curve in curves_in(dancer.animation_data.action):
        curve.modifiers.new("CYCLES")
    dancer.animation_data.action.update_tag()
    first = seen(dancer, (5, 94, 183))
    assert np.allclose(first[0], first[1:], atol=1e-4)
    for curve in curves_in(dancer.animation_data.action):
        curve.modifiers.remove(curve.modifiers[0])
    strip = push_down(dancer, repeat=3)
    assert strip.frame_end == 1 + 3 * 89
    assert np.allclose(seen(dancer, (5, 94, 183)), first, atol=1e-4)
    regenerated(dancer)


# -- in place


def way(armature, frames=(1, 30, 60, 90)):
    return seen(armature, frames)[:, 0]


@pytest.mark.made_up
def test_in_place_and_back(dancer):
    travels = seen(dancer)
    assert np.ptp(way(dancer)[:, 0]) > 0.08
    assert not bpy.ops.magma.let_travel.poll()
    assert bpy.ops.magma.in_place() == {"FINISHED"}
    held = seen(dancer)
    assert np.ptp(held[:, 0, :2], axis=0).max() < 1e-4
    assert np.allclose(held[:, 0, 2], travels[:, 0, 2], atol=1e-4)
    offset = travels[:, :1] - held[:, :1]
    assert np.allclose(held + offset, travels, atol=1e-4)  # nothing else changes
    tracks = dancer.animation_data.nla_tracks
    assert [track.name for track in tracks] == ["Dance", "In Place"]
    tracks[-1].mute = True
    assert np.allclose(seen(dancer), travels, atol=1e-5)
    tracks[-1].mute = False
    regenerated(dancer)
    assert np.ptp(way(dancer)[:, :2], axis=0).max() < 1e-4
    assert bpy.ops.magma.in_place() == {"FINISHED"}
    assert [track.name for track in tracks] == ["Dance", "In Place"] and len(bpy.data.actions) == 2
    assert bpy.ops.magma.let_travel() == {"FINISHED"}
    assert len(bpy.data.actions) == 1 and np.ptp(way(dancer)[:, 0]) > 0.08


def test_in_place_follows_a_strip_that_was_moved_and_repeats(dancer):
    strip = push_down(dancer, repeat=2)
    strip.frame_start_ui = 51
    assert bpy.ops.magma.in_place() == {"FINISHED"}
    above = dancer.animation_data.nla_tracks[-1].strips[0]
    assert (above.frame_start, above.frame_end) == (strip.frame_start, strip.frame_end)
    assert np.ptp(way(dancer, (51, 100, 139, 180, 228))[:, :2], axis=0).max() < 1e-4


def test_a_failure_leaves_the_tracks_as_they_were(dancer, monkeypatch):
    from smpl_rig.blender import nla

    def fail(*_arguments):
        raise ValueError("disk on fire")

    monkeypatch.setattr(nla, "follow", fail)
    before = keys(dancer).tobytes(), dancer.animation_data.action
    with pytest.raises(RuntimeError, match="disk on fire"):
        bpy.ops.magma.in_place()
    assert (keys(dancer).tobytes(), dancer.animation_data.action) == before
    assert not len(dancer.animation_data.nla_tracks) and len(bpy.data.actions) == 1


# -- as an asset


def test_a_dance_is_marked_as_an_asset_and_edits_leave_it(dancer):
    assert bpy.ops.magma.mark_asset() == {"FINISHED"}
    action = dancer.animation_data.action
    about = action.asset_data
    assert about.description.startswith('Waltz to "song", 3.0 s, default')
    assert [tag.name for tag in about.tags] == ["Dance", "Waltz", "120 BPM"]
    picture = np.empty(128 * 128 * 4, np.float32)
    assert tuple(action.preview.image_size) == (128, 128)
    action.preview.image_pixels_float.foreach_get(picture)
    opaque = picture[3::4] > 0.5
    assert 0.02 < opaque.mean() < 0.5
    before = [(point.co.x, point.co.y) for curve in curves_in(action) for point in curve.keyframe_points]
    assert bpy.ops.magma.mark_asset() == {"FINISHED"}
    assert [tag.name for tag in about.tags] == ["Dance", "Waltz", "120 BPM"]
    regenerated(dancer)
    assert dancer.animation_data.action != action
    assert before == [(point.co.x, point.co.y) for curve in curves_in(action) for point in curve.keyframe_points]


def test_an_asset_of_another_file_is_danced_by_another_character_of_the_rig(dancer, tmp_path):
    assert bpy.ops.magma.mark_asset() == {"FINISHED"}
    dance, shown = load(dancer), seen(dancer)
    file = str(tmp_path / "library.blend")
    bpy.data.libraries.write(file, {dancer.animation_data.action})
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=False)
    bpy.context.scene.render.fps = 30
    with bpy.data.libraries.load(file) as (there, wanted):
        wanted.actions = list(there.actions)
    action = wanted.actions[0]
    assert action.asset_data is not None and action.preview is not None
    from smpl_rig.blender.armature import create_armature

    plain = create_armature("plain")
    data = plain.animation_data_create()
    data.action = action
    if hasattr(data, "action_slot") and data.action_slot is None:
        data.action_slot = data.action_suitable_slots[0]
    assert np.abs(seen(plain) - shown).max() < 5e-3
    other = create_armature("other")
    bpy.context.view_layer.objects.active = other
    other.select_set(True)
    with pytest.raises(RuntimeError, match=r"choose one of these \(song\)"):
        bpy.ops.magma.use_asset(action="none")
    assert bpy.ops.magma.use_asset(action="song") == {"FINISHED"}
    assert load(other).document.tokens == dance.document.tokens and load(other).npz == dance.npz
    assert other.animation_data.action.asset_data is None
    danced_is_keyed(other)
    regenerated(other)
