"""Which part of a dance the editing buttons are for."""

from __future__ import annotations

from typing import Any

from ..errors import SceneError
from . import span_list
from .editable import Editable

Range = tuple[int, int]


def selected(context: Any, armature: Any, kept: Editable) -> tuple[list[Range], str]:
    """(ranges of token positions, where they come from).

    The spans ticked in the list, else the scene's preview range, else from the first selected marker to the last, else
    the span under the playhead. Raises SceneError.
    """
    ticked = span_list.selected_ranges(armature)
    if ticked:
        return ticked, "ticked spans"
    scene = context.scene
    if scene.use_preview_range:
        return [kept.positions_in(scene.frame_preview_start, scene.frame_preview_end)], "preview range"
    markers = sorted(marker.frame for marker in scene.timeline_markers if marker.select)
    if len(markers) > 1:
        return [kept.positions_in(markers[0], markers[-1] - 1)], "selected markers"
    span = kept.document.span_at(kept.position_at(scene.frame_current))
    return [(span.start, span.stop)], "span under the playhead"


def selected_one(context: Any, armature: Any, kept: Editable) -> Range:
    """The one range that is selected. Raises SceneError where there are several."""
    ranges, _ = selected(context, armature, kept)
    if len(ranges) > 1:
        raise SceneError(f"{len(ranges)} places are selected: select one, or spans that follow each other.")
    return ranges[0]


def places_text(kept: Editable, ranges: list[Range]) -> str:
    """The ranges in seconds of the dance, for people."""
    return ", ".join(f"{kept.seconds_of(start):.1f} to {kept.seconds_of(stop):.1f} s" for start, stop in ranges)
