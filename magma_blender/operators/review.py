"""The operators that end the review of an edit, and that show the dance before it."""

from collections.abc import Callable

import bpy

from ..engine_host.session import session
from ..scene import review
from ..scene.review_list import review_of
from ..scene.selection import dancer_or_none, find_dancer
from .on_dancer import OnDancer
from .results import Result, do, refuse


class MAGMA_OT_accept_edit(OnDancer):
    """Keep the dance as it is after the edit in review"""

    bl_idname = "magma.accept_edit"
    bl_label = "Accept Edit"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only in review, while the engine is free."""
        return super().poll(context) and _is_in_review(cls, context)

    def execute(self, context: bpy.types.Context) -> Result:
        """End the review."""
        return _end(self, context, review.accept)


class MAGMA_OT_reject_edit(OnDancer):
    """Go back to the dance as it was before the edit in review: keys, spans, selection, frame"""

    bl_idname = "magma.reject_edit"
    bl_label = "Reject Edit"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only in review, while the engine is free."""
        return super().poll(context) and _is_in_review(cls, context)

    def execute(self, context: bpy.types.Context) -> Result:
        """Go back."""
        return _end(self, context, review.reject)


class MAGMA_OT_compare_edit(bpy.types.Operator):
    """Show the dance before the edit in review, or after it again; also while it plays"""

    bl_idname = "magma.compare_edit"
    bl_label = "Compare Before and After"
    # no step of its own among those that can be undone: nothing is changed but what is shown
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only in review."""
        return _is_in_review(cls, context)

    def execute(self, context: bpy.types.Context) -> Result:
        """Show the other one."""

        def work() -> str:
            is_before = review.compare(find_dancer(context))
            return f"Shown: {'before' if is_before else 'after'} the edit."

        return do(self, work)


def _end(operator: bpy.types.Operator, context: bpy.types.Context, choose: Callable[[bpy.types.Object], str]) -> Result:
    """Choose one of both dances. What the panel says of the edit is over then."""

    def work() -> str:
        told = choose(find_dancer(context))
        session.notice = None
        return told

    return do(operator, work)


def _is_in_review(cls: type[bpy.types.Operator], context: bpy.types.Context) -> bool:
    if review_of(dancer_or_none(context)) is not None:
        return True
    refuse(cls, "No edit of this dance is in review")
    return False


CLASSES = (MAGMA_OT_accept_edit, MAGMA_OT_reject_edit, MAGMA_OT_compare_edit)
