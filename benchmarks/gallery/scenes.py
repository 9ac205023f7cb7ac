"""What the gallery shows of a clip: the song, its beats, and dancers with their foot beats, all on one clock.

Motions are at 20 frames/s and beats are those of `engine.evaluation`: what is shown is what the quality table measures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from benchmarks.gallery.encoding import SOUND_RATE
from demo.pictures import loudness_of
from engine.audio.files.decode import load_audio
from engine.audio.listening.heard_files import heard_song
from engine.audio.listening.rhythm import beats_in_style
from engine.data.clips import FRAME_RATE, at_rate
from engine.data.dataset import DanceDataset
from engine.data.styles import StyleTable
from engine.errors import DataError
from engine.evaluation.dances import Subject, choose_subjects
from engine.evaluation.evaluate import subjects_of
from engine.motion.foot_beats import SIGMA, BeatScore, expected_foot_beats, foot_beats, foot_envelope, score_beats
from engine.pipeline.generate import generate
from engine.pipeline.request import GenerateRequest
from smpl_rig.motion import Motion

BORROWED_SECONDS = 20.0
"""Length of a scene whose song belongs to another clip."""
LOUDNESS_RATE = 40
"""Values a second of a scene's loudness."""
HIT_SECONDS = SIGMA * float(np.sqrt(2 * np.log(2)))
"""Distance from the expected time at which a foot beat scores half."""


@dataclass(frozen=True)
class Dancer:
    """One dance to the scene's song.

    envelope: (N,) `foot_envelope` at `ENVELOPE_RATE`, 0..1. foot_beats: (B,) seconds. on_beat: (B,) which of them
    score at least a half against the song's beats. score: of all of them; None where the song has fewer than two beats.
    """

    label: str
    motion: Motion
    envelope: NDArray[np.float64]
    foot_beats: NDArray[np.float64]
    on_beat: NDArray[np.bool_]
    score: BeatScore | None


@dataclass(frozen=True)
class Scene:
    """A clip with a song. dancers: the real one first; all last `seconds` at most.

    loudness: (N,) of the song at `LOUDNESS_RATE`, 0..1. beats: the song's, seconds. expected: when foot beats are
    expected for them, a little before each; none for a single beat.
    """

    name: str
    style: str
    song: Path
    seconds: float
    loudness: NDArray[np.float32]
    beats: NDArray[np.float64]
    expected: NDArray[np.float64]
    dancers: tuple[Dancer, ...]


def subjects_with_songs(folder: Path, split: str, names: Sequence[str], styles: StyleTable) -> list[Subject]:
    """The clips of a split that a checkpoint of the `styles` can dance, only those of `names` if there are any.

    Clips of a style without songs borrow those of other clips, as in the evaluation. Raises DataError.
    """
    clips = DanceDataset(folder).split(split)
    if not clips:
        raise DataError(f"{folder}: has no clips in its {split} split. Choose another --split.")
    chosen = [
        subject
        for subject in choose_subjects(subjects_of(clips, styles), list(styles.music))
        if subject.song is not None
    ]
    if not chosen:
        raise DataError(f"{folder}: none of the {len(clips)} clips of its {split} split has a song. Choose another.")
    missing = sorted(set(names) - {subject.name for subject in chosen})
    if missing:
        raise DataError(f"{folder}: {', '.join(missing)} is no clip with a song of the {split} split. Check --clip.")
    return [subject for subject in chosen if not names or subject.name in names]


def scene(subject: Subject, dances: Sequence[tuple[str, Motion]]) -> Scene:
    """The real dance and others with their labels, at 20 frames/s.

    All are cut to the length of the real one, or to `BORROWED_SECONDS` where the song is borrowed: then the real dance,
    which has nothing to do with the song, is often much shorter. Raises DataError and AudioError.
    """
    assert subject.song is not None
    song = subject.song.path
    seconds = BORROWED_SECONDS if subject.borrowed else subject.motion.seconds
    beats = beats_in_style(heard_song(song).rhythm, subject.usual).times
    beats = beats[beats < seconds]
    expected = expected_foot_beats(beats) if len(beats) > 1 else np.zeros(0)
    frames = round(seconds * FRAME_RATE)
    real = "Real, to other music" if subject.borrowed else "Real"
    motions = [(real, subject.motion), *((label, at_rate(motion)) for label, motion in dances)]
    dancers = [_dancer(label, motion.cut(0, frames), beats, expected) for label, motion in motions]
    loudness = loudness_of(song, seconds, max(round(seconds * LOUDNESS_RATE), 1))
    return Scene(subject.name, subject.style, song, seconds, loudness, beats, expected, tuple(dancers))


def generated(subject: Subject, checkpoint: str, style: str | None, seed: int, device: str) -> Motion:
    """The checkpoint's dance to the subject's song as a user gets it; a style of None leaves the choice to it.

    Raises EngineError, also for a style that the checkpoint does not know.
    """
    assert subject.song is not None
    path = str(subject.song.path)
    request = GenerateRequest(audio=path, seed=seed, style=style, checkpoint=checkpoint, device=device)
    return generate(request, lambda *_: None, lambda: False).motion


def sound(scene: Scene, seconds: float) -> av.AudioFrame:
    """The first seconds of the scene's song for an encoder, mono, with silence after the song's end."""
    samples = np.zeros(round(seconds * SOUND_RATE), np.float32)
    audio = load_audio(scene.song, SOUND_RATE, 0.0, seconds)[: len(samples)]
    samples[: len(audio)] = audio
    frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
    frame.sample_rate = SOUND_RATE
    return frame


def _dancer(label: str, motion: Motion, beats: NDArray[np.float64], expected: NDArray[np.float64]) -> Dancer:
    joints = motion.joints()
    envelope, found = foot_envelope(joints, motion.fps), foot_beats(joints, motion.fps)
    # rare peaks are cut off; otherwise they would leave the rest of the curve flat
    envelope = np.minimum(envelope / max(float(np.quantile(envelope, 0.98)), 1e-9), 1)
    on_beat = np.abs(found[:, None] - expected[None]).min(axis=1, initial=np.inf) <= HIT_SECONDS
    score = score_beats(found, beats) if len(beats) > 1 else None
    return Dancer(label, motion, envelope, found, on_beat, score)
