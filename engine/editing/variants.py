"""Variants that were written but are not danced, fitted all the same, so that choosing one later needs no network."""

from __future__ import annotations

from collections.abc import Sequence

from engine import choreography as doc
from engine.editing.edit_state import Range, Session


def fit_others(session: Session, runs: Sequence[Range]) -> None:
    """Keep the poses of all variants that come after the danced one in the spans of `runs`, each fitted as choosing it
    now would fit it. What is danced stays."""
    frames, fills, notices = session.frames, len(session.fills), len(session.notices)
    for span in (span for run in runs for span in doc.spans_between(session.document, *run)):
        for index in range(span.chosen + 1, len(span.variants)):
            session.document = doc.choose_variant(session.document, span.start, index)
            session.put_codes(session.document.span_at(span.start))
            session.keep_danced(span.start)
            session.frames = frames
        session.document = doc.choose_variant(session.document, span.start, span.chosen)
    del session.fills[fills:], session.notices[notices:]
