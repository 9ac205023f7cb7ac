"""The name of the sidebars' tab, which the user may change."""

from __future__ import annotations

from collections.abc import Sequence

import bpy

TAB = "MAGMA"
"""Unless the user gives another name."""
_panels: list[type[bpy.types.Panel]] = []


def name_tab(name: str, panels: Sequence[type[bpy.types.Panel]]) -> None:
    """Before these panels are registered: their tab's name, now and whenever it is changed."""
    _panels[:] = panels
    _give(name)


def rename_tab(name: str) -> None:
    """Give the registered panels another tab."""
    if not _panels or (name.strip() or TAB) == _panels[0].bl_category:
        return
    for panel in reversed(_panels):
        bpy.utils.unregister_class(panel)
    _give(name)
    for panel in _panels:
        bpy.utils.register_class(panel)


def _give(name: str) -> None:
    for panel in _panels:
        panel.bl_category = name.strip() or TAB
