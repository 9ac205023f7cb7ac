"""Full-size networks of the original's family with random weights: as fast and as large as trained ones."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from engine.original.config import DecoderConfig, Sampling, VQVAEConfig, config_values
from engine.original.decoder import MotionDecoder
from engine.original.importer import FAMILY, STATISTICS
from engine.original.quantize import round_weights
from engine.original.vqvae import MotionVQVAE


def random_decoder(precision: str = "float32", device: str = "cpu") -> MotionDecoder:
    """The motion decoder of the variant `encodec`, 96 million parameters."""
    torch.manual_seed(0)
    decoder = MotionDecoder(DecoderConfig()).eval().requires_grad_(False)
    round_weights(decoder, precision)
    return decoder.to(device)


def random_vqvae() -> MotionVQVAE:
    """The VQ-VAE, 152 million parameters; codes as far from each other as a trained decoder's input is wide."""
    torch.manual_seed(0)
    vqvae = MotionVQVAE(VQVAEConfig()).eval().requires_grad_(False)
    vqvae.codebook.normal_()
    return vqvae


def random_music(frames: int) -> torch.Tensor:
    """(frames, 128)."""
    return torch.randn(frames, DecoderConfig().music_features, generator=torch.Generator().manual_seed(1))


def write_random_checkpoint(folder: Path, precision: str) -> None:
    """A folder as an import of the variant `librosa` leaves it, about 1 GB."""
    torch.manual_seed(0)
    config = DecoderConfig(variant="librosa")
    vqvae = random_vqvae()
    weights = {f"vqvae.{name}": value for name, value in vqvae.state_dict().items()}
    weights |= {f"decoder.{name}": value for name, value in MotionDecoder(config).state_dict().items()}
    width = vqvae.config.motion_features
    weights |= dict(zip(STATISTICS, (torch.zeros(width), torch.ones(width)), strict=True))
    folder.mkdir(parents=True)
    save_file(weights, folder / "model.safetensors")
    values = {
        "format": 1,
        "family": FAMILY,
        "name": folder.name,
        "vqvae": config_values(vqvae.config),
        "decoder": config_values(config),
        "sampling": config_values(Sampling()),
        "normalised": True,
        "precision": precision,
    }
    (folder / "config.json").write_text(json.dumps(values))
