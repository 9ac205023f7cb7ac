"""Reading the part of a sound file that a dance is generated for, and what the dance keeps of its music."""

from __future__ import annotations

from pathlib import Path

from engine.audio.audibility import check_song
from engine.audio.decode import load_audio, probe
from engine.audio.rates import SAMPLE_RATE
from engine.errors import RequestError
from engine.models.base import Music, Song
from engine.pipeline.request import LONGEST_SECONDS
from smpl_rig.dance_motion import DanceMusic


def read_song(file: Path, start: float, seconds: float | None, speed: float) -> Song:
    """Seconds start..start + seconds (None: to its end) of a file, played at `speed`. Raises AudioError, and
    RequestError for more than `LONGEST_SECONDS`."""
    info = probe(file)
    left = info.seconds - start
    length = (left if seconds is None else min(seconds, left)) / speed
    if length > LONGEST_SECONDS:
        raise RequestError(
            f"{file.name}: {length / 60:.0f} minutes are too long for one dance, which lasts at most "
            f"{LONGEST_SECONDS / 60:.0f} minutes. Choose a part with a start and a length."
        )
    # where the file ends before the start, load_audio raises an error that names the file's length
    samples = load_audio(file, SAMPLE_RATE, start, length if length > 0 else None, speed)
    check_song(samples, SAMPLE_RATE, file.name, info.tracks)
    length = len(samples) / SAMPLE_RATE
    return Song(samples, length, lambda rate: load_audio(file, rate, start, length, speed))


def music_of_dance(music: Music, first: int, last: int, token_rate: float) -> DanceMusic:
    """What a dance keeps of a song that it dances to at the token positions first..last: all features, and the beats
    in seconds of the dance."""
    times = music.beats.times + first / token_rate
    return DanceMusic(music.features, times[times < last / token_rate])
