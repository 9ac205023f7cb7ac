"""Style vectors of an imported style checkpoint: CLIP text vectors, computed once from the user's own CLIP weights.

They are stored in the checkpoint's folder in `styles.safetensors`, one tensor (512,) per text, not normalised, as in
MAGMA's training.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from engine.checks import reason_of, shown
from engine.errors import CheckpointError
from engine.models.original.clip.clip_text import OUTPUT, load_text_encoder
from engine.models.original.clip.clip_tokens import find_merges, genre_tokens, load_tokenizer, with_ends

STYLES_FILE = "styles.safetensors"
STYLE_VARIANT = "encodec_style"

Vector = NDArray[np.float32]


@torch.inference_mode()
def style_vectors(weights: Path, texts: Sequence[str] = (), merges: Path | None = None) -> dict[str, Vector]:
    """Vectors (512,) of the ten genres, of each genre's name followed by " dance", and of free texts.

    weights: a file as described at `load_text_encoder`. merges: CLIP's list of merges, which free texts need; None to
    look for it beside the weights and in an installed package `clip` or `open_clip`. Raises CheckpointError without
    one, and RequestError for a text that is empty or too long.
    """
    tokens = genre_tokens()
    free = [text for text in texts if text not in tokens]
    if free:
        found = merges or find_merges(weights)
        if found is None:
            raise CheckpointError(
                f"The style {shown(free[0])} is not one of the genres: its words need CLIP's list of merges, which was "
                "not found. Give bpe_simple_vocab_16e6.txt.gz or tokenizer.json with --merges."
            )
        tokenizer = load_tokenizer(found)
        tokens |= {text: tokenizer.encode(text) for text in free}
    encoder = load_text_encoder(weights)
    return {text: encoder(with_ends(ids, text)).numpy() for text, ids in tokens.items()}


def write_vectors(folder: Path, vectors: dict[str, Vector]) -> list[str]:
    """Add vectors to those of a checkpoint folder, and their texts to its config, from which the add-on lists them;
    returns all its texts. Raises CheckpointError."""
    config = check_folder(folder)
    file = folder / STYLES_FILE
    kept = load_vectors(folder) if file.exists() else {}
    kept |= vectors
    part = file.with_suffix(".part")
    save_file({text: np.ascontiguousarray(vector, np.float32) for text, vector in kept.items()}, part)
    part.replace(file)
    styles = sorted(kept, key=str.casefold)
    part = folder / "config.part"
    part.write_text(json.dumps(config | {"styles": styles}, indent=2) + "\n", encoding="utf-8")
    part.replace(folder / "config.json")
    return styles


def load_vectors(folder: Path) -> dict[str, Vector]:
    """Vectors (512,) by text from a checkpoint folder. Raises CheckpointError where they are missing or damaged."""
    file = folder / STYLES_FILE
    if not file.is_file():
        raise CheckpointError(
            f"Checkpoint {folder.name!r} has no style vectors yet. Compute them once from your own CLIP weights: "
            f"python -m engine style-vectors {folder} --clip ViT-B-32.pt"
        )
    try:
        vectors = load_file(file)
    except (OSError, SafetensorError, ValueError) as error:
        raise CheckpointError(
            f"{file} cannot be read ({reason_of(error)}). Delete it and run style-vectors again."
        ) from error
    for text, vector in vectors.items():
        if vector.shape != (OUTPUT,) or vector.dtype != np.float32 or not np.isfinite(vector).all():
            raise CheckpointError(
                f"{file}: the vector of {shown(text)} is damaged. Delete it and run style-vectors again."
            )
    return vectors


def check_folder(folder: Path) -> dict[str, Any]:
    """The config of an imported style checkpoint. Raises CheckpointError for any other folder."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        variant = config["decoder"].get("variant")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"{folder}: is not a checkpoint folder (config.json: {error}). Give the folder of an imported checkpoint."
        ) from error
    if variant != STYLE_VARIANT:
        raise CheckpointError(
            f"{folder}: uses no style vectors (its variant is {variant or 'not given'}). Give a checkpoint of the "
            f"variant {STYLE_VARIANT}."
        )
    return dict(config)
