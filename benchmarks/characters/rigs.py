"""Characters to dance with: files of a folder, those that Blender makes, and skeletons with the names of programs of
which there is no free original."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, cast
from unittest import mock

import bpy
import numpy as np
from mathutils import Vector

from benchmarks.characters.made_rigs import build
from benchmarks.characters.namings import NAMINGS
from magma_blender.scene import characters
from smpl_rig.blender.compat import armature_of
from smpl_rig.blender.context import active_object, layer_of, scene_of
from smpl_rig.retarget.rig import Rig
from smpl_rig.retarget.roles import LIMBS

FILES = (".glb", ".gltf", ".vrm", ".fbx", ".bvh", ".blend")
LARGE_UNIT = 4.0
"""Armature units from which a skeleton's height is not in metres, but in a BVH file's own unit."""


@dataclass(frozen=True)
class Case:
    """name: for people. load: makes the character in the present scene and returns its armature."""

    name: str
    load: Callable[[], bpy.types.Object]


def cases(folder: Path | None, with_names: bool) -> Iterator[Case]:
    """All characters: files under `folder`, Rigify's, and skeletons with the names of programs."""
    if folder is not None:
        for file in sorted(folder.rglob("*")):
            if file.suffix.lower() in FILES:
                yield Case(f"{file.parent.name}/{file.name}", partial(open_file, file))
    yield Case("Rigify metarig", metarig)
    yield Case("Rigify control rig", control_rig)
    yield Case("Rigify control rig, IK", control_rig_on_ik)
    if with_names:
        for name, naming in NAMINGS.items():
            yield Case(f"names of {name}", partial(armature_with, build(naming)))


def empty_file() -> None:
    """Nothing in the present file. A new one would disable Rigify, which cannot be enabled twice."""
    data = bpy.data
    kinds = (data.objects, data.armatures, data.meshes, data.actions, data.collections, data.materials, data.images)
    data.batch_remove([found for kind in kinds for found in kind])


def open_file(file: Path) -> bpy.types.Object:
    """The character of a file as its importer leaves it, in the present scene: of several armatures the one with the
    most bones."""
    kind, scene = file.suffix.lower(), scene_of(bpy.context)
    before = set(scene.objects)
    if kind == ".blend":
        with cast("Any", bpy.data.libraries).load(str(file)) as (there, here):
            here.objects = there.objects
        for found in here.objects:
            if found is not None:
                scene.collection.objects.link(found)
    elif kind == ".fbx":
        bpy.ops.import_scene.fbx(filepath=str(file))
    elif kind == ".bvh":
        with _older_python():
            bpy.ops.import_anim.bvh(filepath=str(file))
    else:
        with _older_python():
            bpy.ops.import_scene.gltf(filepath=str(_as_glb(file)))
    layer_of(bpy.context).update()
    armatures = [found for found in scene.objects if found.type == "ARMATURE" and found not in before]
    if not armatures:
        raise ValueError(f"{file.name} has no armature")
    chosen = max(armatures, key=lambda found: len(armature_of(found).bones))
    armature_of(chosen).pose_position = "POSE"
    height = max(bone.head_local.length for bone in armature_of(chosen).bones)
    if kind == ".bvh" and height > LARGE_UNIT:
        chosen.scale *= 1.7 / height  # as a user does who wants a character beside others
        layer_of(bpy.context).update()
    return chosen


@contextmanager
def _older_python() -> Iterator[None]:
    """What importers of Blender 3.4 want and Debian's Python and numpy have no more: the mode "U" of files, and numpy's
    old name for `bool`."""
    if bpy.app.version >= (3, 5):
        yield
        return
    from io_anim_bvh import import_bvh  # type: ignore[import-not-found]  # one of Blender's add-ons

    def opened(file: str, mode: str = "r") -> IO[Any]:
        return Path(file).open(mode.replace("U", ""))

    with mock.patch.object(import_bvh, "open", opened, create=True), mock.patch.object(np, "bool", bool, create=True):
        yield


def _as_glb(file: Path) -> Path:
    """A .vrm under a name that the importer takes."""
    if file.suffix.lower() != ".vrm":
        return file
    copy = Path(bpy.app.tempdir) / (file.stem + ".glb")
    copy.write_bytes(file.read_bytes())
    return copy


def metarig() -> bpy.types.Object:
    """Rigify's human metarig."""
    import addon_utils

    addon_utils.enable("rigify", default_set=True)
    cast("Any", bpy.ops.object).armature_human_metarig_add()
    return _active()


def control_rig() -> bpy.types.Object:
    """The control rig that Rigify makes of it."""
    metarig()
    cast("Any", bpy.ops.pose).rigify_generate()
    return _active()


def control_rig_on_ik() -> bpy.types.Object:
    """The same, arms and legs on IK."""
    made = control_rig()
    characters.choose(made, characters.Choices(ik=LIMBS))
    return made


def _active() -> bpy.types.Object:
    found = active_object(bpy.context)
    assert found is not None
    return found


def armature_with(rig: Rig) -> bpy.types.Object:
    """An armature with the bones of a skeleton, each pointing to its first child."""
    data = bpy.data.armatures.new("Character")
    made = bpy.data.objects.new("Character", data)
    scene_of(bpy.context).collection.objects.link(made)
    layer_of(bpy.context).objects.active = made
    bpy.ops.object.mode_set(mode="EDIT")
    heads = [Vector(head) for head in rig.heads.tolist()]
    for number, (name, parent) in enumerate(zip(rig.names, rig.parents, strict=True)):
        bone = data.edit_bones.new(name)
        bone.head = heads[number]
        end = next((heads[child] for child, above in enumerate(rig.parents) if above == number), None)
        if end is None or (end - heads[number]).length < 1e-4:
            before = heads[number] - heads[parent] if parent >= 0 else Vector((0, 0, 0.1))
            end = heads[number] + before.normalized() * 0.05
        bone.tail = end
        if parent >= 0:
            bone.parent = data.edit_bones[rig.names[parent]]
    bpy.ops.object.mode_set(mode="OBJECT")
    return made
