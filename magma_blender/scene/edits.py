"""Edits of a dance: of its document alone, and what the engine answered, keyed where frames changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import bpy

from engine.choreography import Choreography
from engine.errors import ChoreographyError
from smpl_rig.blender import compat

from ..engine_host import engine_setup
from ..engine_host.answers import DanceAnswer, unusable
from ..errors import SceneError
from . import dance_keys, review
from .dancer import Dancer
from .generated_dance import read_generated
from .history.recording import recorded
from .target import new_target, target_of
from .transaction import all_or_nothing, record_or_nothing


def change(
    armature: bpy.types.Object,
    edit: Callable[[Choreography], Choreography],
    name: str,
    dancer: Dancer | None = None,
) -> None:
    """Edit the document alone, with a function of `engine.choreography`; the keys stay. name: what the history calls
    that. dancer: what the armature carries now, where that is known. Raises SceneError, and then nothing is
    changed."""
    check_kept(armature)
    if review.show_after(armature) or dancer is None:
        dancer = dance_keys.current(armature)
    try:
        edited = edit(dancer.document)
    except ChoreographyError as error:
        raise SceneError(str(error)) from error
    # an override's record may go with its action, which then becomes this file's own
    whole = record_or_nothing(armature) if armature.override_library is None else all_or_nothing(armature)
    with review.accepting(armature), whole, recorded(armature, name, moves=False):
        dance_keys.store(armature, replace(dancer, document=edited))


def check_kept(armature: bpy.types.Object) -> None:
    """Raise SceneError where Blender would not save what is changed, or not show it."""
    if armature.library is not None:
        raise SceneError(
            f'"{armature.name}" is linked from another file, in which alone it can be changed: make a library override '
            "of it first (Object > Library Override > Make), or open that file."
        )
    if armature.override_library is not None and target_of(armature).action is None:
        raise SceneError(
            f'The dance of "{armature.name}", a library override, is kept with its action, and there is none: assign '
            "one again, or restore the dance's keyframes."
        )


def _check_assignable(armature: bpy.types.Object) -> None:
    """Raise SceneError where the keys could only change in a copy of their action, and Blender would not let it be
    assigned."""
    data, action = armature.animation_data, target_of(armature).action
    if data is None or not data.use_tweak_mode or action is None:
        return
    place = next(place for place in compat.places(armature) if place.action == action)
    if not compat.is_own(place):
        raise SceneError(
            f'An NLA strip of "{armature.name}" is being tweaked, and its action "{action.name}" is used elsewhere, '
            "too, where it has to stay as it is: leave its Tweak Mode (Tab) first."
        )


def ready(armature: bpy.types.Object) -> Dancer:
    """What the armature carries, if other keys can be written; from now on it shows the dance after the edit in
    review, if there is one. Raises MagmaError."""
    engine_setup.check_numpy()
    review.show_after(armature)
    target_of(armature).check()
    _check_assignable(armature)
    return dance_keys.untouched(armature)


def check_same(armature: bpy.types.Object, dancer: Dancer, keys_are: bool = True) -> None:
    """Raise SceneError if the dance was changed since the engine was asked. keys_are: whether its keys are the same."""
    now = dance_keys.current(armature)
    if replace(now, key_prints=()) != replace(dancer, key_prints=()) or not keys_are:
        raise SceneError(
            f'The dance of "{armature.name}" was changed while the engine worked on it, so its answer does not fit any '
            "more: do it again."
        )


def finish_edit(
    armature: bpy.types.Object,
    dancer: Dancer,
    answer: DanceAnswer,
    name: str,
    manner: review.Manner = review.reviewed,
) -> None:
    """Key the engine's answer to an edit of `dancer` in the present action, where frames changed. name: what the
    history and the review call that. manner: what it means for review. Raises MagmaError, with everything as it
    was."""
    review.show_after(armature)
    _check_assignable(armature)
    dance_keys.untouched(armature)
    check_same(armature, dancer)
    edited, before = read_generated(answer), dancer.motion()
    if len(edited.motion) != len(before) or edited.motion.fps != before.fps:
        raise unusable(f"{len(edited.motion)} frames for {len(before)}")
    with manner(armature, name), all_or_nothing(armature), recorded(armature, name):
        dance_keys.rewrite(armature, dancer, before, edited.motion)
        dance_keys.store_keyed(armature, replace(dancer, document=edited.document, npz=edited.npz), len(before))


def finish_chain(armature: bpy.types.Object, dancer: Dancer, answer: DanceAnswer, name: str) -> None:
    """Key the engine's answer to a chain that begins with `dancer` in the present action, which gets longer. name: what
    the history and the review call that. Raises MagmaError, with everything as it was."""
    review.show_after(armature)
    _check_assignable(armature)
    dance_keys.untouched(armature)
    check_same(armature, dancer)
    chained = read_generated(answer)
    after = dancer.frame_start + len(dancer.key_prints)
    last = dancer.frame_start + len(chained.motion) - 1
    others = target_of(armature).others(dancer.frame_start, after - 1)
    in_the_way = [frame for frame in others if after <= frame <= last]
    if in_the_way:
        raise SceneError(
            f'"{armature.name}" has keyframes of its own from frame {in_the_way[0]:g} to {in_the_way[-1]:g}, where the '
            "second dance would be: move or delete them first."
        )
    with review.reviewed(armature, name), all_or_nothing(armature), recorded(armature, name):
        dance_keys.rewrite(armature, dancer, dancer.motion(), chained.motion)
        longer = replace(dancer, document=chained.document, npz=chained.npz)
        dance_keys.store_keyed(armature, longer, len(chained.motion))


def restore(armature: bpy.types.Object) -> bpy.types.Action:
    """Key the dance as it is kept in a new action, which is returned. The present one stays in the file where anything
    in it is not the add-on's own. Raises SceneError."""
    engine_setup.check_numpy()
    review.show_after(armature)
    dancer = dance_keys.current(armature)
    motion = dancer.motion()
    new_target(armature, dancer.frame_start).check()
    with review.accepting(armature), all_or_nothing(armature), recorded(armature, "Restore Keyframes"):
        dancer = dance_keys.write_new_action(armature, dancer, motion)
        dance_keys.store_keyed(armature, dancer, len(motion))
    action = target_of(armature).action
    assert action is not None
    return action
