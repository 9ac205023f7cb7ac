"""The file browser in which a song is chosen."""

# Blender reads properties from annotations that are calls, so these are neither types nor kept as text.
# mypy: disable-error-code=valid-type

import bpy

from smpl_rig.blender.context import manager_of

from .results import Result


class SongBrowser:
    """What an operator that asks for a song's file has beside its `filepath`: the browser, and what it shows."""

    filter_sound: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    filter_movie: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """Open the file browser, whose button calls `execute`."""
        assert isinstance(self, bpy.types.Operator)
        manager_of(context).fileselect_add(self)
        return {"RUNNING_MODAL"}
