"""The menu of the actions that keep a dance."""

from __future__ import annotations

import bpy

from ..scene import dance_asset
from .draw import name_text, never_raises


class MAGMA_MT_assets(bpy.types.Menu):
    """The actions of this file that keep a dance, marked here or appended from an asset library"""

    bl_idname = "MAGMA_MT_assets"
    bl_label = "Use Dance of Action"

    def draw(self, context: bpy.types.Context) -> None:
        """One entry an action."""
        assert self.layout is not None
        with never_raises(self.layout):
            found = dance_asset.dances()
            if not found:
                self.layout.operator("magma.use_asset", text="None in this file")
            for action in found:
                self.layout.operator(
                    "magma.use_asset", text=name_text(action.name), translate=False
                ).action = action.name


CLASSES = (MAGMA_MT_assets,)
