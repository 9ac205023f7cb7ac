"""An armature of Blender as a skeleton at rest."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Protocol, cast

import bpy
import numpy as np
from mathutils import Matrix

from ..retarget.rig import Floats, Rig
from ..retarget.roles import SIDES, CharacterMap, sided
from . import compat
from .armature import ArmatureError, check_usable
from .compat import armature_of, pose_of
from .context import units_a_metre

HANGS = 0.5
"""Share of a vertex's weight from which it hangs on some bones."""
FOOT_ABOVE = 0.15
"""Share of a body's height above its ankles up to which vertices are looked at as a foot's."""
MOST_POINTS = 2000
"""Points of a foot that are kept."""
VRM_EXTENSION = "vrm_addon_extension"
"""Where the VRM add-on keeps what it knows of an armature."""


def rig_of(obj: bpy.types.Object, to_world: Floats | None = None, character: CharacterMap | None = None) -> Rig:
    """The skeleton of an armature at rest, whatever mode it is in, but for Edit Mode. Changes nothing.

    to_world: see `Rig`; None is where the object is now. character: with it the rig has the points of its feet. Raises
    ArmatureError where the object has no bones that can be keyed.
    """
    check_usable(obj)
    bones = list(armature_of(obj).bones)
    if not bones:
        raise ArmatureError(f"Armature {obj.name!r} has no bones. Choose another armature, or make a new one.")
    number = {bone.name: index for index, bone in enumerate(bones)}
    meshes = list(_meshes_on(obj))
    skinned = {name for mesh in meshes for name in _bones_of(mesh, obj)}
    matrix = to_world if to_world is not None else world_matrix(obj)
    return Rig(
        names=tuple(number),
        parents=tuple(number[bone.parent.name] if bone.parent is not None else -1 for bone in bones),
        rest=np.array([bone.matrix_local for bone in bones], np.float64),
        to_world=matrix,
        deforms=np.array([bone.name in skinned if meshes else bone.use_deform for bone in bones]),
        turns_along=np.array([bone.use_inherit_rotation for bone in bones]),
        local_location=np.array([bone.use_local_location for bone in bones]),
        connected=np.array([bone.use_connect for bone in bones]),
        feet=_feet(obj, meshes, matrix, character) if character is not None else {},
        own_map=own_map(obj),
    )


def carrier_of(obj: bpy.types.Object, controls: Collection[str], parents: Mapping[str, str]) -> str | None:
    """The lowest bone that carries all controls and is none, such as a root bone; None where there is none.

    parents: see `CharacterMap`. What poses it moves the character as what moves the object does.
    """
    above = {bone.name: [each.name for each in bone.parent_recursive] for bone in armature_of(obj).bones}
    roots = [each for each in controls if each not in parents and not any(name in controls for name in above[each])]
    common = [name for name in (above[roots[0]] if roots else []) if all(name in above[root] for root in roots)]
    return common[0] if common else None


def carried(obj: bpy.types.Object, carrier: str | None, at_rest: Collection[str] = ()) -> Floats:
    """(4, 4) how the poses of a bone and of those above it move what hangs on it from its rest, armature space, at the
    scene's present frame. at_rest: bones whose poses do not count.

    Importers leave poses on bones that nobody would key: a glTF file says where its nodes are, and where the mesh was
    bound, which is the rest pose. What is seen may stand turned, and metres away from that.
    """
    found: Floats = np.eye(4)
    if carrier is None:
        return found
    is_shown = is_evaluated(obj) and armature_of(obj).pose_position == "POSE"
    pose = pose_of(evaluated(obj) if is_shown else obj).bones
    above: Floats = np.eye(4)
    for bone in reversed([pose[carrier], *pose[carrier].parent_recursive]):
        rest = np.array(bone.bone.matrix_local, np.float64)
        posed = np.array(bone.matrix, np.float64) @ np.linalg.inv(rest)
        own = np.array(bone.matrix_basis, np.float64)
        step = np.linalg.inv(above) @ posed if is_shown else rest @ own @ np.linalg.inv(rest)
        if bone.name not in at_rest:
            found = found @ step
        above = posed
    return found


def is_evaluated(obj: bpy.types.Object) -> bool:
    """Whether Blender poses the object when the frame changes."""
    layer = bpy.context.view_layer
    if layer is None or obj.hide_viewport or layer.objects.get(obj.name) != obj:
        return False
    return bool(obj.visible_get()) or bool(obj.hide_get())


