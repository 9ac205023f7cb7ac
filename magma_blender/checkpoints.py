"""The list of checkpoints, read from their config.json without asking the engine."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class CheckpointInfo:
    """What the panel shows of a checkpoint. problem: why it cannot be used, empty when it can."""

    name: str
    description: str = ""
    styles: tuple[str, ...] = ()
    problem: str = ""


def find(folders: Iterable[Path]) -> list[CheckpointInfo]:
    """Every folder with a config.json in `folders`, `default` first, then by name; the first of a name wins."""
    found: dict[str, CheckpointInfo] = {}
    for folder in folders:
        for config in sorted(folder.glob("*/config.json")):
            found.setdefault(config.parent.name, _read(config))
    return sorted(found.values(), key=lambda info: (info.name != "default", info.name))


def _read(config: Path) -> CheckpointInfo:
    name = config.parent.name
    try:
        # read anew each time but cheap; a damaged file is listed, so that the user sees why it is not usable
        data = json.loads(config.read_text(encoding="utf-8"))
        styles = data.get("styles", [])
        if not all(isinstance(style, str) for style in styles):
            raise TypeError("styles is not a list of names")
        return CheckpointInfo(name, str(data.get("description", "")), tuple(styles))
    except (OSError, ValueError, AttributeError, TypeError) as error:
        return CheckpointInfo(name, problem=f"{config} cannot be read ({error})")
