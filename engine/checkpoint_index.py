"""Which checkpoints are here, read from their config files only: quick enough for `hello`. Standard library only."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
FOLDERS_VARIABLE = "MAGMA_CHECKPOINTS"
OWN_FAMILY = "magma"
ORIGINAL_FAMILY = "original"


def checkpoint_folders() -> list[Path]:
    """The folders that hold checkpoint folders: the engine's own, then those of the environment's MAGMA_CHECKPOINTS
    (separated as PATH is)."""
    extra = os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep)
    return [ROOT / "checkpoints", *(Path(folder).expanduser() for folder in extra if folder)]


def list_checkpoints(folders: Iterable[Path] | None = None) -> list[dict[str, Any]]:
    """One entry per checkpoint folder in `folders` (default: `checkpoint_folders()`).

    Each has `name` (of the folder), `path`, and from its config `title`, `family`, `styles`, `description` and
    `token_rate`; or `name`, `path` and `error`, one sentence, where it cannot be used. Of two with the same name the
    first counts.
    """
    entries: dict[str, dict[str, Any]] = {}
    for folder in checkpoint_folders() if folders is None else folders:
        try:
            children = sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))
        except OSError:  # a folder that is not there holds no checkpoints
            continue
        for child in children:
            entries.setdefault(child.name, _entry(child))
    return list(entries.values())


def _entry(folder: Path) -> dict[str, Any]:
    base: dict[str, Any] = {"name": folder.name, "path": str(folder)}
    try:
        config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    except OSError as error:
        return base | {"error": f"{CONFIG_FILE} of checkpoint {folder} cannot be read ({error.strerror})."}
    except (ValueError, RecursionError) as error:
        return base | {"error": f"{CONFIG_FILE} of checkpoint {folder} is damaged ({error})."}
    if not isinstance(config, dict):
        return base | {"error": f"{CONFIG_FILE} of checkpoint {folder} is damaged (not a JSON object)."}
    styles = config.get("styles", [])
    if not isinstance(styles, list) or not all(isinstance(style, str) for style in styles):
        return base | {"error": f"{CONFIG_FILE} of checkpoint {folder} is damaged (styles must be a list of names)."}
    if not (folder / WEIGHTS_FILE).is_file():
        return base | {"error": f"Checkpoint {folder} has no {WEIGHTS_FILE}: copy or download it again."}
    return base | {
        "title": str(config.get("name", folder.name)),
        "family": str(config.get("family", OWN_FAMILY)),  # the first checkpoints of ours do not name it
        "styles": styles,
        "description": str(config.get("description", "")),
        "token_rate": config.get("token_rate"),
    }
