"""Keyboard shortcuts, which do nothing until the user turns them on in the add-on's preferences."""

from __future__ import annotations

from typing import Literal

import bpy

from smpl_rig.blender.context import manager_of

EDITORS: tuple[tuple[str, Literal["VIEW_3D", "SEQUENCE_EDITOR"]], ...] = (
    ("3D View", "VIEW_3D"),
    ("Sequencer", "SEQUENCE_EDITOR"),
)
"""The names of their keymaps, and what they edit."""
Key = Literal["G", "R", "L", "U", "C", "LEFT_ARROW", "RIGHT_ARROW"]
SHORTCUTS: tuple[tuple[str, Key, dict[str, int]], ...] = (
    ("magma.generate_dance", "G", {}),
    ("magma.replace_spans", "R", {}),
    ("magma.lock_spans", "L", {}),
    ("magma.unlock_spans", "U", {}),
    ("magma.compare_edit", "C", {}),
    ("magma.switch_variant", "LEFT_ARROW", {"step": -1}),
    ("magma.switch_variant", "RIGHT_ARROW", {"step": 1}),
)
"""Operator, key with Shift and Alt, properties."""
_items: list[tuple[bpy.types.KeyMap, bpy.types.KeyMapItem]] = []


def register() -> None:
    """Add them, turned off."""
    configuration = manager_of(bpy.context).keyconfigs.addon
    if configuration is None:
        return
    for editor, space in EDITORS:
        keymap = configuration.keymaps.new(name=editor, space_type=space)
        for operator, key, values in SHORTCUTS:
            item = keymap.keymap_items.new(operator, key, "PRESS", shift=True, alt=True)
            for name, value in values.items():
                setattr(item.properties, name, value)
            item.active = False
            _items.append((keymap, item))


def unregister() -> None:
    """Remove them."""
    while _items:
        keymap, item = _items.pop()
        keymap.keymap_items.remove(item)


def draw_shortcuts(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Each with its tick, and with its keys to be changed, as in Blender's own preferences."""
    import rna_keymap_ui

    configuration = manager_of(context).keyconfigs.user
    ours = {operator for operator, _, _ in SHORTCUTS}
    for editor, _ in EDITORS:
        keymap = configuration.keymaps.get(editor) if configuration is not None else None
        if configuration is None or keymap is None:
            continue
        column = layout.column()
        column.label(text=editor)
        column.context_pointer_set("keymap", keymap)
        for item in keymap.keymap_items:
            if item.idname in ours:
                rna_keymap_ui.draw_kmi([], configuration, keymap, item, column, 0)