def evaluated(obj: bpy.types.Object) -> bpy.types.Object:
    """An object as the present scene shows it. Its own pose says that only where the scene has been drawn."""
    return obj.evaluated_get(bpy.context.evaluated_depsgraph_get())


def world_matrix(obj: bpy.types.Object) -> Floats:
    """(4, 4) the armature's space in the Z-up world, metres, at the scene's present frame."""
    context = bpy.context
    assert context.scene is not None and context.view_layer is not None
    context.view_layer.update()
    matrix = np.array(obj.matrix_world, np.float64)
    matrix[:3] /= units_a_metre(context.scene)
    return matrix


def world_matrix_at(
    obj: bpy.types.Object, frame: int, carrier: str | None = None, at_rest: Collection[str] = ()
) -> Floats:
    """The same at a frame of the scene, of what a bone carries there; see `carried`."""
    scene = bpy.context.scene
    assert scene is not None
    present, part = scene.frame_current, scene.frame_subframe
    elsewhere = present != frame and _is_moved(obj, carrier)
    if elsewhere:
        scene.frame_set(frame)
    try:
        world = world_matrix(obj)
        return world @ carried(obj, carrier, at_rest)
    finally:
        if elsewhere:
            scene.frame_set(present, subframe=part)


def _is_moved(obj: bpy.types.Object, carrier: str | None) -> bool:
    """Whether anything may move the object, what it is parented to, or a bone, from frame to frame."""
    line = pose_of(obj).bones[carrier] if carrier is not None else None
    bones = [line, *line.parent_recursive] if line is not None else []
    if any(len(bone.constraints) for bone in bones):
        return True
    moving = tuple(f"{bone.path_from_id()}." for bone in bones)
    at: bpy.types.Object | None = obj
    while at is not None:
        data = at.animation_data
        drivers = data.drivers[:] if data is not None else []
        paths = [curve.data_path for place in compat.places(at) for curve in place.curves()]
        paths += [driver.data_path for driver in drivers]
        if any(not path.startswith("pose.bones[") or (at == obj and path.startswith(moving)) for path in paths):
            return True
        if len(at.constraints) or (at.parent is not None and at.parent_type != "OBJECT"):
            return True
        at = at.parent
    return False


def _meshes_on(obj: bpy.types.Object) -> Iterator[bpy.types.Object]:
    """Mesh objects that bones of the armature move."""
    for other in bpy.data.objects:
        if other.type != "MESH":
            continue
        modified = any(isinstance(m, bpy.types.ArmatureModifier) and m.object == obj for m in other.modifiers)
        if modified or (other.parent == obj and other.parent_type in {"ARMATURE", "BONE"}):
            yield other


def _hangs_on_bone(mesh: bpy.types.Object, obj: bpy.types.Object) -> bool:
    return mesh.parent == obj and mesh.parent_type == "BONE"


def _bones_of(mesh: bpy.types.Object, obj: bpy.types.Object) -> set[str]:
    """Names of the bones that a mesh hangs on."""
    if _hangs_on_bone(mesh, obj):
        return {mesh.parent_bone}
    return {group.name for group in mesh.vertex_groups}


