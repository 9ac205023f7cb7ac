"""How right a heard rhythm is: tempo up to the octaves that count as right, beats, ones and metre.

Beats and ones are scored by F, with mir_eval's tolerance of 70 ms, from the file's beginning to its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import mir_eval
import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.float64]

TOLERANCE = 0.04
"""Of a tempo."""
_ERRORS = {"octave": (2.0, 4.0), "3:2": (1.5,), "4:3": (4 / 3,), "3:1": (3.0, 6.0)}


@dataclass(frozen=True)
class Heard:
    """A rhythm as it was heard. tempo: beats/min. beats, ones: seconds."""

    tempo: float
    beats: Times
    ones: Times
    beats_per_bar: int


@dataclass(frozen=True)
class Reference:
    """What is known of a song; what is unknown is None or empty.

    tempi: beats/min, more than one where it changes. usual: tempo of its style, which may count in another octave.
    beats: (B,) seconds. ones: (D,) seconds, of the beats that begin a bar. metres: beats per bar that are right.
    """

    tempi: tuple[float, ...]
    usual: float | None = None
    beats: Times | None = None
    ones: Times | None = None
    metres: tuple[int, ...] = ()


def octave_near(tempo: float, usual: float | None) -> int:
    """Octaves by which a tempo is moved to be nearest to the usual one of a style."""
    return 0 if usual is None else round(float(np.log2(usual / tempo)))


def tempo_error(tempo: float, reference: Reference) -> str:
    """How a tempo is wrong: "right", "octave", "3:2", "4:3", "3:1" or "other".

    A song that changes its tempo may be heard at any tempo between its own. The octave nearest to the style's usual
    tempo is right as well.
    """
    ratios: list[float] = []
    for octave in {0, octave_near(reference.tempi[0], reference.usual)}:
        slowest, fastest = (2.0**octave * limit(reference.tempi) for limit in (min, max))
        if slowest / (1 + TOLERANCE) <= tempo <= fastest * (1 + TOLERANCE):
            return "right"
        ratios += [tempo / slowest, tempo / fastest]
    for name, wrong in _ERRORS.items():
        if any(_same(max(ratio, 1 / ratio), factor) for ratio in ratios for factor in wrong):
            return name
    return "other"


def same_tempo(one: float, other: float) -> bool:
    """Whether two tempi are the same, within `TOLERANCE`."""
    return _same(max(one, other) / min(one, other), 1.0)


def beats_f(heard: Times, reference: Reference) -> float:
    """F of beats, against those of the song or of its style's octave, whichever is better."""
    assert reference.beats is not None
    options = [reference.beats]
    octave = octave_near(reference.tempi[0], reference.usual)
    if octave > 0:
        count = np.arange(2**octave * (len(reference.beats) - 1) + 1) / 2**octave
        options.append(np.interp(count, np.arange(len(reference.beats)), reference.beats))
    elif octave < 0:
        options += [reference.beats[first :: 2**-octave] for first in range(2**-octave)]
    return max(f_measure(option, heard) for option in options)


def ones_f(heard: Times, reference: Reference) -> float:
    """F of ones. Two bars of 6/8 may be heard as one of 12/8, as may two bars of a style that counts half as fast."""
    assert reference.ones is not None
    options = [reference.ones]
    if len(reference.metres) > 1 or octave_near(reference.tempi[0], reference.usual) < 0:
        options += [reference.ones[::2], reference.ones[1::2]]
    return max(f_measure(option, heard) for option in options)


def fitted_beats(tempo: float, seconds: float, heard: Times) -> Times:
    """The beats of an exact tempo whose phase fits best to those heard."""
    period = 60.0 / tempo
    grids = [np.arange(phase, seconds, period) for phase in np.arange(0.0, period, 0.01)]
    return max(grids, key=lambda grid: f_measure(grid, heard))


def f_measure(reference: Times, heard: Times) -> float:
    """F of times within 70 ms; 0 where one has none."""
    if not len(reference) or not len(heard):
        return 0.0
    return float(mir_eval.beat.f_measure(reference, heard))


def mean(values: Sequence[float | bool]) -> float:
    """The mean; nan of nothing."""
    return float(np.mean(values)) if len(values) else float("nan")


def _same(ratio: float, factor: float) -> bool:
    return factor / (1 + TOLERANCE) <= ratio <= factor * (1 + TOLERANCE)
