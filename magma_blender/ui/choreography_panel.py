"""The sub-panel "Choreography" in both sidebars: the spans of the dance, and what can be done to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from smpl_rig.blender.context import active_object, region_of, ui_scale

from ..engine_host import engine_setup
from ..engine_host.checkpoint_list import has_energy, styles_of, title_of
from ..errors import MagmaError, SceneError
from ..media import song_asset
from ..scene.dancer import Dancer, carries_any, load, seen_or_none
from ..scene.selection import dancer_or_none, find_dancer, places_text, selected
from ..scene.span_list import MagmaSpan, spans_of
from ..translations.texts import translated
from .draw import draw_lines, name_text, never_raises
from .review_panel import draw_review
from .sub_panel import sub_panels

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import IconItems

WIDE = 340
"""Pixels, at a scale of 1, of a sidebar that has room for a span's bars, and words; a new sidebar has 220."""


class MAGMA_UL_spans(bpy.types.UIList):
    """One row a span."""

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        data: object,
        item: object,
        icon: int | None,
        active_data: object,
        active_property: str | None,
        index: int | None,
        flt_flag: int | None,
    ) -> None:
        """Tick, time, style, variant with arrows, lock."""
        with never_raises(layout):
            _draw_span(layout, context, item)


def _draw_span(layout: bpy.types.UILayout, context: bpy.types.Context, item: object) -> None:
    assert isinstance(item, MagmaSpan)
    row = layout.row(align=True)
    row.prop(item, "selected", text="")
    wide = region_of(context).width > WIDE * ui_scale(context)
    shown = item.name if wide or item.variants == 1 else item.name.removesuffix(" s")
    time = row.row()
    time.alert = item.changed and not wide  # an icon would take the time's room
    time.label(text=name_text(shown), icon="RADIOBUT_ON" if item.changed and wide else "NONE", translate=False)
    if wide:
        row.label(text=translated(name_text(item.bars)))
    if wide or item.variants == 1:  # else the time would be cut off; the band shows the style as well
        part = row.row()
        part.alignment = "RIGHT"
        part.label(text=name_text(item.style_title or item.style.title()))
    if item.variants > 1:
        part = row.row(align=True)
        part.alignment = "RIGHT"  # as narrow as it can be: the rest is the time's
        _switch(part, item, -1, "TRIA_LEFT")
        count = translated(f"{item.variant} of {item.variants}") if wide else f"{item.variant}/{item.variants}"
        part.label(text=count, translate=False)
        _switch(part, item, 1, "TRIA_RIGHT")
    locking = row.row()
    lock: IconItems = "LOCKED" if item.locked else "UNLOCKED"
    locking.operator("magma.toggle_span_lock", text="", icon=lock, emboss=False).position = item.start


def _switch(row: bpy.types.UILayout, item: MagmaSpan, step: int, icon: IconItems) -> None:
    part = row.row()
    part.enabled = not item.locked
    values = part.operator("magma.switch_variant", text="", icon=icon, emboss=False)
    values.position, values.step = item.start, step


class MAGMA_MT_span_style(bpy.types.Menu):
    """The styles that the dance's checkpoint knows"""

    bl_idname = "MAGMA_MT_span_style"
    bl_label = "Set Style of Moves"

    def draw(self, context: bpy.types.Context) -> None:
        """One entry a style, and the dance's own."""
        assert self.layout is not None
        with never_raises(self.layout):
            _draw_styles(self.layout, context)


