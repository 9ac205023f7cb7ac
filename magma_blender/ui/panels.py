"""The panel "MAGMA" in the sidebars of sequencer and 3D viewport, and the boxes it shares with the preferences."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any

import bpy

from ..engine_host import engine_setup
from ..engine_host.notices import LOG_LINES, Notice
from ..engine_host.session import session
from ..errors import SetupError, StripError
from ..media import strips
from ..operators.job_operator import progress_text, seconds_text
from ..scene import choreography, scene_settings

# mypy: disallow-subclassing-any=False

PIXELS_PER_LETTER = 7.0
WIDEST = 120


def draw_lines(layout: Any, lines: Iterable[str], context: Any, icon: str = "NONE") -> None:
    """Labels for text that is longer than the region is wide; the icon goes before the first line."""
    scale = context.preferences.system.ui_scale
    width = min(max(20, int((context.region.width - 70 * scale) / (PIXELS_PER_LETTER * scale))), WIDEST)
    column = layout.column(align=True)
    column.scale_y = 0.8
    for line in lines:
        for part in textwrap.wrap(line, width) or [""]:
            column.label(text=part, icon=icon)
            icon = "BLANK1" if icon != "NONE" else "NONE"


def draw_notice(layout: Any, notice: Notice, context: Any) -> None:
    """What happened last, with the end of the log where that helps."""
    box = layout.box()
    draw_lines(box, [notice.text], context, "ERROR" if notice.is_error else "INFO")
    if notice.details:
        draw_lines(box, notice.details[: LOG_LINES * 4], context)
    if notice.is_error:
        box.operator("magma.open_log", icon="TEXT")


def draw_progress(layout: Any, text: str, fraction: float) -> None:
    """A bar where Blender has one (4.0 and later), else the text alone."""
    if hasattr(layout, "progress"):
        layout.progress(factor=fraction, text=text)
    else:
        layout.label(text=text, icon="SORTTIME")


def draw_running(layout: Any, context: Any) -> bool:
    """What is going on, with a Cancel button; False when nothing is."""
    if session.job is not None:
        job = session.job
        cancelling = job.request.kill_at is not None
        box = layout.box()
        draw_lines(box, [job.title], context, "SOUND")
        progress = job.request.progress
        draw_progress(box, "Cancelling" if cancelling else progress_text(progress), progress.fraction)
        box.operator("magma.cancel", icon="CANCEL")
    elif session.installation is not None:
        installation = session.installation
        box = layout.box()
        draw_progress(box, f"{installation.stage} ({installation.fraction:.0%})", installation.fraction)
        draw_lines(box, installation.lines[-3:], context)
        box.operator("magma.cancel", icon="CANCEL")
    elif session.errand is not None:
        box = layout.box()
        draw_lines(box, [session.errand.title], context, "SORTTIME")
        progress = session.errand.request.progress
        cancelling = session.errand.request.kill_at is not None
        draw_progress(box, "Cancelling" if cancelling else progress_text(progress), progress.fraction)
        box.operator("magma.cancel", icon="CANCEL")
    else:
        return False
    return True


class _Sidebar:
    """Common to both sidebars."""

    bl_label = "MAGMA"
    bl_category = "MAGMA"
    bl_region_type = "UI"

    def draw(self: Any, context: Any) -> None:
        """Draw the panel."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        draw_strip(layout, context)
        settings = context.scene.magma
        column = layout.column()
        column.prop(settings, "style")
        column.prop(settings, "checkpoint")
        if scene_settings.description_of(settings):
            hint = column.column()
            hint.active = False
            draw_lines(hint, [scene_settings.description_of(settings)], context)
        row = column.row(align=True)
        row.prop(settings, "seed")
        row.operator("magma.new_seed", text="", icon="FILE_REFRESH")
        row = column.row()
        row.enabled = not scene_settings.is_imported(settings)
        row.prop(settings, "takes")
        _draw_guidance(column, settings)
        if scene_settings.is_imported(settings):
            column.prop(settings, "music_view")
        column.prop(settings, "beat_snap", slider=True)
        column.prop(settings, "room")
        column.prop(settings, "length")
        column.prop(settings, "target")
        if settings.target is None:
            column.prop(settings, "use_body")
            if settings.use_body:
                column.prop(settings, "body_file")
        column.prop(settings, "live_preview")
        if not draw_running(layout, context):
            _draw_start(layout, context)
        if session.notice is not None:
            draw_notice(layout, session.notice, context)
        _draw_choreography(layout, context)


def _draw_guidance(column: Any, settings: Any) -> None:
    """The setting, and what 0 means; it is off for an imported checkpoint, which cannot be guided."""
    imported = scene_settings.is_imported(settings)
    row = column.row()
    row.enabled = not imported
    row.prop(settings, "guidance")
    if imported or not settings.guidance:
        hint = column.row()
        hint.active = False
        hint.alignment = "RIGHT"
        hint.label(text="not for imported checkpoints" if imported else "0 = the checkpoint's own")


def draw_strip(layout: Any, context: Any) -> None:
    """The strip that Generate Dance would take, or what to do to have one."""
    box = layout.box()
    try:
        scene, strip = strips.pick(context)
    except StripError as error:
        draw_lines(box, [str(error)], context, "SOUND")
        return
    silent = strips.why_silent(strip, scene.sequence_editor)
    seconds = strip.frame_final_duration / strips.frame_rate(scene)
    row = box.row()
    row.label(text=strip.name, icon="MUTE_IPO_ON" if silent else "SOUND")
    row.label(text=seconds_text(seconds))
    if silent:
        draw_lines(box, [f"The strip {silent}."], context, "ERROR")


def _draw_start(layout: Any, context: Any) -> None:
    """The button, or what is missing for it."""
    try:
        engine_setup.check_numpy()
        session.setup()
    except SetupError as error:
        box = layout.box()
        draw_lines(box, [str(error)], context, "ERROR")
        box.operator("magma.install_engine", icon="IMPORT")
        return
    row = layout.row()
    row.scale_y = 1.6
    row.operator("magma.generate_dance", icon="PLAY")
    layout.label(text="Engine runs" if session.engine_runs else "Engine starts when needed", icon="CHECKMARK")


def _draw_choreography(layout: Any, context: Any) -> None:
    active = context.view_layer.objects.active
    found = choreography.load(active) if active is not None and active.type == "ARMATURE" else None
    if found is None:
        return
    box = layout.box()
    box.label(text=f"Choreography of {active.name}", icon="ARMATURE_DATA")
    column = box.column(align=True)
    column.scale_y = 0.8
    style = f"{found.style}, " if found.style else ""
    column.label(text=f"{style}seed {found.seed}, checkpoint {found.checkpoint}")
    column.label(text=f"{found.positions} tokens, {found.positions / found.token_rate:.1f} s, to {found.strip}")


class MAGMA_PT_sequencer(_Sidebar, bpy.types.Panel):
    """In the sequencer."""

    bl_idname = "MAGMA_PT_sequencer"
    bl_space_type = "SEQUENCE_EDITOR"

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Not in a mere preview, which has no strips."""
        return context.space_data.view_type in {"SEQUENCER", "SEQUENCER_PREVIEW"}


class MAGMA_PT_viewport(_Sidebar, bpy.types.Panel):
    """In the 3D viewport."""

    bl_idname = "MAGMA_PT_viewport"
    bl_space_type = "VIEW_3D"


CLASSES = (MAGMA_PT_sequencer, MAGMA_PT_viewport)
