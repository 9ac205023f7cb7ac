"""Another variant danced at once, without the engine, where its poses are kept and fit between what is around them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from engine import choreography as doc
from engine.choreography import Choreography as Document
from engine.choreography import Span
from engine.errors import ChoreographyError

from ..errors import SceneError
from . import editable, edits


def dance(armature: Any, position: int, index: int) -> bool:
    """Dance variant `index` of the span at a token position, just as the engine's `choose` would; False, with nothing
    changed, where its poses were never fitted, or do not begin and end with the poses that are there now.

    Raises SceneError where the span is locked or keys were changed by hand.
    """
    kept = edits.ready(armature)
    span = kept.document.span_at(position)
    try:
        doc.choose_variant(kept.document, position, index)
    except ChoreographyError as error:
        raise SceneError(str(error)) from error
    variant = span.variants[index]
    if variant.clip is None:
        return False
    take = kept.take()
    stride = len(take.frames) // len(kept.document)
    first, begin = span.start * stride, variant.clip_start * stride
    there = take.frames.cut(first, span.stop * stride + 1)
    piece = take.clips[variant.clip].cut(begin, begin + len(span) * stride + 1)
    if not _fits(piece, there, kept.document, span):
        return False
    clips = dict(take.clips)
    document = doc.choose_variant(keep_danced(kept.document, span, there, clips), position, index)
    poses, trans = take.frames.poses.copy(), take.frames.trans.copy()
    poses[first : first + len(piece)], trans[first : first + len(piece)] = piece.poses, piece.trans
    new = take.with_frames(replace(take.frames, poses=poses, trans=trans), clips)
    edits.rewrite(armature, kept, take.motion, new.motion)
    editable.store(armature, document, editable.pack(document, new))
    return True


def keep_danced(document: Document, span: Span, danced: Any, clips: dict[str, Any]) -> Document:
    """What a span dances now kept as poses among the clips, unless it is already. danced: its frames and the one
    after."""
    from smpl_rig.dance_motion import clip_name

    if span.danced.clip is not None:
        return document
    name = clip_name(danced)
    clips[name] = danced
    return doc.keep_clip(document, span.start, name)


def _fits(piece: Any, there: Any, document: Document, span: Span) -> bool:
    """Whether a piece can be put where `there` is: of that length, with the same pose where it meets its neighbours."""
    meets = [0] * (span.start > 0) + [-1] * (span.stop < len(document))
    return len(piece) == len(there) and all(
        (piece.poses[at] == there.poses[at]).all() and (piece.trans[at] == there.trans[at]).all() for at in meets
    )
