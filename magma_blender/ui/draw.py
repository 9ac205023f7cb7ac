"""Pieces of panels that the sidebars and the preferences share."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING

import bpy

from smpl_rig.blender.context import region_of, ui_scale

from ..engine_host.notices import LOG_LINES, Notice
from ..engine_host.session import EngineTask, Job, session
from ..operators.job_operator import progress_text

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import IconItems

PIXELS_PER_LETTER = 7.0
WIDEST = 120


def draw_lines(
    layout: bpy.types.UILayout, lines: Iterable[str], context: bpy.types.Context, icon: IconItems = "NONE"
) -> None:
    """Labels for text that is longer than the region is wide; the icon goes before the first line."""
    scale = ui_scale(context)
    width = min(max(20, int((region_of(context).width - 70 * scale) / (PIXELS_PER_LETTER * scale))), WIDEST)
    column = layout.column(align=True)
    column.scale_y = 0.8
    for line in lines:
        for part in textwrap.wrap(line, width) or [""]:
            column.label(text=part, icon=icon)
            icon = "BLANK1" if icon != "NONE" else "NONE"


def draw_notice(layout: bpy.types.UILayout, notice: Notice, context: bpy.types.Context) -> None:
    """What happened last, with the end of the log where that helps."""
    box = layout.box()
    draw_lines(box, [notice.text], context, "ERROR" if notice.is_error else "INFO")
    if notice.details:
        draw_lines(box, notice.details[: LOG_LINES * 4], context)
    if notice.is_error:
        box.operator("magma.open_log", icon="TEXT")


def draw_progress(layout: bpy.types.UILayout, text: str, fraction: float) -> None:
    """A bar where Blender has one (4.0 and later), else the text alone."""
    if hasattr(layout, "progress"):
        layout.progress(factor=fraction, text=text)
    else:
        layout.label(text=text, icon="SORTTIME")


def draw_running(layout: bpy.types.UILayout, context: bpy.types.Context) -> bool:
    """What is going on, with a Cancel button; False when nothing is."""
    if session.job is not None:
        _draw_request(layout, context, session.job, "SOUND")
    elif session.installation is not None:
        installation = session.installation
        box = layout.box()
        draw_progress(box, f"{installation.stage} ({installation.fraction:.0%})", installation.fraction)
        draw_lines(box, installation.lines[-3:], context)
        box.operator("magma.cancel", icon="CANCEL")
    elif session.task is not None:
        _draw_request(layout, context, session.task, "SORTTIME")
    else:
        return False
    return True


def _draw_request(
    layout: bpy.types.UILayout, context: bpy.types.Context, running: Job | EngineTask, icon: IconItems
) -> None:
    box = layout.box()
    draw_lines(box, [running.title], context, icon)
    progress = running.request.progress
    cancelling = running.request.kill_at is not None
    draw_progress(box, "Cancelling" if cancelling else progress_text(progress), progress.fraction)
    box.operator("magma.cancel", icon="CANCEL")
