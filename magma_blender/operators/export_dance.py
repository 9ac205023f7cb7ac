"""Export Dance: the operator that writes the active character's dance as a file. The scene does not change."""

# Blender reads properties from annotations that are calls, so these are neither types nor kept as text.
# mypy: disable-error-code=valid-type

from pathlib import Path

import bpy

from smpl_rig.blender.context import manager_of, scene_of

from .. import paths
from ..errors import SceneError
from ..exports.export import export_dance
from ..exports.export_settings import export_settings_of, options_of
from ..exports.subject import character, subject_of
from .results import Result, do, refuse, say


class MAGMA_OT_export_dance(bpy.types.Operator):
    """Write the active character and its dance, and nothing else, as a file for another program"""

    bl_idname = "magma.export_dance"
    bl_label = "Export Dance"
    bl_options = {"REGISTER"}

    filepath: bpy.props.StringProperty(
        name="File", description="The file to write", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    check_existing: bpy.props.BoolProperty(default=True, options={"HIDDEN"})
    filter_glob: bpy.props.StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only where somebody moves."""
        try:
            character(context)
        except SceneError as error:
            refuse(cls, str(error))
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """Open the file browser, whose button calls `execute`."""
        scene = scene_of(context)
        ending = options_of(export_settings_of(scene)).preset.ending
        self.filter_glob = f"*{ending}"
        if not self.filepath:
            try:
                name = subject_of(scene, character(context)).name
            except SceneError as error:
                say(self, "ERROR", str(error))
                return {"CANCELLED"}
            folder = Path(bpy.data.filepath).parent if bpy.data.filepath else Path.home()
            self.filepath = str(folder / (bpy.path.clean_name(Path(name).stem) + ending))
        manager_of(context).fileselect_add(self)
        return {"RUNNING_MODAL"}

    def check(self, context: bpy.types.Context) -> bool:
        """The name in the file browser gets its ending, so that it asks before it writes over another file."""
        ending = options_of(export_settings_of(scene_of(context))).preset.ending
        whole = bpy.path.ensure_ext(self.filepath, ending)
        changed = bool(whole != self.filepath)
        self.filepath = whole
        return changed

    def execute(self, context: bpy.types.Context) -> Result:
        """Write it."""

        def work() -> str:
            if not self.filepath:
                raise SceneError("No file is given: choose the file to write.")
            scene = scene_of(context)
            options = options_of(export_settings_of(scene))
            file = Path(bpy.path.ensure_ext(paths.absolute(self.filepath), options.preset.ending))
            done = export_dance(scene, character(context), options, file)
            return f'Wrote frames {done.first} to {done.last} of "{done.armature.name}" to {file.name}.'

        return do(self, work)


CLASSES = (MAGMA_OT_export_dance,)
