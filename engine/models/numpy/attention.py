"""Multi-head attention with a penalty on distance (ALiBi, Press et al. 2022) in numpy. Keys and values are
(B, heads, N, size), size = W / heads; queries come already multiplied with 1 / sqrt(size)."""

from __future__ import annotations

import math

import numpy as np

from engine.models.numpy.layers import Linear, Weights, after_norm, norm, softmax, transposed
from engine.models.own.networks import Floats


def slopes(heads: int) -> Floats:
    """The penalty (heads,) a position of distance: 2^-1 ... 2^-8."""
    return np.array([2.0 ** (-8.0 * (head + 1) / heads) for head in range(heads)], np.float32)


def split(x: Floats, heads: int) -> Floats:
    """(B, N, W) as (B, heads, N, size)."""
    return x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)


def joined(x: Floats) -> Floats:
    """(B, heads, N, size) as (B, N, W)."""
    return x.swapaxes(1, 2).reshape(x.shape[0], x.shape[2], -1)


def distance_bias(rows: tuple[int, int], columns: tuple[int, int], penalty: Floats, past: int, future: int) -> Floats:
    """Bias (heads, rows, columns) for ranges of query and key positions; -inf outside [row - past, row + future].

    penalty: (heads,) a position of distance.
    """
    offset = np.arange(*columns)[None, :] - np.arange(*rows)[:, None]
    bias = -penalty[:, None, None] * np.abs(offset).astype(np.float32)
    bias[:, (offset < -past) | (offset > future)] = -math.inf
    return bias


def attend(queries: Floats, keys: Floats, values: Floats, bias: Floats) -> Floats:
    """What queries (B, heads, n, size) find: (B, heads, n, size). bias: (heads, n, N), or with axes that broadcast."""
    scores = queries @ keys.swapaxes(-1, -2)
    scores += bias
    return softmax(scores) @ values


def attend_after(queries: Floats, shared: Floats, own: Floats, bias: Floats) -> Floats:
    """What one query of each row, (B, heads, size), finds in keys and values that groups of rows share, followed by its
    own: (B, heads, size).

    shared: (2, B / times, heads, m, size), m may be 0. own: (2, B, heads, n, size). bias: (heads, 1, m + n).
    """
    if not shared.shape[3]:
        return attend(queries[:, :, None], own[0], own[1], bias)[:, :, 0]
    rows, count = shared.shape[1], shared.shape[3]
    grouped = queries.reshape(rows, -1, *queries.shape[1:]).swapaxes(1, 2)  # (rows, heads, times, size)
    scores = np.empty((*grouped.shape[:3], bias.shape[-1]), np.float32)
    scores[..., :count] = grouped @ shared[0].swapaxes(-1, -2)
    among = (queries[:, :, None] @ own[0].swapaxes(-1, -2))[:, :, 0]
    scores[..., count:] = among.reshape(rows, -1, *among.shape[1:]).swapaxes(1, 2)
    scores += bias
    weights = softmax(scores)
    found = (weights[..., :count] @ shared[1]).swapaxes(1, 2).reshape(queries.shape)
    own_weights = weights[..., count:].swapaxes(1, 2).reshape(among.shape)
    found += (own_weights[:, :, None] @ own[1])[:, :, 0]
    return found


def attend_in_band(queries: Floats, keys: Floats, values: Floats, penalty: Floats, around: int) -> Floats:
    """Attention of every position to those up to `around` away, (B, heads, N, size) each, in time linear in N.

    Positions are processed in blocks of `around`, each with the keys of its own block and of both neighbours.
    """
    count, found = queries.shape[2], np.empty(queries.shape, np.float32)
    bias = distance_bias((0, around), (-around, 2 * around), penalty, around, around)
    for begin in range(0, count, around):
        end = min(begin + around, count)
        first, last = max(0, begin - around), min(begin + 2 * around, count)
        part = bias[:, : end - begin, first - begin + around : last - begin + around]
        found[:, :, begin:end] = attend(
            queries[:, :, begin:end], keys[:, :, first:last], values[:, :, first:last], part
        )
    return found


def query(weights: Weights, norm_name: str, name: str, heads: int) -> Linear:
    """The queries of an attention after a norm, multiplied with 1 / sqrt(size)."""
    return after_norm(norm(weights, norm_name), Linear(_scaled_query(weights, name, heads), np.zeros(1, np.float32)))


def query_key_value(weights: Weights, norm_name: str, name: str, heads: int) -> Linear:
    """Queries, keys and values of a self-attention after a norm in one product: (..., W) -> (..., 3 W)."""
    key_value = transposed(weights[f"{name}.key_value.weight"])
    together = np.concatenate([_scaled_query(weights, name, heads), key_value], 1)
    return after_norm(norm(weights, norm_name), Linear(together, np.zeros(1, np.float32)))


def _scaled_query(weights: Weights, name: str, heads: int) -> Floats:
    weight = transposed(weights[f"{name}.query.weight"])
    return weight * np.float32((len(weight) // heads) ** -0.5)
