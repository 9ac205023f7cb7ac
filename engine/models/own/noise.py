"""The noise of the sampling. It is the one that torch's generator for CPUs gives, so that a saved seed gives the same
dance with every back end, with torch or without."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def uniform_noise(seed: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Uniform numbers in [0, 1), as from `torch.rand(*shape, generator=torch.Generator().manual_seed(seed))`.

    Both are the Mersenne twister (Matsumoto & Nishimura 1998), begun from the seed's lower 32 bits as its authors do;
    torch takes the lower 24 bits of each of its numbers.
    """
    twister = np.random.RandomState(seed & 0xFFFFFFFF)
    bits = twister.randint(0, 2**32, size=shape, dtype=np.uint32)
    return (bits & np.uint32(0xFFFFFF)).astype(np.float32) * np.float32(2**-24)
