"""Loading and saving of a checkpoint of our own family with its networks in PyTorch."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from engine.checkpoint_index import CONFIG_FILE, FORMAT, OWN_FAMILY, WEIGHTS_FILE
from engine.models.own.checkpoint import OwnCheckpoint, read_checkpoint
from engine.models.own.config import Sampling
from engine.models.own.networks import Floats
from engine.models.own.weight_shapes import UNUSED
from engine.models.torch.decoder import MotionDecoder
from engine.models.torch.half_weights import read_in_half
from engine.models.torch.networks import TorchCodec, TorchDecoder
from engine.models.torch.vqvae import MotionVQVAE
from engine.runtime.module_shapes import shapes_only


@dataclass(frozen=True)
class TorchCheckpoint(OwnCheckpoint):
    """A checkpoint of our own family whose networks are torch's modules, for training, evaluation and GPUs."""

    codec: TorchCodec
    decoder: TorchDecoder

    @property
    def vqvae(self) -> MotionVQVAE:
        """The codec's module."""
        return self.codec.network

    @property
    def network(self) -> MotionDecoder:
        """The decoder's module."""
        return self.decoder.network


def load_torch(folder: Path, config: Mapping[str, Any], device: str) -> TorchCheckpoint:
    """Load a checkpoint's folder, given its parsed config, to one of torch's devices. Raises CheckpointError."""
    description, codec, decoder = read_checkpoint(folder, config)
    with shapes_only():  # shapes only: the memory is that of the weights
        vqvae, network = MotionVQVAE(description.codec), MotionDecoder(description.decoder)
    _fill(vqvae, codec, device)
    _fill(network, decoder, device)
    read_in_half(network)
    return TorchCheckpoint(description, TorchCodec(vqvae), TorchDecoder(network), device.upper())


def save_checkpoint(
    folder: Path,
    vqvae: MotionVQVAE,
    decoder: MotionDecoder,
    description: Mapping[str, Any],
    sampling: Sampling,
    frame_rate: float,
) -> None:
    """Write a checkpoint's config and weights, matrices in half precision.

    description: name, styles, description, style_music (see `engine.checkpoint_index`) and, where styles have their own
    settings, style_sampling. frame_rate: frames a second of the training motion.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "format": FORMAT,
        "family": OWN_FAMILY,
        **description,
        "token_rate": frame_rate / vqvae.config.stride,
        "frame_rate": frame_rate,
        "vqvae": asdict(vqvae.config),
        "decoder": asdict(decoder.config),
        "sampling": asdict(sampling),
    }
    weights = {f"vqvae.{name}": value for name, value in vqvae.state_dict().items()}
    weights |= {f"decoder.{name}": value for name, value in decoder.state_dict().items()}
    # the moving averages behind the codebook are only needed for training
    kept = {n: v for n, v in weights.items() if not n.endswith(UNUSED)}
    stored = {n: in_half(v).cpu().contiguous() for n, v in kept.items()}
    partial = folder / f"{WEIGHTS_FILE}.partial"
    save_file(stored, partial)
    os.replace(partial, folder / WEIGHTS_FILE)  # noqa: PTH105 - atomic on every platform
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=2) + "\n")


def in_half(value: Tensor) -> Tensor:
    """Matrices in half precision, as checkpoints keep them; other tensors as they are."""
    return value.half() if value.is_floating_point() and value.ndim >= 2 else value


def _fill(network: nn.Module, weights: Mapping[str, Floats], device: str) -> None:
    """Give a network on the device `meta` its weights; what only training needs is zero."""
    filled = {
        name: torch.from_numpy(weights[name]) if name in weights else torch.zeros(value.shape)
        for name, value in network.state_dict().items()
    }
    network.load_state_dict(filled, assign=True)
    network.to(device).eval().requires_grad_(False)
