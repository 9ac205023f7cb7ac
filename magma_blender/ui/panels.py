"""The panel "MAGMA" in the sidebars of sequencer and 3D viewport."""

from __future__ import annotations

import bpy

from smpl_rig.blender.context import active_object, scene_of

from ..engine_host import engine_setup
from ..engine_host.checkpoint_list import has_energy, title_of
from ..engine_host.session import session
from ..errors import SceneError, SetupError, StripError
from ..media import audibility, strips
from ..operators.job_operator import seconds_text
from ..scene import scene_settings
from ..scene.dancer import carries_any, load
from ..scene.scene_settings import MagmaSettings, settings_of
from .character_panel import draw_found
from .draw import draw_lines, draw_notice, draw_running, name_text, never_raises


class _Sidebar(bpy.types.Panel):
    """Common to both sidebars."""

    bl_label = "MAGMA"
    bl_category = "MAGMA"
    bl_region_type = "UI"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        assert self.layout is not None
        with never_raises(self.layout):
            draw_sidebar(self.layout, context)


def draw_sidebar(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The strip, the settings of the next dance, what is going on and what happened, and the dance of the armature."""
    layout.use_property_split = True
    layout.use_property_decorate = False
    draw_strip(layout, context)
    settings = settings_of(scene_of(context))
    imported = scene_settings.is_imported(settings)
    column = layout.column()
    column.prop(settings, "style")
    column.prop(settings, "checkpoint")
    if description := scene_settings.description_of(settings):
        hint = column.column()
        hint.active = False
        draw_lines(hint, [description], context, most=4)
    if has_energy(settings.checkpoint):
        column.prop(settings, "energy", slider=True)
        column.prop(settings, "song_energy", slider=True)
    row = column.row(align=True)
    row.prop(settings, "seed")
    row.operator("magma.new_seed", text="", icon="FILE_REFRESH")
    row = column.row()
    row.enabled = not imported
    row.prop(settings, "candidates")
    _draw_guidance(column, settings, imported)
    if imported:
        column.prop(settings, "music_view")
    column.prop(settings, "beat_snap", slider=True)
    column.prop(settings, "room")
    column.prop(settings, "length")
    column.prop(settings, "target")
    draw_found(column, context)
    if settings.target is None:
        column.prop(settings, "use_body")
        if settings.use_body:
            column.prop(settings, "body_file")
    column.prop(settings, "live_preview")
    if not draw_running(layout, context):
        _draw_start(layout, context)
    if session.notice is not None:
        draw_notice(layout, session.notice, context)
    draw_dance(layout, context)


def _draw_guidance(column: bpy.types.UILayout, settings: MagmaSettings, imported: bool) -> None:
    """The setting, and what 0 means; it is off for an imported checkpoint, which cannot be guided."""
    row = column.row()
    row.enabled = not imported
    row.prop(settings, "guidance")
    if imported or not settings.guidance:
        hint = column.row()
        hint.active = False
        hint.alignment = "RIGHT"
        hint.label(text="not for imported checkpoints" if imported else "0 = the checkpoint's own")


def draw_strip(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The strip that Generate Dance would use, or what to do to have one."""
    box = layout.box()
    try:
        scene, strip = strips.pick(context)
    except StripError as error:
        draw_lines(box, [str(error)], context, "SOUND")
        return
    silent = audibility.why_silent(scene, strip)
    seconds = strip.frame_final_duration / strips.frame_rate(scene)
    row = box.row()
    row.label(text=name_text(strip.name), icon="MUTE_IPO_ON" if silent else "SOUND")
    row.label(text=seconds_text(seconds))
    if silent:
        draw_lines(box, [f"The strip {silent}."], context, "ERROR")


def _draw_start(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The button, or what is missing for it."""
    try:
        engine_setup.check_numpy()
        session.setup()
    except SetupError as error:
        draw_lines(layout.box(), [str(error)], context, "ERROR")
        return
    row = layout.row()
    row.scale_y = 1.6
    row.operator("magma.generate_dance", icon="PLAY")
    layout.label(text="Engine runs" if session.engine_runs else "Engine starts when needed", icon="CHECKMARK")


def draw_dance(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """What the active armature dances, or why that cannot be said."""
    active = active_object(context)
    if active is None or active.type != "ARMATURE" or not carries_any(active):
        return
    box = layout.box()
    box.label(text=f"Choreography of {name_text(active.name)}", icon="ARMATURE_DATA")
    try:
        dancer = load(active)
    except SceneError as error:
        draw_lines(box, [str(error)], context, "ERROR")
        return
    document = dancer.document
    column = box.column(align=True)
    column.scale_y = 0.8
    style = f"{title_of(document.checkpoint.name, document.style)}, " if document.style else ""
    column.label(text=name_text(f"{style}seed {document.seed}, checkpoint {document.checkpoint.name}"))
    length = f"{len(document)} tokens, {dancer.seconds_of(len(document)):.1f} s"
    column.label(text=f"{length}, to {name_text(dancer.strip)}")
    box.operator("magma.transfer_dance", icon="ARMATURE_DATA")


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
