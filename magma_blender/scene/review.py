"""Edits in review: a dance as it was and as it is now, both kept whole until one of them is chosen.

An edit in review is done in a copy of the dance's action; the action of before stays as it is, and so does what the
record said. The armature always is one of the two as a whole, action and record: Compare exchanges them, Reject goes
back to the first, Accept drops it. Keys that somebody changes by hand meanwhile are in one of the two actions, and stay
in the file whatever is chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace

import bpy

from smpl_rig.blender import compat
from smpl_rig.blender.context import scene_of

from ..errors import SceneError
from . import review_list, span_list
from .action_content import content_of
from .changed_moves import changed_moves
from .dancer import Dancer, load, put_back, read_stored, stored_in
from .history import recording
from .review_list import MagmaReview, keep_record, record_in, review_of
from .review_setting import are_reviewed
from .review_view import go_back, present_view
from .target import target_of

BEFORE, REJECTED = "before", "rejected"
LONGEST_BASE = 50
"""Bytes of an action's name that these words are added to; Blender has room for 63."""

Manner = Callable[[bpy.types.Object, str], AbstractContextManager[None]]
"""What an edit means for review: `reviewed`, `accepting`, `continuing`. Called with the armature and what is done,
around the transaction that changes its dance; where that raises, everything is as it was, the review as well."""


@contextmanager
def reviewed(armature: bpy.types.Object, title: str) -> Iterator[None]:
    """Around an edit that goes into review, where the user wants that; what was in review before is accepted."""
    if not are_reviewed(scene_of(bpy.context)):
        with accepting(armature):
            yield
        return
    show_after(armature)
    view = present_view(bpy.context, armature)
    record, dancer = stored_in(armature), load(armature)
    with accepting(armature):
        aside = _SetAside.of(armature)
        try:
            yield
        except BaseException:
            aside.put_back()
            raise
    review = review_list.reviews_of(scene_of(bpy.context)).add()
    review.armature, review.before, review.after = armature, aside.before, aside.holder.action
    review.title = title
    review.action_name, review.slot, review.is_own = aside.name, aside.slot, aside.is_own
    review.content_before, review.view = content_of(aside.before), view.to_text()
    keep_record(review, "before", record)
    _note_after(armature, review, dancer)
    review.content_after = content_of(review.after)


@contextmanager
def accepting(armature: bpy.types.Object | None, _title: str = "") -> Iterator[None]:
    """Around a change of the dance that is not reviewed: it accepts what is in review."""
    if armature is None or review_of(armature) is None:
        yield
        return
    show_after(armature)
    with _changing(armature):
        yield
    _drop_before(armature)


@contextmanager
def continuing(armature: bpy.types.Object, _title: str = "") -> Iterator[None]:
    """Around a change that belongs to what is in review, such as another of its variants; Reject takes both back."""
    review = review_of(armature)
    if review is None:
        yield
        return
    show_after(armature)
    by_hand = content_of(review.after) != review.content_after
    with _changing(armature):
        yield
    review = _review(armature)
    _note_after(armature, review, _dancer_before(armature, review))
    review.content_after = "" if by_hand else content_of(review.after)


def is_before_shown(armature: bpy.types.Object, review: MagmaReview) -> bool:
    """Whether the dance is shown as it was before the edit."""
    actions = [place.action for place in compat.places(armature)]
    return review.before in actions and review.after not in actions


def show_after(armature: bpy.types.Object) -> bool:
    """Show the dance as it is after the edit in review: what changes a dance changes that one. Whether it was not shown
    so already, or there is none. Raises SceneError."""
    review = review_of(armature)
    if review is None or not is_before_shown(armature, review):
        return False
    compare(armature)
    return True


def compare(armature: bpy.types.Object) -> bool:
    """Show the dance as it was before the edit in review, or after it again; whether it is before now. Raises
    SceneError."""
    review = _review(armature)
    place = _place(armature, review)
    if place is None:
        raise SceneError(
            f'"{armature.name}" does not play the action of its dance: assign it again, or press Reject for the dance '
            "before the edit."
        )
    back = place.action == review.before
    wanted = review.after if back else review.before
    if wanted is None:
        raise SceneError(
            f'The action that "{armature.name}" danced {"after" if back else "before"} the edit was deleted: undo '
            f"that, or press {'Reject' if back else 'Accept'}."
        )
    if not back:
        if place.action != review.after:
            _hold(armature, review.before, place.action)  # assigned by hand, such as a copy
        present = stored_in(armature)
        if present != record_in(review, "after"):
            keep_record(review, "after", present)
    _exchange(armature, place, wanted, review.slot)
    _carry(armature, record_in(review, "after" if back else "before"))
    span_list.mark_changed(armature, review_list.changed_ranges(review))
    return not back


