"""Folders of the add-on."""

from __future__ import annotations

import os
import tempfile
from functools import lru_cache
from pathlib import Path

import bpy

from engine.checkpoint_index import FOLDERS_VARIABLE

PACKAGE = __package__ or ""
"""Name of the add-on's package: `magma_blender`, or `bl_ext.<repository>.magma_blender` as an extension."""


@lru_cache(maxsize=1)
def engine_root() -> Path:
    """The folder with the packages of the engine's process: `bundle` of the installed zip, else the repository's."""
    addon = Path(__file__).resolve().parent
    bundle = addon / "bundle"  # made by build_addon.py
    return bundle if (bundle / "engine").is_dir() else addon.parent


def shipped_presets() -> Path:
    """The folder of the presets that come with the add-on."""
    return Path(__file__).resolve().parent / "presets"


def manual_pages() -> Path:
    """The folder of the pages that F1 opens; build_addon.py puts the manual into the zip, the repository has none."""
    return Path(__file__).resolve().parent / "manual" / "go"


@lru_cache(maxsize=1)
def default_data_folder() -> Path:
    """The add-on's folder among the user's Blender data; it outlives an update of the add-on."""
    # not made here: panels ask for it, and one that cannot be made is said where it is needed
    folder = bpy.utils.user_resource("DATAFILES", path="magma")
    return Path(folder) if folder else Path(tempfile.gettempdir()) / "magma_blender"


def decoded_sounds_folder() -> Path:
    """The folder for sounds that are decoded for the engine, which Blender removes when it ends."""
    return Path(bpy.app.tempdir or tempfile.gettempdir()) / "magma_decoded"


def heard_songs_folder(data: Path) -> Path:
    """The folder of a data folder in which the engine keeps what it has heard of songs."""
    return data / "heard"


def own_checkpoint_folders(data: Path) -> list[Path]:
    """Folders with the user's own checkpoints: those of the environment's MAGMA_CHECKPOINTS, then the data folder's."""
    named = os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep)
    # os.path, since Path raises for the home of a user that is not known
    return [*(Path(os.path.expanduser(folder)) for folder in named if folder), imports_folder(data)]  # noqa: PTH111


def imports_folder(data: Path) -> Path:
    """The folder of a data folder in which imported checkpoints are put."""
    return data / "checkpoints"


def checkpoint_folders(data: Path) -> list[Path]:
    """Folders searched for checkpoints: those shipped with the add-on, then the user's own."""
    return [engine_root() / "checkpoints", *own_checkpoint_folders(data)]


def absolute(path: str) -> str:
    """A path as a user or Blender's file browser gives it, for a process with another working directory."""
    return os.path.abspath(bpy.path.abspath(os.path.expanduser(path)))  # noqa: PTH100, PTH111 - text to text
