"""The sub-panel "Character" in both sidebars: which bone of the target is what, and how it is keyed."""

from __future__ import annotations

import bpy

from smpl_rig.blender.compat import armature_of
from smpl_rig.blender.context import scene_of

from ..errors import SceneError
from ..scene import character_presets, characters
from ..scene.character_fields import LAST, MagmaCharacter, fields_of, is_chain
from ..scene.scene_settings import settings_of
from .draw import draw_lines, name_text, never_raises

MOST_PRESETS = 50


def draw_found(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Under the target: what it is found to be, or why it cannot dance."""
    target = settings_of(scene_of(context)).target
    if target is None:
        return
    try:
        text = characters.description(target)
    except SceneError as error:
        draw_lines(layout, [str(error)], context, "ERROR")
        return
    except ImportError:
        return  # no numpy, which is said elsewhere
    row = layout.row()
    row.active = False
    row.alignment = "RIGHT"
    row.label(text=name_text(text))


class MAGMA_MT_character_presets(bpy.types.Menu):
    """The presets in the data folder"""

    bl_idname = "MAGMA_MT_character_presets"
    bl_label = "Load Preset"

    def draw(self, context: bpy.types.Context) -> None:
        """One entry a preset."""
        assert self.layout is not None
        with never_raises(self.layout):
            names = character_presets.names()
            for name in names[:MOST_PRESETS]:
                self.layout.operator("magma.load_character", text=name_text(name)).name = name
            if not names:
                self.layout.label(text="No preset was saved yet")


class _Character(bpy.types.Panel):
    """Common to both sidebars."""

    bl_label = "Character"
    bl_category = "MAGMA"
    bl_region_type = "UI"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with an armature as target."""
        with never_raises():
            target = settings_of(scene_of(context)).target
            return target is not None and target.type == "ARMATURE"
        return False

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        assert self.layout is not None
        with never_raises(self.layout):
            draw_character(self.layout, context)


def draw_character(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """What is missing, the buttons, a picker a role, hands and sparse keys."""
    from smpl_rig.retarget.roles import BODY_ROLES, FINGER_ROLES, words

    scene = scene_of(context)
    target, fields = settings_of(scene).target, fields_of(scene)
    try:
        smpl, character = characters.is_smpl(target), characters.map_of(target)
    except ValueError as error:  # errors of armatures are
        draw_lines(layout, [str(error)], context, "ERROR")
        return
    except ImportError:
        return  # no numpy, which is said elsewhere
    if smpl:
        draw_lines(layout, ["An SMPL armature: its bones are keyed as they are."], context, "INFO")
        return
    missing = [words(role) for role in character.missing]
    if missing:
        draw_lines(layout, [f"Missing: {', '.join(missing)}."], context, "ERROR")
    chosen = characters.choices_of(target).map is not None
    if not chosen:
        draw_lines(layout, characters.found(target).doubts, context, "QUESTION")
    column = layout.column(align=True)
    row = column.row(align=True)
    row.operator("magma.detect_character", icon="FILE_REFRESH")
    row.operator("magma.mirror_character", icon="MOD_MIRROR")
    row = column.row(align=True)
    row.operator("magma.save_character", icon="FILE_TICK")
    row.menu("MAGMA_MT_character_presets", icon="PRESET")
    layout.use_property_split = True
    layout.use_property_decorate = False
    column = layout.column()
    column.prop(fields, "hands")
    part = column.column(align=True)
    part.prop(fields, "degrees", text="Sparse Keys, Degrees")
    part.prop(fields, "centimetres")
    for roles in (BODY_ROLES, FINGER_ROLES):
        column = layout.column(align=True)
        for role in roles:
            _draw_role(column, fields, target, role)


def _draw_role(column: bpy.types.UILayout, fields: MagmaCharacter, target: bpy.types.Object, role: str) -> None:
    bones = armature_of(target)
    column.prop_search(fields, role, bones, "bones", icon="BONE_DATA")
    if is_chain(role) and getattr(fields, role):
        column.prop_search(fields, role + LAST, bones, "bones", icon="BLANK1")


class MAGMA_PT_sequencer_character(_Character):
    """In the sequencer."""

    bl_idname = "MAGMA_PT_sequencer_character"
    bl_parent_id = "MAGMA_PT_sequencer"
    bl_space_type = "SEQUENCE_EDITOR"


class MAGMA_PT_viewport_character(_Character):
    """In the 3D viewport."""

    bl_idname = "MAGMA_PT_viewport_character"
    bl_parent_id = "MAGMA_PT_viewport"
    bl_space_type = "VIEW_3D"


CLASSES = (MAGMA_MT_character_presets, MAGMA_PT_sequencer_character, MAGMA_PT_viewport_character)
