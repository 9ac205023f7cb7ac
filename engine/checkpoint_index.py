"""The list of installed checkpoints, read from their config files only: quick enough for `hello`. Standard library
only."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from .bounded_files import read_text
from .checks import is_count, is_number, shown

ROOT = Path(__file__).resolve().parent.parent
FORMAT = 1
"""Of the checkpoints that this engine reads."""
CONFIG_FILE = "config.json"
MOST_CONFIG = 2**20
"""Bytes of a config; ours have two thousand."""
WEIGHTS_FILE = "model.safetensors"
FOLDERS_VARIABLE = "MAGMA_CHECKPOINTS"
OWN_FAMILY = "magma"
ORIGINAL_FAMILY = "original"
LARGEST_VERSION = 1_000_000
USUAL_SPREAD = 0.15
"""Octaves, the deviation of the tempi of a style's songs from its usual one, where a checkpoint says nothing."""
_LARGEST = 1000.0
"""Of the numbers of a pattern and of priors, which are about 1."""
_SMALLEST = 1e-3
"""Of spreads and priors."""
_COPY = "copy or download it again."
_EARLIER: Mapping[str, Mapping[str, float]] = {
    "cha-cha": {"tempo": 124.0},
    "rumba": {"tempo": 92.0},
    "salsa": {"tempo": 175.0},
    "waltz": {"tempo": 87.0, "beats_per_bar": 3},
}
"""What checkpoints without `style_music` in their config were made with, so that they go on dancing as they did. A new
style never goes here: it is the checkpoint's."""

RELAXED = "relaxed"
HANDS = (RELAXED, "long", "firm", "fists")
"""How a style may hold its hands, whose fingers no dance has: see `smpl_rig.retarget.fingers`."""


@dataclass(frozen=True)
class StyleMusic:
    """The music that a style is danced to. tempo: usual beats per minute, None for any. beats_per_bar: its metre.
    pattern: the rhythm of a bar, how much stronger than usual onsets are at every quarter of a beat (rows) in every
    band of `engine.audio.listening.evidence`; empty where it is unknown. songs: whether its dances were learned
    with songs of their own. spread: octaves, how far the tempi of its songs are from the usual one (standard
    deviation). prior: how much likelier than others it is for a song that fits both; of styles of any tempo the one
    with the largest is danced to songs that fit no other."""

    tempo: float | None = None
    beats_per_bar: int = 4
    pattern: tuple[tuple[float, ...], ...] = ()
    songs: bool = False
    spread: float = USUAL_SPREAD
    prior: float = 1.0


_MUSIC = tuple(field.name for field in fields(StyleMusic))


def style_music(config: Mapping[str, Any]) -> dict[str, StyleMusic]:
    """The music of every style of a checkpoint's config, in the order of its styles.

    `styles` lists the names; `style_music` holds the fields of `StyleMusic` of those that have them. Raises ValueError
    with a clause that says what is wrong.
    """
    names = config.get("styles", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("styles must be a list of names")
    listed = config.get("style_music", {name: _EARLIER[name] for name in names if name in _EARLIER})
    if not isinstance(listed, dict) or not set(listed) <= set(names):
        raise ValueError("style_music must name its styles")
    return {name: _music_of(name, listed.get(name, {})) for name in names}


def _music_of(name: str, values: object) -> StyleMusic:
    if not isinstance(values, dict):
        raise ValueError(f"style_music of {shown(name)} is {shown(values)}")
    if unknown := sorted(set(map(str, values)) - set(_MUSIC)):
        raise ValueError(f"style_music of {shown(name)} has the unknown entry {shown(unknown[0])}")
    tempo, beats, pattern = values.get("tempo"), values.get("beats_per_bar", 4), values.get("pattern", [])
    if tempo is not None and not is_number(tempo, 1, 1000):
        raise ValueError(f"the tempo of {shown(name)} is {shown(tempo)}")
    if not is_count(beats, 1, 32):
        raise ValueError(f"{shown(name)} has {shown(beats)} beats a bar")
    if not isinstance(pattern, (list, tuple)) or not all(_is_row(row, pattern[0]) for row in pattern):
        raise ValueError(f"the pattern of {shown(name)} is no table of numbers")
    songs = values.get("songs", bool(pattern))  # only songs give a pattern
    if not isinstance(songs, bool):
        raise ValueError(f"songs of {shown(name)} is {shown(songs)}, neither true nor false")
    spread, prior = values.get("spread", USUAL_SPREAD), values.get("prior", 1.0)
    if not is_number(spread, _SMALLEST, _LARGEST):
        raise ValueError(f"the spread of {shown(name)} is {shown(spread)}")
    if not is_number(prior, _SMALLEST, _LARGEST):
        raise ValueError(f"the prior of {shown(name)} is {shown(prior)}")
    rows = tuple(tuple(float(value) for value in row) for row in pattern)
    return StyleMusic(None if tempo is None else float(tempo), beats, rows, songs, float(spread), float(prior))


def style_hands(config: Mapping[str, Any]) -> dict[str, str]:
    """How every style of a checkpoint's config holds its hands, one of `HANDS`: `style_hands` names those that are not
    relaxed. Raises ValueError with a clause that says what is wrong."""
    listed = config.get("style_hands", {})
    if not isinstance(listed, dict) or not set(listed) <= set(config.get("styles", [])):
        raise ValueError("style_hands must name its styles")
    unknown = next((style for style, hands in listed.items() if hands not in HANDS), None)
    if unknown is not None:
        raise ValueError(f"the hands of {shown(unknown)} are {shown(listed[unknown])}")
    return {style: str(listed.get(style, RELAXED)) for style in config.get("styles", [])}


def style_titles(config: Mapping[str, Any]) -> dict[str, str]:
    """The names of a checkpoint's styles as a person reads them: those in `style_titles`, else the style's own with
    capital letters. Raises ValueError with a clause that says what is wrong."""
    listed = config.get("style_titles", {})
    if not isinstance(listed, dict) or not set(listed) <= set(config.get("styles", [])):
        raise ValueError("style_titles must name its styles")
    wrong = next((style for style, title in listed.items() if not isinstance(title, str) or not title.strip()), None)
    if wrong is not None:
        raise ValueError(f"the title of {shown(wrong)} is {shown(listed[wrong])}")
    return {style: listed.get(style, style.title()) for style in config.get("styles", [])}


def _is_row(row: object, first: object) -> bool:
    """Whether it is a row of a table with that first row."""
    if not isinstance(row, (list, tuple)) or not isinstance(first, (list, tuple)) or len(row) != len(first):
        return False
    return all(is_number(value, -_LARGEST, _LARGEST) for value in row)


def version_of(config: Mapping[str, Any]) -> int:
    """Which version of the checkpoint of its name a config says it is; 1 where it says nothing.

    Raises ValueError with a clause that says what is wrong.
    """
    version = config.get("version", 1)
    if not is_count(version, 1, LARGEST_VERSION):
        raise ValueError(f"its version is {shown(version)}, not a whole number from 1 on")
    return version


def checkpoint_folders() -> list[Path]:
    """The folders that hold checkpoint folders: the engine's own, then those in the environment variable
    MAGMA_CHECKPOINTS (separated as in PATH)."""
    extra = os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep)
    return [ROOT / "checkpoints", *map(_expanded, filter(None, extra))]


