"""What each composed song is to be: its style, metre, tempo, instruments and what was done to its file.

Every 30 seeds are the same 30 kinds in another order: two halves of 60 seeds are alike, and no song is in both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SHORTEST, LONGEST = 30.0, 58.0
"""Seconds of music."""
FASTEST = 200.0
"""Beats/min."""


@dataclass(frozen=True)
class Kind:
    """A kind of song. slowest, fastest: beats/min. condition: what is unusual about its tempo or its file, of
    `CONDITIONS`. band: "full", "piano", "guitar", "strings" (these without drums) or "drums" (alone). beats_per_bar: 2
    in 6/8, whose beat is three eighths. swing: which notes are swung, "8", "16" or "".
    """

    style: str
    slowest: float
    fastest: float
    condition: str = "plain"
    band: str = "full"
    beats_per_bar: int = 4
    swing: str = ""

    @property
    def drums(self) -> bool:
        return self.band in ("full", "drums")

    @property
    def metre(self) -> str:
        return {2: "6/8", 3: "3/4", 4: "4/4"}[self.beats_per_bar]


_SWING = {"": (0.5, 0.5), "8": (0.6, 0.68), "16": (0.54, 0.62)}
CONDITIONS = ("plain", "silence", "quiet", "offset", "inverted stereo", "inverted LFE", "drift", "change")
KINDS = (
    Kind("waltz", 80, 98, beats_per_bar=3),
    Kind("waltz", 68, 92, "drift", "piano", 3),
    Kind("waltz", 100, 138, "inverted stereo", beats_per_bar=3, swing="8"),
    Kind("waltz", 160, 188, "silence", "strings", 3),
    Kind("rumba", 88, 106),
    Kind("rumba", 96, 116, "offset"),
    Kind("rumba", 92, 128, "quiet", "guitar"),
    Kind("rumba", 72, 98, "change"),
    Kind("cha-cha", 104, 120),
    Kind("cha-cha", 112, 128, "inverted LFE"),
    Kind("cha-cha", 118, 140, "silence"),
    Kind("cha-cha", 112, 130, "drift"),
    Kind("salsa", 150, 175),
    Kind("salsa", 160, 185, "inverted stereo"),
    Kind("salsa", 178, 200, "quiet"),
    Kind("salsa", 155, 185, "change"),
    Kind("pop", 60, 78, band="piano"),
    Kind("pop", 60, 86, beats_per_bar=2),
    Kind("pop", 80, 120, "drift", "guitar", 2),
    Kind("pop", 92, 148, "change", swing="8"),
    Kind("pop", 104, 176, "offset"),
    Kind("hip-hop", 80, 100, swing="16"),
    Kind("hip-hop", 62, 84, "inverted LFE", swing="16"),
    Kind("hip-hop", 92, 116, "silence"),
    Kind("house", 118, 130),
    Kind("house", 110, 142, "drift", swing="16"),
    Kind("house", 122, 134, "inverted stereo", "drums"),
    Kind("break", 98, 120),
    Kind("break", 118, 150, "change", swing="16"),
    Kind("break", 158, 180, "quiet"),
)


@dataclass(frozen=True)
class Plan:
    """A song to compose. tempo: beats/min of its beginning; later: of its second half, where it changes. drift: the
    share by which the tempo rises (or falls) over the song. swing: where in a pair of notes that are swung the second
    begins, 0.5: no swing. tonic: MIDI pitch. seconds: of music, about."""

    seed: int
    kind: Kind
    tempo: float
    later: float | None
    drift: float
    swing: float
    tonic: int
    minor: bool
    seconds: float


def plan_of(seed: int) -> Plan:
    """The plan of a seed from 0 on."""
    block, place = divmod(seed, len(KINDS))
    kind = KINDS[np.random.default_rng([7, block]).permutation(len(KINDS))[place]]
    random = np.random.default_rng([11, seed])
    tempo = float(random.uniform(kind.slowest, kind.fastest))
    changed = tempo * float(random.choice([0.8, 0.87, 1.15, 1.25] if 1.25 * tempo <= FASTEST else [0.8, 0.87]))
    return Plan(
        seed,
        kind,
        tempo,
        changed if kind.condition == "change" else None,
        float(random.choice([-0.04, 0.04])) if kind.condition == "drift" else 0.0,
        float(random.uniform(*_SWING[kind.swing])),
        int(random.integers(53, 65)),
        bool(random.random() < 0.5),
        float(random.uniform(SHORTEST, LONGEST)),
    )