def accept(armature: bpy.types.Object) -> str:
    """Keep the dance as it is after the edit; what was done, for people. Raises SceneError."""
    _review(armature)
    show_after(armature)
    kept = _drop_before(armature)
    return "The edit is accepted." + _also_kept(kept, "before the edit")


def reject(armature: bpy.types.Object) -> str:
    """Go back to the dance as it was before the edit; what was done, for people. Raises SceneError."""
    review = _review(armature)
    before, after, name, is_own = review.before, review.after, review.action_name, review.is_own
    record, view, slot = record_in(review, "before"), review.view, review.slot
    if before is None:
        raise SceneError(
            f'The action that "{armature.name}" danced before the edit was deleted, so the edit cannot be rejected: '
            "undo that, or press Accept."
        )
    place = _place(armature, review)
    shown = place.action if place is not None else None
    by_hand = after is not None and content_of(after) != review.content_after
    if place is None:
        _assign_anew(armature, before, slot)
    elif shown != before:
        _exchange(armature, place, before, slot)
    review_list.end_reviews(armature)
    kept = [
        action.name
        for action in dict.fromkeys((after, shown))
        if action is not None and action != before and _drop(action, action == after and not by_hand, name, REJECTED)
    ]
    if is_own:
        before.name = name
    _carry(armature, record)
    span_list.mark_changed(armature, ())
    go_back(bpy.context, armature, view)
    return "The edit is rejected." + _also_kept(kept[0] if kept else None, "after the edit")


def _also_kept(name: str | None, when: str) -> str:
    return f' What was changed by hand in the dance {when} is in the action "{name}".' if name is not None else ""


def _review(armature: bpy.types.Object) -> MagmaReview:
    review = review_of(armature)
    if review is None:
        raise SceneError(f'No edit of the dance of "{armature.name}" is in review.')
    return review


def _dancer_before(armature: bpy.types.Object, review: MagmaReview) -> Dancer:
    try:
        return read_stored(record_in(review, "before"))
    except ValueError as error:
        raise SceneError(
            f'What is kept of the dance of "{armature.name}" before the edit in review is damaged ({error}): press '
            "Accept, or go back to an earlier version of the file."
        ) from error


def _note_after(armature: bpy.types.Object, review: MagmaReview, before: Dancer) -> None:
    """Keep what the edit has made of the dance, and show where it has changed."""
    keep_record(review, "after", stored_in(armature))
    ranges = changed_moves(before, load(armature))
    review_list.keep_ranges(review, ranges)
    span_list.mark_changed(armature, ranges)


def _place(armature: bpy.types.Object, review: MagmaReview) -> compat.Place | None:
    """Where the dance is played: one of the two actions, or the one that has its keys."""
    places = compat.places(armature)
    # the action of before may be played elsewhere, too
    ours = [place for action in (review.after, review.before) for place in places if place.action == action]
    return ours[0] if ours else _danced(armature)


def _danced(armature: bpy.types.Object) -> compat.Place | None:
    action = target_of(armature).action
    return next((place for place in compat.places(armature) if place.action == action), None)


def _carry(armature: bpy.types.Object, record: dict[str, object]) -> None:
    """Let the armature carry a record, where it does not already: a library override's is in the action."""
    if stored_in(armature) != record:
        put_back(armature, record)
        recording.follow(armature)
    span_list.refresh(armature)


def _exchange(armature: bpy.types.Object, place: compat.Place, action: bpy.types.Action, slot: str) -> None:
    """Let a place play another action, and nothing else change."""
    if _is_tweaked(place):
        # Blender lets none be assigned then
        with _without_users(armature):
            if not compat.is_own(place):
                raise SceneError(
                    f'An NLA strip of "{armature.name}" is being tweaked, and its action "{place.action.name}" is used '
                    "elsewhere, too, where it has to stay as it is: leave its Tweak Mode (Tab) first."
                )
            place.action.user_remap(action)
    else:
        _slotted(place, action, slot).assign()
    armature.update_tag(refresh={"TIME"})


