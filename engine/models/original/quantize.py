"""Smaller weights for the motion decoder: fewer bytes to read, and reading is what takes its time.

One position at a time, a matrix is read once for one vector, so the speed is that of the memory. In float16 weights and
vectors are rounded to 11 bits. In int8, for CPUs, each row of a matrix gets a scale of its own; the vector is rounded
when it comes, with a scale of its own too ("dynamic quantisation"). Only what every step reads is rounded; what makes
the music's keys and values, once, and the output layer stay as they are.
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
    """A linear layer with weights of 16 bits; takes and gives float32."""

    def __init__(self, linear: nn.Linear):
        super().__init__()
        self.weight = nn.Parameter(linear.weight.detach().half(), requires_grad=False)
        bias = linear.bias
        self.bias = None if bias is None else nn.Parameter(bias.detach().half(), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        return F.linear(x.half(), self.weight, self.bias).to(x.dtype)


class Int8Linear(nn.Module):
    """A linear layer with weights of 8 bits; takes and gives float32.

    The vector is rounded to 7 bits: products of 8 by 8 bits overflow on processors without VNNI instructions.
    """

    def __init__(self, linear: nn.Linear):
        super().__init__()
        weight = linear.weight.detach()
        scales = weight.abs().amax(1).clamp(min=_NEVER_ZERO).double() / _LEVELS
        zeros = torch.zeros(len(weight), dtype=torch.int64)
        with warnings.catch_warnings():
            # a later PyTorch will lose these tensors; the engine's requirements name one that has them
            warnings.filterwarnings("ignore", message=".*quantized tensor creation functions", category=UserWarning)
            rounded = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)
        self.packed: Any = torch.ops.quantized.linear_prepack(rounded, linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out). One scale for all of x, so that several positions at once differ a little from one
        after the other."""
        return torch.ops.quantized.linear_dynamic(x, self.packed, reduce_range=True)


def round_weights(decoder: OriginalDecoder, precision: str) -> None:
    """Round the weights of a decoder in place to one of `PRECISIONS`; int8 is for the CPU alone.

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
