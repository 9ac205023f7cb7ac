"""The checkpoints that can be chosen, read from their folders without the engine."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from engine.checkpoint_index import (
    FOLDERS_VARIABLE,
    ORIGINAL_FAMILY,
    RELAXED,
    FilesState,
    files_state,
    list_checkpoints,
)

from .. import paths
from ..errors import SetupError
from . import engine_setup
from .engine_setup import EngineSetup
from .plain_text import shown

DEFAULT_CHECKPOINT = "default"
USUAL_METRE = 4
LONGEST_NAME = 200


@dataclass(frozen=True)
class KnownCheckpoint:
    """A checkpoint folder. titles: its styles' names as a person reads them. beats_per_bar: the metre of each. songs:
    whether each was learned with songs of its own. hands: how each holds its hands. has_energy: whether it can be told
    how fast a dance is to be. description: what it dances and may be used for, in its own words.
    error: one sentence where it cannot be used; the rest is empty then."""

    name: str
    path: str
    styles: tuple[str, ...] = ()
    titles: Mapping[str, str] = field(default_factory=dict)
    beats_per_bar: Mapping[str, int] = field(default_factory=dict)
    songs: Mapping[str, bool] = field(default_factory=dict)
    hands: Mapping[str, str] = field(default_factory=dict)
    has_energy: bool = False
    description: str = ""
    is_original: bool = False
    error: str | None = None


def known_checkpoints() -> list[KnownCheckpoint]:
    """The checkpoints that can be chosen, the default one first. What was added or removed shows at once, what has
    changed inside a checkpoint soon: panels ask dozens of times a drawing."""
    folders = _folders(str(engine_setup.data_folder()), os.environ.get(FOLDERS_VARIABLE, ""))
    times, now = tuple(map(_changed, folders)), time.monotonic()
    if (_looked.folders, _looked.times) != (folders, times) or not now - FRESH < _looked.at <= now:
        _looked.found = _read(folders, files_state(folders))
        _looked.folders, _looked.times, _looked.at = folders, times, now
    return list(_looked.found)


FRESH = 1.0
"""Seconds for which the files inside a checkpoint's folder are not looked at again."""


class _Looked:
    """What was found at the last look."""

    folders: tuple[Path, ...] = ()
    times: tuple[int, ...] = ()
    at = -FRESH
    found: tuple[KnownCheckpoint, ...] = ()


_looked = _Looked()


@lru_cache(maxsize=4)
def _folders(data: str, _named: str) -> tuple[Path, ...]:
    return tuple(paths.checkpoint_folders(Path(data)))


def _changed(folder: Path) -> int:
    """When something was added to a folder or removed from it; 0 where it is not there."""
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=1)
def _read(folders: tuple[Path, ...], _state: FilesState) -> tuple[KnownCheckpoint, ...]:
    """What the folders hold; kept, since panels ask many times a second, for as long as the files are in that state."""
    found = [
        KnownCheckpoint(
            name=entry["name"],
            path=entry["path"],
            styles=tuple(style for style in entry.get("styles", ()) if _can_be_listed(style)),
            titles={style: shown(title, LONGEST_NAME) for style, title in entry.get("style_titles", {}).items()},
            beats_per_bar=entry.get("beats_per_bar", {}),
            songs=entry.get("songs", {}),
            hands=entry.get("hands", {}),
            has_energy=entry.get("energy", False),
            description=shown(entry.get("description", "")),
            is_original=entry.get("family") == ORIGINAL_FAMILY,
            error=shown(entry["error"]) if entry.get("error") else None,
        )
        for entry in list_checkpoints(folders)
        if _can_be_listed(entry["name"])
    ]
    return tuple(sorted(found, key=lambda entry: (entry.name != DEFAULT_CHECKPOINT, entry.name)))


def _can_be_listed(name: str) -> bool:
    """Whether Blender's menus can show a name: not one of bytes that are no text, of thousands of letters, or empty."""
    return 0 < len(name) <= LONGEST_NAME and name == shown(name, LONGEST_NAME)


def find_checkpoint(name: str) -> KnownCheckpoint | None:
    """The checkpoint of that name, or None where it is not installed here."""
    return next((entry for entry in known_checkpoints() if entry.name == name), None)


def check_can_dance(name: str, setup: EngineSetup) -> None:
    """Raise SetupError for a checkpoint of the original's without PyTorch."""
    found = find_checkpoint(name)
    if found is not None and found.is_original:
        engine_setup.check_torch(setup, f'The imported checkpoint "{name}"')


def styles_of(name: str) -> tuple[str, ...]:
    """The styles of the checkpoint of that name; none where it is not installed here."""
    found = find_checkpoint(name)
    return found.styles if found else ()


def title_of(name: str, style: str) -> str:
    """A style's name as a person reads it, as the checkpoint of that name says it."""
    found = find_checkpoint(name)
    return found.titles.get(style, style.title()) if found else style.title()


def has_energy(name: str) -> bool:
    """Whether the checkpoint of that name is installed here and can be told how fast a dance is to be."""
    found = find_checkpoint(name)
    return found is not None and found.has_energy


def check_energy(name: str, energy: float) -> None:
    """Raise SetupError where another energy than the usual one is asked of a checkpoint that has none."""
    if energy != 1.0 and not has_energy(name):
        raise SetupError(f'The checkpoint "{name}" cannot be told an energy: ask for 1, or choose another checkpoint.')


def beats_per_bar(name: str, style: str | None) -> int:
    """The metre of a style of the checkpoint of that name; 4 where neither is known here."""
    found = find_checkpoint(name)
    return found.beats_per_bar.get(style or "", USUAL_METRE) if found else USUAL_METRE


def hands_of(name: str, style: str | None) -> str:
    """How a style of the checkpoint of that name holds its hands; relaxed where neither is known here."""
    found = find_checkpoint(name)
    return found.hands.get(style or "", RELAXED) if found else RELAXED
