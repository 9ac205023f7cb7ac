"""Edits in review: Reject goes back exactly, Accept leaves nothing behind, Compare shows either, and nothing is lost."""

from __future__ import annotations

import random

import numpy as np
import pytest

pytest.importorskip("bpy")
import bpy
import skips
import user_data
from dances import keys, move_key, saved_and_opened, select_frames, span_at
from test_rollback import also_in_a_strip, in_two_strips, shared_with_another, tweaked, with_a_fake_user

from magma_blender.scene import review_list
from magma_blender.scene.dancer import load, stored_in
from magma_blender.scene.span_list import spans_of

pytestmark = pytest.mark.skipif(bpy.app.version[:2] in skips.ELSEWHERE_IN, reason=skips.ELSEWHERE)
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
        "properties": {key: plain(value) for key, value in armature.items() if not key.startswith("magma")},
        "selected": [obj.name for obj in layer.objects if obj.select_get()],
        "active": layer.objects.active.name if layer.objects.active else None,
        "frame": (scene.frame_current, scene.frame_subframe),
        "pose": [tuple(np.array(bone.matrix_basis).ravel()) for bone in armature.pose.bones],
        "spans": [settings(span) for span in spans_of(armature).spans],
        "reviews": len(scene.magma_reviews),
    }


def differences(one, other):
    return {name: (one[name], other[name]) for name in one if one[name] != other[name]}


def replace(first=20, last=60):
    select_frames(first, last)
    assert ops.replace_spans() == {"FINISHED"}
    bpy.context.scene.use_preview_range = False


def test_reject_goes_back_exactly(reviewing):
    user_data.add_to(reviewing)
    select_frames(20, 60)
    before = exactly(reviewing)
    assert ops.replace_spans() == {"FINISHED"}
    assert exactly(reviewing)["record"] != before["record"]
    assert ops.reject_edit() == {"FINISHED"}
    assert differences(exactly(reviewing), before) == {}
