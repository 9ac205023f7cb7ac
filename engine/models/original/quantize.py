"""Quantisation of the motion decoder's weights: fewer bytes to read, which decides its speed.

For one position at a time a matrix is read once for one vector, so the speed is that of the memory. In float16, weights
and vectors are rounded to 11 bits. In int8, for CPUs, each row of a matrix has its own scale, and each vector is
rounded at run time with its own scale ("dynamic quantisation"). Only weights that every step reads are rounded; those
for the music's keys and values, which are computed once, and the output layer are not.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.errors import CheckpointError
from engine.models.original.decoder import OriginalDecoder

PRECISIONS = ("float32", "float16", "int8")
_LEVELS = 127
_NEVER_ZERO = 1e-12
"""For the scale of a row that is all zeros."""


class HalfLinear(nn.Module):
    """A linear layer with weights of 16 bits; input and output are float32."""

    def __init__(self, linear: nn.Linear):
        super().__init__()
        self.weight = nn.Parameter(linear.weight.detach().half(), requires_grad=False)
        bias = linear.bias
        self.bias = None if bias is None else nn.Parameter(bias.detach().half(), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        return F.linear(x.half(), self.weight, self.bias).to(x.dtype)


class Int8Linear(nn.Module):
    """A linear layer with weights of 8 bits; input and output are float32.

    The input is rounded to 7 bits: products of 8 by 8 bits overflow on processors without VNNI instructions.
    """

    def __init__(self, linear: nn.Linear):
        super().__init__()
        weight = linear.weight.detach()
        scales = weight.abs().amax(1).clamp(min=_NEVER_ZERO).double() / _LEVELS
        zeros = torch.zeros(len(weight), dtype=torch.int64)
        with warnings.catch_warnings():
            # a later PyTorch will drop these tensors; the engine's requirements pin one that has them
            warnings.filterwarnings("ignore", message=".*quantized tensor creation functions", category=UserWarning)
            rounded = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)
        self.packed: Any = torch.ops.quantized.linear_prepack(rounded, linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out). All of x shares one scale, so the result for several positions at once differs
        slightly from that for each alone."""
        return torch.ops.quantized.linear_dynamic(x, self.packed, reduce_range=True)


def round_weights(decoder: OriginalDecoder, precision: str) -> None:
    """Round the weights of a decoder in place to one of `PRECISIONS`; int8 works on the CPU only.

    Raises CheckpointError where PyTorch has no int8 products.
    """
    if precision == PRECISIONS[0]:
        return
    if precision == "int8" and torch.backends.quantized.engine == "none":
        raise CheckpointError(
            "This computer's PyTorch cannot multiply in int8. Import the checkpoint again with --precision float16."
        )
    kind = HalfLinear if precision == "float16" else Int8Linear
    for layer in decoder.layers:
        _replace(kind, layer.self_attention, "to_q", "to_k", "to_v", "to_out")  # type: ignore[arg-type]
        _replace(kind, layer.cross_attention, "to_q", "to_out")  # type: ignore[arg-type]
        _replace(kind, layer.feed_forward, "into", "out")  # type: ignore[arg-type]


def _replace(kind: type[HalfLinear] | type[Int8Linear], module: nn.Module, *names: str) -> None:
    for name in names:
        linear = getattr(module, name)
        assert isinstance(linear, nn.Linear), f"{name} is rounded already"
        setattr(module, name, kind(linear))
