"""Song match: whether a dance fits its own song better than other songs. If not, it ignores its music.

What is compared are gains (see `engine.motion.foot_beats`), mean of both directions, because any dance scores higher on
a faster song. The own song and each other song are compared over the length that the dance and both songs have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.motion.foot_beats import Times, score_beats


@dataclass(frozen=True)
class SongBeats:
    """The beats of a song, in seconds from the start of a dance, and the seconds until the song ends."""

    beats: Times
    seconds: float


@dataclass(frozen=True)
class SongMatch:
    """Gain of a dance on its own song, and mean gain on the other songs.

    leads: whether its own song's gain is above the mean of the others. leads_all: whether it is above each of them.
    """

    own: float
    others: float
    leads: bool
    leads_all: bool


def match_song(feet: Times, seconds: float, own: SongBeats, others: Sequence[SongBeats]) -> SongMatch | None:
    """The song match of a dance from its foot beats and its length in seconds. None if no other song has two beats."""
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


def _gain(feet: Times, music: SongBeats, seconds: float) -> float | None:
    beats = music.beats[(music.beats >= 0) & (music.beats <= seconds)]
    if len(beats) < 2:
        return None
    score = score_beats(feet[feet <= seconds], beats)
    return (score.gain_music_to_motion + score.gain_motion_to_music) / 2
