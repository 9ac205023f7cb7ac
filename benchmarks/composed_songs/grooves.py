"""The rhythm patterns of each style: what drums, bass and chords play in a bar.

A pattern has a character for each part of a beat: X accented, x usual, o soft, . silent; of chords a digit stands for
one note of the chord instead. Patterns that last for two bars alternate.
"""

from __future__ import annotations

from dataclasses import dataclass

VELOCITIES = {"X": 1.0, "x": 0.72, "o": 0.4}

ROOT, THIRD, FIFTH, OCTAVE, NEXT_ROOT = range(5)
"""What a bass plays; the last anticipates the next bar's chord."""

BassNote = tuple[float, int, float]
"""Beat in the bar, what, beats that it lasts."""


@dataclass(frozen=True)
class Groove:
    """steps: parts of a beat. drums: pattern by drum. light: the drums that play where the full set does not. basses:
    of the bars in turn. chords: patterns to choose from, and instruments that play them. held: beats that a chord
    lasts at most. fill: the drum that leads into the next section.
    """

    steps: int
    drums: dict[str, str]
    basses: tuple[tuple[BassNote, ...], ...]
    chords: tuple[str, ...]
    light: tuple[str, ...] = ()
    chord_sounds: tuple[str, ...] = ("piano", "guitar", "electric piano")
    bass_sounds: tuple[str, ...] = ("bass guitar", "upright bass")
    lead_sounds: tuple[str, ...] = ("voice", "flute", "brass", "piano")
    held: float = 2.0
    fill: str = "tom"


