"""Another variant danced at once, without the engine, where its poses are kept and fit between what is around them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import bpy

from engine import choreography as doc
from engine.choreography import Choreography, Span
from engine.errors import ChoreographyError

from ..errors import SceneError
from . import dance_keys, edits, review
from .dancer import pack
from .history.recording import recorded
from .selection import places_text
from .transaction import all_or_nothing

if TYPE_CHECKING:
    from smpl_rig.motion import Motion


def dance(armature: bpy.types.Object, position: int, index: int) -> bool:
    """Dance variant `index` of the span at a token position, just as the engine's `choose` would; False, with nothing
    changed, where its poses were never fitted, or do not begin and end with the poses that are there now.

    Raises SceneError where the span is locked or keys were changed by hand.
    """
    dancer = edits.ready(armature)
    document = dancer.document
    span = document.span_at(position)
    try:
        doc.choose_variant(document, position, index)
    except ChoreographyError as error:
        raise SceneError(str(error)) from error
    variant = span.variants[index]
    if variant.clip is None:
        return False
    kept = dancer.dance_motion()
    stride = len(kept.frames) // len(document)
    first, begin = span.start * stride, variant.clip_start * stride
    there = kept.frames.cut(first, span.stop * stride + 1)
    piece = kept.clips[variant.clip].cut(begin, begin + len(span) * stride + 1)
    if not _fits(piece, there, document, span):
        return False
    clips = dict(kept.clips)
    document = doc.choose_variant(keep_danced(document, span, there, clips), position, index)
    document = doc.limit_poses(document, dancer.document)
    poses, trans = kept.frames.poses.copy(), kept.frames.trans.copy()
    poses[first : first + len(piece)], trans[first : first + len(piece)] = piece.poses, piece.trans
    new = kept.with_frames(replace(kept.frames, poses=poses, trans=trans), clips)
    chosen = replace(dancer, document=document, npz=pack(document, new))
    places = places_text(dancer, [(span.start, span.stop)])
    name = f"Variant {index + 1}, {places}"
    with review.continuing(armature), all_or_nothing(armature), recorded(armature, name):
        dance_keys.rewrite(armature, dancer, kept.motion, new.motion)
        dance_keys.store_keyed(armature, chosen, len(new.motion))
    return True


def keep_danced(document: Choreography, span: Span, danced: Motion, clips: dict[str, Motion]) -> Choreography:
    """What a span dances now kept as poses among the clips, unless it is already. danced: its frames and the one
    after."""
    from smpl_rig.dance_motion import clip_name

    if span.danced.clip is not None:
        return document
    name = clip_name(danced)
    clips[name] = danced
    return doc.keep_clip(document, span.start, name)


def _fits(piece: Motion, there: Motion, document: Choreography, span: Span) -> bool:
    """Whether a piece can be put where `there` is: of that length, with the same pose where it meets its neighbours."""
    meets = [0] * (span.start > 0) + [-1] * (span.stop < len(document))
    return len(piece) == len(there) and all(
        bool((piece.poses[at] == there.poses[at]).all() and (piece.trans[at] == there.trans[at]).all()) for at in meets
    )
