"""The sub-panels "Motion", "Room", "Checkpoint" and "Preview" in both sidebars: what a dance need not be told."""

from __future__ import annotations

import bpy

from smpl_rig.blender.context import scene_of

from ..engine_host.session import session
from ..scene import scene_settings
from ..scene.scene_settings import settings_of
from .draw import draw_lines
from .sub_panel import sub_panels


def draw_motion(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Seed, candidates, guidance, beat snap."""
    settings = settings_of(scene_of(context))
    imported = scene_settings.is_imported(settings)
    column = _settings_column(layout)
    row = column.row(align=True)
    row.prop(settings, "seed")
    row.operator("magma.new_seed", text="", icon="FILE_REFRESH")
    row = column.row()
    row.enabled = not imported
    row.prop(settings, "candidates")
    row = column.row()
    row.enabled = scene_settings.candidates_of(settings) > 1
    row.prop(settings, "keep_candidates")
    row = column.row()
    row.enabled = not imported
    row.prop(settings, "guidance")
    if imported or not settings.guidance:
        hint = column.row()
        hint.active = False
        hint.alignment = "RIGHT"
        hint.label(text="not for imported checkpoints" if imported else "0 = the checkpoint's own")
    column.prop(settings, "beat_snap", slider=True)


def draw_room(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """How far the dance may travel."""
    _settings_column(layout).prop(settings_of(scene_of(context)), "room", text="Diameter")


def draw_checkpoint(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The checkpoint, what it may be used for, and whether the engine runs."""
    settings = settings_of(scene_of(context))
    column = _settings_column(layout)
    column.prop(settings, "checkpoint", text="Model")
    hint = column.column()
    hint.active = False
    if description := scene_settings.description_of(settings):
        draw_lines(hint, [description], context, most=4)
    hint.label(text="Engine runs" if session.engine_runs else "Engine starts when needed", icon="CHECKMARK")


def draw_preview(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Whether the dance is shown while it is generated, and as a plot."""
    column, settings = _settings_column(layout), settings_of(scene_of(context))
    column.prop(settings, "live_preview")
    column.prop(settings, "show_plot")


def _settings_column(layout: bpy.types.UILayout) -> bpy.types.UILayout:
    layout.use_property_split = True
    layout.use_property_decorate = False
    return layout.column()


MAGMA_PT_sequencer_motion, MAGMA_PT_viewport_motion = sub_panels("Motion", draw_motion)
MAGMA_PT_sequencer_room, MAGMA_PT_viewport_room = sub_panels("Room", draw_room)
MAGMA_PT_sequencer_checkpoint, MAGMA_PT_viewport_checkpoint = sub_panels("Checkpoint", draw_checkpoint)
MAGMA_PT_sequencer_preview, MAGMA_PT_viewport_preview = sub_panels("Preview", draw_preview)
CLASSES = (
    MAGMA_PT_sequencer_motion,
    MAGMA_PT_viewport_motion,
    MAGMA_PT_sequencer_room,
    MAGMA_PT_viewport_room,
    MAGMA_PT_sequencer_checkpoint,
    MAGMA_PT_viewport_checkpoint,
    MAGMA_PT_sequencer_preview,
    MAGMA_PT_viewport_preview,
)
