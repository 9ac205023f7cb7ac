"""The keys of a dancer's armature: written where frames changed, and compared with what the add-on wrote last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import bpy

from engine.choreography import runs_of

from ..errors import SceneError
from . import span_list
from .dancer import Dancer, write

if TYPE_CHECKING:
    from smpl_rig.motion import Motion

MOST_PLACES = 5
"""Places that a message lists."""


def store(armature: bpy.types.Object, dancer: Dancer) -> None:
    """Keep a dancer whose keys are those that were kept before, and show its spans."""
    animation = armature.animation_data
    action = animation.action if animation is not None else None
    write(armature, replace(dancer, action=action.name if action is not None else dancer.action))
    span_list.refresh(armature)


def store_keyed(armature: bpy.types.Object, dancer: Dancer, frames: int) -> None:
    """Keep a dancer whose motion of so many frames was just keyed: the keys as they are now count as those that the
    add-on wrote."""
    store(armature, replace(dancer, key_prints=prints_now(armature, dancer, frames)))


def prints_now(armature: bpy.types.Object, dancer: Dancer, frames: int) -> tuple[int, ...]:
    """What `Dancer.key_prints` would be of the present keys of the first `frames` frames."""
    from smpl_rig.blender.rewrite import key_prints

    return tuple(key_prints(armature, frames, dancer.frame_start).tolist())


def hand_edited(armature: bpy.types.Object, dancer: Dancer) -> list[int]:
    """The frames of the dance, counted from 0, whose keys are not as the add-on wrote them."""
    now = prints_now(armature, dancer, len(dancer.key_prints))
    return [frame for frame, (one, other) in enumerate(zip(dancer.key_prints, now, strict=True)) if one != other]


def check_untouched(armature: bpy.types.Object, dancer: Dancer) -> None:
    """Raise SceneError that names the frames whose keys the animator has changed."""
    if armature.animation_data is None or armature.animation_data.action is None:
        raise SceneError(
            f'"{armature.name}" has no action, so its dance cannot be changed: assign "{dancer.action}" to it again, '
            "or restore the dance's keyframes."
        )
    frames = hand_edited(armature, dancer)
    if frames:
        raise SceneError(
            f'The keyframes of "{armature.name}" were changed by hand in frames '
            f"{_places(frames, dancer.frame_start)}. Press Keep My Keyframes to lock them as they are, or Restore "
            "Keyframes for the dance's own."
        )


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
    from smpl_rig.blender.armature import ArmatureError
    from smpl_rig.blender.rewrite import rewrite_motion

    changed = (motion.poses != before.poses).any(axis=1) | (motion.trans != before.trans).any(axis=1)
    try:
        rewrite_motion(armature, motion, changed, dancer.frame_start)
    except ArmatureError as error:
        raise SceneError(str(error)) from error


def write_new_action(armature: bpy.types.Object, dancer: Dancer, motion: Motion) -> bpy.types.Action:
    """Key a motion in a new action, from where the dance begins. Raises SceneError, with everything as it was."""
    from smpl_rig.blender.armature import ArmatureError
    from smpl_rig.blender.keyframes import write_motion

    try:
        return write_motion(armature, motion, dancer.frame_start, dancer.fps, dancer.strip)
    except ArmatureError as error:
        raise SceneError(str(error)) from error
