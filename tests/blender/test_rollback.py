"""A change that fails in its middle leaves the file as it was, however the dancer's actions are used."""

from __future__ import annotations

import pytest

pytest.importorskip("bpy")
import bpy
import skips
from dances import move_key, select_frames

from magma_blender.scene.dancer import load, stored_in

pytestmark = pytest.mark.skipif(bpy.app.version[:2] in skips.ELSEWHERE_IN, reason=skips.ELSEWHERE)


@pytest.fixture
def failing(dancer, monkeypatch):
    """The dancer; after its keys were changed, keeping them fails."""
    from magma_blender.scene import dance_keys

    def fail(*_arguments):
        raise OSError("the disk is full")

    def switch_on():
        monkeypatch.setattr(dance_keys, "store_keyed", fail)

    return dancer, switch_on


def state(armature):
    places = [armature.animation_data, *(s for t in armature.animation_data.nla_tracks for s in t.strips)]
    names = [place.action.name if place.action is not None else None for place in places]
    slots = [getattr(place, "action_slot", None) for place in places]
    slots = [slot.identifier if slot is not None else None for slot in slots]
    found = sorted(
        (action.name, action.use_fake_user, action.users, getattr(action.asset_data, "description", None))
        for action in bpy.data.actions
    )
    return names, slots, found, stored_in(armature), [bone.rotation_mode for bone in armature.pose.bones]


def assign(holder, action):
    holder.action = action
    if hasattr(holder, "action_slot") and action is not None:
        holder.action_slot = action.slots[0]


def strip_with(armature, action, frame):
    strip = armature.animation_data.nla_tracks.new().strips.new("dance", frame, action)
    assign(strip, action)
    bpy.context.view_layer.update()
    return strip


def as_own_action(_armature):
    pass


def also_in_a_strip(armature):
    strip_with(armature, armature.animation_data.action, 300)


def in_two_strips(armature):
    action = armature.animation_data.action
    strip_with(armature, action, 300)
    strip_with(armature, action, 1)
    armature.animation_data.action = None


def tweaked(armature):
    action = armature.animation_data.action
    strip = strip_with(armature, action, 1)
    armature.animation_data.action = None
    for track in armature.animation_data.nla_tracks:
        track.select = True
    strip.select = True
    armature.animation_data.nla_tracks.active = armature.animation_data.nla_tracks[-1]
    armature.animation_data.use_tweak_mode = True
    assert armature.animation_data.use_tweak_mode


def shared_with_another(armature):
    twin = armature.copy()
    bpy.context.scene.collection.objects.link(twin)


def with_a_fake_user(armature):
    armature.animation_data.action.use_fake_user = True


def an_asset(armature):
    armature.animation_data.action.asset_mark()
    armature.animation_data.action.asset_data.description = "a waltz"


def change(armature):
    bpy.context.view_layer.objects.active = armature
    select_frames(31, 60)
    assert bpy.ops.magma.lock_spans() == {"FINISHED"}
    return state(armature), keys_of(armature)


def keys_of(armature):
    from smpl_rig.blender.keying import curves_of
    from smpl_rig.blender.smpl_keying import CHANNELS, SmplKeying

    found = curves_of(SmplKeying(armature))
    return [[curve.evaluate(frame) for frame in range(1, 91)] for curve in (found[channel] for channel in CHANNELS)]


@pytest.mark.parametrize(
    "used",
    [as_own_action, also_in_a_strip, in_two_strips, tweaked, shared_with_another, with_a_fake_user, an_asset],
)
def test_an_edit_that_fails(failing, used):
    armature, fail = failing
    used(armature)
    before = change(armature)
    fail()
    with pytest.raises(OSError, match="disk is full"):
        bpy_edit(armature)
    assert (state(armature), keys_of(armature)) == before


def test_other_objects_keep_the_action_itself_when_an_edit_fails(failing):
    armature, fail = failing
    shared_with_another(armature)
    action = armature.animation_data.action
    fail()
    with pytest.raises(OSError, match="disk is full"):
        bpy_edit(armature)
    assert [action] == list(bpy.data.actions) and action.users == 2


def test_a_shared_action_is_as_it_was_when_a_new_dance_fails(failing):
    armature, fail = failing
    shared_with_another(armature)
    move_key(armature, 20)  # so that it would be kept
    before = state(armature), keys_of(armature)
    bpy.context.scene.magma.target = armature
    fail()
    with pytest.raises(RuntimeError):
        bpy.ops.magma.generate_dance()
    assert (state(armature), keys_of(armature)) == before


def test_an_edited_asset_stays_as_it_is_in_its_catalogue(dancer):
    action = dancer.animation_data.action
    an_asset(dancer)
    before = keys_of(dancer)
    bpy_edit(dancer)
    assert keys_of(dancer) != before
    assert action.asset_data.description == "a waltz"
    assert dancer.animation_data.action != action
    assign(dancer.animation_data, action)
    assert keys_of(dancer) == before


@pytest.mark.parametrize("ask", ["lock_spans", "regenerate_free"])
def test_an_edit_while_a_strip_with_a_shared_action_is_tweaked(dancer, ask):
    """Another object has the action, too. Blender does not let another one be assigned meanwhile."""
    shared_with_another(dancer)
    tweaked(dancer)
    select_frames(31, 60)
    if ask == "lock_spans":  # which changes no keys
        assert bpy.ops.magma.lock_spans() == {"FINISHED"}
        return
    before = state(dancer), keys_of(dancer)
    with pytest.raises(RuntimeError, match="leave its Tweak Mode"):
        bpy.ops.magma.regenerate_free()
    assert (state(dancer), keys_of(dancer)) == before


def bpy_edit(armature):
    """What an edit does, without the operator around it, which would say a program error's sentence."""
    from dataclasses import replace

    from magma_blender.scene import dance_keys
    from magma_blender.scene.transaction import all_or_nothing

    dancer = load(armature)
    motion = dancer.motion()
    other = replace(motion, trans=motion.trans + 0.25)
    with all_or_nothing(armature):
        dance_keys.rewrite(armature, dancer, motion, other)
        dance_keys.store_keyed(armature, dancer, len(motion))
