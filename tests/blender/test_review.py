"""Edits in review: Reject goes back exactly, Accept leaves nothing, Compare shows either, nothing is lost."""

from __future__ import annotations

import random

import numpy as np
import pytest

pytest.importorskip("bpy")
import bpy
import rigs
import skips
import user_data
from dances import keys, move_key, saved_and_opened, select_frames, span_at
from test_addon_choreography_panel import Layout
from test_addon_drawing import context_for
from test_rollback import (
    also_in_a_strip,
    an_asset,
    assign,
    in_two_strips,
    shared_with_another,
    strip_with,
    tweaked,
    with_a_fake_user,
)

from magma_blender.errors import SceneError
from magma_blender.scene import review, review_list
from magma_blender.scene.dancer import load, stored_in
from magma_blender.scene.span_list import spans_of

long = pytest.mark.skipif(bpy.app.version[:2] in skips.ELSEWHERE_IN, reason=skips.ELSEWHERE)
ops = bpy.ops.magma


@pytest.fixture
def reviewing(dancer, magma):
    """The dancer, whose edits go into review in background, too."""
    magma.review_edits = "ALWAYS"
    return dancer


def plain(value):
    """A value of Blender's as one that stays when the file changes."""
    if isinstance(value, bpy.types.ID):
        return value.name_full
    return value if isinstance(value, str | int | float | bool | bytes | None) else repr(value)


def settings(struct):
    """All values of a struct that are numbers, texts or choices."""
    found = {}
    for each in struct.bl_rna.properties:
        if each.type in ("POINTER", "COLLECTION") or each.identifier in ("users", "session_uid", "is_evaluated"):
            continue
        value = getattr(struct, each.identifier)
        found[each.identifier] = tuple(value) if getattr(each, "is_array", False) else plain(value)
    return found


def of_action(action):
    """Everything that an action holds, key by key."""
    from smpl_rig.blender import compat

    bags = [compat.all_curves(action)]
    curves = [
        (
            settings(curve),
            curve.group.name if curve.group else None,
            [settings(point) for point in curve.keyframe_points],
            [settings(modifier) for modifier in curve.modifiers],
        )
        for curve in bags[0]
    ]
    slots = [settings(slot) for slot in getattr(action, "slots", ())]
    markers = [(marker.name, marker.frame) for marker in action.pose_markers]
    properties = {key: plain(value) for key, value in action.items() if not key.startswith("magma")}
    return action.name, action.use_fake_user, curves, slots, markers, properties


def of_holder(holder):
    slot = getattr(holder, "action_slot", None)
    return settings(holder), holder.action.name if holder.action else None, slot.identifier if slot else None


def exactly(armature):
    """The whole of what Reject promises: bytes, names and settings."""
    data = armature.animation_data
    strips = [(settings(track), [of_holder(strip) for strip in track.strips]) for track in data.nla_tracks]
    layer, scene = bpy.context.view_layer, bpy.context.scene
    return {
        "actions": [of_action(action) for action in bpy.data.actions],
        "animation": (of_holder(data), strips),
        "record": stored_in(armature),
        "properties": {key: value for key, value in armature.items() if isinstance(value, str | int | float)},
        "selected": [obj.name for obj in layer.objects if obj.select_get()],
        "active": layer.objects.active.name if layer.objects.active else None,
        "frame": (scene.frame_current, scene.frame_subframe),
        "pose": [tuple(np.array(bone.matrix_basis).ravel()) for bone in armature.pose.bones],
        "spans": [settings(span) for span in spans_of(armature).spans],
        "reviews": len(scene.magma_reviews),
    }


def differences(one, other, place=""):
    """Where two of `exactly` differ, each as a line."""
    if type(one) is type(other) and isinstance(one, dict) and one.keys() == other.keys():
        return [line for key in one for line in differences(one[key], other[key], f"{place}/{key}")]
    if type(one) is type(other) and isinstance(one, list | tuple) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [line for number, pair in pairs for line in differences(*pair, f"{place}/{number}")]
    return [] if one == other else [f"{place}: {str(one)[:100]} for {str(other)[:100]}"]


def replace(first=20, last=60):
    select_frames(first, last)
    assert ops.replace_spans() == {"FINISHED"}
    bpy.context.scene.use_preview_range = False


def as_it_is(_armature):
    pass


def in_a_strip(armature):
    action = armature.animation_data.action
    strip = strip_with(armature, action, 1)
    armature.animation_data.action = None
    strip.blend_type = "REPLACE"


