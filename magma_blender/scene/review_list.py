"""Which dances are in review: `scene.magma_reviews`, where each edit that waits for Accept or Reject is kept.

It is kept with the scene and not with the armature, since Blender saves nothing that is added to a library override.
Whatever was there before the edit is in data-blocks and properties of the .blend, so undo, saving, autosave and loading
treat it like everything else.
"""

# Blender reads properties from annotations that are calls, so these are neither types nor kept as text.
# mypy: disable-error-code=valid-type

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Protocol, cast

import bpy

from engine.checks import is_count
from engine.choreography import MOST_POSITIONS, Range

LONGEST_RANGES = 1 << 20
"""Characters of the text that says where a dance has changed."""


class _Group(Protocol):
    """A free property that is a group."""

    def to_dict(self) -> dict[str, object]: ...


class MagmaReview(bpy.types.PropertyGroup):
    """An edit in review. before: the dance's action as it was, untouched; after: the edited copy of it. action_name:
    what the action was called. slot: the identifier of its slot, from Blender 4.4 on. is_own: whether `before` was used
    by this dance alone, so that it goes when the edit is accepted. title: what was done. ranges: where the dance has
    changed. content_before, content_after: checksums of the actions, see `action_content`. view: see `review_view`.

    The records of the dancer before and after are free properties beside these.
    """

    armature: bpy.props.PointerProperty(type=bpy.types.Object)
    before: bpy.props.PointerProperty(type=bpy.types.Action)
    after: bpy.props.PointerProperty(type=bpy.types.Action)
    action_name: bpy.props.StringProperty()
    slot: bpy.props.StringProperty()
    is_own: bpy.props.BoolProperty()
    title: bpy.props.StringProperty()
    ranges: bpy.props.StringProperty()
    content_before: bpy.props.StringProperty()
    content_after: bpy.props.StringProperty()
    view: bpy.props.StringProperty()


def reviews_of(scene: bpy.types.Scene) -> "bpy.types.bpy_prop_collection_idprop[MagmaReview]":
    """The edits in review of a scene."""
    found: bpy.types.bpy_prop_collection_idprop[MagmaReview] = scene.magma_reviews  # type: ignore[attr-defined]  # `register` adds it
    return found


def review_of(armature: bpy.types.Object | None) -> MagmaReview | None:
    """The edit of an armature's dance that is in review."""
    return next(all_reviews(armature), None) if armature is not None else None


def all_reviews(armature: bpy.types.Object) -> Iterator[MagmaReview]:
    """The same with its copies, which copies of the scene have."""
    for scene in bpy.data.scenes:
        for review in reviews_of(scene):
            if review.armature == armature:
                yield review


def end_reviews(armature: bpy.types.Object) -> None:
    """No edit of the armature's dance is in review any more, nor any of armatures that were deleted, which Blender
    would keep for the review's sake."""
    for scene in bpy.data.scenes:
        if scene.library is not None:
            continue
        reviews = reviews_of(scene)
        for number in reversed(range(len(reviews))):
            found = reviews[number].armature
            if found in (armature, None) or not found.users_scene:
                reviews.remove(number)


def record_in(review: MagmaReview, when: str) -> dict[str, object]:
    """The properties that the dancer was kept in, as plain values; when: "before" or "after"."""
    group = review.get(f"record_{when}")
    return cast("_Group", group).to_dict() if hasattr(group, "to_dict") else {}


def keep_record(review: MagmaReview, when: str, stored: Mapping[str, object]) -> None:
    """Keep what `record_in` gives."""
    # bytes in place of bytes are cut at their first zero by Blender 4.2 to 5.0
    review.pop(f"record_{when}", None)
    review[f"record_{when}"] = dict(stored)


def keep_ranges(review: MagmaReview, ranges: Sequence[Range]) -> None:
    """Keep what `changed_ranges` gives."""
    review.ranges = json.dumps(ranges)


def changed_ranges(review: MagmaReview) -> tuple[Range, ...]:
    """The token positions where the dance has changed; for drawing, at no cost."""
    return _read_ranges(review.ranges)


@lru_cache(maxsize=8)
def _read_ranges(text: str) -> tuple[Range, ...]:
    try:
        found = json.loads(text) if len(text) <= LONGEST_RANGES else []
    except (ValueError, RecursionError):
        return ()
    if not isinstance(found, list):
        return ()
    pairs = [part for part in found if isinstance(part, list) and len(part) == 2]
    return tuple(
        (start, stop)
        for start, stop in pairs
        if is_count(start, 0, MOST_POSITIONS) and is_count(stop, 0, MOST_POSITIONS) and start < stop
    )


def register() -> None:
    """Add `scene.magma_reviews`."""
    bpy.utils.register_class(MagmaReview)
    bpy.types.Scene.magma_reviews = bpy.props.CollectionProperty(type=MagmaReview)  # type: ignore[attr-defined,func-returns-value]


def unregister() -> None:
    """Remove it; what is in review stays in the file."""
    del bpy.types.Scene.magma_reviews  # type: ignore[attr-defined]
    bpy.utils.unregister_class(MagmaReview)
