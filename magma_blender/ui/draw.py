"""Pieces of panels that the sidebars and the preferences share, and the border at which nothing raises any more."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Iterable, Iterator
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import bpy

from smpl_rig.blender.context import region_of, ui_scale

from ..engine_host.notices import Notice
from ..engine_host.plain_text import fitted, shown
from ..engine_host.session import EngineTask, Job, session
from ..operators.job_operator import progress_text
from ..translations.texts import translated

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import IconItems

PIXELS_PER_LETTER = 7.0
NARROWEST, WIDEST = 20, 120
"""Letters of a line."""
MOST_LINES = 8
"""Lines that one message may fill, however long it is."""
LONGEST_NAME = 60
LONG = 2000
"""Letters of a text whose lines are not kept."""
_told: set[str] = set()
_fitted = lru_cache(maxsize=64)(fitted)
_short_name = lru_cache(maxsize=256)(partial(shown, longest=LONGEST_NAME))
"""The same few texts are drawn many times a second."""


@contextlib.contextmanager
def never_raises(layout: bpy.types.UILayout | None = None) -> Iterator[None]:
    """Around whatever Blender calls to draw: Blender has nobody to tell, and would print the same at every movement of
    the mouse. What is damaged in a way that nobody thought of becomes a line in the panel and, once, a traceback."""
    try:
        yield
    except Exception as error:
        told = traceback.format_exc()
        if told not in _told:
            _told.add(told)
            print(told, file=sys.stderr, flush=True)
        if layout is not None:
            layout.label(
                text=translated(f"MAGMA cannot show this ({type(error).__name__}): see the console"), icon="ERROR"
            )


def name_text(name: str) -> str:
    """A name from the .blend as a label shows it."""
    return _short_name(name) if len(name) <= LONGEST_NAME else shown(name, LONGEST_NAME)


def draw_lines(
    layout: bpy.types.UILayout,
    lines: Iterable[str],
    context: bpy.types.Context,
    icon: IconItems = "NONE",
    most: int = MOST_LINES,
) -> bool:
    """Labels for text that is longer than the region is wide, in the user's language; the icon goes before the first.

    most: lines that are drawn at most. Returns whether the text was cut.
    """
    scale = ui_scale(context)
    room = int((region_of(context).width - 70 * scale) / (PIXELS_PER_LETTER * scale))
    texts, width = tuple(map(translated, lines)), min(max(NARROWEST, room), WIDEST)
    fit = _fitted if sum(map(len, texts)) < LONG else fitted
    parts, is_cut = fit(texts, width, most)
    column = layout.column(align=True)
    column.scale_y = 0.8
    for part in parts:
        column.label(text=part, icon=icon, translate=False)
        icon = "BLANK1" if icon != "NONE" else "NONE"
    return is_cut


def draw_notice(layout: bpy.types.UILayout, notice: Notice, context: bpy.types.Context) -> None:
    """What happened last, with the end of the log where that helps; a button copies what does not fit."""
    box = layout.box()
    icon: IconItems = "ERROR" if notice.is_error else "INFO"
    is_cut = draw_lines(box, [notice.text, *notice.details], context, icon)
    row = box.row()
    if is_cut:
        row.operator("magma.copy_message", icon="COPYDOWN")
    if notice.is_error:
        row.operator("magma.open_log", icon="TEXT")


def draw_progress(layout: bpy.types.UILayout, text: str, fraction: float) -> None:
    """A bar where Blender has one (4.0 and later), else the text alone."""
    if hasattr(layout, "progress"):
        layout.progress(factor=fraction, text=translated(text), translate=False)
    else:
        layout.label(text=translated(text), icon="SORTTIME", translate=False)


def draw_running(layout: bpy.types.UILayout, context: bpy.types.Context) -> bool:
    """What is going on, with a Cancel button; False when nothing is."""
    if session.job is not None:
        _draw_request(layout, context, session.job, "SOUND")
    elif session.installation is not None:
        installation = session.installation
        box = layout.box()
        draw_progress(box, f"{translated(installation.stage)} ({installation.fraction:.0%})", installation.fraction)
        draw_lines(box, installation.lines[-3:], context, most=3)
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
