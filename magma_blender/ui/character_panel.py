"""The sub-panel "Character" in both sidebars: which bone of the target is what, and how it is keyed; the body of a new
one."""

from __future__ import annotations

from collections.abc import Sequence

import bpy

from smpl_rig.blender.compat import armature_of
from smpl_rig.blender.context import scene_of

from ..errors import SceneError
from ..scene import character_presets, characters
from ..scene.character_fields import LAST, MagmaCharacter, fields_of, is_chain
from ..scene.scene_settings import MagmaSettings, settings_of
from .draw import draw_lines, name_text, never_raises
from .sub_panel import sub_panels

MOST_PRESETS = 50
LABEL_SHARE = 0.36
_SIDES = {"": "", "L_": "Left", "R_": "Right"}


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
    hint = layout.column()
    hint.active = False
    draw_lines(hint, [text], context)


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
                self.layout.operator("magma.load_character", text=name_text(name), translate=False).name = name
            if not names:
                self.layout.label(text="No preset was saved yet")


def has_bones(context: bpy.types.Context) -> bool:
    """Only with an armature as target."""
    target = settings_of(scene_of(context)).target
    return target is not None and target.type == "ARMATURE"


def draw_body(layout: bpy.types.UILayout, settings: MagmaSettings) -> None:
    """Whether a new armature gets a body, and which."""
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(settings, "use_body")
    if settings.use_body:
        column.prop(settings, "body_file")


def draw_character(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """What is missing, the buttons, hands and sparse keys, a picker a role of the body; without a target its body."""
    from smpl_rig.retarget.roles import BODY_ROLES, words

    scene = scene_of(context)
    target, fields = settings_of(scene).target, fields_of(scene)
    if not has_bones(context):
        draw_body(layout, settings_of(scene))
        return
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
    doubts = characters.found(target).doubts if characters.choices_of(target).map is None else ()
    if doubts:
        draw_lines(layout, doubts, context, "QUESTION")
    column = layout.column(align=True)
    row = column.row(align=True)
    row.operator("magma.detect_character")
    row.operator("magma.mirror_character")
    row = column.row(align=True)
    row.operator("magma.save_character")
    row.menu("MAGMA_MT_character_presets")
    _labelled(layout, "Hands").prop(fields, "hands", text="")
    if characters.has_ik(target):
        column = layout.column(align=True)
        column.label(text="IK")
        column.row(align=True).prop(fields, "ik")
    column = layout.column(align=True)
    column.label(text="Sparse Keys")
    column.prop(fields, "degrees")
    column.prop(fields, "centimetres")
    _draw_roles(layout, fields, target, BODY_ROLES)


def draw_fingers(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """A picker a finger."""
    from smpl_rig.retarget.roles import FINGER_ROLES

    scene = scene_of(context)
    _draw_roles(layout, fields_of(scene), settings_of(scene).target, FINGER_ROLES)


def _draw_roles(
    layout: bpy.types.UILayout, fields: MagmaCharacter, target: bpy.types.Object, roles: Sequence[str]
) -> None:
    from smpl_rig.retarget.roles import words

    bones = armature_of(target)
    for side, title in _SIDES.items():
        on_side = [role for role in roles if (role[:2] if role[:2] in _SIDES else "") == side]
        column = layout.column(align=True)
        if title and on_side:
            column.label(text=title)
        for role in on_side:
            row = _labelled(column, words(role.removeprefix(side)).capitalize())
            row.prop_search(fields, role, bones, "bones", text="")
            if is_chain(role) and getattr(fields, role):
                _labelled(column, "to").prop_search(fields, role + LAST, bones, "bones", text="")


def _labelled(layout: bpy.types.UILayout, label: str) -> bpy.types.UILayout:
    """Where a field goes beside its label: names of bones are long, and sidebars narrow."""
    row = layout.split(factor=LABEL_SHARE, align=True)
    part = row.row()
    part.alignment = "RIGHT"
    part.label(text=label)
    return row


MAGMA_PT_sequencer_character, MAGMA_PT_viewport_character = sub_panels("Character", draw_character)
MAGMA_PT_sequencer_fingers, MAGMA_PT_viewport_fingers = sub_panels("Fingers", draw_fingers, has_bones, "Character")
CLASSES = (
    MAGMA_MT_character_presets,
    MAGMA_PT_sequencer_character,
    MAGMA_PT_viewport_character,
    MAGMA_PT_sequencer_fingers,
    MAGMA_PT_viewport_fingers,
)
