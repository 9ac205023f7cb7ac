"""Re-timing: a dance warped in time so that its foot beats fall on a song's beats.

A motion's *count* is its musical time in beats, a rising function of seconds; a song's count comes from its tracked
beats. A motion re-timed onto a song is played at the times where its count equals the song's. The count of a motion is
computed from its foot beats: the local phase of the foot-beat envelope relative to a rough count (the beats of its own
song, or a steady tempo) tells how far the dancer is ahead or behind; that is smoothed and added to the rough count.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from engine.audio.beats import UNKNOWN_TEMPO, BeatTrack
from engine.data.clips import FRAME_RATE, sampled
from engine.motion.foot_beats import ENVELOPE_RATE, FOOT_LEAD, foot_envelope
from smpl_rig.motion import Motion

Times = NDArray[np.float64]

RATE = FRAME_RATE
TEMPO_TOLERANCE = 1.1
"""Largest ratio between the tempi of a dance and of a song that it is re-timed onto."""
SLOWEST, FASTEST = 0.88, 1.12
"""Bounds of the local playback rate; beyond them a re-timed dance looks slowed down or hurried."""
_SMOOTHING = 4.0
"""Beats over which the phase is averaged."""


def song_count(track: BeatTrack, times: Times) -> Times:
    """Beats since the song's first beat at `times` (seconds); extrapolated beyond both ends with the song's tempo."""
    period = 60.0 / track.tempo
    before = np.arange(-200, 0)
    after = np.arange(1, 201)
    beats = np.concatenate([track.times[0] + before * period, track.times, track.times[-1] + after * period])
    return np.interp(times, beats, np.arange(len(beats)) - len(before))


def steady_tempo(motion: Motion, usual: float) -> float:
    """Beats per minute of a motion without music: the strongest rhythm of its feet near the `usual` tempo.

    It maximises the magnitude of the envelope's Fourier transform times a log-normal prior (a quarter octave wide).
    """
    envelope = _envelope(motion)
    times = np.arange(len(envelope)) / motion.fps
    tempi = usual * 2 ** np.linspace(-0.6, 0.6, 241)
    waves = np.exp(-2j * np.pi * tempi[:, None] / 60 * times)
    score = np.abs(waves @ envelope) * np.exp(-0.5 * (np.log2(tempi / usual) / 0.25) ** 2)
    return float(tempi[np.argmax(score)])


def motion_count(motion: Motion, rough: Times) -> Times:
    """(T,) count of the dancer at every frame, given a rough count (T,) with the right tempo."""
    envelope = _envelope(motion)
    frames_per_beat = len(rough) / max(float(rough[-1] - rough[0]), 1.0)
    wave = envelope * np.exp(-2j * np.pi * rough)
    sigma = _SMOOTHING * frames_per_beat
    local = gaussian_filter1d(wave.real, sigma) + 1j * gaussian_filter1d(wave.imag, sigma)
    behind = -np.unwrap(np.angle(local)) / (2 * np.pi)  # phase of the rough count at which the envelope peaks
    behind = gaussian_filter1d(behind, sigma / 2)
    first = np.round(np.median(behind) + FOOT_LEAD)  # an offset of whole beats does not matter
    return rough - (behind + FOOT_LEAD - first)


def dancer_count(motion: Motion, usual: float | None, track: BeatTrack | None) -> Times:
    """(T,) count of the dancer at every frame: by the beats of its own song or, without one, near the `usual` tempo of
    the style (None: any)."""
    if track is None:
        return steady_count(motion, usual or UNKNOWN_TEMPO)
    return motion_count(motion, song_count(track, np.arange(len(motion)) / motion.fps))


def steady_count(motion: Motion, usual: float) -> Times:
    """(T,) count at every frame of a motion without music, at the strongest rhythm near the `usual` tempo."""
    times = np.arange(len(motion)) / motion.fps
    return motion_count(motion, steady_tempo(motion, usual) / 60 * times)


def fits(motion: Motion, count: Times, tempo: float) -> bool:
    """Whether a motion (its count per frame) can be re-timed onto a song of `tempo` beats a minute."""
    own = 60 * (count[-1] - count[0]) / motion.seconds
    return bool(abs(np.log(own / tempo)) < np.log(TEMPO_TOLERANCE))


def warp_to_song(
    motion: Motion, count: Times, track: BeatTrack, frames: int, entry: int = 0, own: bool = False
) -> tuple[Motion, int]:
    """`warp` a motion (its count per frame) onto a song of `frames` frames (20 Hz), from the song's frame `entry` on.

    own: it is the motion's own song, so frame 0 of both is about the same moment; with any other song the motion starts
    on any whole beat. The returned frame counts from `entry`.
    """
    song = song_count(track, np.arange(entry, frames) / RATE)
    offset = np.median(song[: len(count)] - count[: len(song)]) if own else song[0] - count[0]
    return warp(motion, count, song - np.round(offset))


def warp(motion: Motion, count: Times, song: Times) -> tuple[Motion, int]:
    """`motion` (its count per frame) warped onto a song (its count at 20 Hz): motion at 20 frames/s, and the song frame
    that it starts at.

    It starts at the first song frame whose beat the motion has too, and ends when either is over. Local playback rates
    stay within `SLOWEST`..`FASTEST`.
    """
    count = np.maximum.accumulate(count + 1e-6 * np.arange(len(count)))
    shift = np.round(count[0] - song[0])  # by whole beats, so that the dance can begin with the song
    wanted = np.interp(song + shift, count, np.arange(len(count)) / motion.fps, left=-1.0, right=np.inf)
    playable = np.flatnonzero((wanted >= 0) & np.isfinite(wanted))
    if len(playable) < 2:
        return motion.cut(0, 0), 0
    first = int(playable[0])
    wanted = wanted[playable]
    # follow the wanted times with a bounded rate; a lag caused by the bound is made up for later
    times = np.empty(len(wanted))
    times[0] = wanted[0]
    for index in range(1, len(wanted)):
        step = np.clip(wanted[index] - times[index - 1], SLOWEST / RATE, FASTEST / RATE)
        times[index] = times[index - 1] + step
    times = times[times <= (len(motion) - 1) / motion.fps]
    return sampled(motion, times), first


def _envelope(motion: Motion) -> NDArray[np.float64]:
    """(T,) foot-beat envelope at the motion's frames, without its mean."""
    envelope = foot_envelope(motion.joints(), motion.fps)
    frames = np.arange(len(motion)) / motion.fps
    values = np.interp(frames, np.arange(len(envelope)) / ENVELOPE_RATE, envelope)
    return values - values.mean()