USES = {
    "plain": as_it_is,
    "with a fake user": with_a_fake_user,
    "in a strip": in_a_strip,
    "also in a strip": also_in_a_strip,
    "in two strips": in_two_strips,
    "tweaked": tweaked,
    "shared": shared_with_another,
    "an asset": an_asset,
}
"""How the dance's action may be used."""
EDITS = (
    lambda e: ops.replace_spans(variants=e.randint(1, 3)),
    lambda e: ops.regenerate_free(),
    lambda e: ops.mirror_spans(),
    lambda e: ops.make_loop(),
    lambda e: ops.copy_moves() and ops.paste_moves(),
)


def something_between(choice, armature, folder):
    """What a user may do in review that changes nothing of the dance; the armature, after it."""
    kind, name = choice.choice(["compare", "compare", "look", "save", "undo", "nothing"]), armature.name
    if kind == "compare":
        assert ops.compare_edit() == {"FINISHED"}
    elif kind == "look":
        bpy.context.scene.frame_set(choice.randint(1, 90))
        armature.select_set(not armature.select_get())
        bpy.context.view_layer.objects.active = armature
    elif kind == "save" and not armature.animation_data.use_tweak_mode:
        return saved_and_opened(folder, name)
    elif kind == "undo":
        bpy.ops.ed.undo_push(message="step")
        bpy.ops.ed.undo_push(message="another")
        if choice.random() < 0.5:
            ops.compare_edit()
        bpy.ops.ed.undo()
        return bpy.data.objects[name]
    return armature


@pytest.mark.parametrize("use", USES)
def test_reject_goes_back_exactly(reviewing, tmp_path, use, sequence):
    """`--sequences` says how many times each."""
    choice = random.Random(f"{use} {sequence}")
    bpy.context.preferences.edit.use_global_undo = True
    armature = reviewing
    if choice.random() < 0.5:
        user_data.add_to(armature)
    USES[use](armature)
    bpy.context.view_layer.update()
    start = choice.randrange(60)
    select_frames(start + 1, start + choice.randint(12, 30))
    bpy.context.scene.frame_set(choice.randint(1, 90))
    bpy.ops.ed.undo_push(message="begin")
    before = exactly(armature)
    edited = choice.choice(EDITS)(choice)
    assert edited == {"FINISHED"} and len(bpy.context.scene.magma_reviews) == 1
    for _ in range(choice.randrange(5)):
        armature = something_between(choice, armature, tmp_path)
    assert exactly(armature) != before
    assert ops.reject_edit() == {"FINISHED"}
    assert differences(exactly(armature), before) == []


@pytest.mark.made_up
def test_reject_of_an_override_goes_back_exactly(magma, tmp_path):
    magma.review_edits = "ALWAYS"
    rig = rigs.override_of(rigs.mixamo(), tmp_path)
    rigs.dance_on(rig, tmp_path)
    before, at_first = exactly(rig), keys(rig)
    replace()
    rig = saved_and_opened(tmp_path, rig.name)
    after = keys(rig)
    assert not np.array_equal(after, at_first)
    assert ops.compare_edit() == {"FINISHED"}
    assert np.array_equal(keys(rig), at_first)
    assert ops.compare_edit() == {"FINISHED"}
    assert np.array_equal(keys(rig), after)
    assert ops.reject_edit() == {"FINISHED"}
    assert differences(exactly(rig), before) == []


@long
def test_accept_leaves_the_edited_dance_and_nothing_else(reviewing):
    replace()
    after, record = keys(reviewing), stored_in(reviewing)
    ops.compare_edit()
    assert ops.accept_edit() == {"FINISHED"}
    assert np.array_equal(keys(reviewing), after) and stored_in(reviewing) == record
    assert [(action.name, action.users, action.use_fake_user) for action in bpy.data.actions] == [("song", 1, False)]
    assert not len(bpy.context.scene.magma_reviews)
    assert not any(span.changed for span in spans_of(reviewing).spans)
    assert not ops.accept_edit.poll() and not ops.reject_edit.poll() and not ops.compare_edit.poll()


@long
def test_compare_shows_the_dance_before_and_after(reviewing):
    at_first, record = keys(reviewing), stored_in(reviewing)
    replace()
    after, edited = keys(reviewing), stored_in(reviewing)
    for _ in range(2):
        assert ops.compare_edit() == {"FINISHED"}
        assert np.array_equal(keys(reviewing), at_first) and stored_in(reviewing) == record
        assert ops.compare_edit() == {"FINISHED"}
        assert np.array_equal(keys(reviewing), after) and stored_in(reviewing) == edited


