"""Does a dance fit its own song better than other songs? If not, it was made without listening.

Compared are gains (see `evaluation.beats`), the mean of both directions, because a faster song scores higher on any
dance. Each pair of the own and another song is compared over the length that the dance and both songs have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.motion.foot_beats import Times, score_beats


@dataclass(frozen=True)
class Music:
    """The beats of a song in seconds from where the dance begins, and how many seconds of it there are from there."""

    beats: Times
    seconds: float


@dataclass(frozen=True)
class SongMatch:
    """Gain of a dance on its own song and, in the mean, on the others; whether the own one leads.

    leads: over the mean of the others. leads_all: over each of them.
    """

    own: float
    others: float
    leads: bool
    leads_all: bool


def match_song(feet: Times, seconds: float, own: Music, others: Sequence[Music]) -> SongMatch | None:
    """Score foot beats of a dance of so many seconds. None without another song that has two beats."""
    pairs = []
    for other in others:
        length = min(seconds, own.seconds, other.seconds)
        gains = [_gain(feet, music, length) for music in (own, other)]
        if None not in gains:
            pairs.append(gains)
    if not pairs:
        return None
    gains_own, gains_other = np.array(pairs, np.float64).T
    lead = gains_own - gains_other
    return SongMatch(
        own=float(gains_own.mean()),
        others=float(gains_other.mean()),
        leads=bool(lead.mean() > 0),
        leads_all=bool((lead > 0).all()),
    )


def _gain(feet: Times, music: Music, seconds: float) -> float | None:
    beats = music.beats[(music.beats >= 0) & (music.beats <= seconds)]
    if len(beats) < 2:
        return None
    score = score_beats(feet[feet <= seconds], beats)
    return (score.gain_music_to_motion + score.gain_motion_to_music) / 2
