"""The dances that are compared: real ones, baselines without a network, and the checkpoint's in several conditions."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.audio.beats import UNKNOWN_TEMPO
from engine.audio.librosa_features import FRAME_RATE as MUSIC_RATE
from engine.data import retime
from engine.data.clips import FRAME_RATE
from engine.data.songs import Song
from engine.data.styles import usual_tempo
from engine.evaluation.codec import Rebuilt, rebuild
from engine.models.checkpoints import load_checkpoint
from engine.models.torch.checkpoint import TorchCheckpoint
from engine.models.torch.sampling import Conditions, generate_codes
from engine.pipeline.generate import generate
from engine.pipeline.request import GenerateRequest
from smpl_rig.feet import lock_feet
from smpl_rig.motion import Motion

REAL = "real"
WARPED = "real, warped onto its song"
RETRIEVED = "retrieved training clip, warped"
RECONSTRUCTED = "VQ reconstruction"
OURS = "ours"
UNLOCKED = "ours, feet unlocked"
MASKED = "ours, music masked"
RANDOM = "random tokens, feet unlocked"
PAPER = "the other checkpoint"

REQUESTS: dict[str, dict[str, Any]] = {OURS: {}, "ours, beat snap": {"beat_snap": 1.0}}
"""Rows that differ only in what is asked of the checkpoint: the changes to the request."""

_LONG_ENOUGH = 0.8
"""Part of a song that a retrieved clip should last for."""


@dataclass(frozen=True)
class Subject:
    """A clip of the data: its motion at 20 frames/s and its song, if it has one.

    borrowed: the song is another clip's (see `borrow_songs`); dances are generated to it, but the clip's motion is not
    compared with it.
    """

    name: str
    style: str
    motion: Motion
    song: Song | None
    borrowed: bool = False

    @property
    def as_danced(self) -> Subject:
        """The same with its own song or none."""
        return replace(self, song=None, borrowed=False) if self.borrowed else self

    def danceable(self) -> Subject:
        """The same without a song in which too few beats are heard."""
        return self if self.song is None or self.song.danceable(self.style) else replace(self, song=None)


@dataclass(frozen=True)
class EvaluatedDance:
    """One dance to be measured: at 20 frames/s, beginning `start` seconds into its subject's song."""

    row: str
    subject: Subject
    seed: int
    motion: Motion
    start: float = 0.0


