"""What operators share that edit a dance: when they can be used, and editing the document alone."""

from __future__ import annotations

from collections.abc import Callable

import bpy

from engine.choreography import Choreography, Range

from ..engine_host.session import session
from ..errors import SceneError
from ..scene import edits, review
from ..scene.dance_keys import current
from ..scene.selection import find_dancer, places_text, selected
from .results import Result, do, refuse


class OnDancer(bpy.types.Operator):
    """Base of an operator that needs an armature with a dance that can be edited, and nothing else going on."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only where there is a dance to edit, while the engine is free."""
        if session.occupied:
            refuse(cls, "The engine is busy: wait for it, or press Cancel")
            return False
        try:
            find_dancer(context)
        except SceneError as error:
            refuse(cls, str(error))
            return False
        return True


def dancer_to_edit(context: bpy.types.Context) -> bpy.types.Object:
    """`find_dancer`, which shows the dance after the edit in review from now on. Raises SceneError."""
    armature = find_dancer(context)
    review.show_after(armature)
    return armature


def change_selected(
    operator: bpy.types.Operator,
    context: bpy.types.Context,
    edit: Callable[[Choreography, Range], Choreography],
    done: Callable[[str], str],
) -> Result:
    """Edit the document at the selected places. done: what was done, given where."""

    def work() -> str:
        armature = dancer_to_edit(context)
        dancer = current(armature)
        ranges, _ = selected(context, armature, dancer)

        def edit_all(document: Choreography) -> Choreography:
            for part in ranges:
                document = edit(document, part)
            return document

        edits.change(armature, edit_all, f"{operator.bl_label}, {places_text(dancer, ranges)}", dancer)
        return done(places_text(dancer, ranges))

    return do(operator, work)
