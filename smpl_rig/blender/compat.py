"""What differs between Blender 3.4 and 5.0 in actions, bones and materials, behind one set of names.

Up to 4.3 an action holds F-curves itself. From 4.4 on it holds layers, strips and, per animated data-block (slot), a
bag of F-curves; from 5.0 on `action.fcurves` is gone. Up to 3.6 bones are coloured through groups of the pose; from 4.0
on bones have colours and the armature has bone collections.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import bpy

LAYERED_ACTIONS: bool = bpy.app.version >= (4, 4, 0)
BONE_COLLECTIONS: bool = bpy.app.version >= (4, 0, 0)


class NewAction:
    """An action made for one object, not yet assigned to it: fill it with `add`, then `assign`."""

    def __init__(self, obj: bpy.types.Object, name: str) -> None:
        self.action: bpy.types.Action = bpy.data.actions.new(name)
        self._obj = obj
        if LAYERED_ACTIONS:
            self._slot = self.action.slots.new(id_type="OBJECT", name=obj.name)
            strip = self.action.layers.new("Layer").strips.new(type="KEYFRAME")
            self._bag = strip.channelbag(self._slot, ensure=True)

    def add(self, data_path: str, index: int, group: str) -> bpy.types.FCurve:
        """A new F-curve without keys, listed under the channel group `group`."""
        if not LAYERED_ACTIONS:
            return self.action.fcurves.new(data_path, index=index, action_group=group)
        curve = self._bag.fcurves.new(data_path, index=index)
        curve.group = self._bag.groups.get(group) or self._bag.groups.new(group)
        return curve

    def assign(self) -> None:
        """Make it the object's action. The action it replaces, if any, gets a fake user so that saving keeps it."""
        data = self._obj.animation_data or self._obj.animation_data_create()
        if data.action is not None:
            data.action.use_fake_user = True
        data.action = self.action
        if LAYERED_ACTIONS:
            data.action_slot = self._slot


def fcurves(obj: bpy.types.Object) -> list[bpy.types.FCurve]:
    """The F-curves that animate `obj` through its assigned action; none without an action (or without a slot)."""
    data = obj.animation_data
    if data is None or data.action is None:
        return []
    if not LAYERED_ACTIONS:
        return list(data.action.fcurves)
    if data.action_slot is None:
        return []
    strips = [strip for layer in data.action.layers for strip in layer.strips]
    bags = [strip.channelbag(data.action_slot) for strip in strips]
    return [curve for bag in bags if bag is not None for curve in bag.fcurves]


def own_action(obj: bpy.types.Object) -> None:
    """Give `obj` a copy of its action where somebody else uses that one too."""
    data = obj.animation_data
    action = data.action
    if action.users - action.use_fake_user <= 1:
        return
    slot = data.action_slot.identifier if LAYERED_ACTIONS and data.action_slot is not None else None
    data.action = action.copy()
    if slot is not None:
        data.action_slot = data.action.slots[slot]


def interpolation(name: str) -> int:
    """The number of a kind of interpolation, for `foreach_set`."""
    return int(bpy.types.Keyframe.bl_rna.properties["interpolation"].enum_items[name].value)


def group_bones(obj: bpy.types.Object, groups: Mapping[str, tuple[str, Sequence[str]]]) -> None:
    """Sort the armature's bones into named, coloured groups: {group: (theme colour such as "THEME04", bone names)}."""
    for name, (theme, bones) in groups.items():
        if BONE_COLLECTIONS:
            collection = obj.data.collections.new(name)
            for bone in bones:
                collection.assign(obj.data.bones[bone])
                obj.data.bones[bone].color.palette = theme
        else:
            group = obj.pose.bone_groups.new(name=name)
            group.color_set = theme
            for bone in bones:
                obj.pose.bones[bone].bone_group = group


def shader_inputs(material: bpy.types.Material) -> Any:
    """Inputs of the material's Principled BSDF node, made where this Blender does not make it itself."""
    if material.node_tree is None:
        material.use_nodes = True
    return next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED").inputs
