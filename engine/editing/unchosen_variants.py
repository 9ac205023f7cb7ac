"""The variants that are not chosen: their poses, so that choosing one later needs no network; none of them twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine import choreography as doc
from engine.choreography import Choreography, Range, Span, Variant, limit_poses, move_clips, used_parts
from engine.editing.edit_state import EditState
from smpl_rig.dance_motion import clip_name


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


def tidy(state: EditState, before: Choreography) -> None:
    """Leave out what an edit leaves behind: variants that are the same as an earlier one of their span, codes and
    poses, as they come about when the same is asked for twice; poses of old variants, see `limit_poses`; parts of clips
    that nothing uses any more. before: the document before the edit."""
    _leave_out_duplicates(state)
    state.document = limit_poses(state.document, before)
    _cut_clips(state)


def _cut_clips(state: EditState) -> None:
    moved: dict[tuple[str, Range], str] = {}
    for clip, parts in used_parts(state.document).items():
        poses = state.clips[clip]
        for start, stop in parts:
            piece = poses.cut(start * state.stride, stop * state.stride + 1)
            if len(piece) < len(poses):
                moved[clip, (start, stop)] = state.add_clip(piece)
    if moved:
        state.document = move_clips(state.document, moved)


def _leave_out_duplicates(state: EditState) -> None:
    spans = tuple(_without_duplicates(state, span) if len(span.variants) > 1 else span for span in state.document.spans)
    state.document = replace(state.document, spans=spans)


def _without_duplicates(state: EditState, span: Span) -> Span:
    kept: list[Variant] = []
    places: dict[tuple[object, ...], int] = {}
    chosen = span.chosen
    for index, variant in enumerate(span.variants):
        clip, start = variant.clip, variant.clip_start
        if clip is None and index == span.chosen:  # its poses are those that are danced
            clip, start = clip_name(state.frames_of(span.start, span.stop)), 0
        key = (variant.codes, variant.seed, variant.source, clip, start, variant.mirror_of)
        place = places.setdefault(key, len(kept))
        if place == len(kept):
            kept.append(variant)
        if index == span.chosen:
            chosen = place
    return span if len(kept) == len(span.variants) else replace(span, variants=tuple(kept), chosen=chosen)
