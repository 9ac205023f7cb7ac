"""What a person does to the list of versions: names them, removes some. The present one is never removed."""

from __future__ import annotations

import bpy

from ...errors import SceneError
from .. import edits
from . import shown_versions, snapshots, store
from .versions import History


def rename(armature: bpy.types.Object, number: int, name: str) -> None:
    """Give a version another name. Raises SceneError."""
    edits.check_kept(armature)
    if not name.strip():
        raise SceneError("A version needs a name: type one.")
    _keep(armature, store.read(armature).renamed(number, name.strip()))


def remove(armature: bpy.types.Object, number: int) -> None:
    """Remove a version. Raises SceneError."""
    edits.check_kept(armature)
    history = store.read(armature)
    if number == history.present:
        raise SceneError("This version is the one that is danced, which stays: go to another one first, or keep it.")
    _keep_without(armature, history, {number})


def keep_newest(armature: bpy.types.Object, count: int) -> int:
    """Remove all but the newest versions, and the present one; how many were removed. Raises SceneError."""
    edits.check_kept(armature)
    history = store.read(armature)
    return _keep_without(armature, history, {version.number for version in history.versions[:-count]})


def _keep_without(armature: bpy.types.Object, history: History, numbers: set[int]) -> int:
    left = history.without(numbers)
    get = store.getter(armature)
    try:
        used = {name for version in left.versions for name in snapshots.parts_of(get, version)}
    except ValueError as error:
        raise SceneError(
            f"The versions of the dance are damaged ({error}): nothing is removed, since what is left could not be told "
            "from what is not needed any more."
        ) from error
    _keep(armature, left)
    store.drop_parts(armature, used)
    return len(history.versions) - len(left.versions)


def _keep(armature: bpy.types.Object, history: History) -> None:
    store.write(armature, history, {})
    shown_versions.refresh(armature)
