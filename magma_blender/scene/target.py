"""The armature that a dance is for."""

from __future__ import annotations

import bpy

from ..errors import SceneError


class Target:
    """The armature chosen before the engine was asked, found again after it, whatever the user did meanwhile."""

    def __init__(self, armature: bpy.types.Object) -> None:
        self._armature = armature
        self._name = armature.name

    def find(self) -> bpy.types.Object:
        """The armature. Raises SceneError when it is gone."""
        try:
            if self._armature.name in bpy.data.objects:  # follows a renaming
                return self._armature
        except ReferenceError:
            # after an undo Blender has other objects under the old names
            if self._name in bpy.data.objects:
                return bpy.data.objects[self._name]
        raise SceneError(
            f'The armature "{self._name}" was removed while its dance was made: choose another target, or clear it, '
            "and generate again."
        )


def check_target(armature: bpy.types.Object) -> None:
    """Raise SceneError unless a dance can be written to the armature. Changes nothing."""
    from smpl_rig.blender.armature import ArmatureError, check_armature

    try:
        check_armature(armature)
    except ArmatureError as error:
        raise SceneError(str(error)) from error
