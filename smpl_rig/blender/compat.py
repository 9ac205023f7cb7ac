"""What differs between Blender 3.4 and 5.0 in actions, bones and materials, behind one set of names.

Up to 4.3 an action holds F-curves itself. From 4.4 on it holds layers, strips and, per animated data-block (slot), a
bag of F-curves; from 5.0 on `action.fcurves` is gone. Up to 3.6 bones are coloured through groups of the pose; from 4.0
on bones have colours and the armature has bone collections. What Blender 5.0's types do not have is described here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, cast

import bpy

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import ColorSetsItems

LAYERED_ACTIONS: bool = bpy.app.version >= (4, 4, 0)
BONE_COLLECTIONS: bool = bpy.app.version >= (4, 0, 0)


class _Curves(Protocol):
    def __iter__(self) -> Iterator[bpy.types.FCurve]: ...

    def new(self, data_path: str, *, index: int, action_group: str) -> bpy.types.FCurve: ...

    def remove(self, fcurve: bpy.types.FCurve) -> None: ...


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


@dataclass(frozen=True)
class Place:
    """Where keys of an object are: in its own action, or in that of an NLA strip.

    holder: what the action is assigned to. slot: None before 4.4, and where none is assigned: then nothing plays.
    offset: scene frames minus the action's frames, of the first time where a strip repeats it; None where a strip plays
    its action at another speed or backwards.
    """

    holder: bpy.types.AnimData | bpy.types.NlaStrip
    action: bpy.types.Action
    slot: bpy.types.ActionSlot | None
    offset: float | None

    @property
    def in_strip(self) -> bool:
        """Whether an NLA strip plays the action, also while it is tweaked."""
        return not isinstance(self.holder, bpy.types.AnimData) or self.holder.use_tweak_mode

    @property
    def is_layer(self) -> bool:
        """Whether its values are added to others or the like, rather than shown as they are."""
        holder = self.holder
        return (holder.action_blend_type if isinstance(holder, bpy.types.AnimData) else holder.blend_type) != "REPLACE"

    @property
    def is_muted(self) -> bool:
        """Whether it is in a muted strip, or in one of a muted track. Another track's solo does not count."""
        strip = self.holder
        if not isinstance(strip, bpy.types.NlaStrip):
            return False
        return strip.mute or any(track.mute for track in animation_of(strip).nla_tracks if strip in track.strips[:])

    def curves(self) -> list[bpy.types.FCurve]:
        """The F-curves that animate the object from here."""
        if not LAYERED_ACTIONS:
            return list(cast("_UnlayeredAction", self.action).fcurves)
        return [curve for bag in _bags(self.action, self.slot) for curve in bag.fcurves]

    def remove(self, curve: bpy.types.FCurve) -> None:
        """Remove one of `curves`."""
        if not LAYERED_ACTIONS:
            cast("_UnlayeredAction", self.action).fcurves.remove(curve)
            return
        bag = next(bag for bag in _bags(self.action, self.slot) if curve in bag.fcurves[:])
        bag.fcurves.remove(curve)

    def add(self, data_path: str, index: int, group: str) -> bpy.types.FCurve:
        """A new F-curve without keys, listed under the channel group `group`."""
        if not LAYERED_ACTIONS:
            return cast("_UnlayeredAction", self.action).fcurves.new(data_path, index=index, action_group=group)
        assert self.slot is not None
        bag = next(iter(_bags(self.action, self.slot)), None) or _new_bag(self.action, self.slot)
        curve = bag.fcurves.new(data_path, index=index)
        curve.group = bag.groups.get(group) or bag.groups.new(group)
        return curve

    def assign(self) -> None:
        """Assign the action, and its slot, to the holder."""
        # in the NLA's tweak mode Blender refuses to set even what is assigned already
        if self.holder.action != self.action:
            self.holder.action = self.action
        if LAYERED_ACTIONS and self.holder.action_slot != self.slot:
            self.holder.action_slot = self.slot

    def copied(self) -> Place:
        """The place with a local copy of the action, not assigned yet."""
        return self.with_copy(self.action.copy())

    def with_copy(self, copy: bpy.types.Action) -> Place:
        """The place with a copy of its action that was made before, not assigned yet."""
        slot = None
        if LAYERED_ACTIONS and self.slot is not None:
            slot = copy.slots[self.slot.identifier]
        return replace(self, action=copy, slot=slot)


def _bags(action: bpy.types.Action, slot: bpy.types.ActionSlot | None) -> list[bpy.types.ActionChannelbag]:
    if slot is None:
        return []
    strips = [strip for layer in action.layers for strip in layer.strips]
    bags = [strip.channelbag(slot) for strip in strips if isinstance(strip, bpy.types.ActionKeyframeStrip)]
    return [bag for bag in bags if bag is not None]


