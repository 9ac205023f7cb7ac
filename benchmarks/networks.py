"""Networks of the original's family: full-size ones with random weights, as fast and as large as trained ones, and
checkpoint folders of any such network."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from engine.checkpoint_index import ORIGINAL_FAMILY
from engine.models.original.config import (
    FRAME_RATE,
    STATISTICS,
    OriginalDecoderConfig,
    OriginalSampling,
    OriginalVQVAEConfig,
    config_values,
)
from engine.models.original.decoder import OriginalDecoder
from engine.models.original.quantize import PRECISIONS, round_weights
from engine.models.original.vqvae import OriginalVQVAE


def random_decoder(precision: str = "float32", device: str = "cpu") -> OriginalDecoder:
    """The motion decoder of the variant `encodec`, 96 million parameters."""
    torch.manual_seed(0)
    decoder = OriginalDecoder(OriginalDecoderConfig()).eval().requires_grad_(False)
    round_weights(decoder, precision)
    return decoder.to(device)


def random_vqvae() -> OriginalVQVAE:
    """The VQ-VAE, 152 million parameters; its codes are normally distributed."""
    torch.manual_seed(0)
    vqvae = OriginalVQVAE(OriginalVQVAEConfig()).eval().requires_grad_(False)
    vqvae.codebook.normal_()
    return vqvae


def random_music(frames: int) -> torch.Tensor:
    """Random music features (frames, 128)."""
    return torch.randn(frames, OriginalDecoderConfig().music_features, generator=torch.Generator().manual_seed(1))


def write_random_checkpoint(folder: Path, precision: str) -> None:
    """Write a folder like that of an import of the variant `librosa`, about 1 GB."""
    torch.manual_seed(0)
    vqvae, decoder = random_vqvae(), OriginalDecoder(OriginalDecoderConfig(variant="librosa"))
    width = vqvae.config.motion_features
    write_checkpoint(folder, vqvae, decoder, np.zeros(width, np.float32), np.ones(width, np.float32), "", precision)


def write_checkpoint(
    folder: Path,
    vqvae: OriginalVQVAE,
    decoder: OriginalDecoder,
    mean: NDArray[np.float32],
    std: NDArray[np.float32],
    description: str,
    precision: str = PRECISIONS[0],
) -> None:
    """Write a checkpoint folder of the original's family. mean, std: (F,), with which the motion is normalised."""
    weights = {f"vqvae.{name}": value for name, value in vqvae.state_dict().items()}
    weights |= {f"decoder.{name}": value for name, value in decoder.state_dict().items()}
    weights |= dict(zip(STATISTICS, map(torch.from_numpy, (mean, std)), strict=True))
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: value.cpu().contiguous() for name, value in weights.items()}, folder / "model.safetensors")
    values = {
        "format": 1,
        "family": ORIGINAL_FAMILY,
        "name": folder.name,
        "description": description,
        "token_rate": FRAME_RATE,
        "vqvae": config_values(vqvae.config),
        "decoder": config_values(decoder.config),
        "sampling": config_values(OriginalSampling()),
        "normalised": True,
        "precision": precision,
    }
    (folder / "config.json").write_text(json.dumps(values), encoding="utf-8")
