"""F1 on a button or a setting, and Online Manual in its menu: Blender opens the manual that came with the add-on."""

from __future__ import annotations

import bpy

from .. import paths
from .preferences import MagmaPreferences

OPERATORS = "magma."
"""What the names of operators begin with; other pages are those of settings."""


def manual_map() -> tuple[str, tuple[tuple[str, str], ...]]:
    """The folder of the pages, and the page of each of our buttons and settings, by Blender's name for it.

    A page has the name of what it explains, so the folder is the list.
    """
    folder = paths.manual_pages()
    pages = sorted(page.stem for page in folder.glob("*.html"))
    names = ((page, f"bpy.ops.{page}" if page.startswith(OPERATORS) else f"bpy.types.{page}") for page in pages)
    return f"{folder.as_uri()}/", tuple((name, f"{page}.html") for page, name in names)


def register() -> None:
    """Tell Blender."""
    bpy.utils.register_manual_map(manual_map)
    # Blender looks the class of a setting up by its name, and finds groups of settings, but no add-on's preferences
    setattr(bpy.types, MagmaPreferences.__name__, MagmaPreferences)


def unregister() -> None:
    """Take it back."""
    delattr(bpy.types, MagmaPreferences.__name__)
    bpy.utils.unregister_manual_map(manual_map)
