"""Random weights for EnCodec's 24 kHz encoder, in the official file's format, and audio to encode."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

SEED = 24_000


def fake_state(seed: int = SEED) -> dict[str, torch.Tensor]:
    """The encoder and codebooks of the official state dict, scaled so that signals keep their size through all
    layers."""
    random = np.random.default_rng(seed)
    state: dict[str, torch.Tensor] = {}

    def put(name: str, values: np.ndarray) -> None:
        state[name] = torch.from_numpy(values.astype(np.float32))

    def convolution(name: str, inputs: int, outputs: int, kernel: int, gain: float = 1.3) -> None:
        put(f"{name}.conv.conv.bias", random.normal(0, 0.1, outputs))
        put(f"{name}.conv.conv.weight_g", gain * random.uniform(0.8, 1.2, (outputs, 1, 1)))
        put(f"{name}.conv.conv.weight_v", random.normal(0, 1, (outputs, inputs, kernel)))

    convolution("encoder.model.0", 1, 32, 7, gain=3.0)
    width = 32
    for level, stride in enumerate((2, 4, 5, 8)):
        block = f"encoder.model.{1 + 3 * level}"
        convolution(f"{block}.block.1", width, width // 2, 3)
        convolution(f"{block}.block.3", width // 2, width, 1, gain=0.7)
        convolution(f"{block}.shortcut", width, width, 1, gain=0.9)
        convolution(f"encoder.model.{3 + 3 * level}", width, 2 * width, 2 * stride)
        width *= 2
    for layer in range(2):
        for part, shape in (
            ("weight_ih", (2048, 512)),
            ("weight_hh", (2048, 512)),
            ("bias_ih", 2048),
            ("bias_hh", 2048),
        ):
            put(f"encoder.model.13.lstm.{part}_l{layer}", random.uniform(-0.09, 0.09, shape))
    convolution("encoder.model.15", width, 128, 7)
    for index in range(32):
        put(f"quantizer.vq.layers.{index}._codebook.embed", random.normal(0, 0.7 * 0.85**index, (1024, 128)))
    return state


def fake_audio(samples: int, seed: int = 0) -> np.ndarray:
    """Noise (samples,) under a slow swell, at 6,400 Hz."""
    swell = 0.5 + 0.5 * np.sin(2 * np.pi * np.arange(samples) / 6400)
    return (0.3 * np.random.default_rng(seed).standard_normal(samples) * swell).astype(np.float32)


def save_fake(path: Path, state: dict[str, torch.Tensor] | None = None) -> Path:
    """Write the weights as the official file is written: a plain state dict with `torch.save`."""
    torch.save(fake_state() if state is None else state, path)
    return path
