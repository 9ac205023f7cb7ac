"""Listening to a whole song: the evidence of its rhythm, and the rhythm, as heard and as a person corrects it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.audio.beats import UNKNOWN_TEMPO
from engine.audio.listening.bar_profile import bar_profile, features_around, likeness_of_one
from engine.audio.listening.bar_tracking import track_bars
from engine.audio.listening.evidence import HARMONY_RATE, RATE, Evidence, evidence_of
from engine.audio.listening.pulse import FASTEST, METRES, SLOWEST, TEMPI, harmony_pulse, pulses
from engine.audio.listening.rhythm import Rhythm, counted, with_anchors, with_metre, with_one
from engine.audio.listening.tempo_path import TempoEvidence, likeliest, near, tempo_evidence, tempo_frames
from engine.choreography import NO_CORRECTION, Correction

FloatArray = NDArray[np.float32]
Array = NDArray[np.float64]

_WEIGHTS = Path(__file__).with_name("weights.json")
_LATENCY = 0.0055
"""Seconds by which the onset strength follows a drum (measured on composed songs)."""
_BAR, _ONSET = 2.0, 0.5
"""Weights of a beat's likeness to its place in the bar, and of the onsets on it."""
_SOUND = 1e-4
"""Power, of loud moments, above which a song has begun and not ended."""
_BEFORE, _AFTER = 0.1, 0.5
"""Seconds before the first sound, and beats after the last onset, in which there may be a beat."""
_STEADY = 0.1
"""Share by which a beat may be longer or shorter than usual and tell the tempo."""
_LEAST_TEMPO, _MOST_TEMPO = 20.0, 400.0
"""Beats per minute that a list of beats is believed."""
_LAST = 0.25
"""Of the usual onset strength on a beat, that of the last onset."""


@dataclass(frozen=True)
class Heard:
    """A song that was heard: the evidence, and its rhythm without any correction."""

    evidence: Evidence
    rhythm: Rhythm


@dataclass(frozen=True)
class Weights:
    """Learned weights. tempo: (1 + D, METRES), see `engine.audio.listening.pulse.likelihoods`. bars: by beats per bar,
    see `engine.audio.listening.bar_profile.likeness_of_one`."""

    tempo: Array
    bars: dict[int, Array]


def listen(audio: FloatArray, progress: Callable[[float], None] = lambda _: None) -> Heard:
    """Hear a whole song. audio: (samples,) mono at `SAMPLE_RATE`. progress: called with the fraction done."""
    return heard(evidence_of(audio, lambda part: progress(0.8 * part)))


def heard(evidence: Evidence) -> Heard:
    """A song by its evidence."""
    return Heard(evidence, _rhythm(evidence, NO_CORRECTION, learned_weights()))


def corrected(heard: Heard, correction: Correction) -> Rhythm:
    """The rhythm of a song as a person corrects it. It depends on what is heard and on the correction alone, so a tempo
    that was wrong for a while leaves nothing behind."""
    if correction == NO_CORRECTION:
        return heard.rhythm
    rhythm = _rhythm(heard.evidence, correction, learned_weights())
    if correction.beats_per_bar not in (None, *METRES):
        rhythm = with_metre(rhythm, correction.beats_per_bar)
    if correction.one is not None:
        rhythm = with_one(rhythm, correction.one)
    return with_anchors(rhythm, correction.anchors)


@cache
def learned_weights() -> Weights:
    """The weights that come with the engine."""
    stored = json.loads(_WEIGHTS.read_text(encoding="utf-8"))
    return Weights(np.array(stored["tempo"]), {int(beats): np.array(rows) for beats, rows in stored["bars"].items()})


def _rhythm(evidence: Evidence, correction: Correction, weights: Weights) -> Rhythm:
    pulse = pulses(evidence.onset)
    told = correction.tempo is not None or bool(correction.beats)
    if not pulse.any():
        return _without_sound(correction, told)
    found = tempo_evidence(np.column_stack([pulse, harmony_pulse(evidence)]), weights.tempo)
    metre, path, octaves = _best_path(found, correction)
    beats_per_bar = METRES[metre]
    given = np.array(correction.beats)
    tempi = _tempi_of(given, len(pulse)) if len(given) else tempo_frames(found, path, pulse)
    features = features_around(evidence, pulse, tempi)
    likeness = likeness_of_one(features, tempi, weights.bars[beats_per_bar])
    onset = np.maximum(pulse, 0.0).sum(axis=1)
    onset /= onset.std()
    if len(given):
        times = given
        at = np.clip(np.round((times + _LATENCY) * RATE).astype(np.int64), 0, len(pulse) - 1)
        sums = [likeness[at[place::beats_per_bar]].mean() for place in range(min(beats_per_bar, len(at)))]
        ones = np.arange(int(np.argmax(sums)), len(at), beats_per_bar)
    else:
        at, ones = _tracked(evidence, onset, likeness, tempi, beats_per_bar)
        times = np.maximum(at / RATE - _LATENCY, 0.0)
    profile = bar_profile(features, at / RATE, ones, beats_per_bar)
    confidence, other = (1.0, None) if len(given) else _tempo_confidence(found, path)
    rhythm = Rhythm(
        times,
        ones,
        beats_per_bar,
        _mean_tempo(times, float(np.median(tempi))),
        confidence,
        other,
        _bar_confidence(profile, weights.bars[beats_per_bar]),
        _strength(onset, at),
        told,
    )
    return rhythm if len(given) else counted(rhythm, octaves)


