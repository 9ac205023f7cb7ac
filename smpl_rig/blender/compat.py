"""What differs between Blender 3.4 and 5.0 in actions, bones and materials, behind one set of names.

Up to 4.3 an action holds F-curves itself. From 4.4 on it holds layers, strips and, per animated data-block (slot), a
bag of F-curves; from 5.0 on `action.fcurves` is gone. Up to 3.6 bones are coloured through groups of the pose; from 4.0
on bones have colours and the armature has bone collections. What Blender 5.0's types do not have is described here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, cast

import bpy

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import BeztripleInterpolationModeItems, ColorSetsItems

LAYERED_ACTIONS: bool = bpy.app.version >= (4, 4, 0)
BONE_COLLECTIONS: bool = bpy.app.version >= (4, 0, 0)


class _Curves(Protocol):
    def __iter__(self) -> Iterator[bpy.types.FCurve]: ...

    def new(self, data_path: str, *, index: int, action_group: str) -> bpy.types.FCurve: ...


class _UnlayeredAction(Protocol):
    """Up to 4.3."""

    fcurves: _Curves


class _BoneGroup(Protocol):
    color_set: str


class _BoneGroups(Protocol):
    def new(self, *, name: str) -> _BoneGroup: ...


class _GroupedPose(Protocol):
    """Up to 3.6."""

    bone_groups: _BoneGroups


class _GroupedBone(Protocol):
    """Up to 3.6."""

    bone_group: _BoneGroup


class _Socket(Protocol):
    default_value: object


class NewAction:
    """An action made for one object, not yet assigned to it: fill it with `add`, then `assign`."""

    def __init__(self, obj: bpy.types.Object, name: str) -> None:
        self.action: bpy.types.Action = bpy.data.actions.new(name)
        self._obj = obj
        self._slot: bpy.types.ActionSlot | None = None
        self._bag: bpy.types.ActionChannelbag | None = None
        if LAYERED_ACTIONS:
            self._slot = self.action.slots.new(id_type="OBJECT", name=obj.name)
            strip = self.action.layers.new("Layer").strips.new(type="KEYFRAME")
            assert isinstance(strip, bpy.types.ActionKeyframeStrip)
            self._bag = strip.channelbag(self._slot, ensure=True)

    def add(self, data_path: str, index: int, group: str) -> bpy.types.FCurve:
        """A new F-curve without keys, listed under the channel group `group`."""
        if self._bag is None:
            return cast("_UnlayeredAction", self.action).fcurves.new(data_path, index=index, action_group=group)
        curve = self._bag.fcurves.new(data_path, index=index)
        curve.group = self._bag.groups.get(group) or self._bag.groups.new(group)
        return curve

    def assign(self) -> None:
        """Make it the object's action. The action it replaces, if any, gets a fake user so that saving keeps it."""
        data = self._obj.animation_data or self._obj.animation_data_create()
        assert data is not None
        if data.action is not None:
            data.action.use_fake_user = True
        data.action = self.action
        if LAYERED_ACTIONS:
            data.action_slot = self._slot


def fcurves(obj: bpy.types.Object | bpy.types.Scene) -> list[bpy.types.FCurve]:
    """The F-curves that animate `obj` through its assigned action; none without an action (or without a slot)."""
    data = obj.animation_data
    if data is None or data.action is None:
        return []
    if not LAYERED_ACTIONS:
        return list(cast("_UnlayeredAction", data.action).fcurves)
    if data.action_slot is None:
        return []
    strips = [strip for layer in data.action.layers for strip in layer.strips]
    bags = [s.channelbag(data.action_slot) for s in strips if isinstance(s, bpy.types.ActionKeyframeStrip)]
    return [curve for bag in bags if bag is not None for curve in bag.fcurves]


def own_action(obj: bpy.types.Object) -> None:
    """Give `obj` a copy of its action, if it has one, where other objects use that one too."""
    data = obj.animation_data
    if data is None or data.action is None or data.action.users - data.action.use_fake_user <= 1:
        return
    slot = data.action_slot.identifier if LAYERED_ACTIONS and data.action_slot is not None else None
    copy = data.action.copy()
    data.action = copy
    if slot is not None:
        data.action_slot = copy.slots[slot]


def armature_of(obj: bpy.types.Object) -> bpy.types.Armature:
    """The bones of an object whose type is ARMATURE."""
    assert isinstance(obj.data, bpy.types.Armature)
    return obj.data


def pose_of(obj: bpy.types.Object) -> bpy.types.Pose:
    """The pose of an object whose type is ARMATURE."""
    assert obj.pose is not None
    return obj.pose


def interpolation(name: BeztripleInterpolationModeItems) -> int:
    """The number of a kind of interpolation, for `foreach_set`."""
    kinds = bpy.types.Keyframe.bl_rna.properties["interpolation"]
    assert isinstance(kinds, bpy.types.EnumProperty)
    return kinds.enum_items[name].value


def group_bones(obj: bpy.types.Object, groups: Mapping[str, tuple[ColorSetsItems, Sequence[str]]]) -> None:
    """Sort the armature's bones into named, coloured groups: {group: (theme colour such as "THEME04", bone names)}."""
    for name, (theme, bones) in groups.items():
        if BONE_COLLECTIONS:
            armature = armature_of(obj)
            collection = armature.collections.new(name)
            for bone in bones:
                collection.assign(armature.bones[bone])
                color = armature.bones[bone].color
                assert color is not None
                color.palette = theme
        else:
            group = cast("_GroupedPose", pose_of(obj)).bone_groups.new(name=name)
            group.color_set = theme
            for bone in bones:
                cast("_GroupedBone", pose_of(obj).bones[bone]).bone_group = group


def set_surface(material: bpy.types.Material, color: Sequence[float], roughness: float) -> None:
    """Set the material's Principled BSDF node, made where this Blender does not make it itself. color: linear RGB,
    0..1."""
    if material.node_tree is None:
        material.use_nodes = True
    assert material.node_tree is not None
    node = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    values: dict[str, object] = {"Base Color": (*color, 1), "Roughness": roughness}
    for name, value in values.items():
        cast("_Socket", node.inputs[name]).default_value = value