@long
@pytest.mark.made_up
def test_what_has_changed_is_shown(reviewing):
    from magma_blender.ui.timeline_band import changed_parts

    select_frames(31, 60)
    ops.lock_spans()
    select_frames(1, 30)
    assert ops.replace_spans() == {"FINISHED"}
    assert [span.changed for span in spans_of(reviewing).spans] == [True, False, False]
    ((left, right),) = changed_parts(reviewing, lambda frame: 10 * frame)
    assert (left, right) == (10, 310)
    ops.reject_edit()
    assert changed_parts(reviewing, lambda frame: frame) == []
    assert not any(span.changed for span in spans_of(reviewing).spans)


def test_undo_and_redo_go_into_review_and_out_of_it(reviewing):
    bpy.context.preferences.edit.use_global_undo = True
    bpy.ops.ed.undo_push(message="begin")
    before = exactly(reviewing)
    replace()
    bpy.ops.ed.undo_push(message="replace")
    in_review = exactly(bpy.data.objects["song"])
    ops.compare_edit()
    bpy.ops.ed.undo()
    assert differences(exactly(bpy.data.objects["song"]), before) == []
    bpy.ops.ed.redo()
    assert differences(exactly(bpy.data.objects["song"]), in_review) == []
    assert ops.reject_edit("EXEC_DEFAULT", True) == {"FINISHED"}
    bpy.ops.ed.undo()
    assert differences(exactly(bpy.data.objects["song"]), in_review) == []


@long
def test_the_next_edit_accepts(reviewing):
    replace()
    accepted, kept = keys(reviewing), stored_in(reviewing)
    ops.compare_edit()
    select_frames(50, 80)
    assert ops.mirror_spans() == {"FINISHED"}  # of the dance after the edit, whatever was shown
    assert len(bpy.context.scene.magma_reviews) == 1
    assert ops.reject_edit() == {"FINISHED"}
    assert np.array_equal(keys(reviewing), accepted) and stored_in(reviewing) == kept
    assert [action.name for action in bpy.data.actions] == ["song"]


@long
@pytest.mark.parametrize("change", ["lock_spans", "generate_dance"])
def test_what_is_not_reviewed_accepts(reviewing, change):
    replace()
    bpy.context.scene.magma.target = reviewing
    assert getattr(ops, change)() == {"FINISHED"}
    assert not len(bpy.context.scene.magma_reviews)
    assert [(action.name, action.users) for action in bpy.data.actions] == [("song", 1)]


@long
def test_another_variant_stays_in_review(reviewing):
    at_first, record = keys(reviewing), stored_in(reviewing)
    replace()
    first = keys(reviewing)
    position = span_at(reviewing, 5).start
    assert ops.switch_variant(position=position, step=1) == {"FINISHED"}
    assert not np.array_equal(keys(reviewing), first) and len(bpy.context.scene.magma_reviews) == 1
    second = keys(reviewing)
    ops.compare_edit()
    assert np.array_equal(keys(reviewing), at_first)
    ops.compare_edit()
    assert np.array_equal(keys(reviewing), second)
    assert ops.reject_edit() == {"FINISHED"}
    assert np.array_equal(keys(reviewing), at_first) and stored_in(reviewing) == record
    assert [action.name for action in bpy.data.actions] == ["song"]


@long
def test_switching_a_variant_alone_is_not_reviewed(reviewing):
    replace()
    ops.accept_edit()
    assert ops.switch_variant(position=span_at(reviewing, 5).start, step=1) == {"FINISHED"}
    assert not len(bpy.context.scene.magma_reviews)


@long
@pytest.mark.parametrize("when", ["after", "before"])
@pytest.mark.parametrize("end", ["accept", "reject"])
def test_keys_that_were_changed_by_hand_stay_in_the_file(reviewing, tmp_path, when, end):
    replace()
    if when == "before":
        ops.compare_edit()
    move_key(reviewing, 80)
    mine = keys(reviewing)
    ops.compare_edit()
    assert not np.array_equal(keys(reviewing), mine)
    ops.compare_edit()
    assert np.array_equal(keys(reviewing), mine)
    said = getattr(review, end)(reviewing)
    rig = saved_and_opened(tmp_path)
    if (when == "after") == (end == "accept"):
        assert np.array_equal(keys(rig), mine) and [action.name for action in bpy.data.actions] == ["song"]
        return
    kept = bpy.data.actions["song (rejected)" if when == "after" else "song (before)"]
    assert f'in the action "{kept.name}"' in said
    assert kept.use_fake_user and rig.animation_data.action.name == "song" and len(bpy.data.actions) == 2
    assign(rig.animation_data, kept)
    assert np.array_equal(keys(rig), mine)


