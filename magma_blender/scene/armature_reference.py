"""An armature remembered while the engine works."""

from __future__ import annotations

import bpy

from ..errors import SceneError


class ArmatureReference:
    """The armature chosen before the engine was asked, found again after it, whatever the user did meanwhile."""

    def __init__(self, armature: bpy.types.Object) -> None:
        self._armature = armature
        self._name = armature.name
        self._library = armature.library.filepath if armature.library is not None else None

    def find(self) -> bpy.types.Object:
        """The armature. Raises SceneError when it is gone: also where a setting still names it, as the target, and so
        keeps it in the file without a scene."""
        found: bpy.types.Object | None = None
        try:
            if self._armature.name in bpy.data.objects:  # follows a renaming
                found = self._armature
        except ReferenceError:
            # after an undo Blender has other objects under the old names; an override has its linked object's name
            found = bpy.data.objects.get((self._name, self._library))
        if found is not None and found.users_scene:
            return found
        raise SceneError(
            f'The armature "{self._name}" was removed while its dance was made: choose another target, or clear it, '
            "and generate again."
        )
