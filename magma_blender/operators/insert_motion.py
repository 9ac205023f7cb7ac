"""The operators that insert the motion of a file into the dance: Insert Motion, and the file browser that it opens."""

# Blender reads properties from annotations that are calls, so these are neither types nor kept as text.
# mypy: disable-error-code=valid-type

from pathlib import Path

import bpy

from smpl_rig.blender.context import manager_of, scene_of

from .. import paths
from ..errors import SceneError
from ..scene.dance_keys import current
from .edit_jobs import start_edit
from .job_operator import JobOperator
from .on_dancer import OnDancer, dancer_to_edit
from .results import CANCELLED, Result


class MAGMA_OT_insert_motion(JobOperator, OnDancer):
    """Dance the motion of a file (.npz, .bvh) from the playhead on, locked as it is; free moves beside it lead there"""

    bl_idname = "magma.insert_motion"
    bl_label = "Insert Motion"
    bl_options = {"UNDO"}

    filepath: bpy.props.StringProperty(
        name="File", description="A motion: AMASS-style .npz, or .bvh", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """Called by the button: ask for the file."""
        if self.filepath:
            return super().invoke(context, event)
        # the file browser's operator is another one, for Blender would make an undo step of its ending
        bpy.ops.magma.browse_motion("INVOKE_DEFAULT")  # type: ignore[attr-defined]
        return CANCELLED

    def start(self, context: bpy.types.Context) -> None:
        """Ask the engine."""
        if not self.filepath:
            raise SceneError("No motion is given: choose a file (.npz, .bvh).")
        armature = dancer_to_edit(context)
        position = current(armature).position_at(scene_of(context).frame_current)
        file = paths.absolute(self.filepath)
        name = Path(file).name
        insert: dict[str, object] = {"do": "insert", "start": position, "file": file}
        start_edit(armature, [insert], f'Inserting "{name}"', name=f'Insert "{name}"')


class MAGMA_OT_browse_motion(OnDancer):
    """Choose the motion that is inserted at the playhead"""

    bl_idname = "magma.browse_motion"
    bl_label = "Insert Motion"
    bl_options = {"INTERNAL"}

    filepath: bpy.props.StringProperty(
        name="File", description="A motion: AMASS-style .npz, or .bvh", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    filter_glob: bpy.props.StringProperty(default="*.npz;*.bvh", options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """Open the file browser, whose button calls `execute`."""
        manager_of(context).fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> Result:
        """Insert what was chosen."""
        operators = bpy.ops.magma  # type: ignore[attr-defined]  # the add-on's own
        return set(operators.insert_motion("INVOKE_DEFAULT", filepath=self.filepath or "."))


CLASSES = (MAGMA_OT_insert_motion, MAGMA_OT_browse_motion)
