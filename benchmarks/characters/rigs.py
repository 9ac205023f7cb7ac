"""Characters to dance with: files of a folder, those that Blender makes, and skeletons with the names of families of
which there is no free original."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import bpy
from mathutils import Vector

from smpl_rig.blender.compat import armature_of

FILES = {".glb": "glTF", ".gltf": "glTF", ".vrm": "glTF", ".fbx": "FBX", ".bvh": "BVH", ".blend": "Blender"}


@dataclass(frozen=True)
class Case:
    """name: for people. load: makes the character in an empty file and returns its armature."""

    name: str
    load: Callable[[], bpy.types.Object]


def cases(folder: Path | None, skeletons: Path | None) -> Iterator[Case]:
    """All characters: files under `folder`, Rigify's, and `skeletons` (*.json as in tests/smpl_rig/rigs)."""
    if folder is not None:
        for file in sorted(folder.rglob("*")):
            if file.suffix.lower() in FILES:
                yield Case(f"{file.parent.name}/{file.name}", _opener(file))
    yield Case("Rigify metarig", metarig)
    yield Case("Rigify control rig", control_rig)
    if skeletons is not None:
        for file in sorted(skeletons.glob("*.json")):
            yield Case(f"names: {file.stem}", _builder(file))


def _opener(file: Path) -> Callable[[], bpy.types.Object]:
    return lambda: open_file(file)


def _builder(file: Path) -> Callable[[], bpy.types.Object]:
    return lambda: build(json.loads(file.read_text(encoding="utf-8")))


def empty_file() -> None:
    """Nothing in the present file. A new one would disable Rigify, which cannot be enabled twice."""
    data = bpy.data
    kinds = (data.objects, data.armatures, data.meshes, data.actions, data.collections, data.materials, data.images)
    data.batch_remove([found for kind in kinds for found in kind])
    data.orphans_purge(do_recursive=True)


def open_file(file: Path) -> bpy.types.Object:
    """The character of a file, in the present scene: of several armatures the one with the most bones."""
    kind = FILES[file.suffix.lower()]
    if kind == "Blender":
        with bpy.data.libraries.load(str(file)) as (there, here):
            here.objects = there.objects
        for found in here.objects:
            if found is not None:
                bpy.context.scene.collection.objects.link(found)
    elif kind == "glTF":
        bpy.ops.import_scene.gltf(filepath=str(_as_glb(file)))
    elif kind == "FBX":
        bpy.ops.import_scene.fbx(filepath=str(file))
    else:
        bpy.ops.import_anim.bvh(filepath=str(file))
    bpy.context.view_layer.update()
    armatures = [found for found in bpy.context.scene.objects if found.type == "ARMATURE"]
    if not armatures:
        raise ValueError(f"{file.name} has no armature")
    return max(armatures, key=lambda found: len(armature_of(found).bones))


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
    bpy.ops.object.armature_human_metarig_add()
    return bpy.context.object


def control_rig() -> bpy.types.Object:
    """The control rig that Rigify makes of it."""
    metarig()
    bpy.ops.pose.rigify_generate()
    return bpy.context.object


def build(skeleton: dict[str, list]) -> bpy.types.Object:
    """An armature with the `names`, `parents` and `heads` of a skeleton, bones pointing to their first child."""
    data = bpy.data.armatures.new("Character")
    made = bpy.data.objects.new("Character", data)
    bpy.context.scene.collection.objects.link(made)
    bpy.context.view_layer.objects.active = made
    bpy.ops.object.mode_set(mode="EDIT")
    heads = [Vector(head) for head in skeleton["heads"]]
    parents = skeleton["parents"]
    for number, name in enumerate(skeleton["names"]):
        bone = data.edit_bones.new(name)
        bone.head = heads[number]
        child = next((heads[c] for c, parent in enumerate(parents) if parent == number), None)
        if child is None or (child - heads[number]).length < 1e-4:
            before = heads[number] - heads[parents[number]] if parents[number] >= 0 else Vector((0, 0, 0.1))
            child = heads[number] + before.normalized() * 0.05
        bone.tail = child
        if parents[number] >= 0:
            bone.parent = data.edit_bones[skeleton["names"][parents[number]]]
    bpy.ops.object.mode_set(mode="OBJECT")
    return made
