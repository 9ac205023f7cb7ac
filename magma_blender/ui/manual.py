"""Where the manual explains what: for Online Manual in the menus of buttons and settings, and F1."""

from __future__ import annotations

import bpy

MANUAL = "https://magma-for-blender.example/manual/"
"""The folder of the manual's pages; the only place that knows it."""
PAGES = (
    "install",
    "first-dance",
    "character",
    "edit",
    "choreograph",
    "export",
    "batch",
    "checkpoints",
    "training",
    "troubleshooting",
    "reference",
)
"""The manual's pages. Each operator has a part of `reference`, see `anchor`."""
SETTINGS = {
    "MagmaSettings": "first-dance",
    "MagmaCharacter": "character",
    "MagmaSpan": "edit",
    "MagmaSpans": "edit",
    "MagmaExportSettings": "export",
    "MagmaOriginal": "checkpoints",
    "MagmaPreferences": "install",
}
"""The page of each group of settings."""
Map = tuple[str, tuple[tuple[str, str], ...]]


def anchor(operator: str) -> str:
    """The name of an operator's part of `reference`: its own with a dash in place of the dot."""
    return operator.replace(".", "-")


def manual_map() -> Map:
    """The folder, and of what Blender calls its functions and settings the page in it, which is a pattern each."""
    operators = sorted(f"magma.{name}" for name in dir(bpy.ops.magma))  # type: ignore[attr-defined]  # the add-on's own
    pages = [(f"bpy.ops.{operator}", f"reference/#{anchor(operator)}") for operator in operators]
    pages += [(f"bpy.ops.{operator}.*", page) for (_, page), operator in zip(list(pages), operators, strict=True)]
    # Blender looks names of types up in small letters
    pages += [(f"bpy.types.{group.lower()}.*", f"{page}/") for group, page in SETTINGS.items()]
    return MANUAL, tuple(pages)


def register() -> None:
    """Tell Blender."""
    bpy.utils.register_manual_map(manual_map)


def unregister() -> None:
    """Take it back."""
    bpy.utils.unregister_manual_map(manual_map)
