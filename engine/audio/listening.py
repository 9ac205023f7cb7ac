"""Listening to a whole song: the evidence of its rhythm, and the rhythm itself, as heard and as corrected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.audio.beat_tracking import track_frames
from engine.audio.onsets import onset_strength
from engine.audio.rates import SAMPLE_RATE
from engine.audio.rhythm import Correction, Rhythm, with_anchors, with_one
from engine.audio.spectra import mel_db
from engine.audio.tempo import likely_tempo, tempogram

FloatArray = NDArray[np.float32]

RATE = 80
"""Frames a second of the evidence."""
_HOP = SAMPLE_RATE // RATE
_WINDOW = 1024
_LATENCY = 0.015


@dataclass(frozen=True)
class Evidence:
    """What the rhythm of a song is heard from: small enough to be kept. onset: (T, bands) onset strength at `RATE`."""

    onset: FloatArray


@dataclass(frozen=True)
class Heard:
    """A song that was heard: the evidence, and its rhythm without any correction."""

    evidence: Evidence
    rhythm: Rhythm


def listen(audio: FloatArray, progress: Callable[[float], None] = lambda _: None) -> Heard:
    """Hear a whole song. audio: (samples,) mono at `SAMPLE_RATE`. progress: called with the fraction done."""
    decibels = mel_db(audio, _WINDOW, _HOP)
    progress(0.5)
    evidence = Evidence(onset_strength(decibels, _WINDOW, _HOP)[:, None])
    progress(1.0)
    return Heard(evidence, _rhythm(evidence, Correction(), None))


def corrected(heard: Heard, correction: Correction) -> Rhythm:
    """The rhythm of a song as a person corrects it. It depends on what is heard and on the correction alone, so a tempo
    that was wrong for a while leaves nothing behind."""
    if correction == Correction():
        return heard.rhythm
    rhythm = _rhythm(heard.evidence, correction, heard.rhythm)
    if correction.one is not None:
        rhythm = with_one(rhythm, correction.one)
    return with_anchors(rhythm, correction.anchors)


def _rhythm(evidence: Evidence, correction: Correction, heard: Rhythm | None) -> Rhythm:
    onset = evidence.onset.mean(axis=1)
    tempo = correction.tempo
    if tempo is None and correction.factor is not None and heard is not None:
        tempo = heard.tempo * correction.factor
    if correction.beats:
        times = np.array(correction.beats)
        frames = np.clip(np.round((times + _LATENCY) * RATE).astype(np.int64), 0, len(onset) - 1)
    else:
        centre, octaves = (100.0, 0.7) if tempo is None else (tempo, 0.05)
        found = likely_tempo(tempogram(onset, 8 * RATE), RATE, centre, octaves) if onset.any() else centre
        frames = track_frames(onset, np.full(len(onset), found), RATE, trim=False)
        times = np.maximum(frames / RATE - _LATENCY, 0.0)
    mean = 60.0 / float(np.median(np.diff(times))) if len(times) > 1 else tempo or 100.0
    beats_per_bar = correction.beats_per_bar or 4
    strength = onset[frames] / max(float(onset.max(initial=0.0)), 1e-9)
    bars = np.arange(0, len(times), beats_per_bar)
    told = bool(correction.beats) or tempo is not None
    rhythm = Rhythm(times, bars, beats_per_bar, mean, 1.0 if told else 0.5, None, 0.5, strength.astype(np.float32))
    return replace(rhythm, told=told)