def _new_bag(action: bpy.types.Action, slot: bpy.types.ActionSlot) -> bpy.types.ActionChannelbag:
    layer = action.layers[0] if len(action.layers) else action.layers.new("Layer")
    strip = layer.strips[0] if len(layer.strips) else layer.strips.new(type="KEYFRAME")
    assert isinstance(strip, bpy.types.ActionKeyframeStrip)
    return strip.channelbag(slot, ensure=True)


def places(obj: bpy.types.Object | bpy.types.Scene) -> list[Place]:
    """Where keys of an object are: its action first, then the strips of its NLA tracks, the uppermost track first."""
    data = obj.animation_data
    if data is None:
        return []
    strips = [strip for track in reversed(data.nla_tracks[:]) for strip in track.strips if strip.action is not None]
    found = [Place(strip, strip.action, _slot(strip), _offset(strip)) for strip in strips if strip.action is not None]
    if data.action is not None:
        # in the NLA's tweak mode the action is a strip's, and its frames are moved as the strip is: the active one's,
        # where several play it
        tweaked = [place for place in found if data.use_tweak_mode and place.action == data.action]
        tweaked.sort(key=lambda place: not (isinstance(place.holder, bpy.types.NlaStrip) and place.holder.active))
        found.insert(0, Place(data, data.action, _slot(data), tweaked[0].offset if tweaked else 0.0))
    return found


def animation_of(holder: bpy.types.AnimData | bpy.types.NlaStrip) -> bpy.types.AnimData:
    """The animation of the object that a strip, or the animation itself, belongs to."""
    data = cast("bpy.types.Object", holder.id_data).animation_data
    assert data is not None
    return data


def _slot(holder: bpy.types.AnimData | bpy.types.NlaStrip) -> bpy.types.ActionSlot | None:
    return holder.action_slot if LAYERED_ACTIONS else None


def _offset(strip: bpy.types.NlaStrip) -> float | None:
    if strip.use_reverse or strip.use_animated_time or strip.scale != 1.0:
        return None
    return strip.frame_start - strip.action_frame_start


def all_curves(action: bpy.types.Action) -> list[bpy.types.FCurve]:
    """The F-curves of an action, whatever they animate."""
    if not LAYERED_ACTIONS:
        return list(cast("_UnlayeredAction", action).fcurves)
    return [curve for slot in action.slots for bag in _bags(action, slot) for curve in bag.fcurves]


def place_in_new_action(obj: bpy.types.Object, name: str) -> Place:
    """A new action with a slot for the object, not assigned yet. What the object's present action holds is in it, too;
    that action stays as it is."""
    data = obj.animation_data
    if data is None or data.action is None:
        return new_place(obj, name)
    new = replace(places(obj)[0].copied(), offset=0.0)
    new.action.name = _free_name(name)
    return _with_slot(new, obj)


def new_place(obj: bpy.types.Object, name: str) -> Place:
    """An empty new action with a slot for the object, not assigned yet."""
    data = obj.animation_data or obj.animation_data_create()
    assert data is not None
    return _with_slot(Place(data, bpy.data.actions.new(name), None, 0.0), obj)


def _with_slot(place: Place, obj: bpy.types.Object) -> Place:
    if not LAYERED_ACTIONS or place.slot is not None:
        return place
    return replace(place, slot=place.action.slots.new(id_type="OBJECT", name=obj.name))


def _free_name(name: str) -> str:
    """The name, or with a number behind it if an action has it: 3.4 would give that action another one."""
    free = (f"{name}.{number:03d}" for number in itertools.count(1))
    return name if name not in bpy.data.actions else next(other for other in free if other not in bpy.data.actions)


def fcurves(obj: bpy.types.Object | bpy.types.Scene) -> list[bpy.types.FCurve]:
    """The F-curves that animate `obj` through its own action; none without an action (or without a slot)."""
    data = obj.animation_data
    return places(obj)[0].curves() if data is not None and data.action is not None else []


def own_action(place: Place) -> Place:
    """The place with an action that is of this file and that no other object uses; a copy of it, assigned, where it is
    not."""
    if is_own(place):
        return place
    copy = place.copied()
    copy.assign()
    return copy


def is_own(place: Place) -> bool:
    """Whether the place's action is of this file, and nothing but the object's places uses it. An asset is for others
    to use, and a copy of it has no catalogue, description or preview."""
    action = place.action
    return action.library is None and action.asset_data is None and action.users - action.use_fake_user <= _uses(place)


def _uses(place: Place) -> int:
    """How often the object of a place uses its action: several strips may play one, and in the NLA's tweak mode it is
    the object's and its strip's."""
    data = animation_of(place.holder)
    strips = [strip.action for track in data.nla_tracks for strip in track.strips]
    return [data.action, *strips].count(place.action)


def armature_of(obj: bpy.types.Object) -> bpy.types.Armature:
    """The bones of an object whose type is ARMATURE."""
    assert isinstance(obj.data, bpy.types.Armature)
    return obj.data


def pose_of(obj: bpy.types.Object) -> bpy.types.Pose:
    """The pose of an object whose type is ARMATURE."""
    assert obj.pose is not None
    return obj.pose


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
