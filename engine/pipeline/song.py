"""Reading the part of a sound file that a dance is generated for, hearing the file's rhythm, and what the dance keeps
of its music."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.audio.files.audibility import check_song
from engine.audio.files.decode import load_audio, probe
from engine.audio.files.sound_source import AudioInfo
from engine.audio.listening.heard_files import heard_file, is_kept
from engine.audio.listening.listen import Heard, corrected, listen
from engine.audio.listening.rhythm import played
from engine.audio.rates import SAMPLE_RATE
from engine.choreography import NO_CORRECTION, Correction
from engine.decoded_sounds import FOLDER_VARIABLE, place_of
from engine.errors import AudioError, RequestError, UndecodedError
from engine.models.base import Music, Song
from engine.pipeline.request import LONGEST_SECONDS
from smpl_rig.dance_motion import DanceMusic

_MARGIN = 1.0
"""Seconds around the wanted part that are decoded with it, for the filter that resamples it."""
_LONGEST_HEARD = 7200.0
"""Seconds of a file that is heard as a whole; of a longer one only the part that is danced to is."""


def read_song(
    file: Path, start: float, seconds: float | None, speed: float, correction: Correction = NO_CORRECTION
) -> Song:
    """Seconds start..start + seconds (None: to its end) of a file, played at `speed`, and the rhythm of the whole file
    with a person's corrections. Raises AudioError, RequestError for more than `LONGEST_SECONDS`, and UndecodedError
    where Blender must decode the file first."""
    sound, begin, info = _readable(file, start, seconds)
    left = begin + info.seconds - start
    length = (left if seconds is None else min(seconds, left)) / speed
    if length > LONGEST_SECONDS:
        raise RequestError(
            f"{file.name}: {length / 60:.0f} minutes are too long for one dance, which lasts at most "
            f"{LONGEST_SECONDS / 60:.0f} minutes. Choose a part with a start and a length."
        )
    if length <= 0 and sound is not file:
        raise _ends_before(file, start)

    def resampled(rate: int) -> NDArray[np.float32]:
        # where the file ends before the start, load_audio raises an error that names the file's length
        return load_audio(sound, rate, start - begin, length if length > 0 else None, speed)

    samples = resampled(SAMPLE_RATE)
    check_song(samples, SAMPLE_RATE, file.name, info.tracks)
    length = len(samples) / SAMPLE_RATE
    heard = _heard_whole(file, begin + info.seconds)
    if heard is None:
        alone = listen(samples)
        return Song(samples, length, resampled, alone, corrected(alone, played(correction, start, speed)), 0.0, 1.0)
    return Song(samples, length, resampled, heard, corrected(heard, correction), start, speed)


def read_sound(file: Path, rate: int, start: float, seconds: float | None, speed: float) -> NDArray[np.float32]:
    """(S,) mono samples at `rate` of seconds start..start + seconds (None: to its end) of a file, played at `speed`;
    none where the file ends before. Raises AudioError, and UndecodedError where Blender must decode the file first."""
    sound, begin, info = _readable(file, start, seconds)
    left = begin + info.seconds - start
    length = left if seconds is None else min(seconds, left)
    return load_audio(sound, rate, start - begin, length / speed, speed) if length > 0 else np.zeros(0, np.float32)


def hear_song(file: Path, progress: Callable[[float], None] = lambda _: None) -> Heard:
    """What is heard of a whole file, kept by its content. progress: called with the fraction done. Raises AudioError,
    and UndecodedError where Blender must decode the file first."""

    def hear() -> Heard:
        sound, begin, _ = _readable(file, 0.0, None)
        samples = load_audio(sound, SAMPLE_RATE, -begin)
        check_song(samples, SAMPLE_RATE, file.name)
        return listen(samples, progress)

    try:
        return heard_file(file, hear)
    except OSError as error:
        raise AudioError(f"{file.name}: cannot be read ({error.strerror}). Copy the file again.") from error


def _heard_whole(file: Path, seconds: float) -> Heard | None:
    """What is heard of a whole file; None of one that is too long, or damaged somewhere else than in the part."""
    if seconds > _LONGEST_HEARD:
        return None
    try:
        return hear_song(file)
    except UndecodedError:
        raise
    except AudioError:
        return None


def _readable(file: Path, start: float, seconds: float | None) -> tuple[Path, int, AudioInfo]:
    """(a file that can be read here, the second of the song at which it begins, facts about it): the song's own, or
    what Blender has decoded of it, which is asked for whole until the song was heard. Raises AudioError."""
    try:
        return file, 0, probe(file)
    except AudioError as error:
        folder = os.environ.get(FOLDER_VARIABLE)
        # FFmpeg knows what Blender knows, which has it, too
        if not folder or not file.is_file() or find_spec("av") is not None:
            raise
        first = max(math.floor(start - _MARGIN), 0)
        last = None if seconds is None else max(math.ceil(start + seconds + _MARGIN), first + 1)
        whole = place_of(Path(folder), file, 0, None)
        if whole.is_file() or not is_kept(file):
            first, last = 0, None
        sound = place_of(Path(folder), file, first, last)
        if not sound.is_file():
            raise UndecodedError(str(error), str(file), first, last) from error
        try:
            return sound, first, probe(sound)
        except AudioError as empty:
            raise _ends_before(file, start) from empty


def _ends_before(file: Path, start: float) -> AudioError:
    return AudioError(f"{file.name}: has no sound from second {max(start, 0):g} on. Choose an earlier start.")


def beats_of_song(music: Music, seconds: float) -> tuple[list[float], list[int]]:
    """(the beats within a song's `seconds` of dance, rounded to milliseconds, rising; the indices of those that begin a
    bar)."""
    times = music.beats.times
    ones = np.zeros(len(times), bool)
    ones[music.beats.bars] = True
    inside = times < seconds
    beats, first = np.unique(np.round(times[inside], 3), return_index=True)
    return beats.tolist(), np.flatnonzero(ones[inside][first]).tolist()


def music_of_dance(music: Music, first: int, last: int, token_rate: float) -> DanceMusic:
    """What a dance keeps of a song that it dances to at the token positions first..last: all features, and the beats
    in seconds of the dance."""
    times = music.beats.times + first / token_rate
    return DanceMusic(music.features, times[times < last / token_rate])
