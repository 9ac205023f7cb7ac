"""Chaining of two dances: the second after the first, with moves generated for the join between them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.checks import is_count, is_number, shown
from engine.choreography import MOST_SONGS, Audio, Choreography, Span, Variant
from engine.editing.checkpoint_update import open_checkpoint, opened_with
from engine.editing.edit import Edited
from engine.editing.edit_state import EditState
from engine.editing.song_music import chained_music
from engine.editing.splice import placed
from engine.editing.unchosen_variants import tidy
from engine.errors import RequestError
from engine.models.base import Cancelled, Progress
from engine.pipeline.request import LONGEST_SECONDS
from engine.runtime.device import choose_device
from smpl_rig.dance_motion import DanceMotion
from smpl_rig.motion import Motion, sample

LONGEST_JOIN = 60.0
"""Seconds."""
DocumentAndMotion = tuple[Choreography, DanceMotion]


def chain(
    first: DocumentAndMotion,
    second: DocumentAndMotion,
    seconds: float,
    seed: int | None,
    progress: Progress,
    cancelled: Cancelled,
    device: str = "auto",
) -> Edited:
    """The first dance, a join of `seconds`, and the second dance, which is moved as a whole to the end of the join.

    The poses of both stay, those of the first bit for bit. The second song starts with the second dance. seed: of the
    join; None for one that was not used yet. Raises EngineError.
    """
    one, two = first[0], second[0]
    same = one.checkpoint.sha256 == two.checkpoint.sha256
    if not same and one.checkpoint.short_name != two.checkpoint.short_name:
        raise RequestError(
            f"The dances were generated with different checkpoints ({one.checkpoint.label}, {two.checkpoint.label}). "
            "Chain dances of one checkpoint."
        )
    join = round(seconds * one.token_rate) if is_number(seconds, 0, LONGEST_JOIN) else 0
    if join < 1:
        raise RequestError(f"A join of {shown(seconds)} s is not possible. Choose 0.1 to {LONGEST_JOIN:g} s.")
    if seed is not None and not is_count(seed, 0, 2**62):
        raise RequestError(f"seed is {shown(seed)}. Choose a whole number from 0 on.")
    whole = (len(one) + join) / one.token_rate + len(two) / two.token_rate
    songs = len(one.audio) + len(two.audio)
    if whole > LONGEST_SECONDS or songs > MOST_SONGS:
        raise RequestError(
            f"Both dances together last {whole / 60:.0f} minutes, to {songs} songs. A dance lasts at most "
            f"{LONGEST_SECONDS / 60:.0f} minutes, to {MOST_SONGS} songs: chain shorter ones."
        )
    progress("load", 0.0, f"Loading checkpoint {one.checkpoint.label}")
    opened = open_checkpoint(one, first[1], choose_device(device).name)
    checkpoint, identity = opened.checkpoint, opened.document.checkpoint
    after = opened_with(identity, checkpoint, two, second[1])  # as the same checkpoint reads it
    one, two = opened.document, after.document
    document = _document(one, two, join)
    music, notices = chained_music(one, opened.music, two, after.music, document, checkpoint)
    motion = replace(_motion((one, first[1]), (two, second[1]), join), music=music)
    state = EditState(document, motion, progress, cancelled, True)
    state.use(checkpoint)
    state.notices += [*dict.fromkeys([*opened.notices, *after.notices]), *notices]
    state.fill([(len(one), len(one) + join)], state.seed(seed))
    progress("done", 1.0, "Done")
    report = {"fills": state.fills, "notices": state.notices, "seconds": state.watch.seconds}
    tidy(state, document)
    return Edited(state.document, state.edited(), report)


def _document(one: Choreography, two: Choreography, join: int) -> Choreography:
    """The two documents as one, with a free span of `join` positions between them."""
    begin = len(one) + join
    placeholder = Variant(tuple(one.tokens[-1] for _ in range(join)))
    moved = tuple(
        replace(span, start=span.start + begin, stop=span.stop + begin, style=span.style or two.style)
        for span in two.spans
    )
    songs = tuple(_later(audio, begin, two.style) for audio in two.audio)
    spans = (*one.spans, Span(len(one), begin, (placeholder,)), *moved)
    return replace(one, spans=spans, audio=(*one.audio, *songs), motion=None)


def _later(audio: Audio, begin: int, style: str | None) -> Audio:
    return replace(audio, at=audio.at + begin, style=audio.style or style)


def _motion(first: DocumentAndMotion, second: DocumentAndMotion, join: int) -> DanceMotion:
    """The motion of both, with the last pose of the first held between them."""
    (one, before), (_, after) = first, second
    stride = len(before.frames) // len(one)
    held = before.frames.cut(len(before.frames) - 1, len(before.frames))
    hold = Motion(np.repeat(held.poses, join * stride, 0), np.repeat(held.trans, join * stride, 0), held.fps)
    parts = [before.frames, hold, placed(after.frames, held)]
    frames = replace(
        held, poses=np.concatenate([p.poses for p in parts]), trans=np.concatenate([p.trans for p in parts])
    )
    fps = before.motion.fps
    length = (len(one) + join) / one.token_rate + after.motion.seconds
    motion = replace(sample(frames, np.arange(round(length * fps)) / fps), fps=fps)
    for whole, part in ((motion.poses, before.motion.poses), (motion.trans, before.motion.trans)):
        whole[: len(part)] = part
    return DanceMotion(motion, frames, {**before.clips, **after.clips})