def _feet(
    obj: bpy.types.Object, meshes: Collection[bpy.types.Object], to_world: Floats, character: CharacterMap
) -> Mapping[str, Floats]:
    """By side, (K, 3) points of the meshes at rest that hang on foot and toes, armature space."""
    bones = armature_of(obj).bones
    up = _up_at_rest(obj, to_world, character)
    found: dict[str, Floats] = {}
    for side in SIDES:
        mapped = [name for part in ("foot", "toes") for name in character.of(sided(side, part)) if name in bones]
        if not mapped:
            continue
        names = set(mapped)
        for bone in bones:  # parents before children
            if bone.parent is not None and bone.parent.name in names:
                names.add(bone.name)
        names |= {f"DEF-{name.replace('_fk', '')}" for name in mapped}  # what hangs on the bones of a control rig
        ankle = float(up @ np.append(np.array(bones[mapped[0]].head_local), 1.0))
        points: list[Floats] = [_points_on(mesh, obj, names, up, ankle) for mesh in meshes]
        kept = np.concatenate([np.zeros((0, 3), np.float64), *points])
        found[side] = kept[:: len(kept) // MOST_POINTS + 1]
    return found


def _up_at_rest(obj: bpy.types.Object, to_world: Floats, character: CharacterMap) -> Floats:
    """(4,) armature space to heights, along the axis of the world that a body at rest is along: it may lie."""
    bones = armature_of(obj).bones
    ends = [
        np.array([bones[name].head_local for name in names], np.float64).mean(axis=0)
        for part in ("foot", "upper_arm")
        if (names := [name for side in SIDES for name in character.of(sided(side, part))[:1] if name in bones])
    ]
    way = to_world[:3, :3] @ (ends[1] - ends[0]) if len(ends) > 1 else np.array([0.0, 0.0, 1.0])
    axis = int(np.abs(way).argmax())
    up: Floats = np.copysign(1.0, way[axis]) * to_world[axis]
    return up


def _points_on(
    mesh: bpy.types.Object, obj: bpy.types.Object, names: Collection[str], up: Floats, ankle: float
) -> Floats:
    """(K, 3) a mesh's vertices that hang on some bones, armature space. up: (4,) armature space to heights. ankle: its
    height."""
    assert isinstance(mesh.data, bpy.types.Mesh)
    vertices = mesh.data.vertices
    groups = {group.index for group in mesh.vertex_groups if group.name in names}
    on_bone = _hangs_on_bone(mesh, obj)
    if not (mesh.parent_bone in names if on_bone else groups):
        return np.zeros((0, 3))
    flat = np.empty(3 * len(vertices), np.float32)
    vertices.foreach_get("co", flat)
    place = np.array(place_at_rest(mesh, obj), np.float64)
    points = flat.reshape(-1, 3).astype(np.float64) @ place[:3, :3].T + place[:3, 3]
    heights = points @ up[:3] + up[3]
    low = np.flatnonzero(heights < ankle + FOOT_ABOVE * abs(ankle - heights.max(initial=ankle)))
    if on_bone:
        low_points: Floats = points[low]
        return low_points
    hang = [sum(g.weight for g in vertices[index].groups if g.group in groups) >= HANGS for index in low.tolist()]
    hanging: Floats = points[low[np.array(hang, bool)]]
    return hanging


def place_at_rest(mesh: bpy.types.Object, obj: bpy.types.Object) -> Matrix:
    """A mesh object's space in armature space, where the armature rests."""
    if not _hangs_on_bone(mesh, obj):
        return obj.matrix_world.inverted_safe() @ mesh.matrix_world
    bone = armature_of(obj).bones[mesh.parent_bone]
    return bone.matrix_local @ Matrix.Translation((0.0, bone.length, 0.0)) @ mesh.matrix_local


class _Properties(Protocol):
    """An ID property group, or a property group of the VRM add-on."""

    def get(self, key: str) -> Any: ...


def own_map(obj: bpy.types.Object) -> dict[str, str]:
    """VRM's humanoid bones as the file says them, by their VRM names; empty where it does not."""
    extension = _of(armature_of(obj), VRM_EXTENSION)
    found: dict[str, str] = {}
    bones = _of(_of(_of(extension, "vrm1"), "humanoid"), "human_bones")
    for key in _keys(bones):
        node = _of(_of(bones, key), "node")
        _put(found, _camel(key), _of(node, "bone_name") or _of(node, "value"))
    listed = _of(_of(_of(extension, "vrm0"), "humanoid"), "human_bones")
    if not found and listed is not None:
        for each in listed:
            node = _of(each, "node")
            _put(found, str(_of(each, "bone") or ""), _of(node, "bone_name") or _of(node, "value"))
    return {key: name for key, name in found.items() if name in armature_of(obj).bones}


def _put(found: dict[str, str], key: str, name: object) -> None:
    if key and isinstance(name, str) and name:
        found[key] = name


def _of(thing: object, name: str) -> Any:
    """An attribute, or an item, or None."""
    if thing is None:
        return None
    value = getattr(thing, name, None)
    if value is None and hasattr(thing, "get"):
        value = cast("_Properties", thing).get(name)
    return value


def _keys(thing: object) -> list[str]:
    if thing is None:
        return []
    annotated = getattr(type(thing), "__annotations__", {})
    return list(annotated) or list(getattr(thing, "keys", list)())


def _camel(name: str) -> str:
    """VRM's name of a bone, as `left_upper_arm` is in Python: leftUpperArm."""
    first, *others = name.split("_")
    return first + "".join(other.title() for other in others)
