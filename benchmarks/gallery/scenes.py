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
from engine.pipeline.generate import generate
from engine.pipeline.request import GenerateRequest
from engine.reporting import scene as reporting
from engine.reporting.scene import LOUDNESS_RATE, dancer, expected_beats
from smpl_rig.motion import Motion

BORROWED_SECONDS = 20.0
"""Length of a scene whose song belongs to another clip."""


@dataclass(frozen=True)
class Scene(reporting.Scene):
    """A clip with a song. dancers: the real one first."""

    name: str
    style: str
    song: Path


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
    real = "Real, to other music" if subject.borrowed else "Real"
    return scene_of(subject.name, subject.style, song, seconds, beats, [(real, subject.motion), *dances])


def scene_of(
    name: str,
    style: str,
    song: Path,
    seconds: float,
    beats: NDArray[np.float64],
    dances: Sequence[tuple[str, Motion]],
) -> Scene:
    """The first seconds of dances, with their labels, at 20 frames/s. beats: the song's. Raises AudioError."""
    frames, beats = round(seconds * FRAME_RATE), beats[beats < seconds]
    return Scene(
        seconds=seconds,
        loudness=loudness_of(song, seconds, max(round(seconds * LOUDNESS_RATE), 1)),
        beats=beats,
        expected=expected_beats(beats),
        dancers=tuple(dancer(label, at_rate(motion).cut(0, frames), beats) for label, motion in dances),
        name=name,
        style=style,
        song=song,
    )


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
