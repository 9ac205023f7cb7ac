"""The scene that a dance is for, kept while the engine works."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..errors import SceneError


class SceneReference:
    """A scene chosen before the engine was asked, found again after it, whatever the user did meanwhile.

    Not by its name alone: a linked scene may have the same one.
    """

    def __init__(self, scene: bpy.types.Scene) -> None:
        self._scene = scene
        self._name = scene.name
        self._identity = _identity(scene)

    def find(self) -> bpy.types.Scene:
        """The scene. Raises SceneError when it is gone."""
        scenes = list(bpy.data.scenes)
        # the same one, renamed or not; after an undo Blender has other objects for the same scenes
        same = [scene for scene in scenes if scene == self._scene]
        for scene in same or [scene for scene in scenes if _identity(scene) == self._identity]:
            return scene
        raise SceneError(
            f'The scene "{self._name}" was removed or renamed while its dance was made: generate the dance again.'
        )


def _identity(scene: bpy.types.Scene) -> object:
    """What a scene keeps when an undo replaces it: Blender 4.1 and later number what they load."""
    library = scene.library.filepath if scene.library is not None else None
    return getattr(scene, "session_uid", (scene.name, library))


def check_scene(scene: bpy.types.Scene) -> None:
    """Raise SceneError unless a dance can be put into the scene and would play in time with its sound."""
    if scene.library is not None:
        file = Path(scene.library.filepath.replace("\\", "/")).name
        raise SceneError(
            f'The scene "{scene.name}" is linked from {file} and cannot be changed here: switch to a scene of this '
            f"file, or open {file}."
        )
    old, new = scene.render.frame_map_old, scene.render.frame_map_new
    if old != new:
        raise SceneError(
            f"Time Stretching of this scene is {old} to {new}: it moves keyframes and not the sound, so no dance would "
            "be in time. Make both numbers equal (Output > Frame Range > Time Stretching), and generate again."
        )
