"""The spans as Blender shows them: a copy of the document on the armature, for lists and drawing only.

It is an object's property, so undo, loading and duplicating keep it in step with the document beside it.
"""

from __future__ import annotations

import json
from typing import Any

import bpy

from . import beat_markers, choreography

# mypy: disallow-subclassing-any=False

DOCUMENT_KEY = "magma_document"


class MagmaSpan(bpy.types.PropertyGroup):
    """One span; its name says its seconds, bars its bars and beats. start, stop: token positions. variant: the chosen
    one, from 1 on, of `variants`."""

    __annotations__ = {
        "start": bpy.props.IntProperty(),
        "stop": bpy.props.IntProperty(),
        "bars": bpy.props.StringProperty(),
        "locked": bpy.props.BoolProperty(),
        "style": bpy.props.StringProperty(),
        "variant": bpy.props.IntProperty(),
        "variants": bpy.props.IntProperty(),
        "selected": bpy.props.BoolProperty(
            name="Selected", description="Whether the buttons below are for this span", options=set()
        ),
    }


class MagmaSpans(bpy.types.PropertyGroup):
    """The spans of an armature's dance in order. frame_start: scene frame of position 0."""

    __annotations__ = {
        "spans": bpy.props.CollectionProperty(type=MagmaSpan),
        "active": bpy.props.IntProperty(name="Span", description="A span of the dance", options=set()),
        "frame_start": bpy.props.FloatProperty(),
        "frames_per_position": bpy.props.FloatProperty(default=1.0),
    }


def refresh(armature: Any) -> None:
    """Copy the document that the armature carries; which spans are selected stays, as far as they go."""
    shown = armature.magma_spans
    chosen = selected_ranges(armature)
    shown.spans.clear()
    text, about = armature.get(DOCUMENT_KEY), choreography.load(armature)
    if text is None or about is None:
        _redraw_bands()
        return
    document = json.loads(text)
    shown.frame_start = about.frame_start
    shown.frames_per_position = about.fps / document["token_rate"]
    beats = beat_markers.beats_of(about)
    for span in document["spans"]:
        item = shown.spans.add()
        item.start, item.stop, item.locked = span["start"], span["stop"], span["locked"]
        seconds = [position / document["token_rate"] for position in (item.start, item.stop)]
        item.name = f"{seconds[0]:.1f}–{seconds[1]:.1f} s"
        places = [beat_markers.place_text(beats, about.frame_start + second * about.fps) for second in seconds]
        item.bars = f"bar {places[0]}–{places[1]}" if beats else ""
        item.style = span["style"] or document["style"] or ""
        item.variant, item.variants = span["chosen"] + 1, len(span["variants"])
        item.selected = any(start <= item.start and item.stop <= stop for start, stop in chosen)
    shown.active = min(shown.active, len(shown.spans) - 1)
    _redraw_bands()


def _redraw_bands() -> None:
    # a button in a sidebar makes Blender draw only that sidebar again
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "SEQUENCE_EDITOR":
                area.tag_redraw()


def selected_ranges(armature: Any) -> list[tuple[int, int]]:
    """The token positions (half-open) of the selected spans; neighbours are one range."""
    ranges: list[tuple[int, int]] = []
    for span in armature.magma_spans.spans:
        if not span.selected:
            continue
        if ranges and ranges[-1][1] == span.start:
            ranges[-1] = (ranges[-1][0], span.stop)
        else:
            ranges.append((span.start, span.stop))
    return ranges


def register() -> None:
    """Add `object.magma_spans`."""
    bpy.utils.register_class(MagmaSpan)
    bpy.utils.register_class(MagmaSpans)
    bpy.types.Object.magma_spans = bpy.props.PointerProperty(type=MagmaSpans)


def unregister() -> None:
    """Remove `object.magma_spans`."""
    del bpy.types.Object.magma_spans
    bpy.utils.unregister_class(MagmaSpans)
    bpy.utils.unregister_class(MagmaSpan)
