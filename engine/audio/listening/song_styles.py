"""Automatic style: which of a checkpoint's styles a song fits, by its tempo, metre and rhythm pattern.

The pattern of a song is its bar: at every quarter of a beat and in every band, how much stronger than usual onsets are.
A style's pattern is the mean of its training songs' (`engine.data.style_patterns`).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engine.audio.listening.bar_profile import SLOTS, bar_profile, features_around
from engine.audio.listening.evidence import BANDS, Evidence
from engine.audio.listening.pulse import pulses
from engine.audio.listening.rhythm import Rhythm, at_octave
from engine.checkpoint_index import StyleMusic

Array = NDArray[np.float64]

_SPREAD = 0.15
"""Octaves, the deviation of a style's tempi from the usual one."""
_OCTAVE, _METRE = 1.5, 6.0
"""What counting twice or half as fast costs, and another metre."""
_ANY_TEMPO = -4.0
"""The score of a style that is danced at any tempo: it is chosen where no other fits."""
_PATTERN, _USUAL_LIKENESS = 4.0, 0.6
"""Weight of the likeness of patterns, and that of a song to its own style, for styles whose pattern is unknown."""


def likely_styles(evidence: Evidence, rhythm: Rhythm, styles: Mapping[str, StyleMusic]) -> list[tuple[str, float]]:
    """The styles that a song fits, best first, with weights that sum to 1. evidence, rhythm: of the whole song."""
    if not styles:
        return []
    scores = np.array([_score(evidence, rhythm, music) for music in styles.values()])
    weights = np.exp(scores - scores.max())
    weights /= weights.sum()
    names = list(styles)
    return [(names[number], float(weights[number])) for number in np.argsort(-weights, kind="stable")]


def pattern_of(evidence: Evidence, rhythm: Rhythm, music: StyleMusic) -> Array | None:
    """The pattern (slots of a bar, BANDS) of a song as a style counts it; None in another metre, or without a bar."""
    counted = at_octave(rhythm, music.tempo)
    if counted.beats_per_bar != music.beats_per_bar or not len(counted.bars):
        return None
    pulse = pulses(evidence.onset)
    features = features_around(evidence, pulse, np.full(len(pulse), counted.tempo))
    profile = bar_profile(features, counted.times, counted.bars, counted.beats_per_bar)[:, :BANDS]
    return np.asarray(profile / np.maximum(profile.mean(axis=0), 1e-6) - 1.0)


def _score(evidence: Evidence, rhythm: Rhythm, music: StyleMusic) -> float:
    if music.tempo is None:
        return _ANY_TEMPO + _PATTERN * _USUAL_LIKENESS
    counts = at_octave(rhythm, music.tempo).tempo
    off, octaves = np.log2(counts / music.tempo), np.log2(counts / rhythm.tempo)
    score = -0.5 * float(off / _SPREAD) ** 2 - _OCTAVE * abs(float(octaves))
    if (rhythm.beats_per_bar == 3) != (music.beats_per_bar == 3):
        return score - _METRE
    return score + _PATTERN * _likeness(evidence, rhythm, music)


def _likeness(evidence: Evidence, rhythm: Rhythm, music: StyleMusic) -> float:
    """The likeness -1..1 of a song's pattern to that of a style."""
    known = np.array(music.pattern)
    if known.shape != (music.beats_per_bar * SLOTS, BANDS):  # none, or of another engine
        return _USUAL_LIKENESS
    found = pattern_of(evidence, rhythm, music)
    length = 0.0 if found is None else float(np.linalg.norm(found) * np.linalg.norm(known))
    return float((found * known).sum()) / length if found is not None and length > 0 else 0.0
