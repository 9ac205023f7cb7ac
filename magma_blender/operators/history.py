"""The operators of a dance's history: back to a version, its name, and which versions stay. None needs the engine."""

# Blender reads properties from annotations that are calls, so these are neither types nor kept as text.
# mypy: disable-error-code=valid-type

import bpy

from smpl_rig.blender.context import manager_of

from ..errors import SceneError
from ..scene.history import cleaning, going_back, shown_versions
from ..scene.history.shown_versions import MagmaVersion
from ..scene.history.versions import LONGEST_NAME
from ..scene.selection import dancer_or_none, find_dancer
from .on_dancer import OnDancer
from .results import Result, do


class OnVersion(OnDancer):
    """Base of an operator for one version, which is the selected one where its number is not given."""

    number: bpy.props.IntProperty(
        name="Version", description="Number of the version; 0 is the selected one", min=0, options={"SKIP_SAVE"}
    )

    def version_of(self, armature: bpy.types.Object) -> MagmaVersion:
        """The version that is meant. Raises SceneError."""
        shown = shown_versions.versions_of(armature).versions
        found = next((version for version in shown if version.number == self.number), None)
        found = found if self.number else shown_versions.selected(armature)
        if found is None:
            raise SceneError("The dance has no such version: choose one in the list of its history.")
        return found


class MAGMA_OT_go_back(OnVersion):
    """Dance the selected version again, with its moves and keyframes as they were"""

    bl_idname = "magma.go_back"
    bl_label = "Go Back to Version"
    bl_options = {"UNDO"}

    def execute(self, context: bpy.types.Context) -> Result:
        """Go back."""

        def work() -> str:
            armature = find_dancer(context)
            return going_back.go_back(armature, self.version_of(armature).number)

        return do(self, work)


class MAGMA_OT_rename_version(OnVersion):
    """Give the selected version another name"""

    bl_idname = "magma.rename_version"
    bl_label = "Rename Version"
    bl_options = {"REGISTER", "UNDO"}

    name: bpy.props.StringProperty(
        name="Name", description="What the version is called", maxlen=LONGEST_NAME, options={"SKIP_SAVE"}
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """Ask for the name."""
        armature = dancer_or_none(context)
        shown = shown_versions.selected(armature) if armature is not None else None
        self.name = shown.name if shown is not None else ""
        return manager_of(context).invoke_props_dialog(self)

    def execute(self, context: bpy.types.Context) -> Result:
        """Rename it."""

        def work() -> str:
            armature = find_dancer(context)
            cleaning.rename(armature, self.version_of(armature).number, self.name)
            return f'The version is called "{self.name.strip()}".'

        return do(self, work)


class MAGMA_OT_remove_version(OnVersion):
    """Remove the selected version from the history; the dance stays as it is"""

    bl_idname = "magma.remove_version"
    bl_label = "Remove Version"
    bl_options = {"UNDO"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """Ask whether it is meant."""
        return manager_of(context).invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> Result:
        """Remove it."""

        def work() -> str:
            armature = find_dancer(context)
            version = self.version_of(armature)
            name = version.name
            cleaning.remove(armature, version.number)
            return f'The version "{name}" is removed.'

        return do(self, work)


class MAGMA_OT_clean_history(OnDancer):
    """Remove old versions of the dance, which makes the file smaller; the version that is danced stays"""

    bl_idname = "magma.clean_history"
    bl_label = "Clean Up History"
    bl_options = {"UNDO"}

    keep: bpy.props.IntProperty(name="Keep", description="How many of the newest versions stay", min=1, default=10)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """Ask how many stay."""
        return manager_of(context).invoke_props_dialog(self)

    def execute(self, context: bpy.types.Context) -> Result:
        """Clean up."""

        def work() -> str:
            count = cleaning.keep_newest(find_dancer(context), self.keep)
            return f"{count} versions are removed." if count else "There are no older versions."

        return do(self, work)


CLASSES = (MAGMA_OT_go_back, MAGMA_OT_rename_version, MAGMA_OT_remove_version, MAGMA_OT_clean_history)
