"""The box of an edit in review: what has changed where, and Accept, Reject, Compare."""

from __future__ import annotations

import bpy

from ..scene import review
from ..scene.dancer import Dancer
from ..scene.review_list import MagmaReview, changed_ranges, review_of
from ..scene.selection import places_text
from ..translations.texts import translated
from .draw import draw_lines, name_text

MOST_PLACES = 3
"""Places that the box lists; of more it says how many, and between what."""


def draw_review(
    layout: bpy.types.UILayout, context: bpy.types.Context, armature: bpy.types.Object, dancer: Dancer
) -> None:
    """The box, where an edit of the dance is in review."""
    found = review_of(armature)
    if found is None:
        return
    box = layout.box()
    box.label(text=translated(name_text(found.title)), icon="RESTRICT_VIEW_OFF")
    is_before = review.is_before_shown(armature, found)
    lines = [_where(dancer, found), "Another edit accepts this one."]
    draw_lines(box, ["Shown: before the edit."] if is_before else lines, context)
    row = box.row(align=True)
    row.operator("magma.accept_edit", text="Accept", icon="CHECKMARK")
    row.operator("magma.reject_edit", text="Reject", icon="X")
    box.operator("magma.compare_edit", text="Compare", icon="UV_SYNC_SELECT", depress=is_before)


def _where(dancer: Dancer, found: MagmaReview) -> str:
    ranges = list(changed_ranges(found))
    if not ranges:
        return "No move has changed."
    if len(ranges) <= MOST_PLACES:
        return f"Changed: {places_text(dancer, ranges)}."
    whole = [(ranges[0][0], ranges[-1][1])]
    return f"Changed: {len(ranges)} places, {places_text(dancer, whole)}."
