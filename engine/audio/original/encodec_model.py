"""EnCodec's 24 kHz encoder and residual quantizer, with the official weights, for sound in blocks of any length.

Architecture: Défossez et al., "High Fidelity Neural Audio Compression" (arXiv 2210.13438) and the published 24 kHz
configuration: SEANet encoder with 32 filters, strides 2, 4, 5, 8, weight norm, two LSTM layers, 128 channels out, 32
codebooks of 1024; every convolution is causal and padded by reflection.

The `encodec` package itself is not used: its one release (0.1.1) has a non-commercial licence, so it cannot be
installed for a user of Blender, it needs torchaudio, and it encodes whole signals only. A test compares this module's
codes with that package's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.runtime.weight_files import read_state_dict, require_tensors

HOP = 320
DIMENSION = 128
CODES = 1024
CODEBOOKS = 8
"""Those of the 32 that bandwidth 6.0 uses (6 kbit/s at 75 frames/s of 10 bits each)."""

State = Tensor | tuple[Tensor, Tensor]
"""What a layer keeps for the next block: a convolution its left context, the LSTM its two vectors."""

_STRIDES = (2, 4, 5, 8)
_FILTERS = 32


class CausalConv(nn.Module):
    """Causal convolution, padded by reflection: output k depends on the input up to the end of stride k.

    `state` is the end of the input so far, the left context of the next block.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, kernel, stride)
        self.context = kernel - stride

    def forward(self, x: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """(1, inputs, T) -> (1, outputs, ceil(T / stride)) and the next state. T must be a multiple of the
        stride except in the last block."""
        stride = self.conv.stride[0]
        right = -x.shape[-1] % stride
        # the padding after a short last block reflects samples of the block before, so the state is prepended first
        x = _reflect(x, self.context, right) if state is None else _reflect(torch.cat([state, x], dim=-1), 0, right)
        return self.conv(x), x[..., x.shape[-1] - self.context :]


def _reflect(x: Tensor, left: int, right: int) -> Tensor:
    """`x` padded by reflection. A signal too short for that is first extended with zeros, which are removed again."""
    if not left and not right:
        return x
    missing = max(max(left, right) + 1 - x.shape[-1], 0)
    padded = F.pad(F.pad(x, (0, missing)), (left, right), mode="reflect")
    return padded[..., : padded.shape[-1] - missing]


class Residual(nn.Module):
    """Residual block: x -> shortcut(x) + conv(ELU(conv(ELU(x)))), half as wide inside."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = CausalConv(width, width // 2, 3)
        self.outer = CausalConv(width // 2, width, 1)
        self.shortcut = CausalConv(width, width, 1)

    def forward(self, x: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        y, state = self.inner(F.elu(x), state)
        return self.shortcut(x, None)[0] + self.outer(F.elu(y), None)[0], state


class Encoder(nn.Module):
    """SEANet encoder: samples to latent frames, block after block.

    States pass between blocks (the ends of the convolutions' inputs, the LSTM's state), so that encoding in blocks is
    the same computation as encoding the whole signal.
    """

    def __init__(self) -> None:
        super().__init__()
        self.first = CausalConv(1, _FILTERS, 7)
        widths = [_FILTERS * 2**level for level in range(len(_STRIDES) + 1)]
        self.residuals = nn.ModuleList(Residual(width) for width in widths[:-1])
        self.strided = nn.ModuleList(
            CausalConv(width, 2 * width, 2 * stride, stride) for width, stride in zip(widths, _STRIDES, strict=False)
        )
        self.lstm = nn.LSTM(widths[-1], widths[-1], num_layers=2)
        self.last = CausalConv(widths[-1], DIMENSION, 7)

    def forward(self, x: Tensor, states: list[State] | None) -> tuple[Tensor, list[State]]:
        """(1, 1, samples) -> (1, DIMENSION, ceil(samples / HOP)) and the states for the next block."""
        before: Iterator[State | None] = iter(states) if states else iter([None] * (2 * len(_STRIDES) + 3))
        x, state = self.first(x, next(before))
        after = [state]
        for residual, strided in zip(self.residuals, self.strided, strict=True):
            x, state = residual(x, next(before))
            y, conv_state = strided(F.elu(x), next(before))
            x = y
            after += [state, conv_state]
        frames = x.permute(2, 0, 1)  # (T, 1, width)
        y, state = self.lstm(frames, next(before))
        after.append(state)
        x, state = self.last(F.elu((y + frames).permute(1, 2, 0)), next(before))
        return x, [*after, state]


class EnCodec(nn.Module):
    """Encoder and the first `CODEBOOKS` codebooks."""

    codebooks: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.register_buffer("codebooks", torch.zeros(CODEBOOKS, CODES, DIMENSION))

    def codes(self, x: Tensor, states: list[State] | None = None) -> tuple[Tensor, list[State]]:
        """(1, 1, samples) -> (CODEBOOKS, ceil(samples / HOP)) indices and the states for the next block."""
        latent, states = self.encoder(x, states)
        rest = latent[0].T  # (T, DIMENSION)
        chosen = []
        for book in self.codebooks:
            nearness = -(rest.pow(2).sum(1, keepdim=True) - 2 * rest @ book.T + book.T.pow(2).sum(0, keepdim=True))
            chosen.append(nearness.argmax(dim=-1))
            rest = rest - book[chosen[-1]]
        return torch.stack(chosen), states

    def decode(self, codes: Tensor) -> Tensor:
        """(CODEBOOKS, T) -> (T, DIMENSION), the sum of the code vectors."""
        total = torch.zeros(codes.shape[1], DIMENSION, device=codes.device)
        for book, indices in zip(self.codebooks, codes, strict=True):
            total = total + book[indices]
        return total


def load_encodec(path: Path, device: str = "cpu") -> EnCodec:
    """The model with the weights of a file in the official format: the 24 kHz `EncodecModel`'s plain state dict.

    The decoder's tensors are ignored. Raises CheckpointError for a file that is not such a state dict.
    """
    model = EnCodec()
    names = _official_names()
    shapes = _official_shapes(model, names)
    official = require_tensors(read_state_dict(path), shapes, path.name)
    weights = {"codebooks": torch.stack([official[_codebook(index)] for index in range(CODEBOOKS)])}
    for ours, theirs in names.items():
        if theirs.startswith("encoder.model.13.lstm"):
            weights[ours] = official[theirs]
        else:
            weights[f"{ours}.bias"] = official[f"{theirs}.bias"]
            weights[f"{ours}.weight"] = _unfold(official, theirs)
    model.load_state_dict(weights)
    return model.requires_grad_(False).eval().to(device)


def _unfold(official: Mapping[str, Tensor], name: str) -> Tensor:
    """The weights of a convolution under weight norm (Salimans and Kingma 2016): each output filter is a direction v
    and a length g."""
    return torch._weight_norm(official[f"{name}.weight_v"], official[f"{name}.weight_g"], 0)


def _codebook(index: int) -> str:
    return f"quantizer.vq.layers.{index}._codebook.embed"


def _official_names() -> dict[str, str]:
    """Our convolutions and LSTM tensors -> their names in the official state dict, a flat list that also counts
    activations."""
    names = {"encoder.first.conv": "encoder.model.0.conv.conv", "encoder.last.conv": "encoder.model.15.conv.conv"}
    for level in range(len(_STRIDES)):
        block = f"encoder.model.{1 + 3 * level}"
        names[f"encoder.residuals.{level}.inner.conv"] = f"{block}.block.1.conv.conv"
        names[f"encoder.residuals.{level}.outer.conv"] = f"{block}.block.3.conv.conv"
        names[f"encoder.residuals.{level}.shortcut.conv"] = f"{block}.shortcut.conv.conv"
        names[f"encoder.strided.{level}.conv"] = f"encoder.model.{3 + 3 * level}.conv.conv"
    for layer in range(2):
        for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            names[f"encoder.lstm.{part}_l{layer}"] = f"encoder.model.13.lstm.{part}_l{layer}"
    return names


def _official_shapes(model: EnCodec, names: Mapping[str, str]) -> dict[str, tuple[int, ...]]:
    own = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    shapes: dict[str, tuple[int, ...]] = {}
    for ours, theirs in names.items():
        if ours in own:
            shapes[theirs] = own[ours]
        else:
            weight = own[f"{ours}.weight"]
            shapes[f"{theirs}.bias"] = own[f"{ours}.bias"]
            shapes[f"{theirs}.weight_v"] = weight
            shapes[f"{theirs}.weight_g"] = (weight[0], 1, 1)
    return {**shapes, **{_codebook(index): (CODES, DIMENSION) for index in range(CODEBOOKS)}}
