"""The history of a dance: every generation and edit is a version, and the way back to any gives just that."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("bpy")
import bpy
import numpy as np
from dances import curves, keys, load, lock_the_second_second, move_key, saved_and_opened, select_frames

from smpl_rig.blender.key_data import KEY_ATTRIBUTES, read_keys


def versions(armature):
    """Names, the oldest first, with a star at the one that is danced."""
    return [("*" if each.present else "") + each.name for each in reversed(armature.magma_history.versions[:])]


def number_of(armature, name):
    return next(each.number for each in armature.magma_history.versions if each.name.startswith(name))


def state(armature):
    """Everything a version has to bring back: document, motion, all attributes of all keys, and how it is kept; not
    where the song is, which saving makes relative."""
    dancer = load(armature)
    document = replace(dancer.document, audio=tuple(replace(song, path="song") for song in dancer.document.audio))
    motion = dancer.motion()
    attributes = [read_keys(curve, name).tobytes() for curve in curves(armature) for name in KEY_ATTRIBUTES]
    return document, motion.poses.tobytes(), motion.trans.tobytes(), dancer.key_prints, attributes


def go_back(armature, name):
    assert bpy.ops.magma.go_back(number=number_of(armature, name)) == {"FINISHED"}


@pytest.fixture
def edited(dancer):
    """The dancer after a lock and two edits by the engine, with what it was after each."""
    states = {"Generate": state(dancer)}
    lock_the_second_second(dancer)
    states["Lock"] = state(dancer)
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    states["Regenerate"] = state(dancer)
    select_frames(61, 90)
    assert bpy.ops.magma.replace_spans() == {"FINISHED"}
    states["Replace"] = state(dancer)
    return dancer, states


def test_every_edit_is_a_version_and_all_of_them_come_back_to_the_bit(edited):
    dancer, states = edited
    assert versions(dancer) == [
        "Generate",
        "Lock Moves, 1.0 to 2.0 s",
        "Regenerate Unlocked Moves",
        "*Replace Moves, 2.0 to 3.0 s",
    ]
    action = dancer.animation_data.action
    for name in ("Generate", "Replace", "Lock", "Regenerate", "Generate"):
        go_back(dancer, name)
        assert state(dancer) == states[name], name
        assert dancer.animation_data.action == action
    assert versions(dancer)[0] == "*Generate" and len(versions(dancer)) == 4


def test_document_changes_and_variants_come_back(dancer):
    lock_the_second_second(dancer)
    select_frames(1, 30)
    assert bpy.ops.magma.replace_spans(variants=2) == {"FINISHED"}
    states = {"Lock": None, "Replace": state(dancer)}
    assert bpy.ops.magma.switch_variant() == {"FINISHED"}
    states["Variant"] = state(dancer)
    assert bpy.ops.magma.split_at_bars.poll()
    assert bpy.ops.magma.style_spans(style="waltz") == {"FINISHED"}
    assert bpy.ops.magma.mirror_spans() == {"FINISHED"}
    assert bpy.ops.magma.restore_keyframes() == {"FINISHED"}
    assert [name.partition(",")[0] for name in versions(dancer)] == [
        "Generate",
        "Lock Moves",
        "Replace Moves",
        versions(dancer)[3].partition(",")[0],
        "Set Style of Moves",
        "Mirror Moves",
        "*Restore Keyframes",
    ]
    for name in ("Variant", "Replace"):
        go_back(dancer, name)
        assert state(dancer) == states[name], name


def test_an_edit_of_an_old_version_adds_one_and_the_later_ones_stay(edited):
    dancer, states = edited
    go_back(dancer, "Lock")
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    assert len(versions(dancer)) == 5 and versions(dancer)[-1] == "*Regenerate Unlocked Moves"
    go_back(dancer, "Replace")
    assert state(dancer) == states["Replace"]


def test_another_generation_and_the_former_one_come_back(dancer):
    first = state(dancer)
    bpy.context.scene.magma.target = dancer
    bpy.context.scene.magma.seed = 7
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    second = state(dancer)
    assert second != first and versions(dancer) == ["Generate", "*Generate"]
    assert bpy.ops.magma.go_back(number=dancer.magma_history.versions[-1].number) == {"FINISHED"}
    assert state(dancer) == first
    assert bpy.ops.magma.go_back(number=dancer.magma_history.versions[0].number) == {"FINISHED"}
    assert state(dancer) == second


def test_keyframes_changed_by_hand_are_a_version_first(edited):
    dancer, states = edited
    move_key(dancer, 75)
    mine = keys(dancer)
    go_back(dancer, "Generate")
    assert state(dancer) == states["Generate"]
    assert versions(dancer)[-1] == "Your Keyframes"
    go_back(dancer, "Your Keyframes")
    assert np.array_equal(keys(dancer), mine)


def test_what_is_keyed_beside_the_dance_stays(edited):
    dancer, _ = edited
    dancer.location = (3, 0, 0)
    dancer.keyframe_insert("location", frame=5)
    curve = curves(dancer)[0]
    curve.keyframe_points.insert(200, 0.5)
    for name in ("Lock", "Generate", "Replace"):
        go_back(dancer, name)
        assert curves(dancer)[0].evaluate(200) == 0.5
        assert [p.co[0] for p in curves(dancer)[0].keyframe_points][-1] == 200
        channels = {(c.data_path, c.array_index) for c in place_of(dancer).curves()}
        assert ("location", 0) in channels


def place_of(armature):
    from smpl_rig.blender import compat

    return compat.places(armature)[0]


def test_versions_survive_saving_and_copying(edited, tmp_path):
    dancer, states = edited
    dancer = saved_and_opened(tmp_path)
    go_back(dancer, "Lock")

    copy = dancer.copy()
    bpy.context.collection.objects.link(copy)
    bpy.context.view_layer.objects.active = copy
    go_back(copy, "Replace")
    assert state(copy) == states["Replace"]
    assert state(dancer) == states["Lock"]

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=False)
    with bpy.data.libraries.load(str(tmp_path / "saved.blend")) as (_, found):
        found.objects = ["song"]
    appended = found.objects[0]
    bpy.context.collection.objects.link(appended)
    bpy.context.view_layer.objects.active = appended
    go_back(appended, "Regenerate")
    assert state(appended) == states["Regenerate"]


def test_going_back_is_one_step_to_undo(edited):
    dancer, states = edited
    bpy.context.preferences.edit.use_global_undo = True
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.magma.go_back("EXEC_DEFAULT", True, number=number_of(dancer, "Lock"))
    assert state(bpy.data.objects["song"]) == states["Lock"]
    bpy.ops.ed.undo()
    dancer = bpy.data.objects["song"]
    assert state(dancer) == states["Replace"] and versions(dancer)[-1].startswith("*Replace")
    bpy.ops.ed.redo()
    dancer = bpy.data.objects["song"]
    assert state(dancer) == states["Lock"] and versions(dancer)[1].startswith("*Lock")


def test_versions_are_renamed_removed_and_cleaned_up(edited):
    from magma_blender.scene.history import store

    def size():
        return sum(len(value) for value in dancer[store.KEY].values())

    dancer, states = edited
    assert bpy.ops.magma.rename_version(number=number_of(dancer, "Lock"), name=" The good one ") == {"FINISHED"}
    assert versions(dancer)[1] == "The good one"
    with pytest.raises(RuntimeError, match="stays"):
        bpy.ops.magma.remove_version()
    before = size()
    assert bpy.ops.magma.remove_version(number=number_of(dancer, "Regenerate")) == {"FINISHED"}
    assert len(versions(dancer)) == 3 and size() < before
    go_back(dancer, "The good one")
    assert state(dancer) == states["Lock"]
    assert bpy.ops.magma.clean_history(keep=1) == {"FINISHED"}
    assert versions(dancer) == ["*The good one", "Replace Moves, 2.0 to 3.0 s"]
    go_back(dancer, "Replace")
    assert state(dancer) == states["Replace"]


def test_a_dance_that_was_moved_stays_where_it_is(edited):
    dancer, states = edited
    for curve in curves(dancer):
        for point in curve.keyframe_points:
            for place in (point.co, point.handle_left, point.handle_right):
                place[0] += 20
        curve.update()
    go_back(dancer, "Generate")
    assert load(dancer).frame_start == 21
    assert state(dancer)[1:3] == states["Generate"][1:3]
    assert not hand_edited(dancer)


def hand_edited(armature):
    from magma_blender.scene import dance_keys

    return dance_keys.hand_edited(armature, load(armature))


def test_another_rest_pose_gets_the_version_keyed_for_it(dancer):
    first = load(dancer).motion()
    lock_the_second_second(dancer)
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    bpy.context.view_layer.objects.active = dancer
    bpy.ops.object.mode_set(mode="EDIT")
    dancer.data.edit_bones["L_elbow"].roll += 0.5
    bpy.ops.object.mode_set(mode="OBJECT")
    assert bpy.ops.magma.restore_keyframes() == {"FINISHED"}
    go_back(dancer, "Generate")
    assert np.array_equal(load(dancer).motion().poses, first.poses) and not hand_edited(dancer)


def test_a_dance_without_a_history_gets_one_at_the_next_edit(dancer):
    from magma_blender.scene.dancer import RECORD_KEY
    from magma_blender.scene.history import store

    before = state(dancer)
    for key in (store.KEY, "magma_history"):
        dancer.pop(key, None)
    dancer[RECORD_KEY].pop("version_kept", None)
    dancer.magma_history.versions.clear()
    lock_the_second_second(dancer)
    assert versions(dancer) == ["Generate", "*Lock Moves, 1.0 to 2.0 s"]
    go_back(dancer, "Generate")
    assert state(dancer) == before
    dancer[RECORD_KEY].pop("version_kept")  # as another version of the add-on leaves it
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    assert [name.partition(",")[0] for name in versions(dancer)][2:] == ["Generate", "*Regenerate Unlocked Moves"]


def test_a_change_that_fails_leaves_no_version(edited, monkeypatch):
    from magma_blender.scene.history import recording

    dancer, states = edited
    text = dancer["magma_versions"]["list"]

    def broken(*_):
        raise MemoryError

    monkeypatch.setattr(recording, "keep", broken)
    with pytest.raises(RuntimeError):
        bpy.ops.magma.regenerate_free()
    assert state(dancer) == states["Replace"] and dancer["magma_versions"]["list"] == text


@pytest.mark.parametrize("damage", ["list", "pack"])
def test_a_damaged_history_is_a_sentence_and_editing_goes_on(edited, damage):
    dancer, _ = edited
    group = dancer["magma_versions"]
    names = ["list"] if damage == "list" else [name for name in group if name != "list"]
    number = number_of(dancer, "Generate")
    for name in names:
        del group[name]
        group[name] = b"nothing" if damage == "pack" else "nothing"
    with pytest.raises(RuntimeError, match="damaged" if damage == "pack" else "not there"):
        bpy.ops.magma.go_back(number=number)
    lock_the_second_second(dancer)
    assert versions(dancer)[-1].startswith("*Lock Moves")


def test_poses_are_pictures(edited):
    from magma_blender.scene.history.poses import joints_of
    from magma_blender.ui.pose_picture import ICON, icon_of, pixels

    dancer, _ = edited
    pose = dancer.magma_history.versions[0].pose
    picture = pixels(joints_of(pose), ICON)
    assert picture.shape == (ICON, ICON, 4) and 0.05 < (picture[..., 3] > 0.5).mean() < 0.6
    assert icon_of(pose) == icon_of(pose) and icon_of("nothing") == 0
    assert joints_of("nothing") == [] == joints_of("00")
