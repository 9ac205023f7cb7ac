"""Small checkpoints of the original's kind: its files with random weights, and the folders imported from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import original_reference as reference
import torch

from engine.models.loading import load_checkpoint
from engine.models.original.checkpoint import OriginalCheckpoint
from engine.models.original.importing.importer import import_magma

VARIANTS = tuple(reference.MUSIC)


def save(path: Path, weights: reference.Weights) -> Path:
    """Save weights as the original's training does: with the optimiser's state and a numpy mean loss."""
    model = {name: torch.from_numpy(value) for name, value in weights.items()}
    optim = {"state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.zeros(4)}}, "param_groups": [{"lr": 1e-4}]}
    torch.save({"model": model, "optim": optim, "steps": 3, "total_loss": np.float64(0.25)}, path)
    return path


def make(folder: Path, variant: str, vqvae: reference.Weights, decoder: reference.Weights) -> OriginalCheckpoint:
    """The checkpoint of weights that are saved, imported and loaded, as by a user."""
    folder.mkdir(parents=True, exist_ok=True)
    import_magma(save(folder / "vq.pt", vqvae), save(folder / "seq.pt", decoder), variant, folder / "checkpoint")
    checkpoint = load_checkpoint(str(folder / "checkpoint"))
    assert isinstance(checkpoint, OriginalCheckpoint)
    return checkpoint


def inputs(variant: str, codes: int, rows: int = 2, length: int = 30, frames: int = 34) -> dict[str, np.ndarray]:
    """Random motion, tokens, music and style of a few rows."""
    random = np.random.RandomState(7)
    return {
        "motion": random.standard_normal((rows, length, 263)).astype(np.float32),
        "tokens": random.randint(0, codes, (rows, length)),
        "music": random.standard_normal((rows, frames, reference.MUSIC[variant])).astype(np.float32),
        "style": random.standard_normal((rows, 512)).astype(np.float32),
    }


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference over the largest value."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())
