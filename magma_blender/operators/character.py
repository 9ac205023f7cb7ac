"""What the buttons of the sub-panel Character do: which bone of the target is what."""

# Blender reads properties from annotations that are calls, so these are neither types nor kept as text.
# mypy: disable-error-code=valid-type

from collections.abc import Callable
from dataclasses import replace

import bpy

from smpl_rig.blender.compat import armature_of
from smpl_rig.blender.context import manager_of, scene_of

from ..errors import SceneError
from ..scene import character_presets, characters
from ..scene.selection import chosen_target
from .results import Result, do, refuse


class _OnTarget(bpy.types.Operator):
    """Base of an operator on the target's character."""

    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with an armature as target."""
        try:
            target = chosen_target(scene_of(context))
        except SceneError as error:
            refuse(cls, str(error))
            return False
        return target is not None and target.type == "ARMATURE"

    def _work(self, context: bpy.types.Context, work: Callable[[bpy.types.Object], str]) -> Result:
        def on_target() -> str:
            target = chosen_target(scene_of(context))
            assert target is not None
            try:
                characters.check_writable(target)
                return work(target)
            except ValueError as error:  # errors of armatures and maps are
                raise SceneError(str(error)) from error

        return do(self, on_target)


class MAGMA_OT_detect_character(_OnTarget):
    """Find again which bone is what, by names and structure, in place of what was chosen"""

    bl_idname = "magma.detect_character"
    bl_label = "Auto-Detect"

    def execute(self, context: bpy.types.Context) -> Result:
        """Forget the chosen map."""

        def work(target: bpy.types.Object) -> str:
            characters.choose(target, replace(characters.choices_of(target), map=None))
            doubts = characters.found(target).doubts
            return " ".join([f"{characters.description(target)}.", *doubts])

        return self._work(context, work)


class MAGMA_OT_mirror_character(_OnTarget):
    """Give the roles of the other side the bones that mirror those of this side"""

    bl_idname = "magma.mirror_character"
    bl_label = "Mirror Sides"

    side: bpy.props.EnumProperty(
        name="From",
        description="The side that is right as it is",
        items=(("L", "Left", "Bones of the left side are right"), ("R", "Right", "Bones of the right side are right")),
    )

    def execute(self, context: bpy.types.Context) -> Result:
        """Mirror them."""

        def work(target: bpy.types.Object) -> str:
            mirrored, missing = characters.mirrored(target, self.side)
            characters.choose(target, replace(characters.choices_of(target), map=mirrored))
            said = f"{len(mirrored.names)} bones are chosen."
            return f"{said} No mirror image was found of {', '.join(missing[:5])}." if missing else said

        return self._work(context, work)


class MAGMA_OT_save_character(_OnTarget):
    """Keep which bone is what as a preset, for other characters with the same bones"""

    bl_idname = "magma.save_character"
    bl_label = "Save Preset"
    bl_options = set()

    name: bpy.props.StringProperty(name="Name", description="The preset's name", options={"SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """Ask for the name."""
        result: Result = manager_of(context).invoke_props_dialog(self)
        return result

    def execute(self, context: bpy.types.Context) -> Result:
        """Save it."""

        def work(target: bpy.types.Object) -> str:
            chosen = characters.choices_of(target)
            file = character_presets.save(self.name, characters.map_of(target), chosen.ik)
            return f'The preset "{file.stem}" is saved.'

        return self._work(context, work)


class MAGMA_OT_load_character(_OnTarget):
    """Use a preset for which bone is what"""

    bl_idname = "magma.load_character"
    bl_label = "Load Preset"

    name: bpy.props.StringProperty(name="Name", description="The preset's name", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> Result:
        """Use it."""

        def work(target: bpy.types.Object) -> str:
            preset, ik = character_presets.load(self.name)
            missing = [name for name in preset.names if name not in armature_of(target).bones]
            if missing:
                raise SceneError(
                    f'The preset "{self.name}" is for a character with the bone "{missing[0]}", which "{target.name}" '
                    "lacks: choose another preset, or press Auto-Detect."
                )
            characters.choose(target, replace(characters.choices_of(target), map=preset, ik=ik))
            return f'The preset "{self.name}" is used.'

        return self._work(context, work)


CLASSES = (
    MAGMA_OT_detect_character,
    MAGMA_OT_mirror_character,
    MAGMA_OT_save_character,
    MAGMA_OT_load_character,
)