_OOM_PAH_PAH = Groove(
    2,
    {"kick": "X.....", "brush": "..x.x.", "hat": "o.x.x."},
    (((0, ROOT, 0.9),), ((0, FIFTH, 0.9),)),
    ("..x.x.",),
    ("hat",),
    ("guitar", "piano", "strings"),
    ("upright bass", "bowed bass"),
    ("flute", "strings", "voice", "piano"),
)
_WALTZ = (
    _OOM_PAH_PAH,
    Groove(
        2,
        {"kick": "X.....", "snare": "..o.x.", "hat": "x.xxx."},
        (((0, ROOT, 1.8), (2, THIRD, 0.8)), ((0, ROOT, 1.8), (2, FIFTH, 0.8))),
        ("..x.x.", "012321"),
        ("hat",),
        lead_sounds=("voice", "strings", "piano"),
    ),
    Groove(  # jazz
        2,
        {"ride": "X.xxx.", "kick": "x.....", "hat": "..x.x."},
        (((0, ROOT, 0.9), (1, THIRD, 0.9), (2, FIFTH, 0.9)), ((0, ROOT, 0.9), (1, FIFTH, 0.9), (2, NEXT_ROOT, 0.9))),
        ("x..x..", "..x.x.", "..xx.."),
        ("ride",),
        ("piano", "electric piano"),
        ("upright bass",),
        ("brass", "piano", "flute"),
    ),
)
_SON_CLAVE = "X..X..X...X.X..."
_RUMBA = (
    Groove(  # bolero
        2,
        {
            "maracas": "xoxoxoxo",
            "bongo": "XoxoXoxo",
            "slap": "..x.....",
            "conga": "......Xx",
            "kick": "x.......",
            "clave": _SON_CLAVE,
        },
        (((0, ROOT, 1.8), (2, FIFTH, 0.9), (3, OCTAVE, 0.9)), ((0, ROOT, 1.8), (2, THIRD, 0.9), (3, FIFTH, 0.9))),
        ("01232132", "x.xxx.xx", "..x.x.xx"),
        ("maracas", "bongo"),
        ("guitar", "piano"),
        ("upright bass", "bass guitar"),
        ("brass", "voice", "flute", "guitar"),
        fill="bongo",
    ),
    Groove(  # tresillo
        2,
        {"shaker": "xoxoxoxo", "slap": "..X...x.", "conga": "o.....XX", "kick": "X..x....", "rim": _SON_CLAVE},
        (((0, ROOT, 1.4), (1.5, FIFTH, 1.4), (3, ROOT, 0.9)),),
        ("x..x..x.", "01230123"),
        ("shaker", "conga"),
        ("guitar", "piano", "electric piano"),
        lead_sounds=("voice", "flute", "guitar"),
        fill="conga",
    ),
)
_CHA_CHA = (
    Groove(
        2,
        {
            "guiro": "X...X...",
            "short guiro": "..xx..xx",
            "cowbell": "X.x.x.x.",
            "slap": "..X.....",
            "conga": "......XX",
            "mute": "o.ooo...",
            "kick": "x.......",
        },
        (((0, ROOT, 1.4), (1.5, FIFTH, 1.2), (3, OCTAVE, 0.45), (3.5, FIFTH, 0.45)),),
        ("x..x.x.x", ".x.x.x.x", "x.xx.xxx"),
        ("guiro", "short guiro", "conga"),
        ("piano", "organ"),
        lead_sounds=("flute", "brass", "voice"),
        fill="timbale",
        held=0.35,
    ),
    Groove(  # of today, with a drum set
        2,
        {
            "kick": "X...X...",
            "snare": "..o...x.",
            "guiro": "X...X...",
            "short guiro": "..xx..xx",
            "conga": "......XX",
            "cowbell": "x.x.x.x.",
        },
        (((0, ROOT, 0.9), (1, FIFTH, 0.9), (2, ROOT, 0.9), (3, FIFTH, 0.4), (3.5, ROOT, 0.4)),),
        (".x.x.x.x", "x.x.x.xx"),
        ("guiro", "short guiro"),
        ("guitar", "piano", "electric piano"),
        lead_sounds=("voice", "brass", "guitar"),
        fill="timbale",
        held=0.35,
    ),
)
_TUMBAO = (((1.5, FIFTH, 1.4), (3, NEXT_ROOT, 2.2)),)
_MONTUNO = "x.xx.x.x.x.x.x.x"
_SALSA = (
    Groove(  # the bongo player on the bell, son clave 3-2
        2,
        {
            "cowbell": "X.xxX.xx",
            "slap": "..X...o.",
            "conga": "......XX",
            "mute": "o..o.o..",
            "guiro": "x...x...",
            "short guiro": "..oo..oo",
            "clave": _SON_CLAVE,
        },
        _TUMBAO,
        (_MONTUNO[8:] + _MONTUNO[:8],),
        ("conga", "slap", "clave"),
        ("piano",),
        ("upright bass", "bass guitar"),
        ("brass", "voice", "brass", "flute"),
        0.3,
        "timbale",
    ),
    Groove(  # cascara, son clave 2-3, a bass that plays the one
        2,
        {
            "rim": ".xx.x.xxx.x.xx.x",
            "cowbell": "X...x...",
            "slap": "..X.....",
            "conga": "......XX",
            "maracas": "xoxoxoxo",
            "kick": "x.......",
            "clave": _SON_CLAVE[8:] + _SON_CLAVE[:8],
        },
        (((0, ROOT, 1.4), (1.5, FIFTH, 1.4), (3, OCTAVE, 0.9)),),
        (_MONTUNO,),
        ("conga", "slap", "maracas"),
        ("piano",),
        ("bass guitar", "upright bass"),
        ("brass", "voice"),
        0.3,
        "timbale",
    ),
)
_POP = (
    Groove(
        4,
        {"kick": "X.......X.x.....", "snare": "....X.......X...", "hat": "x.o.x.o.x.o.x.o."},
        (tuple((k / 2, ROOT, 0.45) for k in range(8)),),
        ("x...x.xx..x.x.xx", "x.......x......."),
        ("hat",),
        ("guitar", "piano", "strings"),
        lead_sounds=("voice", "synth", "guitar"),
    ),
    Groove(
        4,
        {
            "kick": "X.....x.X.......",
            "snare": "....X.......X...",
            "ride": "x...x...x...x...",
            "shaker": "o.x.o.x.o.x.o.x.",
        },
        (((0, ROOT, 1.4), (1.5, ROOT, 0.4), (2, ROOT, 0.9), (3, FIFTH, 0.9)),),
        ("x.....x.....x...", "0.1.2.3.2.1.2.1."),
        ("shaker",),
        ("electric piano", "piano", "guitar"),
        lead_sounds=("voice", "flute"),
    ),
)
_SHUFFLE = (
    Groove(
        2,
        {"kick": "X...X..x", "snare": "..X...X.", "hat": "xxxxxxxx"},
        (((0, ROOT, 0.9), (1, THIRD, 0.9), (2, FIFTH, 0.9), (3, THIRD, 0.9)),),
        ("x..x....", "..x...x."),
        ("hat",),
        ("piano", "guitar", "organ"),
        lead_sounds=("voice", "brass", "guitar"),
    ),
    Groove(
        2,
        {"ride": "X.xxX.xx", "kick": "X.......", "rim": "..x...x.", "hat": "..x...x."},
        (((0, ROOT, 0.9), (1, THIRD, 0.9), (2, FIFTH, 0.9), (3, NEXT_ROOT, 0.9)),),
        ("x..x...x", "..x....x"),
        ("ride",),
        ("piano", "electric piano"),
        ("upright bass",),
        ("brass", "voice", "piano"),
    ),
)
_SIX_EIGHT = (
    Groove(
        3,
        {"kick": "X.....X....x", "snare": "...X.....X..", "hat": "xooxooxooxoo"},
        (((0, ROOT, 1.3), (4 / 3, FIFTH, 0.6)), ((0, ROOT, 0.9), (1, FIFTH, 0.9))),
        ("012321", "x..x.x"),
        ("hat",),
        ("guitar", "piano", "electric piano"),
        lead_sounds=("voice", "strings", "piano"),
        held=0.6,
    ),
    Groove(
        3,
        {"kick": "X..x..", "rim": "...X..", "shaker": "xoxxox", "tom": ".....o"},
        (((0, ROOT, 0.9), (1, FIFTH, 0.9)),),
        ("x.xx.x", "021021"),
        ("shaker",),
        ("guitar", "piano"),
        lead_sounds=("flute", "voice", "guitar"),
        held=0.6,
    ),
)
_HIP_HOP = (
    Groove(
        4,
        {"kick": "X.......x.X.....X..x......X.....", "snare": "....X.......X...", "hat": "x.x.x.x.x.x.x.xo"},
        (((0, ROOT, 0.9), (2, ROOT, 0.4), (2.5, FIFTH, 0.9)), ((0, ROOT, 0.7), (0.75, OCTAVE, 0.5), (2.5, ROOT, 1.0))),
        ("x.....x.........", "x.......x..x...."),
        ("hat",),
        ("electric piano", "piano", "strings"),
        ("synth bass", "upright bass"),
        ("synth", "voice", "flute"),
    ),
    Groove(
        4,
        {"kick": "X..x..x...x.....", "clap": "....X.......X...", "hat": "x.x.x.xxx.x.xox."},
        (((0, ROOT, 0.7), (0.75, ROOT, 0.7), (1.5, ROOT, 0.9), (2.5, FIFTH, 0.9)),),
        ("x...............", "0.2.1.2.3.2.1.2."),
        ("hat", "clap"),
        ("electric piano", "guitar", "piano"),
        ("synth bass",),
        ("voice", "synth"),
    ),
)
_FOUR = "X...X...X...X..."
_HOUSE = (
    Groove(
        4,
        {"kick": _FOUR, "clap": "....x.......x...", "open hat": "..x...x...x...x.", "shaker": "xoxoxoxoxoxoxoxo"},
        (tuple((k + 0.5, ROOT, 0.4) for k in range(4)),),
        ("x..x..x...x..x..", "..x...x...x...x."),
        ("kick", "shaker"),
        ("organ", "piano", "synth"),
        ("synth bass",),
        ("synth", "voice"),
        0.25,
    ),
    Groove(
        4,
        {
            "kick": _FOUR,
            "snare": "....o.......o..o",
            "open hat": "..X...X...X...X.",
            "hat": "xoxoxoxoxoxoxoxo",
            "conga": "...x..x....x..xx",
        },
        (((0, ROOT, 0.4), (0.75, ROOT, 0.2), (1.5, OCTAVE, 0.4), (2.5, FIFTH, 0.4), (3.5, OCTAVE, 0.4)),),
        ("...x..x....x..x.", "x.....x.....x..."),
        ("kick", "hat"),
        ("electric piano", "synth"),
        ("synth bass", "bass guitar"),
        ("synth", "flute"),
        0.25,
    ),
)
_BREAK = (
    Groove(
        4,
        {
            "kick": "X.X.......xX....X.X.......x.....",
            "snare": "....X..o.o..X..o....X..o.o....X.",
            "ride": "x.x.x.x.x.x.x.x.",
        },
        (
            ((0, ROOT, 0.7), (1.75, ROOT, 0.5), (2.5, FIFTH, 0.9)),
            ((0, ROOT, 0.9), (1.5, OCTAVE, 0.4), (2.5, THIRD, 0.4)),
        ),
        ("x.....x.........", "...x..x.........x..............."),
        ("ride",),
        ("organ", "brass", "electric piano"),
        ("bass guitar", "synth bass"),
        ("brass", "synth", "organ"),
        0.3,
        "snare",
    ),
    Groove(
        4,
        {"kick": "X.x...x...x..x..", "snare": "....X..o.o.oX..o", "hat": "xxxxxxxoxxxxxxxx"},
        (((0, ROOT, 0.4), (0.5, ROOT, 0.4), (1.5, FIFTH, 0.4), (2.5, ROOT, 0.4), (3.25, THIRD, 0.4)),),
        ("..x..x....x..x..", "x.......x......."),
        ("hat",),
        ("guitar", "organ", "brass"),
        ("bass guitar",),
        ("brass", "voice"),
        0.25,
        "snare",
    ),
)  # fmt: skip
_TWO_STEP = (
    Groove(
        4,
        {"kick": "X.........X.....", "snare": "....X.......X...", "hat": "x.x.x.xxx.x.x.xx"},
        (((0, ROOT, 1.9), (2.5, ROOT, 1.2)), ((0, ROOT, 1.4), (1.5, FIFTH, 0.9), (2.5, OCTAVE, 1.2))),
        ("x...............", "x.....x.....x..."),
        ("hat",),
        ("strings", "synth", "electric piano"),
        ("synth bass",),
        ("synth", "voice", "flute"),
        0.9,
        "snare",
    ),
    _BREAK[0],
)
_BY_STYLE = {
    "waltz": _WALTZ[:2],
    "rumba": _RUMBA,
    "cha-cha": _CHA_CHA,
    "salsa": _SALSA,
    "pop": _POP,
    "hip-hop": _HIP_HOP,
    "house": _HOUSE,
    "break": _BREAK,
}


def grooves(style: str, beats_per_bar: int, swing: str, tempo: float) -> tuple[Groove, ...]:
    """The grooves that a song of a style may have. tempo: beats/min."""
    if style == "waltz" and swing:
        return _WALTZ[2:]
    if style == "waltz" and tempo > 140:  # Viennese
        return (_OOM_PAH_PAH,)
    if beats_per_bar == 2:
        return _SIX_EIGHT
    if swing == "8":
        return _SHUFFLE
    if style == "break" and tempo > 150:
        return _TWO_STEP
    return _BY_STYLE[style]
