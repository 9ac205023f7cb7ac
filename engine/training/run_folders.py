"""The run folders of training: sizes and averaged weights of a codec or decoder, and the styles of a decoder."""

from __future__ import annotations

import json
import pickle
from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from engine.checkpoint_index import CONFIG_FILE, WEIGHTS_FILE
from engine.data.styles import StyleTable, read_styles
from engine.errors import DataError
from engine.models.loading import find_checkpoint, load_own_checkpoint
from engine.models.own.config import VQVAEConfig
from engine.models.torch.vqvae import MotionVQVAE
from engine.training.loop import one_line

STYLES_FILE = "styles.json"
"""In the run folder of a decoder: what its checkpoint is to say of its styles."""


def codec_of(folder: Path) -> MotionVQVAE:
    """The averaged codec of a run folder, or the codec of a checkpoint's. Raises DataError, CheckpointError."""
    if (folder / WEIGHTS_FILE).is_file():
        return load_own_checkpoint(str(folder)).vqvae
    codec = MotionVQVAE(read_codec_config(folder))
    load_averaged(codec, folder, "train-vqvae")
    return codec.eval().requires_grad_(False)


def read_codec_config(folder: Path) -> VQVAEConfig:
    """The sizes of a codec's run. Raises DataError."""
    try:
        return VQVAEConfig(**json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{folder} holds no run of train-vqvae ({error}). Run train-vqvae with this --out.") from error


def write_codec_config(folder: Path, config: VQVAEConfig) -> None:
    """Begin the run folder of a codec of these sizes. Raises DataError where one of others was begun there."""
    if (folder / CONFIG_FILE).exists() and read_codec_config(folder) != config:
        raise DataError(
            f"{folder} holds a run with other --levels, --coarse or --quick. Use the same, or another --out."
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG_FILE).write_text(json.dumps(asdict(config)), encoding="utf-8")


def load_averaged(network: nn.Module, folder: Path, command: str) -> None:
    """Fill `network` with the averaged weights of a run folder of `command`. Raises DataError."""
    try:
        state = torch.load(folder / "state.pt", map_location="cpu", weights_only=True)
        network.load_state_dict(state["averaged"])
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, EOFError, pickle.UnpicklingError) as error:
        raise DataError(
            f"{folder} holds no usable run of {command} ({one_line(error)}). Run {command} with this --out."
        ) from error


def styles_of(folder: Path) -> StyleTable:
    """The styles of a decoder's run. Raises DataError."""
    if not (folder / STYLES_FILE).is_file():
        raise DataError(f"{folder} holds no run of train-decoder. Run train-decoder with this --out.")
    return read_styles(folder / STYLES_FILE)


def folder_of(name: str | Path) -> Path:
    """The folder of a run, or of a checkpoint by name or path. Raises CheckpointError."""
    return Path(name) if (Path(name) / CONFIG_FILE).is_file() else find_checkpoint(str(name))
