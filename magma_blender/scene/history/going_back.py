"""The way back to a version of a dance: its document, motion and keys as they were, without the engine."""

from __future__ import annotations

from dataclasses import replace

import bpy

from ...errors import SceneError
from .. import dance_keys, edits, own_keyframes, review
from ..dancer import Dancer, load
from ..keyed_target import SAME_FRAME
from ..target import keyed_as, target_of
from ..transaction import all_or_nothing
from . import recording, snapshots, store
from .snapshots import Contents
from .versions import Version


class _OtherRestError(SceneError):
    """Keys of a version do not show its motion, since the armature rests in another pose now."""


def go_back(armature: bpy.types.Object, number: int) -> str:
    """Dance a version again, and say so. Raises SceneError, with everything as it was.

    Its keys come back to the bit in the present action, where all other keys stay. A version of the same part of the
    same song begins where the dance begins now, should it have been moved; another one where it began then. Keyframes
    that the animator has changed since the last version are a version of their own first. Where the armature rests in
    another pose than then, or no keys were kept, the version's motion is keyed as Restore Keyframes would. An edit in
    review is accepted.
    """
    edits.check_kept(armature)
    version = store.read(armature).version(number)
    if version is None:
        raise SceneError("This version of the dance is not there any more: choose another one in the list.")
    try:
        was = snapshots.contents(store.getter(armature), version)
    except ValueError as error:
        raise SceneError(
            f'The version "{version.name}" of the dance is damaged ({error}), so there is no going back to it: choose '
            "another one, or open an earlier version of the file."
        ) from error
    review.show_after(armature)
    kept = _keep_changes(armature)
    present = edits.ready(armature)
    was = replace(was, dancer=_placed(was.dancer, present))
    count = len(was.dancer.motion())
    _check_room(armature, present, was.dancer, count)
    try:
        with review.accepting(armature), all_or_nothing(armature):
            _write(armature, present, was, count)
            _finish(armature, version)
    except _OtherRestError:
        with review.accepting(armature), all_or_nothing(armature):
            _key_again(armature, was.dancer, count)
            _finish(armature, version)
    return f'Back at "{version.name}".{kept}'


def _keep_changes(armature: bpy.types.Object) -> str:
    """What is danced now as a version, if it is none; what is said of that."""
    if dance_keys.hand_edited(armature, load(armature)):
        return f" {own_keyframes.keep(armature)}"
    begun = recording.begin(armature)
    if begun.parts.new:
        recording.keep(armature, begun.history, begun.parts)
    return ""


def _placed(was: Dancer, present: Dancer) -> Dancer:
    """The dancer of a version at the frames where it belongs now."""
    same = [(a.sha256, a.start, a.seconds, a.speed) for a in (was.document.audio[0], present.document.audio[0])]
    return replace(was, frame_start=present.frame_start) if same[0] == same[1] else was


def _check_room(armature: bpy.types.Object, present: Dancer, was: Dancer, count: int) -> None:
    first, last = present.frame_start, present.frame_start + len(present.key_prints) - 1
    if count > len(present.key_prints):
        target_of(armature, present).check_can_grow()
    own = [
        frame
        for frame in target_of(armature, present).others(first, last)
        if was.frame_start - SAME_FRAME < frame < was.frame_start + count - 1 + SAME_FRAME
    ]
    if own:
        raise SceneError(
            f'"{armature.name}" has keyframes of its own from frame {own[0]:g} to {own[-1]:g}, where that version of '
            "the dance was: move or delete them first."
        )


def _write(armature: bpy.types.Object, present: Dancer, was: Contents, count: int) -> None:
    dancer, keys = was.dancer, was.keys
    if keys is None:
        raise _OtherRestError
    former = present.frame_start, len(present.key_prints)
    if dancer.character != present.character:
        target = keyed_as(armature, dancer.character)
        target.check()
        dance_keys.write_new_action(armature, dancer, dancer.motion(), target=target)
        former = dancer.frame_start, count
    target_of(armature, dancer).put_back(keys, dancer.frame_start, former)
    dance_keys.store_keyed(armature, dancer, count)
    try:
        shown = not dance_keys.hand_edited(armature, load(armature))
    except SceneError:
        shown = False
    if not shown:
        raise _OtherRestError


def _key_again(armature: bpy.types.Object, dancer: Dancer, count: int) -> None:
    keyed = dance_keys.write_new_action(armature, dancer, dancer.motion())
    dance_keys.store_keyed(armature, keyed, count)


def _finish(armature: bpy.types.Object, version: Version) -> None:
    """The version is danced."""
    recording.keep(armature, replace(store.read(armature), present=version.number))