def _draw_styles(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    armature = dancer_or_none(context)
    dancer = seen_or_none(armature)
    if dancer is None:
        return
    document = dancer.document
    checkpoint = document.checkpoint.name
    own = f"As the Dance ({name_text(title_of(checkpoint, document.style))})" if document.style else "As the Dance"
    layout.operator("magma.style_spans", text=translated(own)).style = ""
    for style in styles_of(checkpoint):
        layout.operator("magma.style_spans", text=name_text(title_of(checkpoint, style))).style = style


class MAGMA_MT_span_energy(bpy.types.Menu):
    """How large and quick moves are to be, against what is usual in their style"""

    bl_idname = "MAGMA_MT_span_energy"
    bl_label = "Set Energy of Moves"

    def draw(self, context: bpy.types.Context) -> None:
        """A few energies, and the dance's own."""
        assert self.layout is not None
        self.layout.operator("magma.energy_spans", text="As the Dance").as_dance = True
        for name, energy in (("Calm", 0.7), ("Usual", 1.0), ("Lively", 1.3), ("Wild", 1.6)):
            self.layout.operator("magma.energy_spans", text=f"{translated(name)} ({energy:g})").energy = energy


def is_shown(context: bpy.types.Context) -> bool:
    """Only where there is a dance, or what is left of one."""
    active = active_object(context)
    return dancer_or_none(context) is not None or (active is not None and carries_any(active))


def _draw_choreography(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    armature = dancer_or_none(context)
    if armature is None:
        draw_unusable(layout, context)
        return
    shown = spans_of(armature)
    dancer = seen_or_none(armature)
    layout.label(text=name_text(armature.name), icon="ARMATURE_DATA", translate=False)
    if dancer is not None:
        draw_dance(layout, dancer)
        draw_song(layout, dancer, context)
        draw_review(layout, context, armature, dancer)
    layout.template_list("MAGMA_UL_spans", "", shown, "spans", shown, "active", rows=4)
    icon: IconItems = "RESTRICT_SELECT_OFF"
    try:
        dancer = dancer or load(armature)  # which says what is wrong with it
        ranges, where = selected(context, armature, dancer)
        text = f"For {places_text(dancer, ranges)} ({where})"
    except MagmaError as error:
        text, icon = str(error), "ERROR"
    draw_lines(layout, [text], context, icon)
    draw_buttons(layout, dancer is not None and has_energy(dancer.document.checkpoint.name))


def draw_unusable(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Why what the active armature carries of a dance cannot be edited."""
    try:
        find_dancer(context)
    except SceneError as error:
        draw_lines(layout, [str(error)], context, "ERROR")


def draw_dance(layout: bpy.types.UILayout, dancer: Dancer) -> None:
    """What is danced, to what, by which checkpoint."""
    document = dancer.document
    column = layout.column(align=True)
    column.scale_y = 0.8
    column.active = False
    style = f"{translated(title_of(document.checkpoint.name, document.style))}, " if document.style else ""
    made = translated(f"seed {document.seed}, {document.checkpoint.label}")
    column.label(text=name_text(style + made), translate=False)
    length = f"{len(document)} tokens, {dancer.seconds_of(len(document)):.1f} s"
    column.label(text=translated(f'{length}, to "{name_text(dancer.strip)}"'), translate=False)


def draw_song(layout: bpy.types.UILayout, dancer: Dancer, context: bpy.types.Context) -> None:
    """What to do where the song of the dance is not found; nothing where it is."""
    missing = song_asset.missing(dancer.document, engine_setup.spare_sounds())
    if missing is not None:
        text = f"The song {name_text(missing)} is not found; moves can be edited without it."
        draw_lines(layout, [text], context, "INFO")
        layout.operator("magma.relink_song", icon="FILE_SOUND")


def draw_buttons(layout: bpy.types.UILayout, energy: bool) -> None:
    """What can be done to the selected moves. energy: whether moves can be given one."""
    column = layout.column(align=True)
    row = column.row(align=True)
    row.operator("magma.lock_spans", text="Lock", icon="LOCKED")
    row.operator("magma.unlock_spans", text="Unlock", icon="UNLOCKED")
    row = column.row(align=True)
    row.operator("magma.split_span", text="Split")
    row.operator("magma.split_at_bars", text="At Bars")
    row.operator("magma.merge_spans", text="Merge")
    column = layout.column(align=True)
    column.operator("magma.replace_spans", icon="FILE_REFRESH")
    row = column.row(align=True)
    row.operator("magma.switch_variant", text="Previous", icon="TRIA_LEFT").step = -1
    row.operator("magma.switch_variant", text="Next", icon="TRIA_RIGHT").step = 1
    row = column.row(align=True)
    row.operator("magma.mirror_spans", text="Mirror", icon="MOD_MIRROR")
    row.operator("magma.copy_moves", text="Copy", icon="COPYDOWN")
    row.operator("magma.paste_moves", text="Paste", icon="PASTEDOWN")
    column.menu("MAGMA_MT_span_style", text="Set Style")
    if energy:
        column.menu("MAGMA_MT_span_energy", text="Set Energy")
    column.operator("magma.insert_motion", icon="IMPORT")
    column = layout.column(align=True)
    column.operator("magma.regenerate_free", icon="FILE_REFRESH")


def is_dance_shown(context: bpy.types.Context) -> bool:
    """Only where there is a dance."""
    return dancer_or_none(context) is not None


def draw_whole_dance(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """What can be done to the whole dance."""
    column = layout.column(align=True)
    row = column.row(align=True)
    row.operator("magma.make_loop", icon="LOOP_FORWARDS")
    row.operator("magma.chain_dances", icon="LINKED")
    column = layout.column(align=True)
    column.operator("magma.keep_keyframes", icon="KEYFRAME_HLT")
    column.operator("magma.restore_keyframes", icon="LOOP_BACK")
    column.operator("magma.mark_beats", icon="MARKER_HLT")
    column.operator("magma.transfer_dance", icon="ARMATURE_DATA")
    column.menu("MAGMA_MT_nla")
    column.operator("magma.quality_report", icon="GRAPH")


MAGMA_PT_sequencer_choreography, MAGMA_PT_viewport_choreography = sub_panels(
    "Choreography", _draw_choreography, is_shown
)
MAGMA_PT_sequencer_dance, MAGMA_PT_viewport_dance = sub_panels(
    "Dance", draw_whole_dance, is_dance_shown, "Choreography"
)
CLASSES = (
    MAGMA_UL_spans,
    MAGMA_MT_span_style,
    MAGMA_MT_span_energy,
    MAGMA_PT_sequencer_choreography,
    MAGMA_PT_viewport_choreography,
    MAGMA_PT_sequencer_dance,
    MAGMA_PT_viewport_dance,
)
