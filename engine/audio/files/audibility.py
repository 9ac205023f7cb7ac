"""Whether a song can be danced to: long enough, and heard at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.errors import AudioError

FloatArray = NDArray[np.float32]

SHORTEST_SONG = 1.0
"""Seconds; a song shorter than this has no rhythm to dance to."""
SILENCE = 10 ** (-65 / 20)
"""Loudness (-65 dB of full scale, root mean square over `_MOMENT`) up to which a song counts as silent."""
_MOMENT = 0.02
_INAUDIBLE, _ORDER = 25.0, 4
"""Hertz up to which nothing is heard (an offset of the samples, wind, rumble), and order of the filter."""
_PIECE, _BORDER = 10.0, 0.05
"""Seconds that are searched for sound at once, and seconds at both ends that are not, where a filter begins and
ends."""


def check_song(audio: FloatArray, sample_rate: int, name: str, tracks: int = 1) -> None:
    """Raise AudioError for audio (samples,) that is shorter than `SHORTEST_SONG` or silent throughout. tracks: how many
    sound tracks its file has."""
    length = len(audio) / sample_rate
    if length < SHORTEST_SONG:
        raise AudioError(f"{name}: lasts {length:.2f} s. A dance needs at least {SHORTEST_SONG:g} s of music.")
    if _is_audible(audio, sample_rate):
        return
    if tracks > 1:
        raise AudioError(
            f"{name}: is silent, because the first of its {tracks} sound tracks is, and Blender plays that one. Export "
            "the track that you want to hear as a file of its own."
        )
    raise AudioError(
        f"{name}: is silent (there is nothing to hear in {length:.0f} s). Choose a louder song or another part of it."
    )


def _is_audible(audio: FloatArray, sample_rate: int) -> bool:
    """Whether any moment of audio (samples,) is louder than `SILENCE`, apart from what is too low to be heard."""
    border, moment = round(_BORDER * sample_rate), max(round(_MOMENT * sample_rate), 1)
    piece = round(_PIECE * sample_rate)
    for start in range(0, len(audio), piece):
        part = audio[max(start - 2 * border, 0) : start + piece + 2 * border].astype(np.float64)
        heard = _high_pass(part, sample_rate, min(4 * border, len(part) - 1))[border : len(part) - border]
        moments = heard[: len(heard) // moment * moment].reshape(-1, moment)
        if len(moments) and float(np.square(moments).mean(axis=1).max()) > SILENCE**2:
            return True
    return False


def _high_pass(samples: NDArray[np.float64], sample_rate: int, margin: int) -> NDArray[np.float64]:
    """Samples (n,) without what is below `_INAUDIBLE`: a Butterworth filter forwards and backwards. margin: samples by
    which they are continued at both ends, turned about the end, so that no jump is heard there."""
    before = 2 * samples[0] - samples[margin:0:-1]
    after = 2 * samples[-1] - samples[-2 : -margin - 2 : -1]
    spectrum = np.fft.rfft(np.concatenate([before, samples, after]))
    count = margin * 2 + len(samples)
    frequencies = np.arange(len(spectrum)) * (sample_rate / count)
    power = (frequencies / _INAUDIBLE) ** (2 * _ORDER)
    return np.fft.irfft(spectrum * (power / (1 + power)), count)[margin : margin + len(samples)]
