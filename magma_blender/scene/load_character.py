"""Characters from files: appended from a .blend, or imported with Blender's importers."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import bpy

from smpl_rig.blender.compat import armature_of
from smpl_rig.blender.context import scene_of

from ..errors import SceneError


@dataclass(frozen=True)
class CharacterFile:
    """A file, and the name of the armature in it; empty for the only one."""

    file: Path
    armature: str = ""


def character_file(text: str) -> CharacterFile:
    """What `file.blend`, or `file.blend:Armature`, says. Raises SceneError for a file that is not there or that holds
    no characters."""
    whole = Path(text)
    before, mark, name = text.rpartition(":")
    # a drive has a colon as well, and so may a file's name have
    named = bool(mark) and not whole.is_file() and Path(before).suffix.lower() in _READERS
    found = CharacterFile(Path(before), name) if named else CharacterFile(whole)
    if found.file.suffix.lower() not in _READERS:
        raise SceneError(f"{found.file} is no file with a character: give one that ends with {', '.join(_READERS)}.")
    if not found.file.is_file():
        raise SceneError(f"The character {found.file} is not there: give the path of a file.")
    return found


def load_character(context: bpy.types.Context, character: CharacterFile) -> bpy.types.Object:
    """Put a character into the context's scene; returns its armature. Raises SceneError; what was loaded until then is
    the caller's to remove."""
    file = character.file.absolute()
    objects = _READERS[file.suffix.lower()](context, file)
    armatures = {obj.name: obj for obj in objects if obj.type == "ARMATURE"}
    # what has the name already in the scene gave the loaded one a number
    wanted = {obj for name, obj in armatures.items() if _is_named(name, character.armature)}
    if len(wanted) != 1:
        listed = ", ".join(sorted(armatures)) or "none"
        raise SceneError(
            f"{file} has {len(armatures)} armatures ({listed}): name the one that shall dance behind the file, "
            f"{file.name}:NAME."
        )
    (armature,) = wanted
    if file.suffix.lower() == ".blend":
        _keep_only(scene_of(context), armature, objects)
    armature_of(armature).pose_position = "POSE"
    return armature


def _is_named(name: str, wanted: str) -> bool:
    stem, _, number = name.rpartition(".")
    return not wanted or name == wanted or (stem == wanted and number.isdigit())


def _append(_context: bpy.types.Context, file: Path) -> list[bpy.types.Object]:
    """All objects of a .blend, in no scene yet."""
    try:
        with bpy.data.libraries.load(str(file), link=False) as (source, loaded):  # type: ignore[func-returns-value,attr-defined]
            loaded.objects = source.objects
    except OSError as error:
        raise _unreadable(file, error) from error
    return [obj for obj in loaded.objects if isinstance(obj, bpy.types.Object)]


def _keep_only(scene: bpy.types.Scene, armature: bpy.types.Object, objects: Iterable[bpy.types.Object]) -> None:
    """Put an armature, and what hangs on it or carries it, into the scene; remove what it has no use for."""
    top = armature
    while top.parent is not None:
        top = top.parent
    family = {armature, top, *top.children_recursive}
    family |= {obj for obj in objects if obj.find_armature() == armature}
    for obj in family:
        scene.collection.objects.link(obj)
    loaded = set(objects)
    used: set[bpy.types.ID] = set(family)
    users = bpy.data.user_map(subset=list(loaded))
    while more := {obj for obj in loaded - used if users[obj] & (used | _data_of(used))}:
        used |= more
    bpy.data.batch_remove(loaded - used)


def _data_of(blocks: Iterable[bpy.types.ID]) -> set[bpy.types.ID]:
    return {block.data for block in blocks if isinstance(block, bpy.types.Object) and block.data is not None}


def _imported(run: Callable[[], object], file: Path) -> list[bpy.types.Object]:
    """What an importer has added, without motions, which would play beside the dance."""
    before, actions = set(bpy.data.objects), set(bpy.data.actions)
    try:
        run()
    except (RuntimeError, AttributeError) as error:
        raise _unreadable(file, error) from error
    objects = [obj for obj in bpy.data.objects if obj not in before]
    for obj in objects:
        obj.animation_data_clear()
    bpy.data.batch_remove(set(bpy.data.actions) - actions)
    return objects


def _unreadable(file: Path, error: Exception) -> SceneError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[-1].removeprefix("Error: ")
    return SceneError(
        f"{file} cannot be read by this Blender ({reason}): import it in another one, and save it as a .blend file."
    )


def _import_gltf(_context: bpy.types.Context, file: Path) -> list[bpy.types.Object]:
    return _imported(lambda: bpy.ops.import_scene.gltf(filepath=str(file)), file)


def _import_fbx(_context: bpy.types.Context, file: Path) -> list[bpy.types.Object]:
    return _imported(lambda: bpy.ops.import_scene.fbx(filepath=str(file), use_anim=False), file)


def _import_vrm(context: bpy.types.Context, file: Path) -> list[bpy.types.Object]:
    """With the VRM add-on; without it as what it is, a glTF file."""
    operators = bpy.ops.import_scene
    if "vrm" in dir(operators):
        return _imported(lambda: operators.vrm(filepath=str(file)), file)  # type: ignore[attr-defined]  # the add-on's
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / f"{file.stem}.glb"
        shutil.copyfile(file, copy)
        return _import_gltf(context, copy)


_READERS = {
    ".blend": _append,
    ".glb": _import_gltf,
    ".gltf": _import_gltf,
    ".fbx": _import_fbx,
    ".vrm": _import_vrm,
}
