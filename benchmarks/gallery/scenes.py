"""What the gallery shows of a clip: the song, its beats, and dancers with their foot beats, all on one clock.

Motions are at 20 frames/s and beats are those of `engine.evaluation`: what is shown is what the quality table measures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.audio.beats import track_beats
from engine.audio.decode import load_audio
from engine.audio.librosa_features import SAMPLE_RATE
from engine.data.clips import FRAME_RATE, at_rate
from engine.data.dataset import DanceDataset
from engine.data.styles import usual_tempo
from engine.errors import DataError
from engine.evaluation.dances import Subject, choose_subjects
from engine.evaluation.evaluate import subjects_of
from engine.motion.foot_beats import FOOT_LEAD, SIGMA, BeatScore, foot_beats, foot_envelope, score_beats
from engine.pipeline.generate import generate
from engine.pipeline.request import GenerateRequest
from smpl_rig.motion import Motion

LENT_SECONDS = 20.0


@dataclass(frozen=True)
class Dancer:
    """One dance to the scene's song.

    envelope: (N,) `foot_envelope`, 60 a second. foot_beats: (B,) seconds. on_beat: (B,) which of them score at least a
    half against the song's beats. score: of all of them; None where the song has fewer than two beats.
    """

    label: str
    motion: Motion
    envelope: NDArray[np.float64]
    foot_beats: NDArray[np.float64]
    on_beat: NDArray[np.bool_]
    score: BeatScore | None


@dataclass(frozen=True)
class Scene:
    """A clip with a song. beats: the song's, seconds. dancers: the real one first; all last `seconds` at most."""

    name: str
    style: str
    song: Path
    seconds: float
    beats: NDArray[np.float64]
    dancers: tuple[Dancer, ...]


def subjects_with_songs(folder: Path, split: str, names: Sequence[str], styles: Sequence[str]) -> list[Subject]:
    """The clips of a split that can be danced to by a checkpoint of `styles`, only those of `names` if there are any.

    In a style without songs, other clips' are lent, as in the evaluation. Raises DataError.
    """
    clips = DanceDataset(folder).split(split)
    if not clips:
        raise DataError(f"{folder}: has no clips in its {split} split. Choose another --split.")
    chosen = [subject for subject in choose_subjects(subjects_of(clips), styles) if subject.song is not None]
    if not chosen:
        raise DataError(f"{folder}: none of the {len(clips)} clips of its {split} split has a song. Choose another.")
    missing = sorted(set(names) - {subject.name for subject in chosen})
    if missing:
        raise DataError(f"{folder}: {', '.join(missing)} is no clip with a song of the {split} split. Check --clip.")
    return [subject for subject in chosen if not names or subject.name in names]


def scene(subject: Subject, dances: Sequence[tuple[str, Motion]]) -> Scene:
    """The real dance and others with their labels, at 20 frames/s.

    All are cut to the length of the real one, or to `LENT_SECONDS` where the song is lent: then the real dance, which
    has nothing to do with the song, is often much shorter. Raises DataError and AudioError.
    """
    assert subject.song is not None
    audio = load_audio(subject.song.path, SAMPLE_RATE)
    seconds = LENT_SECONDS if subject.borrowed else subject.motion.seconds
    beats = track_beats(audio, SAMPLE_RATE, usual_tempo(subject.style)).times
    beats = beats[beats < seconds]
    frames = round(seconds * FRAME_RATE)
    dancers = [_dancer("Real, to other music" if subject.borrowed else "Real", subject.motion.cut(0, frames), beats)]
    dancers += [_dancer(label, at_rate(motion).cut(0, frames), beats) for label, motion in dances]
    return Scene(subject.name, subject.style, subject.song.path, seconds, beats, tuple(dancers))


def generated(subject: Subject, checkpoint: str, style: str | None, seed: int, device: str) -> Motion:
    """The checkpoint's dance to the subject's song as a user gets it; a style of None is for it to choose.

    Raises EngineError, also for a style that the checkpoint does not know.
    """
    assert subject.song is not None
    path = str(subject.song.path)
    request = GenerateRequest(audio=path, seed=seed, style=style, checkpoint=checkpoint, device=device)
    return generate(request, lambda *_: None, lambda: False).motion


def expected_foot_beats(beats: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where `score_beats` expects foot beats: a little before the song's beats (seconds); none for a single beat."""
    return beats - FOOT_LEAD * np.gradient(beats) if len(beats) > 1 else np.zeros(0)


def _dancer(label: str, motion: Motion, beats: NDArray[np.float64]) -> Dancer:
    joints = motion.joints()
    found, expected = foot_beats(joints, motion.fps), expected_foot_beats(beats)
    away = np.abs(found[:, None] - expected[None]).min(axis=1, initial=np.inf)
    on_beat = np.exp(-(away**2) / (2 * SIGMA**2)) >= 0.5
    score = score_beats(found, beats) if len(beats) > 1 else None
    return Dancer(label, motion, foot_envelope(joints, motion.fps), found, on_beat, score)


def envelope_height(dancer: Dancer) -> float:
    """The value that fills a lane of a picture; rare peaks are cut off, lest everything else be flat."""
    return max(float(np.quantile(dancer.envelope, 0.98)), 1e-9)