def _expanded(folder: str) -> Path:
    try:
        return Path(folder).expanduser()
    except RuntimeError:  # a user without an account has no home
        return Path(folder)


def list_checkpoints(folders: Iterable[Path] | None = None) -> list[dict[str, Any]]:
    """One entry per checkpoint folder in `folders` (default: `checkpoint_folders()`).

    Each has `name` (of the folder), `path`, and from its config `title`, `family`, `styles`, `style_titles`,
    `beats_per_bar`, `songs` and `hands` (by style), `energy` (whether it can be told one), `description`, `token_rate`
    and `version`; or `name`, `path` and `error`, one sentence, where it cannot be used. Of two with the same name the
    first is listed.
    """
    entries: dict[str, dict[str, Any]] = {}
    for folder in checkpoint_folders() if folders is None else folders:
        try:
            children = sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))
        except OSError:  # a missing folder holds no checkpoints
            continue
        for child in children:
            entries.setdefault(child.name, _entry(child))
    return list(entries.values())


FilesState = tuple[tuple[str, int, int], ...]


def files_state(folders: Iterable[Path]) -> FilesState:
    """What `list_checkpoints` depends on: path, time and size of the files of all checkpoints in `folders`. While it is
    the same, so is the list."""
    state = []
    for folder in folders:
        try:
            children = sorted(os.listdir(folder))  # noqa: PTH208 - a folder's list is all that is asked
        except OSError:
            continue
        for child in children:
            for file in (CONFIG_FILE, WEIGHTS_FILE):
                place = folder / child / file
                try:
                    found = place.stat()
                    state.append((str(place), found.st_mtime_ns, found.st_size))
                except OSError:
                    state.append((str(place), 0, -1))
    return tuple(state)


def _entry(folder: Path) -> dict[str, Any]:
    base: dict[str, Any] = {"name": folder.name, "path": str(folder)}
    try:
        config = json.loads(read_text(folder / CONFIG_FILE, MOST_CONFIG))
    except OSError as error:
        return base | {"error": f"{CONFIG_FILE} of checkpoint {folder} cannot be read ({error.strerror}): {_COPY}"}
    except (ValueError, RecursionError) as error:
        return base | {"error": f"{CONFIG_FILE} of checkpoint {folder} is damaged ({error}): {_COPY}"}
    if not isinstance(config, dict):
        return base | {"error": f"{CONFIG_FILE} of checkpoint {folder} is damaged (not a JSON object): {_COPY}"}
    try:
        music, version = style_music(config), version_of(config)
        hands, titles = style_hands(config), style_titles(config)
    except ValueError as error:
        return base | {"error": f"{CONFIG_FILE} of checkpoint {folder} is damaged ({error}): {_COPY}"}
    if not (folder / WEIGHTS_FILE).is_file():
        return base | {"error": f"Checkpoint {folder} has no {WEIGHTS_FILE}: {_COPY}"}
    rate, decoder = config.get("token_rate"), config.get("decoder")
    return base | {
        "title": str(config.get("name", folder.name)),
        "family": str(config.get("family", OWN_FAMILY)),  # our first checkpoints do not name it
        "styles": list(music),
        "style_titles": titles,
        "beats_per_bar": {style: each.beats_per_bar for style, each in music.items()},
        "songs": {style: each.songs for style, each in music.items()},
        "hands": hands,
        "energy": isinstance(decoder, dict) and decoder.get("energy") is True,
        "description": str(config.get("description", "")),
        "token_rate": rate if is_number(rate) else None,
        "version": version,
    }
