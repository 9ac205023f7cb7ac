"""Beat tracking: beats, tempo, beat phase and metre of a song, with a tempo expected from the style.

Beats are tracked by dynamic programming on an onset envelope of 80 frames a second. The tempo comes from the
envelope's autocorrelation times a log-normal prior around the style's usual tempo: without it the tempo of a third of
the training songs is doubled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.audio.beat_tracking import track_frames
from engine.audio.onsets import onset_strength
from engine.audio.rates import SAMPLE_RATE
from engine.audio.resampling import resampled
from engine.audio.spectra import mel_db
from engine.audio.tempo import likely_tempo, tempogram
from engine.checkpoint_index import StyleMusic

FloatArray = NDArray[np.float32]

_METRE_BANDS = (slice(0, 12), slice(12, 60), slice(60, None))
"""Mel bands in which the metre is measured: bass, middle, treble."""
UNKNOWN_TEMPO = 100.0
"""Centre of the prior for a style without a usual tempo. Wrong on 1 of the 42 training songs (librosa's 120: on 14)."""

_HOP = 128
_RATE = SAMPLE_RATE / _HOP
_WINDOW = 1024
_BLOCK = round(600 * _RATE)
"""Frames (10 minutes) that share one tempo; a longer recording is a medley more often than one song."""
_PIECE = round(60 * _RATE)
_LONGEST_LAG = 8.0
"""Seconds over which the envelope is compared with itself to find the tempo."""
_LATENCY = 0.015
"""Seconds by which the onset envelope's peaks follow a click or a drum (measured: 12 to 18 ms)."""
_STYLE_OCTAVES, _UNKNOWN_OCTAVES = 0.5, 0.7
"""Standard deviation of the prior, in octaves."""


@dataclass(frozen=True)
class BeatTrack:
    """Beats of a song. times: (B,) seconds, rising. tempo: beats per minute over the whole song.

    strength: mean onset strength on the beats over the mean everywhere; about 1 means that there is no audible beat.
    bars: (D,) indices into times of the first beat of each bar. beats_per_bar: 3 or 4.
    """

    times: NDArray[np.float64]
    tempo: float
    strength: float
    bars: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    beats_per_bar: int = 4


def track_beats(audio: FloatArray, sample_rate: int, tempo: float | None = None) -> BeatTrack:
    """Beats of mono audio (samples,). tempo: expected beats per minute; None if unknown.

    The result may have any tempo, but between half and double tempo the one nearer to the expected tempo is preferred.
    Silence gives no beats, the expected tempo and strength 0.
    """
    return _tracked(_mel(audio, sample_rate), tempo)


def choose_style(audio: FloatArray, sample_rate: int, styles: Mapping[str, StyleMusic]) -> str:
    """The one of `styles` that fits mono audio (samples,): by its metre (a waltz is in three), then by its tempo.

    A style without a usual tempo is chosen only where no style has one.
    """
    decibels = _mel(audio, sample_rate)
    tempo = _tracked(decibels, None).tempo
    usual = {style: music.tempo for style, music in styles.items() if music.tempo is not None}
    in_three = _triple_metre(decibels, tempo) > 0
    fitting = [style for style in usual if (styles[style].beats_per_bar == 3) == in_three] or list(usual)
    return min(fitting, key=lambda style: abs(np.log(tempo / usual[style]))) if fitting else next(iter(styles))


def _mel(audio: FloatArray, sample_rate: int) -> FloatArray:
    """The mel spectrum (T, 128) in decibels at `_RATE`."""
    return mel_db(audio if sample_rate == SAMPLE_RATE else resampled(audio, sample_rate, SAMPLE_RATE), _WINDOW, _HOP)


def _tracked(decibels: FloatArray, tempo: float | None) -> BeatTrack:
    centre, octaves = (tempo, _STYLE_OCTAVES) if tempo else (UNKNOWN_TEMPO, _UNKNOWN_OCTAVES)
    onset = onset_strength(decibels, _WINDOW, _HOP)
    if not onset.any():
        return BeatTrack(np.zeros(0), centre, 0.0)
    tempi = np.empty(len(onset))
    for start in range(0, len(onset), _BLOCK):
        tempi[start : start + _BLOCK] = _tempo(onset[start : start + _BLOCK], centre, octaves)
    frames = track_frames(onset, tempi, _RATE, trim=False)
    strength = float(onset[frames].mean() / onset.mean()) if len(frames) else 0.0
    times = np.maximum(frames / _RATE - _LATENCY, 0.0)
    return BeatTrack(times, _mean_tempo(times, float(np.median(tempi))), strength)


def _triple_metre(decibels: FloatArray, tempo: float) -> float:
    """Evidence for a triple metre in a mel spectrum (T, 128) with a known tempo: above 0 for a song in three, below 0
    for one in two or four.

    It is how much more the rises of loudness repeat after 3 and 6 beats than after 2, 4 and 8, as correlations averaged
    over three bands. Right for 28 of 28 waltzes and 21 of 21 other songs of the data set, all splits; these are the
    songs that the rule was found on, so this is not a test.
    """
    rises = np.diff(decibels, axis=0)
    np.maximum(rises, np.float32(0.0), out=rises)
    bands = [rises[:, part].mean(axis=1) for part in _METRE_BANDS]
    period = 60.0 / tempo * _RATE
    three = np.mean([_repetition(band, beats * period) for band in bands for beats in (3, 6)])
    four = np.mean([_repetition(band, beats * period) for band in bands for beats in (2, 4, 8)])
    return float(three - four)


def _repetition(envelope: FloatArray, lag: float) -> float:
    """Largest autocorrelation of an envelope (frames,) within 3 frames of `lag`; 0 where it is too short or flat."""
    centred = envelope - envelope.mean()
    power = float((centred**2).mean())
    middle = round(lag)
    if power < 1e-12 or middle + 3 >= len(centred):
        return 0.0
    return max(float((centred[:-k] * centred[k:]).mean()) / power for k in range(max(1, middle - 3), middle + 4))


def beat_phase(track: BeatTrack, times: NDArray[np.floating]) -> FloatArray:
    """The beat phase (T,) at any `times` (seconds): 0 on a beat, rising to 1 just before the next.

    Before the first and after the last beat the mean tempo is used. Without beats the phase is 0.
    """
    if not len(track.times):
        return np.zeros(len(times), np.float32)
    period = 60.0 / track.tempo
    before = np.arange(-np.ceil(max(track.times[0] - times.min(initial=0.0), 0) / period) - 1, 0)
    after = np.arange(1, np.ceil(max(times.max(initial=0.0) - track.times[-1], 0) / period) + 2)
    beats = np.concatenate([track.times[0] + before * period, track.times, track.times[-1] + after * period])
    count = np.interp(times, beats, np.arange(len(beats)))
    return (count % 1.0).astype(np.float32)


def beat_features(track: BeatTrack, times: NDArray[np.floating]) -> FloatArray:
    """Cosine and sine (T, 2) of the beat phase at `times` (seconds); without beats zeros, which no phase gives."""
    if not len(track.times):
        return np.zeros((len(times), 2), np.float32)
    angle = 2 * np.pi * beat_phase(track, times)
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1).astype(np.float32)


def _tempo(onset: FloatArray, centre: float, octaves: float) -> float:
    """The tempo of an onset envelope, beats per minute; the autocorrelation is averaged over pieces to bound the
    memory."""
    lags = round(_LONGEST_LAG * _RATE)
    pieces = [onset[start : start + _PIECE] for start in range(0, max(len(onset) - lags, 1), _PIECE)]
    mean = np.average([tempogram(piece, lags) for piece in pieces], axis=0, weights=[len(piece) for piece in pieces])
    return likely_tempo(mean, _RATE, centre, octaves)


def _mean_tempo(beats: NDArray[np.float64], fallback: float) -> float:
    """Beats per minute from the mean of the intervals that lie within a fifth of their median."""
    intervals = np.diff(beats)
    if not len(intervals):
        return fallback
    median = float(np.median(intervals))
    usual = intervals[np.abs(intervals - median) < 0.2 * median]
    if not len(usual):  # of a few intervals, the median may lie between two that are far from it
        return 60.0 / median if median > 0 else fallback
    return 60.0 / float(usual.mean())
