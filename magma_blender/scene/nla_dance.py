"""A dance in an NLA strip of its own: pushed down, repeated, and danced in place by a layer above it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import bpy

from smpl_rig.blender import compat
from smpl_rig.blender.context import layer_of

from ..engine_host import engine_setup
from ..errors import SceneError
from . import dance_keys, review
from .edits import check_kept
from .target import target_of

if TYPE_CHECKING:
    from smpl_rig.motion import Motion

TRACK, IN_PLACE_TRACK = "Dance", "In Place"
"""Names of tracks."""
IN_PLACE_KEY = "magma_in_place"
"""Custom property of an action that holds the dance in its place."""
SEAMLESS = 0.02
"""Metres that the joints of the first and the last frame may be apart in a loop, in the mean."""


@contextlib.contextmanager
def tracks_or_nothing(armature: bpy.types.Object) -> Iterator[None]:
    """On any exception the armature has the NLA tracks of before, and its own action; new actions are removed."""
    data = armature.animation_data or armature.animation_data_create()
    assert data is not None
    places, actions = compat.places(armature), set(bpy.data.actions)
    own = places[:1] if data.action is not None else []
    before = len(data.nla_tracks)
    try:
        yield
    except BaseException:
        for track in data.nla_tracks[before:]:
            data.nla_tracks.remove(track)
        for place in own:
            place.assign()
        bpy.data.batch_remove(set(bpy.data.actions) - actions)
        raise


def push_down(armature: bpy.types.Object, repeat: float = 1.0) -> bpy.types.NlaStrip:
    """Move the dance's action to a strip of its own, where it plays as before; returns the strip. repeat: how often it
    plays. Raises SceneError."""
    check_kept(armature)
    review.show_after(armature)
    place = _place_of(armature)
    if place.in_strip:
        raise SceneError(
            f'The dance of "{armature.name}" is in the NLA strip "{_strip_of(armature, place).name}" already.'
        )
    with review.accepting(armature), tracks_or_nothing(armature):
        return _pushed_down(armature, place, repeat)


def _pushed_down(armature: bpy.types.Object, place: compat.Place, repeat: float) -> bpy.types.NlaStrip:
    from smpl_rig.blender.nla import add_strip

    data = armature.animation_data
    assert data is not None
    layer_of(bpy.context).update()  # else Blender 4.5 and 5.0 crash when the action goes
    blend, influence, beyond = data.action_blend_type, data.action_influence, data.action_extrapolation
    strip = add_strip(armature, place, TRACK)
    strip.blend_type, strip.influence, strip.extrapolation = blend, influence, beyond
    strip.repeat = repeat
    data.action = None
    return strip


def is_loop(motion: Motion) -> bool:
    """Whether a motion ends with the pose and place that it begins with."""
    import numpy as np

    joints = motion.joints()
    return bool(np.linalg.norm(joints[-1] - joints[0], axis=-1).mean() < SEAMLESS)


def hold_in_place(armature: bpy.types.Object) -> bpy.types.NlaStrip:
    """Take the dance's way over the floor off by a layer above it, a strip on a track of its own, which is returned.
    The dance's keys stay. A layer of before is replaced; a dance in the armature's own action is pushed down first,
    since that plays above all strips. Raises SceneError, with everything as it was."""
    from smpl_rig.blender.nla import add_strip, follow

    check_kept(armature)
    engine_setup.check_numpy()
    review.show_after(armature)
    dancer, place = dance_keys.untouched(armature), _place_of(armature)
    if _data_of(armature).use_tweak_mode:
        raise SceneError(f'An NLA strip of "{armature.name}" is being tweaked: leave its Tweak Mode (Tab) first.')
    motion = dancer.motion()
    with review.accepting(armature), tracks_or_nothing(armature):
        strip = _strip_of(armature, place) if place.in_strip else _pushed_down(armature, place, 1.0)
        offset = strip.frame_start - strip.action_frame_start
        target = target_of(armature, dancer)
        layer = target.layer(_held(motion), motion, dancer.frame_start - offset, f"{strip.name} in place")
        layer.action[IN_PLACE_KEY] = True
        above = add_strip(armature, layer, IN_PLACE_TRACK)
        follow(above, strip)
    _remove_layers(armature, keep=above)
    return above


def let_travel(armature: bpy.types.Object) -> None:
    """Remove what `hold_in_place` added: the dance travels again. Raises SceneError where there is nothing."""
    if not is_in_place(armature):
        raise SceneError(f'The dance of "{armature.name}" is not held in its place: there is nothing to remove.')
    _remove_layers(armature, keep=None)


def is_in_place(armature: bpy.types.Object) -> bool:
    """Whether there is a layer that holds the dance in its place."""
    from smpl_rig.blender.nla import tracks_with

    return bool(tracks_with(armature, IN_PLACE_KEY))


def _held(motion: Motion) -> Motion:
    trans = motion.trans.copy()
    trans[:, :2] = trans[0, :2]
    return replace(motion, trans=trans)


def _remove_layers(armature: bpy.types.Object, keep: bpy.types.NlaStrip | None) -> None:
    from smpl_rig.blender.nla import tracks_with

    data = _data_of(armature)
    for track in tracks_with(armature, IN_PLACE_KEY):
        actions = [strip.action for strip in track.strips if strip != keep and strip.action is not None]
        if keep is not None and keep in track.strips[:]:
            continue
        data.nla_tracks.remove(track)
        for action in actions:
            if not action.users:
                bpy.data.actions.remove(action)


def _data_of(armature: bpy.types.Object) -> bpy.types.AnimData:
    data = armature.animation_data
    assert data is not None
    return data


def _place_of(armature: bpy.types.Object) -> compat.Place:
    """Where the keys of an armature's dance are. Raises SceneError where there are none, or no dance."""
    place = target_of(armature).place
    if place is None:
        raise SceneError(f'"{armature.name}" has no keys of its dance: press Restore Keyframes first.')
    return place


def _strip_of(armature: bpy.types.Object, place: compat.Place) -> bpy.types.NlaStrip:
    """The strip of a place that is in one, also while it is tweaked."""
    if isinstance(place.holder, bpy.types.NlaStrip):
        return place.holder
    others = [other for other in compat.places(armature)[1:] if other.action == place.action]
    holder = others[0].holder
    assert isinstance(holder, bpy.types.NlaStrip)
    return holder
