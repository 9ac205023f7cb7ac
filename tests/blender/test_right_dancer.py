"""A change goes to the dancer that was meant, and to what carries its dance."""

from __future__ import annotations

import pytest

pytest.importorskip("bpy")
import bpy
import skips
from dances import select_frames, span_at, spans

from magma_blender.errors import SceneError
from magma_blender.scene.armature_reference import ArmatureReference
from magma_blender.scene.dancer import KEYS, RECORD_KEY, load

pytestmark = pytest.mark.skipif(bpy.app.version[:2] in skips.ELSEWHERE_IN, reason=skips.ELSEWHERE)


@pytest.mark.parametrize("renamed", [False, True])
def test_a_target_deleted_while_the_engine_works(dancer, renamed):
    """The panel's Target keeps it in the file, in no scene."""
    bpy.context.scene.magma.target = dancer
    reference = ArmatureReference(dancer)
    assert reference.find() == dancer
    if renamed:
        dancer.name = "Rita"
    bpy.ops.object.select_all(action="DESELECT")
    dancer.select_set(True)
    bpy.ops.object.delete()
    assert bpy.context.scene.magma.target is not None
    with pytest.raises(SceneError, match='The armature "song" was removed'):
        reference.find()


def lock_the_second_second(armature):
    bpy.context.view_layer.objects.active = armature
    select_frames(31, 60)
    assert bpy.ops.magma.lock_spans() == {"FINISHED"}


def linked(dancer, folder):
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "dancer.blend"))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=False)
    with bpy.data.libraries.load(str(folder / "dancer.blend"), link=True) as (there, wanted):
        wanted.objects, wanted.actions = ["song"], there.actions
    return wanted


def test_a_lock_leaves_a_linked_action_linked(dancer, tmp_path):
    """Of a local armature: the record is in the object, so its action need not change."""
    wanted = linked(dancer, tmp_path)
    local = wanted.objects[0].copy()
    bpy.context.scene.collection.objects.link(local)
    bpy.context.view_layer.update()
    assert local.library is None and local.animation_data.action == wanted.actions[0]
    lock_the_second_second(local)
    assert local.animation_data.action == wanted.actions[0]
    assert [span[2] for span in spans(local)] == [False, True, False]


def test_an_override_with_an_action_of_its_own_above_the_dance(dancer, tmp_path):
    """The record goes with the dance's keys, and there is one alone."""
    wanted = linked(dancer, tmp_path)
    bpy.context.scene.collection.objects.link(wanted.objects[0])
    override = wanted.objects[0].override_create(remap_local_usages=True)
    bpy.context.view_layer.update()
    lock_the_second_second(override)
    data = override.animation_data
    dance = data.action
    assert dance.library is None and RECORD_KEY in dance
    strip = data.nla_tracks.new().strips.new("dance", 1, dance)
    data.action = mine = bpy.data.actions.new("mine")
    if hasattr(strip, "action_slot"):
        strip.action_slot = dance.slots[0]
        data.action_slot = mine.slots.new(id_type="OBJECT", name=override.name)
    bpy.context.view_layer.update()
    mine[RECORD_KEY] = dance[RECORD_KEY].to_dict()  # as an earlier version of the add-on left it
    bpy.context.view_layer.objects.active = override
    select_frames(1, 30)
    assert bpy.ops.magma.lock_spans() == {"FINISHED"}
    assert not any(key in mine for key in KEYS)
    data.action = None
    assert [span_at(override, at).locked for at in range(15)] == [at < 10 for at in range(15)]
    assert load(override).action == dance.name
