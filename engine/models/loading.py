"""Loading of checkpoints by name or folder: a folder with `model.safetensors`, `config.json` and `MODEL_CARD.md`.

A new family of checkpoints is added to `FAMILIES`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from engine.bounded_files import read_text
from engine.checkpoint_index import CONFIG_FILE, MOST_CONFIG, ORIGINAL_FAMILY, OWN_FAMILY, list_checkpoints
from engine.checks import shown
from engine.errors import CheckpointError
from engine.models.base import Checkpoint
from engine.models.original.checkpoint import load_original
from engine.models.torch.checkpoint import FORMAT, TorchCheckpoint, load_torch

FAMILIES: dict[str, Callable[[Path, Mapping[str, Any], str], Checkpoint]] = {
    OWN_FAMILY: load_torch,
    ORIGINAL_FAMILY: load_original,
}
"""The function of each family that loads a folder, given its parsed config and a device."""


def find_checkpoint(name_or_path: str) -> Path:
    """The folder of a checkpoint given by name or path. Raises CheckpointError that lists the known ones."""
    known = {entry["name"]: Path(entry["path"]) for entry in list_checkpoints()}
    if name_or_path in known:  # preferred to a folder of the same name in the working directory
        return known[name_or_path]
    path = Path(name_or_path)
    try:
        if path.is_dir():
            return path
    except OSError as error:  # too long a name, a folder that may not be entered
        raise CheckpointError(
            f"The checkpoint {shown(name_or_path)} cannot be opened ({error.strerror}). Give a checkpoint's folder."
        ) from error
    names = ", ".join(sorted(known)) or "none"
    raise CheckpointError(
        f"No checkpoint {shown(name_or_path)} was found. Known: {names}. A path to a folder works too."
    )


def load_checkpoint(name_or_path: str, device: str = "cpu") -> Checkpoint:
    """Load a checkpoint by name or folder. Raises CheckpointError if it is missing, damaged or of another format."""
    folder = find_checkpoint(name_or_path)
    config, family = _read_config(folder)
    return FAMILIES[family](folder, config, device)


def load_own_checkpoint(name_or_path: str, device: str = "cpu") -> TorchCheckpoint:
    """Load a checkpoint of our own family by name or folder, for training and evaluation, which use its networks.
    Raises CheckpointError."""
    folder = find_checkpoint(name_or_path)
    config, family = _read_config(folder)
    if family != OWN_FAMILY:
        raise CheckpointError(f"Checkpoint {folder.name!r} is an imported one. Give one of this project's own.")
    return load_torch(folder, config, device)


@lru_cache(maxsize=2)
def _load(folder: Path, device: str, stamp: tuple[tuple[str, int], ...]) -> Checkpoint:
    return load_checkpoint(str(folder), device)


def cached_checkpoint(folder: Path, device: str) -> Checkpoint:
    """The checkpoint of a folder, kept in memory until its files change. Raises CheckpointError."""
    try:
        files = sorted(file for file in folder.iterdir() if file.is_file())
    except OSError as error:
        raise CheckpointError(
            f"The checkpoint {folder} cannot be read ({error.strerror}). Give a checkpoint's folder."
        ) from error
    return _load(folder, device, tuple((file.name, file.stat().st_mtime_ns) for file in files))


def _read_config(folder: Path) -> tuple[dict[str, Any], str]:
    """The config and the family of a checkpoint's folder."""
    try:
        config = json.loads(read_text(folder / CONFIG_FILE, MOST_CONFIG))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(
            f"{folder} is not a checkpoint: its config.json cannot be read ({error}). Give a checkpoint's folder."
        ) from error
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        found = config.get("format") if isinstance(config, dict) else None
        raise CheckpointError(
            f"Checkpoint {folder.name!r} has format {found}, this engine reads {FORMAT}. Update the add-on."
        )
    family = str(config.get("family", OWN_FAMILY))  # the first checkpoints of ours do not name it
    if family not in FAMILIES:
        raise CheckpointError(
            f"Checkpoint {folder.name!r} is of an unknown family ({shown(family)}). Update the add-on."
        )
    return config, family
