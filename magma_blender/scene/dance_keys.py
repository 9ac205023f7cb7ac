"""The keys of a dancer's armature: keyed where frames changed, and compared with what the add-on wrote last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import bpy

from engine.choreography import runs_of
from smpl_rig.blender import compat

from ..errors import SceneError
from . import span_list
from .dancer import Dancer, load, load_or_none, write
from .keyed_target import Former, Keyed
from .target import Target, new_target, target_of

if TYPE_CHECKING:
    from smpl_rig.motion import Motion

MOST_PLACES = 5
"""Places that a message lists."""
ROUNDING = 1e-6
"""Radians and metres by which the same motion may differ where two versions of numpy have sampled it."""


def store(armature: bpy.types.Object, dancer: Dancer) -> None:
    """Keep a dancer whose keys are those that were kept before, and show its spans."""
    target = target_of(armature, dancer)
    if armature.override_library is not None:
        target.own()  # it carries the record
    action = target.action
    write(armature, replace(dancer, action=action.name if action is not None else dancer.action))
    span_list.refresh(armature)


def store_keyed(armature: bpy.types.Object, dancer: Dancer, frames: int) -> None:
    """Keep a dancer whose motion of so many frames was just keyed: the keys as they are now count as those that the
    add-on wrote."""
    prints = target_of(armature, dancer).fingerprint(frames, dancer.frame_start)
    store(armature, replace(dancer, key_prints=prints))


def followed(armature: bpy.types.Object, dancer: Dancer) -> tuple[Dancer, tuple[int, ...]]:
    """(the dancer at the frames where its keys are now, the frames of the dance, counted from 0, whose keys are not as
    the add-on wrote them). Raises SceneError where there is no saying that."""
    keyed = Keyed(dancer.motion(), dancer.frame_start, dancer.key_prints, dancer.action)
    found = target_of(armature, dancer).compare(keyed)
    return replace(dancer, frame_start=found.frame_start, key_prints=found.prints), found.edited


def current(armature: bpy.types.Object) -> Dancer:
    """What the armature carries, at the frames where its keys are now, if there is a saying where. Raises SceneError
    where it carries nothing."""
    dancer = load(armature)
    try:
        if target_of(armature, dancer).is_in_place(dancer.frame_start, len(dancer.key_prints)):
            return dancer  # which a long dance need not be compared for
        return followed(armature, dancer)[0]
    except (SceneError, ImportError):  # without numpy there is no saying, either
        return dancer


def hand_edited(armature: bpy.types.Object, dancer: Dancer) -> list[int]:
    """The frames of the dance, counted from 0, whose keys are not as the add-on wrote them."""
    return list(followed(armature, dancer)[1])


def untouched(armature: bpy.types.Object) -> Dancer:
    """What the armature carries, at the frames where its keys are now. Raises SceneError that names the frames whose
    keys the animator has changed."""
    dancer, frames = followed(armature, load(armature))
    if frames:
        raise SceneError(
            f'The keyframes of "{armature.name}" were changed by hand in frames '
            f"{_places(frames, dancer.frame_start)}. Press Keep My Keyframes to lock them as they are, or Restore "
            "Keyframes for the dance's own."
        )
    return dancer


def _places(frames: Iterable[int], first: int) -> str:
    """Frames of the dance, which begins at scene frame `first`, as scene frames for people: 3 to 7, 9."""
    inside = set(frames)
    runs = runs_of(frame in inside for frame in range(max(inside) + 1))
    shown = [
        f"{first + start}" if stop - start == 1 else f"{first + start} to {first + stop - 1}"
        for start, stop in runs[:MOST_PLACES]
    ]
    more = f" and {len(runs) - MOST_PLACES} more places" if len(runs) > MOST_PLACES else ""
    return ", ".join(shown) + more


def rewrite(armature: bpy.types.Object, dancer: Dancer, before: Motion, motion: Motion) -> None:
    """Key the frames of `motion` that are not as in `before`, which is keyed now. Raises SceneError, with everything as
    it was."""
    import numpy as np

    changed = np.ones(len(motion), bool)
    common = slice(min(len(before), len(motion)))
    changed[common] = (np.abs(motion.poses[common] - before.poses[common]) > ROUNDING).any(axis=1)
    changed[common] |= (np.abs(motion.trans[common] - before.trans[common]) > ROUNDING).any(axis=1)
    target_of(armature, dancer).rewrite(motion, changed, dancer.frame_start)


def write_new_action(
    armature: bpy.types.Object, dancer: Dancer, motion: Motion, name: str | None = None, target: Target | None = None
) -> Dancer:
    """Key a motion in a new action, from where the dance begins, on a target, which for None is what the armature is
    now; the dancer as it is then. The action before stays in the file where anything in it is not the add-on's own.
    name: the new action's; None is that of the action before. Raises SceneError, with everything as it was."""
    former, present = _former(armature)
    if name is None:
        name = present.name if former is not None and present is not None else dancer.action
    target = target or new_target(armature, dancer.frame_start, dancer.document, dancer.character)
    target.write(motion, dancer.frame_start, name, former)
    return replace(dancer, character=target.character)


def _former(armature: bpy.types.Object) -> tuple[Former | None, bpy.types.Action | None]:
    """(the dance that the armature's action holds, if it holds one; where its keys are). It need not be kept where it
    is just as the add-on keyed it and nothing else is on its curves, for its seed gives it again."""
    dancer = load_or_none(armature)
    if dancer is None:
        return None, None
    target, places = target_of(armature, dancer), compat.places(armature)
    action = target.action
    if action is None or action != places[0].action:
        return None, action
    try:
        now, edited = followed(armature, dancer)
    except SceneError:
        last = dancer.frame_start + len(dancer.key_prints) - 1
        return Former(dancer.frame_start, last, keep=True, channels=target.channels), action
    first, last = now.frame_start, now.frame_start + len(now.key_prints) - 1
    is_plain = target.is_plain(first, len(now.key_prints))
    is_ours = not edited and now.frame_start == dancer.frame_start and is_plain and not target.others(first, last)
    keep = not is_ours or action.use_fake_user or action.asset_data is not None
    return Former(first, last, keep, target.channels), action