@long
def test_an_edit_that_fails_leaves_the_review(reviewing, monkeypatch):
    from magma_blender.scene import dance_keys

    replace()
    before = exactly(reviewing)

    def fail(*_arguments):
        raise SceneError("The disk is full.")

    monkeypatch.setattr(dance_keys, "store_keyed", fail)
    for edit in (ops.mirror_spans, lambda: ops.switch_variant(position=span_at(reviewing, 5).start)):
        with pytest.raises(RuntimeError, match="disk is full"):
            edit()
        assert differences(exactly(reviewing), before) == []
    assert ops.reject_edit() == {"FINISHED"}
    assert [action.name for action in bpy.data.actions] == ["song"]


@long
def test_an_action_that_was_assigned_in_review_stays(reviewing):
    at_first = keys(reviewing)
    replace()
    other = bpy.data.actions.new("mine")
    reviewing.animation_data.action = other
    with pytest.raises(RuntimeError, match="does not play the action of its dance"):
        ops.compare_edit()
    assert ops.reject_edit() == {"FINISHED"}
    assert np.array_equal(keys(reviewing), at_first) and other.use_fake_user
    assert sorted(action.name for action in bpy.data.actions) == ["mine", "song"]


@long
def test_a_dance_that_is_pushed_down_in_review_is_followed(reviewing):
    at_first = keys(reviewing)
    replace()
    in_a_strip(reviewing)
    after = keys(reviewing)
    assert ops.compare_edit() == {"FINISHED"}
    assert np.array_equal(keys(reviewing), at_first)
    ops.compare_edit()
    assert np.array_equal(keys(reviewing), after)
    assert ops.reject_edit() == {"FINISHED"}
    assert np.array_equal(keys(reviewing), at_first)
    assert [strip.action.name for strip in reviewing.animation_data.nla_tracks[0].strips] == ["song"]


@long
@pytest.mark.parametrize("shown", ["before", "after"])
def test_a_lost_action_can_still_be_left(reviewing, shown):
    """A user may delete either action, since Blender lists both."""
    replace()
    if shown == "before":
        ops.compare_edit()
        bpy.data.actions.remove(bpy.data.actions["song"])
        with pytest.raises(RuntimeError, match="press Reject"):
            ops.compare_edit()
        assert ops.reject_edit() == {"FINISHED"}
    else:
        bpy.data.actions.remove(bpy.data.actions["song (before)"])
        with pytest.raises(RuntimeError, match="press Accept"):
            ops.compare_edit()
        with pytest.raises(RuntimeError, match="press Accept"):
            ops.reject_edit()
        assert ops.accept_edit() == {"FINISHED"}
    assert [action.name for action in bpy.data.actions] == ["song"]
    assert not len(bpy.context.scene.magma_reviews)


@long
def test_edits_in_background_are_not_reviewed_unless_asked(dancer):
    action = dancer.animation_data.action
    replace()
    assert not len(bpy.context.scene.magma_reviews) and dancer.animation_data.action == action


@long
def test_a_deleted_dancer_does_not_stay_for_its_review(reviewing):
    replace()
    twin = reviewing.copy()
    twin.animation_data.action = None
    bpy.context.scene.collection.objects.link(twin)
    bpy.context.scene.collection.objects.unlink(reviewing)
    bpy.context.view_layer.objects.active = twin
    review_list.end_reviews(twin)
    assert not len(bpy.context.scene.magma_reviews)


@long
@pytest.mark.parametrize("end", ["accept_edit", "reject_edit"])
def test_what_is_said_of_an_edit_ends_with_its_review(reviewing, end):
    from magma_blender.engine_host.session import session

    replace()
    assert session.notice is not None
    getattr(ops, end)()
    assert session.notice is None


def test_the_panel_tells_what_is_in_review(reviewing):
    from magma_blender.ui import review_panel

    def drawn():
        layout = Layout(context_for())
        review_panel.draw_review(layout, layout.context, reviewing, load(reviewing))
        return layout.seen

    assert drawn() == []
    replace()
    assert {"Replace Moves, 0.6 to 2.0 s", "Accept", "Reject", "Compare"} <= set(drawn())
    assert "Another edit accepts this one." in " ".join(drawn())
    ops.compare_edit()
    assert "Shown: before the edit." in drawn()
