"""Poses of the variants that are not chosen, so that choosing one later needs no network."""

from __future__ import annotations

from collections.abc import Sequence

from engine import choreography as doc
from engine.choreography import Range
from engine.editing.edit_state import EditState


def fit_unchosen_variants(state: EditState, runs: Sequence[Range]) -> None:
    """In the spans of `runs`, fit every variant after the chosen one into the dance, just as choosing it now would, and
    keep its poses. The dance itself stays as it is."""
    frames, fills, notices = state.frames, len(state.fills), len(state.notices)
    for span in (span for run in runs for span in doc.spans_between(state.document, *run)):
        for index in range(span.chosen + 1, len(span.variants)):
            state.document = doc.choose_variant(state.document, span.start, index)
            state.put_codes(state.document.span_at(span.start))
            state.keep_poses(span.start)
            state.frames = frames
        state.document = doc.choose_variant(state.document, span.start, span.chosen)
    del state.fills[fills:], state.notices[notices:]
