"""The menu of the candidates that are kept beside a dance."""

from __future__ import annotations

import bpy

from ..scene import candidates
from ..scene.selection import dancer_or_none
from ..translations.texts import translated
from .draw import name_text, never_raises


class MAGMA_MT_candidates(bpy.types.Menu):
    """The dances that were generated beside the best one, best first"""

    bl_idname = "MAGMA_MT_candidates"
    bl_label = "Use Candidate"

    def draw(self, context: bpy.types.Context) -> None:
        """The one whose track is soloed or active; then one entry a candidate."""
        assert self.layout is not None
        with never_raises(self.layout):
            self.layout.operator("magma.use_candidate", text="Soloed or Active Track").action = ""
            self.layout.separator()
            armature = dancer_or_none(context)
            for candidate in reversed(candidates.of(armature) if armature is not None else []):
                values = self.layout.operator("magma.use_candidate", text=translated(name_text(candidate.name)))
                values.action = candidate.action.name


CLASSES = (MAGMA_MT_candidates,)
