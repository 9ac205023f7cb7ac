"""A choreography edited: its document and its motion together.

What an edit does not write anew stays, bit for bit, locked or not: the frames of kept positions and the one after
them, so that at any frame rate the whole time from a kept span's beginning to its end is as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from engine import choreography as doc
from engine.checkpoint_index import WEIGHTS_FILE
from engine.choreography import Choreography, Variant, runs_of
from engine.editing.continuation import continued, read_clip, token_error_mm
from engine.editing.edit_state import EditState
from engine.editing.operations import Operation
from engine.editing.song_music import dance_music, on_the_beat
from engine.editing.splice import placed
from engine.editing.variants import fit_others
from engine.errors import CancelledError, CheckpointError, ChoreographyError, DataError, RequestError
from engine.models.base import Cancelled, Checkpoint, Progress
from engine.models.checkpoints import cached_checkpoint, find_checkpoint
from engine.pipeline.tokenize import token_error
from engine.runtime.device import choose_device
from engine.runtime.file_hash import file_sha256
from smpl_rig.dance_motion import DanceMotion
from smpl_rig.motion import mirror

JOIN_SECONDS = 1.0
"""What is written anew before and after an inserted motion, as far as it is free."""
LOOP_SECONDS = 2.0
"""What is written anew before the end of a loop, as far as it is free."""


@dataclass(frozen=True)
class Edited:
    """The document and motion after an edit. report: `fills`, one entry a span that was written anew, `notices` for the
    user, and seconds by stage."""

    document: Choreography
    dance: DanceMotion
    report: dict[str, Any] = field(default_factory=dict)


def edit(
    document: Choreography,
    dance: DanceMotion,
    operations: Sequence[Operation],
    progress: Progress,
    cancelled: Cancelled,
    follows: bool = False,
    device: str = "auto",
) -> Edited:
    """Apply the operations in order.

    follows: moves after a span that is written anew keep their poses but move in the world to where it arrives. Raises
    EngineError, and then nothing is changed.
    """
    progress("load", 0.0, f"Loading checkpoint {document.checkpoint.name}")
    checkpoint = checkpoint_of(document, dance, choose_device(device).name)
    state = EditState(checkpoint, document, dance, progress, cancelled, follows)
    for number, operation in enumerate(operations):
        if cancelled():
            raise CancelledError("Cancelled.")
        progress("edit", 0.1 + 0.85 * number / len(operations), f"Editing: {operation.do}")
        _APPLY[operation.do](state, operation)
    edited = dance.with_frames(state.frames, state.clips)
    if any(operation.do == "loop" for operation in operations):
        # between two frames of the checkpoint's rate the last would be the first one to rounding only
        for values in (edited.motion.poses, edited.motion.trans):
            values[-1] = values[0]
    progress("done", 1.0, "Done")
    report = {"fills": state.fills, "notices": state.notices, "seconds": state.watch.seconds}
    return Edited(state.document, edited, report)


def checkpoint_of(document: Choreography, dance: DanceMotion, device: str) -> Checkpoint:
    """The checkpoint that a dance was generated with. Raises CheckpointError, ChoreographyError, DataError."""
    folder = find_checkpoint(document.checkpoint.name)
    if file_sha256(folder / WEIGHTS_FILE) != document.checkpoint.sha256:
        raise CheckpointError(
            f"Checkpoint {document.checkpoint.name!r} is not the one this choreography was written with. "
            "Install that one, or generate the dance anew."
        )
    checkpoint = cached_checkpoint(folder, device)
    levels, codes = checkpoint.levels, checkpoint.codes
    if document.levels != levels or max(max(row) for row in document.tokens) >= codes:
        raise ChoreographyError(
            f"The choreography's codes do not fit checkpoint {checkpoint.name!r}, which has {levels} levels of "
            f"{codes}. It is damaged: use a copy of it."
        )
    if dance.frames.fps != checkpoint.frame_rate:
        raise DataError(
            f"The motion holds {len(dance.frames)} frames, but its choreography has {len(document)} positions of "
            f"{checkpoint.stride}. Give the motion that belongs to it."
        )
    return checkpoint


def _lock(state: EditState, operation: Operation) -> None:
    state.document = doc.lock(state.document, *operation.range())


def _unlock(state: EditState, operation: Operation) -> None:
    state.document = doc.unlock(state.document, *operation.range())


def _style(state: EditState, operation: Operation) -> None:
    style = operation.style
    if style is not None and style not in state.checkpoint.styles:
        known = ", ".join(state.checkpoint.styles) or "(it has none)"
        raise RequestError(f"Checkpoint {state.checkpoint.name!r} knows no style {style!r}. Choose one of: {known}.")
    transition = doc.STYLE_TRANSITION if operation.transition is None else operation.transition
    state.document = doc.set_style(state.document, *operation.range(), style, operation.strength, transition)


def _regenerate(state: EditState, operation: Operation) -> None:
    runs = runs_of(not locked for locked in state.document.locked)
    if not runs:
        raise RequestError("Everything is locked, so there is nothing to regenerate. Unlock a span first.")
    state.fill(runs, state.seed(operation.seed), operation.variants)
    fit_others(state, runs)


def _replace(state: EditState, operation: Operation) -> None:
    start, stop = operation.range()
    state.open(start, stop)
    state.fill([(start, stop)], state.seed(operation.seed), operation.variants)
    fit_others(state, [(start, stop)])


def _choose(state: EditState, operation: Operation) -> None:
    position = operation.position("start")
    state.keep_danced(position)
    state.document = doc.choose_variant(state.document, position, operation.position("index"))
    span = state.document.span_at(position)
    variant = span.danced
    if variant.clip is not None:
        state.put(span, state.clip(variant))
    else:
        state.put_codes(span)


def _mirror(state: EditState, operation: Operation) -> None:
    span = state.one_span(*operation.range())
    if span.danced.mirror_of is not None:
        piece = mirror(state.clip(span.danced))
        state.document = doc.mirror_span(state.document, span.start, (), None)
    else:
        piece = mirror(state.danced(span.start, span.stop))
        codes = state.tokenize(piece, len(span))
        state.document = doc.mirror_span(state.document, span.start, codes, state.keep(piece))
    state.put(span, piece)


def _copy(state: EditState, operation: Operation) -> None:
    start, stop = operation.range()
    doc.split(state.document, stop)  # raises outside the document
    with state.watch("music"):
        beats = dance_music(state.document, state.checkpoint).beats
    to = on_the_beat(
        beats, state.document.token_rate, start, operation.position("to"), len(state.document) - stop + start
    )
    variant = state.document.tokens[start:stop]
    piece = state.danced(start, stop)
    span = state.one_span(to, to + stop - start)
    copied = Variant(variant, state.document.span_at(start).danced.seed, doc.COPIED, state.keep(piece))
    state.keep_danced(span.start)
    state.document = doc.replace_span(state.document, span.start, span.stop, [copied])
    state.put(span, piece)


def _insert(state: EditState, operation: Operation) -> None:
    path, start, stride = Path(operation.file or ""), operation.position("start"), state.checkpoint.stride
    clip = read_clip(path, state.checkpoint.frame_rate)
    count = min((len(clip) - 1) // stride, len(state.document) - start)
    if count < 1:
        raise RequestError(f"{path}: nothing of it fits at position {start}. Give an earlier place or a longer clip.")
    span = state.one_span(start, start + count)
    clip = placed(clip.cut(0, count * stride + 1), state.frames.cut(start * stride, start * stride + 1))
    codes = state.tokenize(clip, count)
    error = token_error_mm(state.checkpoint, clip, np.array(codes))
    state.notices.append(f"{path.name}: as tokens it is {error:.0f} mm off; its own poses are kept.")
    state.keep_danced(start)
    inserted = Variant(codes, 0, doc.MOTION, state.keep(clip))
    state.document = doc.lock(doc.replace_span(state.document, start, span.stop, [inserted]), start, span.stop)
    state.write(start * stride, clip)
    state.join(start, span.stop, JOIN_SECONDS)


def _loop(state: EditState, operation: Operation) -> None:
    stride, count = state.checkpoint.stride, len(state.document)
    last = (len(state.dance.motion) - 1) / state.dance.motion.fps
    position = int(last * state.checkpoint.frame_rate / stride + 1e-6)
    state.one_span(position, count)
    times = np.arange(position * stride, count * stride) / state.checkpoint.frame_rate - last
    again = continued(state.frames, times)
    codes = state.tokenize(again, count - position)
    state.keep_danced(position)
    closing = Variant(codes, 0, doc.COPIED, state.keep(again))
    state.document = doc.lock(doc.replace_span(state.document, position, count, [closing]), position, count)
    state.write(position * stride, again)
    state.join(position, count, LOOP_SECONDS, operation.seed)


def _tokenize(state: EditState, operation: Operation) -> None:
    rate, stride = state.document.token_rate, state.checkpoint.stride
    codes = state.tokenize(state.frames, len(state.document))  # of the whole dance: they depend on what is around
    for span in doc.spans_between(state.document, *operation.range()):
        state.document = doc.retokenize(state.document, span.start, codes[span.start : span.stop])
    for span in doc.spans_between(state.document, *operation.range()):
        tokens = np.array(state.document.tokens, np.int64)[None]
        (piece, *_), offset = state.generator.decode(tokens, (span.start, span.stop))
        decoded = piece.cut(span.start * stride - offset, span.stop * stride - offset)
        error = token_error(decoded, state.frames.cut(span.start * stride, span.stop * stride))
        state.notices.append(
            f"{span.start / rate:.1f} to {span.stop / rate:.1f} s: as tokens it is {error:.0f} mm off; the poses stay."
        )


_APPLY: dict[str, Callable[[EditState, Operation], None]] = {
    "lock": _lock,
    "unlock": _unlock,
    "style": _style,
    "regenerate": _regenerate,
    "replace": _replace,
    "choose": _choose,
    "mirror": _mirror,
    "copy": _copy,
    "insert": _insert,
    "loop": _loop,
    "tokenize": _tokenize,
}
