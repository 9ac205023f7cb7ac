"""Variants that were written but are not danced, fitted all the same, so that choosing one later needs no network."""

from __future__ import annotations

from collections.abc import Sequence

from engine import choreography as doc
from engine.choreography import Range
from engine.editing.edit_state import EditState


def fit_others(state: EditState, runs: Sequence[Range]) -> None:
    """Keep the poses of all variants that come after the danced one in the spans of `runs`, each fitted as choosing it
    now would fit it. What is danced stays."""
    frames, fills, notices = state.frames, len(state.fills), len(state.notices)
    for span in (span for run in runs for span in doc.spans_between(state.document, *run)):
        for index in range(span.chosen + 1, len(span.variants)):
            state.document = doc.choose_variant(state.document, span.start, index)
            state.put_codes(state.document.span_at(span.start))
            state.keep_danced(span.start)
            state.frames = frames
        state.document = doc.choose_variant(state.document, span.start, span.chosen)
    del state.fills[fills:], state.notices[notices:]