def _slotted(place: compat.Place, action: bpy.types.Action, slot: str) -> compat.Place:
    """The place with another action, and its slot of this name. Not assigned yet."""
    if not compat.LAYERED_ACTIONS:
        return replace(place, action=action)
    return replace(place, action=action, slot=action.slots.get(slot))


def _is_tweaked(place: compat.Place) -> bool:
    return isinstance(place.holder, bpy.types.AnimData) and place.in_strip


def _assign_anew(armature: bpy.types.Object, action: bpy.types.Action, slot: str) -> None:
    """Let an armature play an action that does not play that of its dance; what it plays stays in the file."""
    data = armature.animation_data or armature.animation_data_create()
    assert data is not None
    if data.use_tweak_mode:
        raise SceneError(f'An NLA strip of "{armature.name}" is being tweaked: leave its Tweak Mode (Tab) first.')
    if data.action is not None and data.action.library is None:
        data.action.use_fake_user = True
    _slotted(compat.Place(data, action, None, 0.0), action, slot).assign()


@contextmanager
def _without_users(armature: bpy.types.Object) -> Iterator[None]:
    """The review's actions without it as a user: Blender counts those, and an action of several users is copied before
    it is changed. Remapping would change what the review holds, too."""
    review = _review(armature)
    before, after = review.before, review.after
    _hold(armature, None, None)
    try:
        yield
    finally:
        _hold(armature, before, after)


@contextmanager
def _changing(armature: bpy.types.Object) -> Iterator[None]:
    """The same while what is shown is changed, the dance after the edit; a change that fails puts another action with
    the same keys in its place."""
    review = _review(armature)
    before, place = review.before, _place(armature, review)
    _hold(armature, None, None)
    try:
        yield
    finally:
        _hold(armature, before, place.holder.action if place is not None else None)


def _hold(armature: bpy.types.Object, before: bpy.types.Action | None, after: bpy.types.Action | None) -> None:
    for review in review_list.all_reviews(armature):
        review.before, review.after = before, after


def _drop_before(armature: bpy.types.Object) -> str | None:
    """End the review of a dance that is shown as after it; the name of the action of before, where it stays since
    somebody has changed it."""
    review = _review(armature)
    before, name, removed = review.before, review.action_name, review.is_own
    by_hand = before is not None and content_of(before) != review.content_before
    review_list.end_reviews(armature)
    span_list.mark_changed(armature, ())
    if before is None or not removed:
        return None
    return before.name if _drop(before, not by_hand, name, BEFORE) else None


def _drop(action: bpy.types.Action, is_ours: bool, base: str, why: str) -> bool:
    """Remove an action, or give it a name and a fake user where somebody has changed it (then `is_ours` is false) or
    uses it; whether it has changes of somebody's."""
    if action.library is not None:
        return False
    used = action.users - action.use_fake_user > 0
    if is_ours and not used and action.asset_data is None:
        bpy.data.actions.remove(action)
        return False
    if not used:
        action.use_fake_user = True
    action.name = _named(base, why)
    return not is_ours


def _named(base: str, why: str) -> str:
    return f"{base.encode()[:LONGEST_BASE].decode(errors='ignore')} ({why})"


@dataclass(frozen=True)
class _SetAside:
    """A dance's action set aside, in favour of a copy that is played in its place. name: what it was called. is_own:
    whether nothing else uses it; then the copy has its name meanwhile."""

    holder: bpy.types.AnimData | bpy.types.NlaStrip
    before: bpy.types.Action
    name: str
    slot: str
    is_own: bool
    place: compat.Place

    @classmethod
    def of(cls, armature: bpy.types.Object) -> _SetAside:
        place = _danced(armature)
        assert place is not None  # an edit has looked at its keys
        before, name, is_own = place.action, place.action.name, compat.is_own(place)
        slot = place.slot.identifier if place.slot is not None else ""
        copied = place.copied()
        if is_own:
            before.name = _named(name, BEFORE)
            copied.action.name = name
            copied.action.use_fake_user = before.use_fake_user
        if _is_tweaked(place):
            before.user_remap(copied.action)
        else:
            copied.assign()
        return cls(place.holder, before, name, slot, is_own, place)

    def put_back(self) -> None:
        """Play it again; the copy goes."""
        copy = self.holder.action
        if copy is None or copy == self.before:
            return
        if _is_tweaked(self.place):
            copy.user_remap(self.before)
        else:
            self.place.assign()
        bpy.data.actions.remove(copy)
        if self.is_own:
            self.before.name = self.name
