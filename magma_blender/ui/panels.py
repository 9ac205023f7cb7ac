"""The panel "MAGMA" in the sidebars of sequencer and 3D viewport: song, character, style, energy, the one button."""

from __future__ import annotations

import bpy

from smpl_rig.blender.context import scene_of

from ..engine_host import engine_setup
from ..engine_host.checkpoint_list import has_energy
from ..engine_host.session import session
from ..errors import NoSongError, SetupError, StripError
from ..media import audibility, strips
from ..media.strips import Strip
from ..operators.job_operator import seconds_text
from ..scene.scene_settings import settings_of
from .character_panel import draw_found
from .draw import draw_lines, draw_notice, draw_running, name_text, never_raises
from .presets import MAGMA_PT_presets

NUMBER_SHARE = 0.08
"""Of a row: the number of a step beside its button."""
NAME_SHARE = 0.72
"""Of a row: the song's name beside its length."""


class _Sidebar(bpy.types.Panel):
    """Common to both sidebars."""

    bl_label = "MAGMA"
    bl_category = "MAGMA"
    bl_region_type = "UI"

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        """The button with the presets."""
        MAGMA_PT_presets.draw_panel_header(self.layout)

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        assert self.layout is not None
        with never_raises(self.layout):
            draw_sidebar(self.layout, context)


def draw_sidebar(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """What a dance needs and the button, or the three clicks to a first one; what is going on, and what happened."""
    layout.use_property_split = True
    layout.use_property_decorate = False
    try:
        picked = strips.pick(context)
    except NoSongError:
        draw_first_steps(layout, context)
    except StripError as error:
        draw_lines(layout.box(), [str(error)], context, "SOUND")
        draw_what_dances(layout, context)
        _draw_going_on(layout, context)
    else:
        draw_strip(layout, context, *picked)
        draw_what_dances(layout, context)
        _draw_going_on(layout, context)
    if session.notice is not None:
        draw_notice(layout, session.notice, context)


def draw_first_steps(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The three clicks, each with its button, and Try an Example."""
    column = layout.column()
    _step(column, "1").operator("magma.add_song", icon="FILE_SOUND")
    _draw_character(_step(column, "2"), context, text="")
    hint = _step(column, "")
    hint.active = False
    hint.label(text="Empty: a mannequin")
    draw_found(column, context)
    button = _step(column, "3")
    button.enabled = False
    button.operator("magma.generate_dance", icon="PLAY")
    layout.separator()
    if not draw_running(layout, context) and not _draw_problem(layout, context):
        row = layout.row()
        row.scale_y = 1.4
        row.operator("magma.try_example", icon="PLAY")


def _step(column: bpy.types.UILayout, number: str) -> bpy.types.UILayout:
    row = column.split(factor=NUMBER_SHARE)
    row.label(text=number)
    return row.row(align=True)


def draw_strip(layout: bpy.types.UILayout, context: bpy.types.Context, scene: bpy.types.Scene, strip: Strip) -> None:
    """The strip that Generate Dance would use."""
    box = layout.box()
    silent = audibility.why_silent(scene, strip)
    seconds = strip.frame_final_duration / strips.frame_rate(scene)
    row = box.split(factor=NAME_SHARE)
    row.label(text=name_text(strip.name), icon="MUTE_IPO_ON" if silent else "SOUND", translate=False)
    length = row.row()
    length.alignment = "RIGHT"
    length.label(text=seconds_text(seconds))
    if silent:
        draw_lines(box, [f"The strip {silent}."], context, "ERROR")


def draw_what_dances(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Character, style and energy of the next dance."""
    settings = settings_of(scene_of(context))
    column = layout.column()
    _draw_character(column.row(align=True), context)
    draw_found(column, context)
    column.prop(settings, "style")
    if has_energy(settings.checkpoint):
        column.prop(settings, "energy", slider=True)


def _draw_character(row: bpy.types.UILayout, context: bpy.types.Context, text: str = "Character") -> None:
    row.prop(settings_of(scene_of(context)), "target", text=text)
    row.operator("magma.use_active", text="", icon="ARMATURE_DATA")


def _draw_going_on(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """What is going on, else the button, or what is missing for it."""
    if draw_running(layout, context) or _draw_problem(layout, context):
        return
    row = layout.row()
    row.scale_y = 1.6
    row.operator("magma.generate_dance", icon="PLAY")


def _draw_problem(layout: bpy.types.UILayout, context: bpy.types.Context) -> bool:
    """What is missing for any dance; False where nothing is."""
    try:
        engine_setup.check_numpy()
        session.setup()
    except SetupError as error:
        draw_lines(layout.box(), [str(error)], context, "ERROR")
        return True
    return False


class MAGMA_PT_sequencer(_Sidebar):
    """In the sequencer."""

    bl_idname = "MAGMA_PT_sequencer"
    bl_space_type = "SEQUENCE_EDITOR"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Not in a mere preview, which has no strips."""
        space = context.space_data
        return isinstance(space, bpy.types.SpaceSequenceEditor) and space.view_type in {
            "SEQUENCER",
            "SEQUENCER_PREVIEW",
        }


class MAGMA_PT_viewport(_Sidebar):
    """In the 3D viewport."""

    bl_idname = "MAGMA_PT_viewport"
    bl_space_type = "VIEW_3D"


CLASSES = (MAGMA_PT_sequencer, MAGMA_PT_viewport)
