"""Edits of a dance: operations on its choreography and its motion together.

What an edit does not regenerate stays bit for bit, locked or not: the frames of the kept positions and the frame after
each run of them. So, at any frame rate, everything from the start to the end of a kept span is as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import choreography as doc
from engine.bounded_files import check_file
from engine.choreography import Choreography, Variant, runs_of
from engine.editing.checkpoint_update import open_checkpoint
from engine.editing.edit_state import EditState
from engine.editing.extrapolate import extrapolated
from engine.editing.operations import Operation
from engine.editing.song_music import is_found, on_the_beat, with_correction
from engine.editing.splice import placed
from engine.editing.unchosen_variants import fit_unchosen_variants, tidy
from engine.errors import AudioError, CancelledError, RequestError
from engine.file_hash import file_sha256
from engine.models.base import Cancelled, Progress, check_energy, check_style
from engine.motion.files.read import read_motion
from engine.pipeline.tokenize import token_error
from engine.runtime.device import choose_device
from smpl_rig.dance_motion import DanceMotion
from smpl_rig.motion import mirror, resample

JOIN_SECONDS = 1.0
"""Free seconds before and after an inserted motion that are regenerated."""
LOOP_SECONDS = 2.0
"""Free seconds before the end of a loop that are regenerated."""


@dataclass(frozen=True)
class Edited:
    """A dance after an edit.

    report: `fills`, one entry for each span that was generated or fitted; `notices` for the user; `seconds` by stage.
    """

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
    """The dance with the operations applied in order. Raises EngineError; the arguments never change.

    follows: what comes after a regenerated span keeps its poses, but is moved as a whole to where that span ends.
    """
    state, before, opened = EditState(document, dance, progress, cancelled, follows), document, False
    for number, operation in enumerate(operations):
        if cancelled():
            raise CancelledError("Cancelled.")
        progress("edit", 0.1 + 0.85 * number / len(operations), f"Editing: {operation.do}")
        if not opened and _needs_checkpoint(state, operation):
            progress("load", 0.0, f"Loading checkpoint {document.checkpoint.label}")
            use_checkpoint(state, choose_device(device).name)
            opened = True
            if state.document.checkpoint.sha256 != document.checkpoint.sha256:
                before = state.document  # with the tokens of the update
        _APPLY[operation.do](state, operation)
    tidy(state, before)
    edited = state.edited()
    if any(operation.do == "loop" for operation in operations):
        # sampled between two frames of the checkpoint's rate, the last frame would equal the first up to rounding only
        for values in (edited.motion.poses, edited.motion.trans):
            values[-1] = values[0]
    progress("done", 1.0, "Done")
    report = {"fills": state.fills, "notices": state.notices, "seconds": state.watch.seconds}
    return Edited(state.document, edited, report)


def use_checkpoint(state: EditState, device: str) -> None:
    """Let a state have the checkpoint of its dance, or an update of it, and read the document as that does. Raises
    CheckpointError, ChoreographyError, DataError."""
    opened = open_checkpoint(state.document, state.edited(), device)
    state.document, state.known_music = opened.document, opened.music
    state.notices += opened.notices
    state.use(opened.checkpoint)


def _needs_checkpoint(state: EditState, operation: Operation) -> bool:
    """Whether an operation generates, decodes or encodes; locks and poses that are kept need none."""
    if operation.do == "choose":
        variants = state.document.span_at(operation.position("start")).variants
        index = operation.position("index")
        return 0 <= index < len(variants) and variants[index].clip is None
    return operation.do not in ("lock", "unlock", "relink")


def _lock(state: EditState, operation: Operation) -> None:
    state.document = doc.lock(state.document, *operation.range())


def _unlock(state: EditState, operation: Operation) -> None:
    state.document = doc.unlock(state.document, *operation.range())


def _style(state: EditState, operation: Operation) -> None:
    style = operation.style
    check_style(state.checkpoint.name, state.checkpoint.styles, style)
    transition = doc.STYLE_TRANSITION if operation.transition is None else operation.transition
    state.document = doc.set_style(state.document, *operation.range(), style, operation.strength, transition)


def _energy(state: EditState, operation: Operation) -> None:
    energy = operation.energy
    check_energy(state.checkpoint.name, state.checkpoint.has_energy, 1.0 if energy is None else energy)
    state.document = doc.set_energy(state.document, *operation.range(), energy)


def _regenerate(state: EditState, operation: Operation) -> None:
    runs = runs_of(not locked for locked in state.document.locked)
    if not runs:
        raise RequestError("Everything is locked, so there is nothing to regenerate. Unlock a span first.")
    state.fill(runs, state.seed(operation.seed), operation.variants)
    fit_unchosen_variants(state, runs)


def _replace(state: EditState, operation: Operation) -> None:
    start, stop = operation.range()
    state.open(start, stop)
    state.fill([(start, stop)], state.seed(operation.seed), operation.variants)
    fit_unchosen_variants(state, [(start, stop)])


def _choose(state: EditState, operation: Operation) -> None:
    position = operation.position("start")
    state.keep_poses(position)
    state.document = doc.choose_variant(state.document, position, operation.position("index"))
    span = state.document.span_at(position)
    variant = span.danced
    if variant.clip is not None:
        state.put_motion(span, state.clip_of(variant))
    else:
        state.put_codes(span)


def _mirror(state: EditState, operation: Operation) -> None:
    span = state.one_span(*operation.range())
    if span.danced.mirror_of is not None:
        piece = mirror(state.clip_of(span.danced))
        state.document = doc.mirror_span(state.document, span.start, (), None)
    else:
        piece = mirror(state.frames_of(span.start, span.stop))
        codes = state.tokenize(piece, len(span))
        state.document = doc.mirror_span(state.document, span.start, codes, state.add_clip(piece))
    state.put_motion(span, piece)


def _copy(state: EditState, operation: Operation) -> None:
    start, stop = operation.range()
    doc.split(state.document, stop)  # raises outside the document
    to = on_the_beat(
        _beats(state), state.document.token_rate, start, operation.position("to"), len(state.document) - stop + start
    )
    codes = state.document.tokens[start:stop]
    piece = state.frames_of(start, stop)
    span = state.one_span(to, to + stop - start)
    copied = Variant(codes, state.document.span_at(start).danced.seed, doc.COPIED, state.add_clip(piece))
    state.keep_poses(span.start)
    state.document = doc.replace_span(state.document, span.start, span.stop, [copied])
    state.put_motion(span, piece)


def _beats(state: EditState) -> NDArray[np.float64]:
    """The beats of the dance. Raises AudioError where neither the songs nor the document say them."""
    try:
        return state.music().beats
    except AudioError:
        beats = np.array(doc.beats_of(state.document)[0], np.float64)
        if not len(beats):
            raise
        return beats


def _insert(state: EditState, operation: Operation) -> None:
    path, start, stride = Path(operation.file or ""), operation.position("start"), state.stride
    clip = resample(read_motion(path), state.checkpoint.frame_rate)
    count = min((len(clip) - 1) // stride, len(state.document) - start)
    if count < 1:
        raise RequestError(
            f"{path}: no token position of it fits at position {start}. Give an earlier position or a longer clip."
        )
    span = state.one_span(start, start + count)
    clip = placed(clip.cut(0, count * stride + 1), state.frames.cut(start * stride, start * stride + 1))
    codes = state.tokenize(clip, count)
    error = token_error(state.checkpoint.decode(np.array(codes)), clip)
    state.notices.append(f"{path.name}: its tokens are {error:.0f} mm off; its own poses are kept.")
    state.keep_poses(start)
    inserted = Variant(codes, 0, doc.MOTION, state.add_clip(clip))
    state.document = doc.lock(doc.replace_span(state.document, start, span.stop, [inserted]), start, span.stop)
    state.write(start * stride, clip)
    state.join(start, span.stop, JOIN_SECONDS)


def _loop(state: EditState, operation: Operation) -> None:
    stride, count = state.stride, len(state.document)
    last = (len(state.dance.motion) - 1) / state.dance.motion.fps
    position = int(last * state.checkpoint.frame_rate / stride + 1e-6)
    state.one_span(position, count)
    times = np.arange(position * stride, count * stride) / state.checkpoint.frame_rate - last
    end = extrapolated(state.frames, times)
    codes = state.tokenize(end, count - position)
    state.keep_poses(position)
    closing = Variant(codes, 0, doc.COPIED, state.add_clip(end))
    state.document = doc.lock(doc.replace_span(state.document, position, count, [closing]), position, count)
    state.write(position * stride, end)
    state.join(position, count, LOOP_SECONDS, operation.seed)


def _tokenize(state: EditState, operation: Operation) -> None:
    rate, stride = state.document.token_rate, state.stride
    codes = state.tokenize(state.frames, len(state.document))  # of the whole dance: codes depend on their surroundings
    for span in doc.spans_between(state.document, *operation.range()):
        state.document = doc.retokenize(state.document, span.start, codes[span.start : span.stop])
    for span in doc.spans_between(state.document, *operation.range()):
        tokens = np.array(state.document.tokens, np.int64)[None]
        (piece, *_), offset = state.generator.decode(tokens, (span.start, span.stop))
        decoded = piece.cut(span.start * stride - offset, span.stop * stride - offset)
        error = token_error(decoded, state.frames.cut(span.start * stride, span.stop * stride))
        state.notices.append(
            f"{span.start / rate:.1f} to {span.stop / rate:.1f} s: its tokens are {error:.0f} mm off; the poses stay."
        )


def _relink(state: EditState, operation: Operation) -> None:
    path = Path(operation.file or "").absolute()
    try:
        found, size = file_sha256(path), check_file(path).st_size
    except OSError as error:
        raise AudioError(f"{path}: cannot be read ({error.strerror}). Give the song of the dance.") from error
    missing = [number for number, audio in enumerate(state.document.audio) if not is_found(audio)]
    state.document = doc.relink(state.document, str(path), found, size, missing, operation.another)


def _rhythm(state: EditState, operation: Operation) -> None:
    number, songs = operation.position("song"), len(state.document.audio)
    if not 0 <= number < songs:
        raise RequestError(f"There is no song {number}; the dance has {songs}, counted from 0.")
    correction = doc.correction_from(operation.correction)
    with state.watch("music"):
        state.document, state.known_music = with_correction(
            state.document, number, correction, state.checkpoint, state.known_music
        )


_APPLY: dict[str, Callable[[EditState, Operation], None]] = {
    "lock": _lock,
    "unlock": _unlock,
    "style": _style,
    "energy": _energy,
    "regenerate": _regenerate,
    "replace": _replace,
    "choose": _choose,
    "mirror": _mirror,
    "copy": _copy,
    "insert": _insert,
    "loop": _loop,
    "tokenize": _tokenize,
    "relink": _relink,
    "rhythm": _rhythm,
}
