"""A solver, in linear time, for symmetric positive definite systems in which only neighbours in time are coupled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Double = NDArray[np.float64]


def solve_banded(band: Double, right: Double) -> Double:
    """The solution (..., n, r) of A x = b for symmetric positive definite banded matrices A.

    band: (..., n, w + 1), `band[..., i, k]` is A[i, i + k]; entries past the last column are ignored. right: b,
    (..., n, r). It uses block elimination (the Thomas algorithm with dense blocks of at least w rows), so time and
    memory grow linearly with n.
    """
    n, width = band.shape[-2], band.shape[-1] - 1
    size = min(max(width, 24), n)
    blocks = -(-n // size)
    lead = band.shape[:-2]
    diagonal = np.zeros((*lead, blocks, size, size))
    upper = np.zeros((*lead, blocks, size, size))  # couples a block with the one after it
    rhs = np.zeros((*lead, blocks * size, right.shape[-1]))
    rhs[..., :n, :] = right
    rhs = rhs.reshape(*lead, blocks, size, -1)
    rows = np.arange(n)
    for offset in range(width + 1):
        row = rows[: max(n - offset, 0)]
        column = row + offset
        block, i, j = row // size, row % size, column % size
        same = column // size == block
        values = band[..., : len(row), offset]
        diagonal[..., block[same], i[same], j[same]] = values[..., same]
        diagonal[..., block[same], j[same], i[same]] = values[..., same]
        upper[..., block[~same], i[~same], j[~same]] = values[..., ~same]
    padding = np.arange(n, blocks * size)
    diagonal[..., padding // size, padding % size, padding % size] = 1.0

    # forward: each block's unknowns as a linear function of the next block's
    onward = np.zeros_like(upper)
    for k in range(blocks):
        d, b = diagonal[..., k, :, :], rhs[..., k, :, :]
        if k:
            below = np.swapaxes(upper[..., k - 1, :, :], -1, -2)
            d = d - below @ onward[..., k - 1, :, :]
            b = b - below @ rhs[..., k - 1, :, :]
        both = np.linalg.solve(d, np.concatenate([upper[..., k, :, :], b], axis=-1))
        onward[..., k, :, :], rhs[..., k, :, :] = both[..., :size], both[..., size:]
    for k in range(blocks - 2, -1, -1):
        rhs[..., k, :, :] -= onward[..., k, :, :] @ rhs[..., k + 1, :, :]
    return rhs.reshape(*lead, blocks * size, -1)[..., :n, :]
