"""The operators that make a dance: generate, cancel, new seed."""

from __future__ import annotations

import random
from typing import Any

import bpy

from ..engine_host.session import session
from .job_operator import JobOperator

# mypy: disallow-subclassing-any=False

LARGEST_SEED = 2**31 - 1


class MAGMA_OT_generate_dance(JobOperator, bpy.types.Operator):
    """Generate a dance to the selected song strip and key it on an armature"""

    bl_idname = "magma.generate_dance"
    bl_label = "Generate Dance"
    # without REGISTER there is no redo panel, which would run the engine again at every change of a setting
    bl_options = {"UNDO"}

    def start(self, context: Any) -> None:
        """Ask the engine."""
        session.start_job(context)


class MAGMA_OT_cancel(bpy.types.Operator):
    """Stop what the engine is doing, or its installation; the scene stays as it is"""

    bl_idname = "magma.cancel"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: Any) -> bool:
        """Only while something is going on."""
        return session.occupied

    def execute(self, _context: Any) -> set[str]:
        """Ask for the end."""
        session.cancel_job()
        session.cancel_errand()
        if session.installation is not None:
            session.installation.cancel()
        return {"FINISHED"}


class MAGMA_OT_new_seed(bpy.types.Operator):
    """Draw another seed, for another dance to the same song"""

    bl_idname = "magma.new_seed"
    bl_label = "New Seed"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    def execute(self, context: Any) -> set[str]:
        """Draw it."""
        context.scene.magma.seed = random.randint(0, LARGEST_SEED)
        return {"FINISHED"}


CLASSES = (MAGMA_OT_generate_dance, MAGMA_OT_cancel, MAGMA_OT_new_seed)
