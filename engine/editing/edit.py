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
from engine.choreography import Choreography, Variant
from engine.editing.continuation import continued, read_clip, token_error_mm
from engine.editing.dance_files import Take
from engine.editing.edit_state import Cancelled, Progress, Session, runs_of
from engine.editing.operations import Operation
from engine.editing.song_music import hear_music, on_the_beat
from engine.editing.splice import placed
from engine.editing.variants import fit_others
from engine.errors import CancelledError, CheckpointError, ChoreographyError, RequestError
from engine.models.checkpoints import FRAME_RATE, AnyCheckpoint, find_checkpoint
from engine.pipeline.generate import cached_checkpoint
from engine.pipeline.tokenize import token_error
from engine.runtime.device import choose_device
from engine.runtime.file_hash import file_sha256
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
    take: Take
    report: dict[str, Any] = field(default_factory=dict)


def edit(
    document: Choreography,
    take: Take,
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
    checkpoint = checkpoint_of(document, choose_device(device).name)
    session = Session(checkpoint, document, take, progress, cancelled, follows)
    for number, operation in enumerate(operations):
        if cancelled():
            raise CancelledError("Cancelled.")
        progress("edit", 0.1 + 0.85 * number / len(operations), f"Editing: {operation.do}")
        _APPLY[operation.do](session, operation)
    edited = take.with_frames(session.frames, session.clips)
    if any(operation.do == "loop" for operation in operations):
        # between two frames of the checkpoint's rate the last would be the first one to rounding only
        for values in (edited.motion.poses, edited.motion.trans):
            values[-1] = values[0]
    progress("done", 1.0, "Done")
    report = {"fills": session.fills, "notices": session.notices, "seconds": session.watch.seconds}
    return Edited(session.document, edited, report)


def checkpoint_of(document: Choreography, device: str) -> AnyCheckpoint:
    """The checkpoint that a document was written with. Raises CheckpointError, ChoreographyError."""
    folder = find_checkpoint(document.checkpoint.name)
    if file_sha256(folder / WEIGHTS_FILE) != document.checkpoint.sha256:
        raise CheckpointError(
            f"Checkpoint {document.checkpoint.name!r} is not the one this choreography was written with. "
            "Install that one, or generate the dance anew."
        )
    checkpoint = cached_checkpoint(folder, device)
    codec = checkpoint.vqvae.config
    levels = getattr(codec, "levels", 1)
    if document.levels != levels or max(max(row) for row in document.tokens) >= codec.codes:
        raise ChoreographyError(
            f"The choreography's codes do not fit checkpoint {checkpoint.name!r}, which has {levels} levels of "
            f"{codec.codes}. It is damaged: take a copy of it."
        )
    return checkpoint


def _lock(session: Session, operation: Operation) -> None:
    session.document = doc.lock(session.document, *operation.range())


def _unlock(session: Session, operation: Operation) -> None:
    session.document = doc.unlock(session.document, *operation.range())


def _style(session: Session, operation: Operation) -> None:
    style = operation.style
    if style is not None and style not in session.checkpoint.styles:
        known = ", ".join(session.checkpoint.styles) or "(it has none)"
        raise RequestError(f"Checkpoint {session.checkpoint.name!r} knows no style {style!r}. Choose one of: {known}.")
    transition = doc.STYLE_TRANSITION if operation.transition is None else operation.transition
    session.document = doc.set_style(session.document, *operation.range(), style, operation.strength, transition)


def _regenerate(session: Session, operation: Operation) -> None:
    runs = runs_of(~np.array(session.document.locked))
    if not runs:
        raise RequestError("Everything is locked, so there is nothing to regenerate. Unlock a span first.")
    session.fill(runs, session.seed(operation.seed), operation.variants)
    fit_others(session, runs)


def _replace(session: Session, operation: Operation) -> None:
    start, stop = operation.range()
    session.open(start, stop)
    session.fill([(start, stop)], session.seed(operation.seed), operation.variants)
    fit_others(session, [(start, stop)])


def _choose(session: Session, operation: Operation) -> None:
    position = operation.position("start")
    session.keep_danced(position)
    session.document = doc.choose_variant(session.document, position, operation.position("index"))
    span = session.document.span_at(position)
    variant = span.danced
    if variant.clip is not None:
        session.put(span, session.clip(variant))
    else:
        session.put_codes(span)


def _mirror(session: Session, operation: Operation) -> None:
    span = session.one_span(*operation.range())
    if span.danced.mirror_of is not None:
        piece = mirror(session.clip(span.danced))
        session.document = doc.mirror_span(session.document, span.start, (), None)
    else:
        piece = mirror(session.danced(span.start, span.stop))
        codes = session.tokenize(piece, len(span))
        session.document = doc.mirror_span(session.document, span.start, codes, session.keep(piece))
    session.put(span, piece)


def _copy(session: Session, operation: Operation) -> None:
    start, stop = operation.range()
    doc.split(session.document, stop)  # raises outside the document
    with session.watch("music"):
        beats = hear_music(session.document, session.checkpoint).beats
    to = on_the_beat(
        beats, session.document.token_rate, start, operation.position("to"), len(session.document) - stop + start
    )
    variant = session.document.tokens[start:stop]
    piece = session.danced(start, stop)
    span = session.one_span(to, to + stop - start)
    copied = Variant(variant, session.document.span_at(start).danced.seed, doc.COPIED, session.keep(piece))
    session.keep_danced(span.start)
    session.document = doc.replace_span(session.document, span.start, span.stop, [copied])
    session.put(span, piece)


def _insert(session: Session, operation: Operation) -> None:
    path, start, stride = Path(operation.file or ""), operation.position("start"), session.writer.stride
    clip = read_clip(path)
    count = min((len(clip) - 1) // stride, len(session.document) - start)
    if count < 1:
        raise RequestError(f"{path}: nothing of it fits at position {start}. Give an earlier place or a longer clip.")
    span = session.one_span(start, start + count)
    clip = placed(clip.cut(0, count * stride + 1), session.frames.cut(start * stride, start * stride + 1))
    codes = session.tokenize(clip, count)
    error = token_error_mm(session.checkpoint, clip, np.array(codes))
    session.notices.append(f"{path.name}: as tokens it is {error:.0f} mm off; its own poses are kept.")
    session.keep_danced(start)
    inserted = Variant(codes, 0, doc.MOTION, session.keep(clip))
    session.document = doc.lock(doc.replace_span(session.document, start, span.stop, [inserted]), start, span.stop)
    session.write(start * stride, clip)
    session.join(start, span.stop, JOIN_SECONDS)


def _loop(session: Session, operation: Operation) -> None:
    stride, count = session.writer.stride, len(session.document)
    last = (len(session.take.motion) - 1) / session.take.motion.fps
    position = int(last * FRAME_RATE / stride + 1e-6)
    session.one_span(position, count)
    times = np.arange(position * stride, count * stride) / FRAME_RATE - last
    again = continued(session.frames, times)
    codes = session.tokenize(again, count - position)
    session.keep_danced(position)
    closing = Variant(codes, 0, doc.COPIED, session.keep(again))
    session.document = doc.lock(doc.replace_span(session.document, position, count, [closing]), position, count)
    session.write(position * stride, again)
    session.join(position, count, LOOP_SECONDS, operation.seed)


def _tokenize(session: Session, operation: Operation) -> None:
    rate, stride = session.document.token_rate, session.writer.stride
    codes = session.tokenize(session.frames, len(session.document))  # of the whole dance: they depend on what is around
    for span in doc.spans_between(session.document, *operation.range()):
        session.document = doc.retokenize(session.document, span.start, codes[span.start : span.stop])
    for span in doc.spans_between(session.document, *operation.range()):
        tokens = np.array(session.document.tokens, np.int64)[None]
        (piece, *_), offset = session.writer.decode(tokens, (span.start, span.stop))
        decoded = piece.cut(span.start * stride - offset, span.stop * stride - offset)
        error = token_error(decoded, session.frames.cut(span.start * stride, span.stop * stride))
        session.notices.append(
            f"{span.start / rate:.1f} to {span.stop / rate:.1f} s: as tokens it is {error:.0f} mm off; the poses stay."
        )


_APPLY: dict[str, Callable[[Session, Operation], None]] = {
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
