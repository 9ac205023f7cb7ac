"""The meshes that hang on an armature, as meshes of a file: on its bones, or fixed to one of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import bpy
import numpy as np

from .poses import Floats, graph_of


@dataclass(frozen=True, eq=False)
class Hanging:
    """A mesh object. mesh: a copy of its data, to be moved and removed. skinned: whether it is bent by bones. bone: the
    one that carries it whole, or empty. world: (4, 4) where it is at the first frame."""

    original: bpy.types.Object
    mesh: bpy.types.Mesh
    skinned: bool
    bone: str
    world: Floats


def hanging_on(scene: bpy.types.Scene, armature: bpy.types.Object) -> list[bpy.types.Object]:
    """The mesh objects of a scene that follow an armature and are rendered."""
    return [
        obj
        for obj in scene.objects
        if obj.type == "MESH" and not obj.hide_render and (_bends(obj, armature) or _carrier(obj, armature) is not None)
    ]


def _bends(obj: bpy.types.Object, armature: bpy.types.Object) -> bool:
    return any(_is_bent_by(modifier, armature) for modifier in obj.modifiers) or (
        obj.parent == armature and obj.parent_type == "ARMATURE"
    )


def _is_bent_by(modifier: bpy.types.Modifier, armature: bpy.types.Object) -> bool:
    return isinstance(modifier, bpy.types.ArmatureModifier) and modifier.object == armature


def _carrier(obj: bpy.types.Object, armature: bpy.types.Object) -> str | None:
    """The bone that carries an object, empty for the armature itself; None where it does not hang on the armature."""
    parent: bpy.types.Object | None = obj
    while parent is not None and parent.parent != armature:
        parent = parent.parent
    if parent is None:
        return None
    return parent.parent_bone if parent.parent_type == "BONE" else ""


def copied(
    scene: bpy.types.Scene, armature: bpy.types.Object, objects: list[bpy.types.Object], frame: int
) -> list[Hanging]:
    """The meshes as they are at a frame, but for what bones do to them. scene: one that nobody looks at."""
    for obj in objects:
        scene.collection.objects.link(obj)
    try:
        with _unbent(objects):
            scene.frame_set(frame)
            return [_copied(scene, armature, obj) for obj in objects]
    finally:
        for obj in objects:
            scene.collection.objects.unlink(obj)


def _copied(scene: bpy.types.Scene, armature: bpy.types.Object, obj: bpy.types.Object) -> Hanging:
    graph = graph_of(scene)
    seen = obj.evaluated_get(graph)
    data = obj.data
    assert isinstance(data, bpy.types.Mesh)
    if any(modifier.show_viewport for modifier in obj.modifiers if modifier.type != "ARMATURE"):
        mesh = bpy.data.meshes.new_from_object(seen, preserve_all_data_layers=True, depsgraph=graph)
    else:
        mesh = data.copy()  # with its shape keys, which modifiers would end
        if mesh.shape_keys is not None:
            mesh.shape_keys.animation_data_clear()
    mesh.animation_data_clear()
    world = np.array(seen.matrix_world, np.float64)
    skinned = _bends(obj, armature)
    return Hanging(obj, mesh, skinned, "" if skinned else _carrier(obj, armature) or "", world)


@contextmanager
def _unbent(objects: list[bpy.types.Object]) -> Iterator[None]:
    """Armature modifiers off meanwhile."""
    modifiers = [
        modifier
        for obj in objects
        for modifier in obj.modifiers
        if modifier.type == "ARMATURE" and modifier.show_viewport
    ]
    for modifier in modifiers:
        modifier.show_viewport = False
    try:
        yield
    finally:
        for modifier in modifiers:
            modifier.show_viewport = True
