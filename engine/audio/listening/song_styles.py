"""Automatic style: which of a checkpoint's styles a song fits, by its tempo, metre and rhythm pattern.

The pattern of a song is its bar: at every quarter of a beat and in every band, how much stronger than usual onsets are.
A style's pattern is the mean of those of songs that are danced to in it (`engine.data.style_patterns`).

A style's score is the logarithm of its prior, plus that of the density of its tempi (normal in octaves) at the song's
tempo, plus a weight for the likeness of both patterns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.audio.listening.bar_profile import SLOTS, bar_profile, features_around
from engine.audio.listening.evidence import BANDS, Evidence
from engine.audio.listening.pulse import pulses
from engine.audio.listening.rhythm import Rhythm, at_octave
from engine.checkpoint_index import USUAL_SPREAD, StyleMusic

Array = NDArray[np.float64]

_OCTAVE, _METRE = 1.5, 6.0
"""What counting twice or half as fast costs, and another metre."""
_ANY_TEMPO = -4.0
"""The score of a style that is danced at any tempo: it is chosen where no other fits."""
_PATTERN, _USUAL_LIKENESS = 4.0, 0.6
"""Weight of the likeness of patterns, and that of a song to its own style, for styles whose pattern is unknown."""


@dataclass(frozen=True)
class Counted:
    """A song as a style counts it.

    off: octaves of the tempo from the style's usual one, 0 for a style of any tempo. octaves: how much faster than the
    song is heard. same_metre: whether both have three beats a bar, or neither. pattern: (slots of a bar, BANDS) the
    song's; None in another metre, or without a bar.
    """

    off: float
    octaves: float
    same_metre: bool
    pattern: Array | None


def likely_styles(evidence: Evidence, rhythm: Rhythm, styles: Mapping[str, StyleMusic]) -> list[tuple[str, float]]:
    """The styles that a song fits, best first, with weights that sum to 1. evidence, rhythm: of the whole song."""
    if not styles:
        return []
    counted = counted_song(evidence, rhythm, styles)
    scores = np.array([style_score(counted[style], music) for style, music in styles.items()])
    weights = np.exp(scores - scores.max())
    weights /= weights.sum()
    names = list(styles)
    return [(names[number], float(weights[number])) for number in np.argsort(-weights, kind="stable")]


def counted_song(evidence: Evidence, rhythm: Rhythm, styles: Mapping[str, StyleMusic]) -> dict[str, Counted]:
    """A song as each of the styles counts it. evidence, rhythm: of the whole song."""
    pulse = pulses(evidence.onset)
    patterns: dict[tuple[float, int], Array | None] = {}
    found = {}
    for style, music in styles.items():
        counted = at_octave(rhythm, music.tempo)
        key = counted.tempo, music.beats_per_bar
        if key not in patterns:
            patterns[key] = _pattern(evidence, pulse, counted, music.beats_per_bar)
        found[style] = Counted(
            0.0 if music.tempo is None else float(np.log2(counted.tempo / music.tempo)),
            float(np.log2(counted.tempo / rhythm.tempo)),
            (rhythm.beats_per_bar == 3) == (music.beats_per_bar == 3),
            patterns[key],
        )
    return found


def style_score(song: Counted, music: StyleMusic) -> float:
    """How well a song fits a style that counts it so; larger is better."""
    prior = float(np.log(music.prior))
    if music.tempo is None:
        return _ANY_TEMPO + _PATTERN * _USUAL_LIKENESS + prior
    density = -0.5 * (song.off / music.spread) ** 2 - float(np.log(music.spread / USUAL_SPREAD))
    score = density - _OCTAVE * abs(song.octaves) + prior
    return score + _PATTERN * _likeness(song.pattern, music) if song.same_metre else score - _METRE


def _pattern(evidence: Evidence, pulse: Array, counted: Rhythm, beats_per_bar: int) -> Array | None:
    if counted.beats_per_bar != beats_per_bar or not len(counted.bars):
        return None
    features = features_around(evidence, pulse, np.full(len(pulse), counted.tempo))
    profile = bar_profile(features, counted.times, counted.bars, counted.beats_per_bar)[:, :BANDS]
    return np.asarray(profile / np.maximum(profile.mean(axis=0), 1e-6) - 1.0)


def _likeness(found: Array | None, music: StyleMusic) -> float:
    """The likeness -1..1 of a song's pattern to that of a style."""
    known = np.array(music.pattern)
    if known.shape != (music.beats_per_bar * SLOTS, BANDS):  # none, or of another engine
        return _USUAL_LIKENESS
    length = 0.0 if found is None else float(np.linalg.norm(found) * np.linalg.norm(known))
    return float((found * known).sum()) / length if found is not None and length > 0 else 0.0
