"""The sub-panel "Music" in both sidebars: how much of the song is danced to and how closely, what is heard of it, and
how to correct that."""

from __future__ import annotations

import bpy

from smpl_rig.blender.context import scene_of

from ..engine_host.answers import SongRhythm
from ..engine_host.checkpoint_list import has_energy, title_of
from ..errors import StripError
from ..media import sounds, strips
from ..media.sounds import Source
from ..operators import rhythm as operators
from ..scene import beat_markers, song_rhythms
from ..scene.dancer import seen_or_none
from ..scene.scene_settings import AUTO_STYLE, is_imported, settings_of
from ..scene.selection import dancer_or_none
from ..scene.song_rhythms import KnownRhythm
from ..translations.texts import translated
from .draw import name_text
from .sub_panel import sub_panels

SURE = 0.8
"""Confidence from which on a second best is not worth a button."""
METRES = (2, 3, 4, 6)


def heard_song(context: bpy.types.Context) -> tuple[Source, KnownRhythm] | None:
    """What the selected strip plays, and what is known of that song; None where that is nothing."""
    try:
        strip_scene, strip = strips.pick(context)
    except StripError:
        return None
    source = sounds.source_seen(strip_scene, strip)
    known = song_rhythms.of_file(scene_of(context), source.file) if source is not None else None
    return (source, known) if source is not None and known is not None else None


def draw_music(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """What the next dance takes from its song, then the song's rhythm."""
    settings = settings_of(scene_of(context))
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(settings, "length")
    if has_energy(settings.checkpoint):
        column.prop(settings, "song_energy", slider=True)
    if is_imported(settings):
        column.prop(settings, "music_view")
    draw_rhythm(layout, context)


def draw_rhythm(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Listen, or what was heard with the corrections."""
    found = heard_song(context)
    if found is None:
        layout.operator("magma.listen", icon="SOUND")
        _draw_dance(layout, context)
        return
    _, known = found
    rhythm = known.rhythm
    _draw_tempo(layout, rhythm)
    _draw_bars(layout, rhythm)
    _draw_styles(layout, context, rhythm)
    column = layout.column(align=True)
    column.operator("magma.mark_song_beats", icon="MARKER_HLT")
    if moved := len(beat_markers.moved(scene_of(context))):
        text = "Follow Moved Marker" if moved == 1 else f"Follow {moved} Moved Markers"
        column.operator("magma.follow_markers", text=translated(text), icon="SNAP_ON")
    if known.correction:
        layout.operator("magma.reset_rhythm", icon="LOOP_BACK")
    _draw_dance(layout, context)


def _draw_tempo(layout: bpy.types.UILayout, rhythm: SongRhythm) -> None:
    column = layout.column(align=True)
    column.label(text=translated(f"{rhythm.tempo:.1f} beats/min, {rhythm.confidence:.0%} sure"), icon="TIME")
    row = column.row(align=True)
    row.operator("magma.scale_tempo", text="½ ×").factor = 0.5
    row.operator("magma.scale_tempo", text="2 ×").factor = 2.0
    row.operator("magma.set_tempo", text="Set").tempo = rhythm.tempo
    if rhythm.other_tempo is not None and rhythm.confidence < SURE:
        row.operator_context = "EXEC_DEFAULT"
        row.operator("magma.set_tempo", text=f"{rhythm.other_tempo:.1f}?").tempo = rhythm.other_tempo
    row = column.row(align=True)
    row.operator("magma.tap_tempo")
    tapped = operators.tapped_tempo()
    if tapped is not None:
        row.operator("magma.use_taps", text=translated(f"Use {tapped:.1f}"))


def _draw_bars(layout: bpy.types.UILayout, rhythm: SongRhythm) -> None:
    column = layout.column(align=True)
    text = translated(f"{rhythm.beats_per_bar} beats a bar, {rhythm.bar_confidence:.0%} sure")
    column.label(text=text, icon="SNAP_INCREMENT")
    row = column.row(align=True)
    for beats in METRES:
        row.operator("magma.set_metre", text=str(beats), depress=beats == rhythm.beats_per_bar).beats = beats
    column.operator("magma.this_is_one")


def _draw_styles(layout: bpy.types.UILayout, context: bpy.types.Context, rhythm: SongRhythm) -> None:
    """The two styles that fit best; nothing where the style is chosen already."""
    settings = settings_of(scene_of(context))
    if settings.style not in ("", AUTO_STYLE) or not rhythm.styles:
        return
    column = layout.column(align=True)
    unsure = rhythm.styles[0][1] < SURE
    column.label(
        text="Unsure which style fits:" if unsure else "Style that fits:", icon="QUESTION" if unsure else "NONE"
    )
    row = column.row(align=True)
    for style, weight in rhythm.styles[:2]:
        row.operator(
            "magma.use_style", text=f"{translated(name_text(title_of(settings.checkpoint, style)))} {weight:.0%}"
        ).style = style


def _draw_dance(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Where a dance has another rhythm than what is known of its song."""
    armature = dancer_or_none(context)
    dancer = seen_or_none(armature)
    if dancer is not None and song_rhythms.outdated(scene_of(context), dancer.document):
        layout.operator("magma.update_rhythm", icon="FILE_REFRESH")


MAGMA_PT_sequencer_music, MAGMA_PT_viewport_music = sub_panels("Music", draw_music)
CLASSES = (MAGMA_PT_sequencer_music, MAGMA_PT_viewport_music)
