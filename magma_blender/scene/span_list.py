"""The spans as Blender shows them: a copy of the document on the armature, for lists and drawing only.

It is an object's property, so undo, loading and duplicating keep it in step with the record beside it.
"""

# Blender reads properties from annotations that are calls, so these are neither types nor kept as text.
# mypy: disable-error-code=valid-type

from collections.abc import Sequence

import bpy

from engine.choreography import MOST_POSITIONS, Range
from smpl_rig.blender.context import windows_of

from ..engine_host.checkpoint_list import title_of
from . import beat_markers
from .dancer import keeper, seen_or_none


class MagmaSpan(bpy.types.PropertyGroup):
    """One span; its name says its seconds, bars its bars and beats. start, stop: token positions. variant: the chosen
    one, from 1 on, of `variants`. style_title: the style as a person reads it; empty in early files. changed: whether
    the edit in review has changed its moves."""

    start: bpy.props.IntProperty()
    stop: bpy.props.IntProperty()
    bars: bpy.props.StringProperty()
    locked: bpy.props.BoolProperty()
    style: bpy.props.StringProperty()
    style_title: bpy.props.StringProperty()
    variant: bpy.props.IntProperty()
    variants: bpy.props.IntProperty()
    changed: bpy.props.BoolProperty()
    selected: bpy.props.BoolProperty(
        name="Selected", description="Whether the buttons below are for this span", options=set()
    )


class MagmaSpans(bpy.types.PropertyGroup):
    """The spans of an armature's dance in order. frame_start: scene frame of position 0."""

    spans: bpy.props.CollectionProperty(type=MagmaSpan)
    active: bpy.props.IntProperty(name="Span", description="A span of the dance", options=set())
    frame_start: bpy.props.FloatProperty(override={"LIBRARY_OVERRIDABLE"})
    frames_per_position: bpy.props.FloatProperty(default=1.0)


def spans_of(armature: bpy.types.Object) -> MagmaSpans:
    """The list of an armature. It is kept where the dance is: Blender adds nothing to lists of library overrides."""
    shown: MagmaSpans = keeper(armature).magma_spans  # type: ignore[attr-defined]  # `register` adds it
    return shown


def shown_spans(armature: bpy.types.Object) -> list[MagmaSpan]:
    """The spans of an armature's list, as many as a dance can have: a file may hold any number."""
    found: list[MagmaSpan] = spans_of(armature).spans[:MOST_POSITIONS]
    return found


def refresh(armature: bpy.types.Object) -> None:
    """Show the dance that the armature carries; which spans are selected stays, as far as they go."""
    if _is_fixed(armature):
        return
    shown = spans_of(armature)
    chosen = selected_ranges(armature)
    dancer = seen_or_none(armature)
    if dancer is None:
        shown.spans.clear()
    else:
        document, beats = dancer.document, beat_markers.beats_of(dancer)
        shown.frame_start, shown.frames_per_position = dancer.frame_start, dancer.frames_per_position
        while len(shown.spans) > len(document.spans):
            shown.spans.remove(len(shown.spans) - 1)
        styles = {span.style or document.style or "" for span in document.spans}
        titles = {style: title_of(document.checkpoint.name, style) for style in styles}
        for number, span in enumerate(document.spans):
            places = [beat_markers.place_text(beats, dancer.frame_of(at)) for at in (span.start, span.stop)]
            style = span.style or document.style or ""
            values = {
                "start": span.start,
                "stop": span.stop,
                "locked": span.locked,
                "name": f"{dancer.seconds_of(span.start):.1f}–{dancer.seconds_of(span.stop):.1f} s",
                "bars": f"bar {places[0]}–{places[1]}" if beats else "",
                "style": style,
                "style_title": titles[style],
                "variant": span.chosen + 1,
                "variants": len(span.variants),
                "selected": any(start <= span.start and span.stop <= stop for start, stop in chosen),
            }
            item = shown.spans[number] if number < len(shown.spans) else shown.spans.add()
            for name, value in values.items():
                if getattr(item, name) != value:
                    setattr(item, name, value)
        shown.active = min(shown.active, len(shown.spans) - 1)
    redraw_bands()


def _is_fixed(armature: bpy.types.Object) -> bool:
    """Whether the list is another file's, and stays as it is."""
    kept = keeper(armature)
    return kept.library is not None or kept.override_library is not None


def redraw_bands() -> None:
    """Draw all sequencers again: a button in a sidebar makes Blender draw only that sidebar."""
    for window in windows_of(bpy.context):
        for area in window.screen.areas:
            if area.type == "SEQUENCE_EDITOR":
                area.tag_redraw()


def selected_ranges(armature: bpy.types.Object) -> list[Range]:
    """The token positions of the selected spans; neighbours are one range."""
    ranges: list[Range] = []
    # not position by position: the list may hold any numbers, if somebody else wrote it
    for span in shown_spans(armature):
        if not span.selected or not 0 <= span.start < span.stop:
            continue
        start = ranges.pop()[0] if ranges and ranges[-1][1] == span.start else span.start
        ranges.append((start, span.stop))
    return ranges


def select_ranges(armature: bpy.types.Object, ranges: Sequence[Range], active: int) -> None:
    """Tick the spans that lie in the ranges, and no others. active: the number of the span that is active."""
    if _is_fixed(armature):
        return
    spans_of(armature).active = active
    for span in shown_spans(armature):
        span.selected = any(start <= span.start and span.stop <= stop for start, stop in ranges)


def mark_changed(armature: bpy.types.Object, ranges: Sequence[Range]) -> None:
    """Show which spans an edit has changed: those that meet the ranges."""
    if _is_fixed(armature):
        return
    for span in shown_spans(armature):
        changed = any(start < span.stop and span.start < stop for start, stop in ranges)
        if span.changed != changed:
            span.changed = changed
    redraw_bands()


def register() -> None:
    """Add `object.magma_spans`, and `action.magma_spans` for library overrides."""
    bpy.utils.register_class(MagmaSpan)
    bpy.utils.register_class(MagmaSpans)
    bpy.types.Object.magma_spans = bpy.props.PointerProperty(type=MagmaSpans)  # type: ignore[attr-defined,func-returns-value]
    bpy.types.Action.magma_spans = bpy.props.PointerProperty(type=MagmaSpans)  # type: ignore[attr-defined,func-returns-value]


def unregister() -> None:
    """Remove them."""
    del bpy.types.Object.magma_spans  # type: ignore[attr-defined]
    del bpy.types.Action.magma_spans  # type: ignore[attr-defined]
    bpy.utils.unregister_class(MagmaSpans)
    bpy.utils.unregister_class(MagmaSpan)
