"""The dances that an evaluation compares: real ones, baselines without a network, and generated ones."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.audio.beats import UNKNOWN_TEMPO
from engine.audio.rates import FRAME_RATE as MUSIC_RATE
from engine.data import retime
from engine.data.clips import FRAME_RATE
from engine.data.songs import SongFile
from engine.evaluation.codec import Reconstruction, reconstruct
from engine.models.loading import load_checkpoint
from engine.models.own.sampling import Conditions, generate_codes
from engine.models.torch.checkpoint import TorchCheckpoint
from engine.pipeline.generate import Dance, generate
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
"""Rows of generated dances, with what each changes in the request."""

_LONG_ENOUGH = 0.8
"""Share of a song that a retrieved clip should cover."""


@dataclass(frozen=True)
class Subject:
    """A clip under evaluation: its motion at 20 frames/s and its song, if it has one.

    borrowed: the song is another clip's (see `borrow_songs`). Dances are generated to it, but the clip's own motion is
    not measured against it. usual: tempo of its style, None for any.
    """

    name: str
    style: str
    motion: Motion
    song: SongFile | None
    borrowed: bool = False
    usual: float | None = None

    @property
    def with_own_song(self) -> Subject:
        """The same with its own song, or none if the song is borrowed."""
        return replace(self, song=None, borrowed=False) if self.borrowed else self

    def danceable(self) -> Subject:
        """The same, without its song if too few beats are tracked in it."""
        return self if self.song is None or self.song.danceable(self.style) else replace(self, song=None)


@dataclass(frozen=True)
class EvaluatedDance:
    """A dance to measure: at 20 frames/s, starting `start` seconds into its subject's song. row: of the tables."""

    row: str
    subject: Subject
    seed: int
    motion: Motion
    start: float = 0.0


class DanceMaker:
    """Maker of the dances of every row.

    training: clips for the retrieval baseline. paper: folder of a second checkpoint. reconstructions: of the subjects
    so far.
    """

    def __init__(
        self, checkpoint: TorchCheckpoint, training: Sequence[Subject], device: str, paper: str | None = None
    ) -> None:
        self.checkpoint, self.training, self.device, self.paper = checkpoint, training, device, paper
        self.paper_styles = load_checkpoint(paper).styles if paper else ()
        self._count = cache(self._training_count)
        self.reconstructions: list[Reconstruction] = []

    def dances(self, subject: Subject, seeds: Sequence[int]) -> Iterator[EvaluatedDance]:
        """All dances of a subject; those that do not depend on a seed have seed 0."""
        yield EvaluatedDance(REAL, subject.with_own_song, 0, subject.motion)
        whole = len(subject.motion) // self.checkpoint.stride * self.checkpoint.stride
        reconstruction = reconstruct(self.checkpoint.vqvae, subject.name, subject.style, subject.motion.cut(0, whole))
        self.reconstructions.append(reconstruction)
        yield EvaluatedDance(RECONSTRUCTED, subject.with_own_song, 0, reconstruction.motion)
        if subject.song is None:
            return
        yield from self._warped(subject)
        for seed in seeds:
            yield from self._retrieved(subject, seed)
            yield from self._generated(subject, subject.song, seed)

    def _warped(self, subject: Subject) -> Iterator[EvaluatedDance]:
        assert subject.song is not None
        track = subject.song.music(subject.style)[1]
        count = retime.dancer_count(subject.motion, subject.usual, None if subject.borrowed else track)
        if not subject.borrowed or retime.fits(subject.motion, count, track.tempo):
            yield from _warp_to_song(WARPED, subject, 0, subject.motion, count, own=not subject.borrowed)

    def _retrieved(self, subject: Subject, seed: int) -> Iterator[EvaluatedDance]:
        """A random training clip of the style with a fitting tempo; the longest if all are too short for the song."""
        assert subject.song is not None
        tempo = subject.song.music(subject.style)[1].tempo
        longest: EvaluatedDance | None = None
        fitting = [index for index, clip in enumerate(self.training) if clip.style == subject.style]
        for index in np.random.default_rng([seed, zlib.crc32(subject.name.encode())]).permutation(fitting):
            count = self._count(int(index))
            if not retime.fits(self.training[index].motion, count, tempo):
                continue
            for dance in _warp_to_song(RETRIEVED, subject, seed, self.training[index].motion, count):
                if longest is None or len(dance.motion) > len(longest.motion):
                    longest = dance
            if longest is not None and len(longest.motion) >= _LONG_ENOUGH * len(subject.motion):
                break
        if longest is not None:
            yield longest

    def _training_count(self, index: int) -> NDArray[np.float64]:
        clip = self.training[index].danceable()
        return retime.dancer_count(clip.motion, clip.usual, clip.song.music(clip.style)[1] if clip.song else None)

    def _generated(self, subject: Subject, song: SongFile, seed: int) -> Iterator[EvaluatedDance]:
        folder = str(self.checkpoint.folder)
        for row, changes in REQUESTS.items():
            dance = _generate(song, subject.style, self.checkpoint.styles, seed, folder, self.device, **changes)
            yield EvaluatedDance(row, subject, seed, dance.motion)
            if row == OURS:
                frames = len(dance.motion)
                yield EvaluatedDance(UNLOCKED, subject, seed, self.checkpoint.decode(dance.tokens).cut(0, frames))
                codec = self.checkpoint.vqvae.config
                noise = np.random.default_rng(seed).integers(codec.codes, size=dance.tokens.shape)
                noise[:, codec.coarse :] = 0  # as in a generated dance
                yield EvaluatedDance(RANDOM, subject, seed, self.checkpoint.decode(noise).cut(0, frames))
                masked = dance_without_music(self.checkpoint, subject.style, len(dance.tokens), seed)
                yield EvaluatedDance(MASKED, subject, seed, masked.cut(0, frames))
        if self.paper:
            dance = _generate(song, subject.style, self.paper_styles, seed, self.paper, self.device)
            yield EvaluatedDance(PAPER, subject, seed, dance.motion)