class DanceMaker:
    """Makes the dances of every row. training: the clips that are retrieved. paper: a second checkpoint's folder."""

    def __init__(
        self, checkpoint: TorchCheckpoint, training: Sequence[Subject], device: str, paper: str | None = None
    ) -> None:
        self.checkpoint, self.training, self.device, self.paper = checkpoint, training, device, paper
        self.paper_styles = load_checkpoint(paper).styles if paper else ()
        self._count = cache(self._counted)
        self.rebuilt: list[Rebuilt] = []

    def dances(self, subject: Subject, seeds: Sequence[int]) -> Iterator[EvaluatedDance]:
        """All dances of a subject: what does not depend on a seed with seed 0 only."""
        yield EvaluatedDance(REAL, subject.as_danced, 0, subject.motion)
        stride = self.checkpoint.vqvae.config.stride
        rebuilt = rebuild(self.checkpoint, subject.style, subject.motion.cut(0, len(subject.motion) // stride * stride))
        self.rebuilt.append(rebuilt)
        yield EvaluatedDance(RECONSTRUCTED, subject.as_danced, 0, rebuilt.motion)
        if subject.song is None:
            return
        yield from self._warped(subject)
        for seed in seeds:
            yield from self._retrieved(subject, seed)
            yield from self._generated(subject, subject.song, seed)

    def _warped(self, subject: Subject) -> Iterator[EvaluatedDance]:
        assert subject.song is not None
        track = subject.song.hear(subject.style)[1]
        count = retime.dancer_count(subject.motion, subject.style, None if subject.borrowed else track)
        if not subject.borrowed or retime.fits(subject.motion, count, track.tempo):
            yield from _played(WARPED, subject, 0, subject.motion, count, own=not subject.borrowed)

    def _retrieved(self, subject: Subject, seed: int) -> Iterator[EvaluatedDance]:
        """A random training clip of the style whose tempo fits; of those too short for the song, the longest."""
        assert subject.song is not None
        tempo = subject.song.hear(subject.style)[1].tempo
        longest: EvaluatedDance | None = None
        fitting = [index for index, clip in enumerate(self.training) if clip.style == subject.style]
        for index in np.random.default_rng([seed, zlib.crc32(subject.name.encode())]).permutation(fitting):
            count = self._count(int(index))
            if not retime.fits(self.training[index].motion, count, tempo):
                continue
            for dance in _played(RETRIEVED, subject, seed, self.training[index].motion, count):
                if longest is None or len(dance.motion) > len(longest.motion):
                    longest = dance
            if longest is not None and len(longest.motion) >= _LONG_ENOUGH * len(subject.motion):
                break
        if longest is not None:
            yield longest

    def _counted(self, index: int) -> NDArray[np.float64]:
        clip = self.training[index].danceable()
        return retime.dancer_count(clip.motion, clip.style, clip.song.hear(clip.style)[1] if clip.song else None)

    def _generated(self, subject: Subject, song: Song, seed: int) -> Iterator[EvaluatedDance]:
        folder = str(self.checkpoint.folder)
        for row, changes in REQUESTS.items():
            dance = _ask(song, subject.style, self.checkpoint.styles, seed, folder, self.device, **changes)
            yield EvaluatedDance(row, subject, seed, dance.motion)
            if row == OURS:
                frames = len(dance.motion)
                yield EvaluatedDance(UNLOCKED, subject, seed, self.checkpoint.decode(dance.tokens).cut(0, frames))
                codec = self.checkpoint.vqvae.config
                noise = np.random.default_rng(seed).integers(codec.codes, size=dance.tokens.shape)
                noise[:, codec.coarse :] = 0  # as in a written dance
                yield EvaluatedDance(RANDOM, subject, seed, self.checkpoint.decode(noise).cut(0, frames))
                unheard = dance_without_music(self.checkpoint, subject.style, len(dance.tokens), seed)
                yield EvaluatedDance(MASKED, subject, seed, unheard.cut(0, frames))
        if self.paper:
            dance = _ask(song, subject.style, self.paper_styles, seed, self.paper, self.device)
            yield EvaluatedDance(PAPER, subject, seed, dance.motion)


def dance_without_music(checkpoint: TorchCheckpoint, style: str, positions: int, seed: int) -> Motion:
    """The dance that `generate` would make if the decoder were not given the music: same settings, feet locked."""
    device = next(checkpoint.decoder.parameters()).device
    conditions = Conditions(
        music=None,
        style=checkpoint.styles.index(style) if style in checkpoint.styles else None,
        codes=torch.zeros(positions, checkpoint.vqvae.config.levels, dtype=torch.int64, device=device),
        locked=torch.zeros(positions, dtype=torch.bool, device=device),
    )
    codes = generate_codes(
        checkpoint.decoder, conditions, checkpoint.sampling_of(style), seed, lambda _: None, lambda: False
    )
    return lock_feet(checkpoint.decode(codes.cpu().numpy()))


def _ask(song: Song, style: str, styles: Sequence[str], seed: int, checkpoint: str, device: str, **changes: Any) -> Any:
    request = GenerateRequest(
        audio=str(song.path),
        seed=seed,
        style=style if style in styles else None,
        checkpoint=checkpoint,
        device=device,
        **changes,
    )
    return generate(request, lambda *_: None, lambda: False)


def _played(
    row: str, subject: Subject, seed: int, motion: Motion, count: NDArray[np.float64], own: bool = False
) -> Iterator[EvaluatedDance]:
    """A motion warped onto the subject's song; none where that leaves nothing."""
    assert subject.song is not None
    features, track = subject.song.hear(subject.style)
    warped, first = retime.warp_to_song(motion, count, track, len(features), own=own)
    if len(warped) > FRAME_RATE:
        yield EvaluatedDance(row, subject, seed, warped, first / MUSIC_RATE)


def choose_subjects(everyone: Sequence[Subject], styles: Sequence[str]) -> list[Subject]:
    """Those of a style that a checkpoint knows, or all if it knows none; a style without songs borrows others'."""
    known = [subject for subject in everyone if subject.style in styles] or everyone
    return borrow_songs(known, songs_of(everyone))


def songs_of(subjects: Sequence[Subject]) -> list[Song]:
    """The songs of subjects, each once."""
    return list({subject.song.path: subject.song for subject in subjects if subject.song is not None}.values())


def borrow_songs(subjects: Sequence[Subject], songs: Sequence[Song]) -> list[Subject]:
    """Subjects, of which each in a style without any song borrows one: of those danceable, the one nearest in tempo
    that no other subject of the style has borrowed, while there is one."""
    styled = {subject.style for subject in subjects if subject.song is not None}
    borrowed: list[Subject] = []
    for subject in subjects:
        used = [other.song.path for other in borrowed if other.song and other.borrowed and other.style == subject.style]
        free = [song for song in songs if song.danceable(subject.style)]
        free = [song for song in free if song.path not in used] or free
        if subject.style in styled or not free:
            borrowed.append(subject)
            continue
        usual = usual_tempo(subject.style) or UNKNOWN_TEMPO
        pace = retime.steady_tempo(subject.motion, usual)
        nearest = min(free, key=lambda song: abs(np.log(song.hear(subject.style)[1].tempo / pace)))
        borrowed.append(replace(subject, song=nearest, borrowed=True))
    return borrowed
