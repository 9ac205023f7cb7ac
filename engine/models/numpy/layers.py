"""Layers in numpy, float32, as torch's modules compute them.

Products take most of the time. A matrix of weights is stored as (in, out), so that it is read in the order of memory.
A few vectors are multiplied one by one: for several at once BLAS first copies the matrix into another order. This takes
longer than reading it again from the cache (three vectors, one core: 165 instead of 106 us for 256 x 1024).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from engine.models.own.networks import Floats

Weights = Mapping[str, Floats]
_FEW = 5
"""Rows up to which vectors are multiplied one by one."""
_BLOCK = 16_384
"""Numbers that are worked on at once where there are several passes over them: they stay in the processor's cache."""

_TAIL = np.array(
    [
        -0.6931464076042175, -0.7978978157043457, -0.31823456287384033, -0.03653869032859802, 0.005083104129880667,
        -0.00022411650570575148, -7.934227323858067e-05, 1.7386988474754617e-05, -1.1717434063029941e-06,
    ],
    np.float32,
)  # fmt: skip
"""Coefficients, from the constant on, of the logarithm of the normal distribution's upper tail at x >= 0."""


def product(x: Floats, weight: Floats) -> Floats:
    """x (..., in) times weight (in, out)."""
    rows = x.size // x.shape[-1]
    if rows > _FEW:
        return (x.reshape(rows, -1) @ weight).reshape(*x.shape[:-1], -1)
    return np.matmul(x[..., None, :], weight)[..., 0, :]


def gelu(x: Floats) -> Floats:
    """GELU (Hendrycks & Gimpel 2016) in its exact form, x times the normal distribution's cumulative function.

    It is max(x, 0) minus |x| times the distribution's tail beyond |x|. The tail's logarithm is a polynomial of degree
    8, fitted so that the largest error is smallest (Lawson's iteration): at most 7e-9 before rounding to float32.
    """
    result = np.empty_like(x)
    source, target = x.reshape(-1), result.reshape(-1)
    for begin in range(0, x.size, _BLOCK):
        part = source[begin : begin + _BLOCK]
        size = np.abs(part)
        tail = size * _TAIL[-1]
        for coefficient in _TAIL[-2:0:-1]:
            tail += coefficient
            tail *= size
        tail += _TAIL[0]
        np.exp(tail, out=tail)
        tail *= size
        np.subtract(np.maximum(part, 0, out=size), tail, out=target[begin : begin + _BLOCK])
    return result


def normalized(x: Floats) -> Floats:
    """x (..., C) with mean 0 and variance 1 over its last axis: a layer norm without gain and shift."""
    count = np.float32(x.shape[-1])
    mean = np.add.reduce(x, -1, keepdims=True)
    mean /= count
    centred = x - mean
    variance = np.add.reduce(centred * centred, -1, keepdims=True)
    variance /= count
    variance += np.float32(1e-5)
    np.sqrt(variance, out=variance)
    centred /= variance
    return centred


def softmax(scores: Floats) -> Floats:
    """The softmax of scores (..., n), in place."""
    scores -= np.maximum.reduce(scores, -1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= np.add.reduce(scores, -1, keepdims=True)
    return scores


@dataclass(frozen=True)
class Norm:
    """A layer norm. gain, shift: (C,)."""

    gain: Floats
    shift: Floats

    def __call__(self, x: Floats) -> Floats:
        """(..., C) -> (..., C)."""
        y = normalized(x)
        y *= self.gain
        y += self.shift
        return y


@dataclass(frozen=True)
class Linear:
    """A linear layer. weight: (in, out). bias: (out,)."""

    weight: Floats
    bias: Floats

    def __call__(self, x: Floats) -> Floats:
        """(..., in) -> (..., out)."""
        y = product(x, self.weight)
        y += self.bias
        return y


def norm(weights: Weights, name: str) -> Norm:
    """The layer norm of that name."""
    return Norm(weights[f"{name}.weight"], weights[f"{name}.bias"])


def transposed(weight: Floats) -> Floats:
    """A matrix (out, in), as torch stores it, as (in, out) in the order of memory."""
    return np.ascontiguousarray(weight.T)


def linear(weights: Weights, name: str) -> Linear:
    """The linear layer of that name."""
    return Linear(transposed(weights[f"{name}.weight"]), weights[f"{name}.bias"])


def after_norm(norm: Norm, layer: Linear) -> Linear:
    """The layer for what `normalized` returns: with the norm's gain and shift in its weights."""
    return Linear(norm.gain[:, None] * layer.weight, norm.shift @ layer.weight + layer.bias)


@dataclass(frozen=True)
class FeedForward:
    """The feed-forward part of a transformer's layer. wide: after a norm."""

    wide: Linear
    narrow: Linear

    def __call__(self, x: Floats) -> Floats:
        """What is added to x (..., W)."""
        return self.narrow(gelu(self.wide(normalized(x))))


def feed_forward(weights: Weights, name: str) -> FeedForward:
    """The feed-forward part of the layer of that name."""
    wide = after_norm(norm(weights, f"{name}.forward_norm"), linear(weights, f"{name}.feed_forward.0"))
    return FeedForward(wide, linear(weights, f"{name}.feed_forward.2"))


@dataclass(frozen=True)
class Convolution:
    """A convolution over time that keeps the length. taps: (width, in, out), width odd. bias: (out,)."""

    taps: Floats
    bias: Floats
    dilation: int = 1

    def __call__(self, x: Floats) -> Floats:
        """(B, T, in) -> (B, T, out): a product for each tap, of the frames that it reaches."""
        count = x.shape[1]
        y = np.empty((*x.shape[:2], self.taps.shape[-1]), np.float32)
        y[:] = self.bias
        for index, tap in enumerate(self.taps):
            shift = (index - len(self.taps) // 2) * self.dilation
            first, last = max(0, -shift), min(count, count - shift)
            if first < last:
                y[:, first:last] += x[:, first + shift : last + shift] @ tap
        return y


def convolution(weights: Weights, name: str, dilation: int = 1) -> Convolution:
    """The convolution of that name."""
    taps = np.ascontiguousarray(weights[f"{name}.weight"].transpose(2, 1, 0))
    return Convolution(taps, weights[f"{name}.bias"], dilation)
