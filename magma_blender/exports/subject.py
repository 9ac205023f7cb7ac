"""What is exported: a character, its dance's frames and their name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import bpy

from smpl_rig.blender.compat import armature_of, places

from ..errors import SceneError
from ..scene.dance_keys import current, hand_edited
from ..scene.dancer import has_dance
from ..scene.target import target_of

if TYPE_CHECKING:
    from smpl_rig.motion import Motion


@dataclass(frozen=True)
class Subject:
    """An armature and its dance, or what else its action holds. first, last: scene frames. fps: the scene's rate."""

    armature: bpy.types.Object
    name: str
    first: int
    last: int
    fps: float

    def __len__(self) -> int:
        return self.last - self.first + 1


def subject_of(scene: bpy.types.Scene, armature: bpy.types.Object) -> Subject:
    """What an armature does in the scene. Raises SceneError where that is nothing."""
    if armature_of(armature).pose_position == "REST":
        raise SceneError(
            f'"{armature.name}" is shown in its rest position, so nothing of its dance can be seen: choose Pose Position '
            "in the properties of its armature."
        )
    fps = scene.render.fps / scene.render.fps_base
    if has_dance(armature):
        dancer, action = current(armature), target_of(armature).action
        last = dancer.frame_start + len(dancer.key_prints) - 1
        name = action.name if action is not None else dancer.strip
        return Subject(armature, name, dancer.frame_start, last, fps)
    found = places(armature)
    if not found:
        raise SceneError(
            f'"{armature.name}" has no dance and no action: select an armature that dances, and export it again.'
        )
    ranges = [
        (strip.frame_start, strip.frame_end)
        for strip in (place.holder for place in found)
        if isinstance(strip, bpy.types.NlaStrip)
    ]
    if not isinstance(found[0].holder, bpy.types.NlaStrip):
        ranges.append(tuple(found[0].action.frame_range))
    first, last = min(start for start, _ in ranges), max(end for _, end in ranges)
    return Subject(armature, found[0].action.name, round(first), round(last), fps)


def motion_of(subject: Subject) -> Motion:
    """The dance as a motion of the SMPL body: as it is kept where no key was changed, else as it is keyed. Raises
    SceneError where the armature is no target of dances."""
    armature = subject.armature
    target = target_of(armature)
    target.check()
    if has_dance(armature):
        dancer = current(armature)
        if not hand_edited(armature, dancer):
            return dancer.motion()
    return target.read(list(range(len(subject))), subject.first, subject.fps)
