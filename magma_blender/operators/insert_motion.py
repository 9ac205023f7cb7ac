"""The operators that take the motion of a file into the dance: Insert Motion, and the file browser that it opens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from .. import paths
from ..errors import SceneError
from ..scene import editable, edits
from .job_operator import JobOperator
from .spans import OnDancer

# mypy: disallow-subclassing-any=False


class MAGMA_OT_insert_motion(JobOperator, OnDancer, bpy.types.Operator):
    """Dance the motion of a file (.npz, .bvh) from the playhead on, locked as it is; free moves beside it lead there"""

    bl_idname = "magma.insert_motion"
    bl_label = "Insert Motion"
    bl_options = {"UNDO"}

    __annotations__ = {
        "filepath": bpy.props.StringProperty(
            name="File", description="A motion: AMASS-style .npz, or .bvh", subtype="FILE_PATH", options={"SKIP_SAVE"}
        )
    }

    def invoke(self, context: Any, event: Any) -> set[str]:
        """Called by the button: ask for the file."""
        if self.filepath:
            return super().invoke(context, event)
        # the file browser's operator is another one, for Blender would make an undo step of its ending
        bpy.ops.magma.browse_motion("INVOKE_DEFAULT")
        return {"CANCELLED"}

    def start(self, context: Any) -> None:
        """Ask the engine."""
        if not self.filepath:
            raise SceneError("No motion is given: choose a file (.npz, .bvh).")
        armature = editable.find_dancer(context)
        position = editable.load(armature).position_at(context.scene.frame_current)
        file = paths.absolute(self.filepath)
        edits.start(armature, [{"do": "insert", "start": position, "file": file}], f'Inserting "{Path(file).name}"')


class MAGMA_OT_browse_motion(OnDancer, bpy.types.Operator):
    """Choose the motion that is inserted at the playhead"""

    bl_idname = "magma.browse_motion"
    bl_label = "Insert Motion"
    bl_options = {"INTERNAL"}

    __annotations__ = {
        "filepath": bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"}),
        "filter_glob": bpy.props.StringProperty(default="*.npz;*.bvh", options={"HIDDEN", "SKIP_SAVE"}),
    }

    def invoke(self, context: Any, _event: Any) -> set[str]:
        """Open the file browser, whose button calls `execute`."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, _context: Any) -> set[str]:
        """Insert what was chosen."""
        return set(bpy.ops.magma.insert_motion("INVOKE_DEFAULT", filepath=self.filepath or "."))


CLASSES = (MAGMA_OT_insert_motion, MAGMA_OT_browse_motion)