def _without_sound(correction: Correction, told: bool) -> Rhythm:
    """The rhythm of a song in which nothing is heard."""
    times = np.array(correction.beats)
    beats_per_bar = correction.beats_per_bar or METRES[0]
    tempo = _mean_tempo(times, correction.tempo or UNKNOWN_TEMPO)
    ones = np.arange(0, len(times), beats_per_bar)
    return Rhythm(times, ones, beats_per_bar, tempo, 0.0, None, 0.0, np.zeros(len(times), np.float32), told)


def _tempi_of(beats: Array, count: int) -> Array:
    """The tempo (count,) at every frame of beats (B,) seconds."""
    if len(beats) < 2:
        return np.full(count, UNKNOWN_TEMPO)
    middles = (beats[1:] + beats[:-1]) / 2
    return np.clip(np.interp(np.arange(count) / RATE, middles, 60.0 / np.diff(beats)), _LEAST_TEMPO, _MOST_TEMPO)


def _tracked(
    evidence: Evidence, onset: Array, likeness: Array, tempi: Array, beats_per_bar: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The frames of the beats (B,), and which of them are ones (D,)."""
    periods = 60.0 * RATE / tempi
    frames = np.arange(len(onset))
    score = np.stack([np.interp(frames - place * periods, frames, likeness) for place in range(beats_per_bar)], axis=1)
    score = _BAR * (score - likeness.mean()) / beats_per_bar + _ONSET * onset[:, None]
    at, places = track_bars(score, periods)
    inside = _in_music(at, onset, evidence, periods)
    return at[inside], np.flatnonzero(places[inside] == 0)


def _best_path(found: TempoEvidence, correction: Correction) -> tuple[int, Array, int]:
    """The metre (an index of METRES), the tempo (windows,) of each window in which beats are tracked, and by how many
    octaves they are counted faster than that."""
    metres = [number for number, beats in enumerate(METRES) if correction.beats_per_bar in (None, beats)] or [0]
    metre, path = likeliest(found, metres, np.ones((len(found.windows), len(TEMPI)), bool))
    tempi = TEMPI[path]
    usual = float(np.median(tempi))
    told = correction.tempo or usual
    octaves = round(float(np.log2(told / usual)))
    if correction.beats or near(usual)[np.abs(np.log(TEMPI * 2.0**octaves / told)).argmin()]:
        return metre, tempi, octaves
    octaves = 0  # the grid has the tempi of most music; others are tracked an octave away
    while told < SLOWEST * 2.0**octaves:
        octaves -= 1
    while told > FASTEST * 2.0**octaves:
        octaves += 1
    wanted = told / 2.0**octaves
    metre, path = likeliest(found, metres, near(wanted) | near(tempi * (wanted / usual)))
    return metre, TEMPI[path], octaves


def _in_music(frames: NDArray[np.int64], onset: Array, evidence: Evidence, periods: Array) -> NDArray[np.bool_]:
    """Which beats (B,) are in the music and not in the silence before and after it."""
    sounds = np.flatnonzero(evidence.loudness > _SOUND) * (RATE / HARMONY_RATE)
    if not len(sounds) or not len(frames):
        return np.ones(len(frames), bool)
    usual = float(np.median(onset[frames]))
    struck = np.flatnonzero(onset > _LAST * max(usual, 0.0))
    first = float(sounds[0]) - _BEFORE * RATE
    last = min(float(sounds[-1]), float(struck[-1]) + _AFTER * float(periods[struck[-1]]))
    return np.asarray((frames >= first) & (frames <= last))


def _mean_tempo(times: Array, otherwise: float) -> float:
    """Beats per minute of most beats; `otherwise` where there are not two."""
    if len(times) < 2:
        return otherwise
    periods = np.diff(times)
    usual = float(np.median(periods))
    steady = periods[np.abs(periods - usual) <= _STEADY * usual]
    return 60.0 / float(steady.mean() if len(steady) else usual)


def _tempo_confidence(found: TempoEvidence, path: Array) -> tuple[float, float | None]:
    """How likely the tempi of the path are, 0..1, and the likeliest other tempo."""
    likely = np.exp(found.mean - found.mean.max()).sum(axis=1)
    likely /= likely.sum()
    chosen = near(path).any(axis=0)
    others = np.where(chosen, 0.0, likely)
    confidence = 1.0 - float(others.sum())
    return confidence, float(TEMPI[others.argmax()]) if others.any() else None


def _bar_confidence(profile: Array, weights: Array) -> float:
    """How likely the bars begin where they do and not on another beat or between two, 0..1."""
    scores = np.array([(np.roll(profile, -shift, axis=0) * weights).sum() for shift in range(len(profile))])
    likely = np.exp(scores - scores.max())
    return float(likely[0] / likely.sum())


def _strength(onset: Array, frames: NDArray[np.int64]) -> FloatArray:
    """How clearly each beat is heard (B,), 0..1."""
    if not len(frames):
        return np.zeros(0, np.float32)
    around = np.clip(frames[:, None] + np.arange(-2, 3), 0, len(onset) - 1)
    strength = onset[around].max(axis=1)
    return np.clip(strength / max(float(np.quantile(strength, 0.9)), 1e-9), 0.0, 1.0).astype(np.float32)
