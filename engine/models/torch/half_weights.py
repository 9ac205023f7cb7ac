"""Linear layers that read their weights in half precision and compute in float32.

Generating one position at a time reads every matrix once for a few vectors, so its speed is that of reading memory. Our
checkpoints store half-precision numbers; reading them as such halves the bytes and changes nothing but the order of
sums. PyTorch has such products on x86 processors (FBGEMM); elsewhere the layer is a linear layer like any other.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class HalfWeightLinear(nn.Linear):
    """A linear layer for inference, sharing the weights of `linear`, which must be half-precision numbers."""

    def __init__(self, linear: nn.Linear):
        super().__init__(linear.in_features, linear.out_features, linear.bias is not None, device="meta")
        self.weight, self.bias = linear.weight, linear.bias
        self.packed: Any = torch.ops.quantized.linear_prepack_fp16(linear.weight.detach(), linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        return torch.ops.quantized.linear_dynamic_fp16(x, self.packed)


def read_in_half(network: nn.Module) -> None:
    """Replace, in place, the linear layers of `network` that have half-precision weights, where it helps: on a CPU with
    such products."""
    if "fbgemm" not in torch.backends.quantized.supported_engines:
        return
    for module in list(network.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Linear and child.weight.device.type == "cpu" and _is_half(child.weight):
                setattr(module, name, HalfWeightLinear(child))


def _is_half(weight: Tensor) -> bool:
    return torch.equal(weight, weight.half().to(weight.dtype))
