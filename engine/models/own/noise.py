"""The noise of the sampling. It does not depend on the back end, so a seed gives the same dance with any of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_BITS = 23
"""Of a uniform number: with half a step more, as many as float32 holds, and neither 0 nor 1."""
_AT_ONCE = 8
"""Arrays that are made at once: a call costs as much as the numbers of one."""


def gumbel_noise(seed: int, shape: tuple[int, ...]) -> Iterator[NDArray[np.float32]]:
    """Arrays of independent numbers of the standard Gumbel distribution, without an end.

    They are made of the numbers of the Mersenne twister (Matsumoto & Nishimura 1998) as `RandomState` has it, whose
    stream numpy promises never to change.
    """
    twister = np.random.RandomState(seed & 0xFFFFFFFF)
    while True:
        bits = twister.randint(0, 1 << 32, size=(_AT_ONCE, *shape), dtype=np.uint32) >> np.uint32(32 - _BITS)
        yield from -np.log(-np.log((bits.astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-_BITS)))
