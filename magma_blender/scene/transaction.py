"""Changes of the scene that happen as a whole or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import bpy

from smpl_rig.blender import compat
from smpl_rig.blender.context import layer_of

from . import span_list
from .dancer import put_back, stored_in

KINDS = ("objects", "armatures", "meshes", "materials", "actions", "collections", "images", "node_groups")
"""Collections of bpy.data that a change may add to."""
CHANNELS = ("location", "scale", "rotation_quaternion", "rotation_euler", "rotation_axis_angle")


@contextlib.contextmanager
def all_or_nothing(armature: bpy.types.Object | None) -> Iterator[None]:
    """On any exception everything is as it was: what was added is removed, and the armature has its actions with their
    keys, its pose and its record back.

    An action that the change has replaced, and that nothing uses any more, is removed at the end: whoever replaces one
    that should stay gives it a fake user.
    """
    former = compat.places(armature)[0].action if armature is not None and compat.places(armature) else None
    backup = _Backup.of(armature) if armature is not None else None
    before = {kind: set(getattr(bpy.data, kind)) for kind in KINDS}
    view_layer = layer_of(bpy.context)
    active = view_layer.objects.active
    try:
        yield
    except BaseException:
        if backup is not None:
            backup.put_back()
        bpy.data.batch_remove({block for kind in KINDS for block in set(getattr(bpy.data, kind)) - before[kind]})
        view_layer.objects.active = active
        raise
    if backup is not None:
        backup.drop()
    if armature is not None and former is not None and former.users == 0 and former.library is None:
        _replace_by_present(armature, former)


@contextlib.contextmanager
def record_or_nothing(armature: bpy.types.Object) -> Iterator[None]:
    """`all_or_nothing` for a change of the armature's record and list of spans alone."""
    record = stored_in(armature)
    try:
        yield
    except BaseException:
        put_back(armature, record)
        span_list.refresh(armature)
        raise


def _replace_by_present(armature: bpy.types.Object, former: bpy.types.Action) -> None:
    """Remove an action; the armature's present one may have its name, which ends in a number only because of it."""
    name = former.name
    bpy.data.actions.remove(former)
    present = compat.places(armature)[0].action
    if present.name.rpartition(".")[0] == name:
        present.name = name


@dataclass
class _Kept:
    """One of the armature's actions. copy: as it was; None where the change cannot reach it, since it is linked, an
    asset, or used elsewhere, too, also by the armature itself: then a copy of it is changed."""

    place: compat.Place
    copy: compat.Place | None
    fake_user: bool


class _Backup:
    """An armature's actions, pose and record."""

    def __init__(self, armature: bpy.types.Object, kept: list[_Kept]) -> None:
        self._armature, self._kept = armature, kept
        self._animated = armature.animation_data is not None
        self._record = stored_in(armature)
        bones = armature.pose.bones if armature.pose is not None else ()
        self._pose = {
            bone.name: (bone.rotation_mode, {name: tuple(getattr(bone, name)) for name in CHANNELS}) for bone in bones
        }
        self._switches = {bone.name: _numbers(bone) for bone in bones}
        self._position = compat.armature_of(armature).pose_position if armature.pose is not None else None

    @classmethod
    def of(cls, armature: bpy.types.Object) -> _Backup:
        """What the armature has now."""
        kept: dict[bpy.types.Action, compat.Place | None] = {}  # one copy of an action that several strips play
        found = []
        for place in compat.places(armature):
            if place.action not in kept:
                kept[place.action] = _copy(place)
            copy = kept[place.action]
            found.append(
                _Kept(place, place.with_copy(copy.action) if copy is not None else None, place.action.use_fake_user)
            )
        return cls(armature, found)

    def put_back(self) -> None:
        """Give the armature all of it back."""
        data = self._armature.animation_data
        if data is not None and not self._kept and data.action is not None:
            data.action = None
        copies = {kept.place.action: kept.copy.action for kept in self._kept if kept.copy is not None}
        for changed, copy in copies.items():
            changed.user_remap(copy)
        for kept in self._kept:
            # a strip that is tweaked, and its armature, have one action
            action = kept.place.action
            place = kept.place.with_copy(copies[action]) if action in copies else kept.place
            place.assign()
            place.action.use_fake_user = kept.fake_user
        for changed, copy in copies.items():
            name = changed.name
            bpy.data.actions.remove(changed)
            copy.name = name  # which is free now
        if not self._animated and self._armature.animation_data is not None:
            self._armature.animation_data_clear()
        for name, (mode, values) in self._pose.items():
            bone = compat.pose_of(self._armature).bones[name]
            bone.rotation_mode = mode
            for channel, value in values.items():
                setattr(bone, channel, value)
        for name, numbers in self._switches.items():
            for key, number in numbers.items():
                compat.pose_of(self._armature).bones[name][key] = number
        bones = self._armature.data
        if self._position is not None and isinstance(bones, bpy.types.Armature) and bones.library is None:
            bones.pose_position = self._position
        put_back(self._armature, self._record)
        span_list.refresh(self._armature)

    def drop(self) -> None:
        """It is not needed."""
        for copy in {kept.copy.action for kept in self._kept if kept.copy is not None}:
            bpy.data.actions.remove(copy)


def _numbers(bone: bpy.types.PoseBone) -> dict[str, float]:
    """A bone's own properties that are numbers, such as a control rig's switches."""
    return {key: value for key, value in bone.items() if isinstance(value, int | float)}


def _copy(place: compat.Place) -> compat.Place | None:
    return place.copied() if compat.is_own(place) else None
