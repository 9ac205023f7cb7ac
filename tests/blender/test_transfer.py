"""Dances that go to other armatures: keyed, edited and saved there as at home; the old dancer keeps or gives up."""

from __future__ import annotations

import pytest

pytest.importorskip("bpy")
import bpy
import skips
from dances import lock_the_second_second, move_key, saved_and_opened, spans, state
from test_target import danced_is_keyed

from magma_blender.scene.dancer import has_dance, load
from smpl_rig.blender.armature import create_armature

pytestmark = pytest.mark.skipif(bpy.app.version[:2] in skips.ELSEWHERE_IN, reason=skips.ELSEWHERE)


def select(*objects):
    for obj in bpy.context.scene.objects:
        obj.select_set(obj in objects)
    bpy.context.view_layer.objects.active = objects[0]


def test_a_copy_is_a_dance_of_its_own(dancer, tmp_path):
    lock_the_second_second(dancer)
    other = create_armature("Other", 100)
    other.location.y = 3
    select(dancer, other)
    before = state(dancer)
    assert bpy.ops.magma.transfer_dance() == {"FINISHED"}
    assert state(dancer) == before
    assert load(other).document == load(dancer).document and load(other).npz == load(dancer).npz
    assert spans(other) == spans(dancer) and len(other.magma_spans.spans) == len(dancer.magma_spans.spans)
    assert other.animation_data.action != dancer.animation_data.action
    danced_is_keyed(other)
    select(other)
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    assert state(dancer) == before
    danced_is_keyed(other)
    saved_and_opened(tmp_path)
    danced_is_keyed(bpy.data.objects["Other"])


def test_a_dance_moves_to_the_target(dancer):
    other = bpy.context.scene.magma.target = create_armature("Other")
    select(dancer)
    document, action = load(dancer).document, dancer.animation_data.action
    assert bpy.ops.magma.transfer_dance(give_up=True) == {"FINISHED"}
    assert load(other).document == document and not has_dance(dancer)
    assert dancer.animation_data.action is None and action.name in bpy.data.actions
    bpy.context.view_layer.update()
    assert all((bone.matrix_basis.to_quaternion().angle < 1e-6) for bone in dancer.pose.bones)
    danced_is_keyed(other)


def test_one_dance_for_several_and_several_for_as_many(dancer):
    first, second = create_armature("First"), create_armature("Second")
    select(dancer, first, second)
    assert bpy.ops.magma.transfer_dance() == {"FINISHED"}
    assert load(first).npz == load(second).npz == load(dancer).npz
    others = [create_armature(name) for name in ("Third", "Fourth")]
    select(second, first, *others)
    assert bpy.ops.magma.transfer_dance(give_up=True) == {"FINISHED"}
    assert not has_dance(first) and not has_dance(second)
    for other in others:
        danced_is_keyed(other)
    select(dancer, *others)  # all dance: the active one's goes to the others
    assert bpy.ops.magma.transfer_dance() == {"FINISHED"}


def test_what_cannot_be_changes_nothing(dancer):
    select(dancer)
    with pytest.raises(RuntimeError, match="Nobody is there to dance what"):
        bpy.ops.magma.transfer_dance()
    good, bad = create_armature("Good"), bpy.data.objects.new("Bad", bpy.data.armatures.new("Bad"))
    bpy.context.scene.collection.objects.link(bad)
    select(dancer, good, bad)
    before = state(dancer), sorted(action.name for action in bpy.data.actions)
    with pytest.raises(RuntimeError, match="has no bones"):
        bpy.ops.magma.transfer_dance(give_up=True)
    assert (state(dancer), sorted(action.name for action in bpy.data.actions)) == before
    assert not has_dance(good) and good.animation_data is None
    bad.select_set(False)
    move_key(dancer, 20)
    with pytest.raises(RuntimeError, match="changed by hand"):
        bpy.ops.magma.transfer_dance()
    assert not has_dance(good)
