"""The sub-panel "Export" in both sidebars."""

from __future__ import annotations

import bpy

from smpl_rig.blender.context import scene_of

from ..errors import MagmaError
from ..exports import presets
from ..exports.export import check
from ..exports.export_settings import export_settings_of, options_of
from ..exports.subject import character
from ..translations.texts import translated
from .draw import draw_lines, name_text
from .sub_panel import sub_panels


def is_shown(context: bpy.types.Context) -> bool:
    """Only where somebody moves."""
    try:
        character(context)
    except MagmaError:
        return False
    return True


def draw_export(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Format and receiver, how the dance travels, and the button; or why it cannot be written."""
    layout.use_property_split = True
    layout.use_property_decorate = False
    settings = export_settings_of(scene_of(context))
    options = options_of(settings)
    column = layout.column()
    column.prop(settings, "preset")
    hint = column.column()
    hint.active = False
    draw_lines(hint, [options.preset.description], context, most=3)
    column.prop(settings, "travel")
    if options.preset.format not in presets.MOTION_ONLY:
        column.prop(settings, "deform_only")
        if options.preset.format != presets.BVH:
            column.prop(settings, "meshes")
    try:
        check(options)
    except MagmaError as error:
        draw_lines(layout.box(), [str(error)], context, "ERROR")
        return
    layout.operator(
        "magma.export_dance", text=translated(f'Export "{name_text(character(context).name)}"'), icon="EXPORT"
    )


MAGMA_PT_sequencer_export, MAGMA_PT_viewport_export = sub_panels("Export", draw_export, is_shown)
CLASSES = (MAGMA_PT_sequencer_export, MAGMA_PT_viewport_export)