def dance_without_music(checkpoint: TorchCheckpoint, style: str, positions: int, seed: int) -> Motion:
    """A dance generated with the music masked from the decoder, otherwise with the settings of `generate`; feet
    locked."""
    conditions = Conditions(
        music=None,
        style=checkpoint.styles.index(style) if style in checkpoint.styles else None,
        codes=np.zeros((positions, checkpoint.levels), np.int64),
        locked=np.zeros(positions, bool),
    )
    codes = generate_codes(
        checkpoint.decoder, conditions, checkpoint.sampling_of(style), seed, lambda _: None, lambda: False
    )
    return lock_feet(checkpoint.decode(codes))


def _generate(
    song: SongFile, style: str, styles: Sequence[str], seed: int, checkpoint: str, device: str, **changes: Any
) -> Dance:
    request = GenerateRequest(
        audio=str(song.path),
        seed=seed,
        style=style if style in styles else None,
        checkpoint=checkpoint,
        device=device,
        **changes,
    )
    return generate(request, lambda *_: None, lambda: False)


def _warp_to_song(
    row: str, subject: Subject, seed: int, motion: Motion, count: NDArray[np.float64], own: bool = False
) -> Iterator[EvaluatedDance]:
    """A motion warped onto the subject's song; nothing if less than a second is left of it."""
    assert subject.song is not None
    features, track = subject.song.music(subject.style)
    warped, first = retime.warp_to_song(motion, count, track, len(features), own=own)
    if len(warped) > FRAME_RATE:
        yield EvaluatedDance(row, subject, seed, warped, first / MUSIC_RATE)


def choose_subjects(everyone: Sequence[Subject], styles: Sequence[str]) -> list[Subject]:
    """The subjects in styles that a checkpoint knows, or all if it knows none of them; styles without songs borrow
    some."""
    known = [subject for subject in everyone if subject.style in styles] or everyone
    return borrow_songs(known, songs_of(everyone))


def songs_of(subjects: Sequence[Subject]) -> list[SongFile]:
    """The songs of the subjects, each once."""
    return list({subject.song.path: subject.song for subject in subjects if subject.song is not None}.values())


def borrow_songs(subjects: Sequence[Subject], songs: Sequence[SongFile]) -> list[Subject]:
    """The subjects, where each one in a style without any song borrows one of the danceable `songs`: the one nearest in
    tempo among those that no other subject of the style has borrowed, or among all once none is left."""
    styles_with_songs = {subject.style for subject in subjects if subject.song is not None}
    borrowed: list[Subject] = []
    for subject in subjects:
        used = [other.song.path for other in borrowed if other.song and other.borrowed and other.style == subject.style]
        free = [song for song in songs if song.danceable(subject.style)]
        free = [song for song in free if song.path not in used] or free
        if subject.style in styles_with_songs or not free:
            borrowed.append(subject)
            continue
        tempo = retime.steady_tempo(subject.motion, subject.usual or UNKNOWN_TEMPO)
        nearest = min(free, key=lambda song: abs(np.log(song.music(subject.style)[1].tempo / tempo)))
        borrowed.append(replace(subject, song=nearest, borrowed=True))
    return borrowed
