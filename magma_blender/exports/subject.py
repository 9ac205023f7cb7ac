"""What is exported: a character, its dance's frames and their name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import bpy

from smpl_rig.blender.compat import Place, armature_of, places
from smpl_rig.blender.context import active_object
from smpl_rig.blender.keyed_character import read_character
from smpl_rig.retarget.roles import HIPS

from ..errors import SceneError
from ..scene.characters import is_smpl
from ..scene.dance_keys import current, hand_edited
from ..scene.dancer import has_dance
from ..scene.keyed_target import as_scene_errors
from ..scene.selection import find_dancer
from ..scene.target import target_of

if TYPE_CHECKING:
    from smpl_rig.motion import Motion


@dataclass(frozen=True)
class Subject:
    """An armature and its dance, or what else its action holds. first, last: scene frames. fps: the scene's rate. hips:
    the bone that a character's dance has for its hips; empty where no dance says that."""

    armature: bpy.types.Object
    name: str
    first: int
    last: int
    fps: float
    hips: str = ""

    def __len__(self) -> int:
        return self.last - self.first + 1


def character(context: bpy.types.Context) -> bpy.types.Object:
    """The armature that is meant: the active one, or that of the active mesh, if it moves; else the dancer that the
    editing buttons are for. Raises SceneError."""
    active = active_object(context)
    for candidate in (active, active.find_armature() if active is not None else None):
        if candidate is not None and candidate.type == "ARMATURE" and (has_dance(candidate) or places(candidate)):
            return candidate
    return find_dancer(context)


def subject_of(scene: bpy.types.Scene, armature: bpy.types.Object) -> Subject:
    """What an armature does in the scene. Raises SceneError where that is nothing."""
    if armature_of(armature).pose_position == "REST":
        raise SceneError(
            f'"{armature.name}" is shown in its rest position, so nothing of its dance can be seen: choose Pose '
            "Position in the properties of its armature."
        )
    fps = scene.render.fps / scene.render.fps_base
    if has_dance(armature):
        dancer, action = current(armature), target_of(armature).action
        last = dancer.frame_start + len(dancer.key_prints) - 1
        name = action.name if action is not None else dancer.strip
        hips = next(iter(read_character(dancer.character).map.of(HIPS)), "") if dancer.character else ""
        return Subject(armature, name, dancer.frame_start, last, fps, hips)
    playing = [place for place in places(armature) if not _is_mute(armature, place)]
    if not playing:
        raise SceneError(
            f'"{armature.name}" has no dance and no action: select an armature that dances, and export it again.'
        )
    starts, ends = zip(*map(_range, playing), strict=True)
    return Subject(armature, playing[0].action.name, round(min(starts)), round(max(ends)), fps)


def _is_mute(armature: bpy.types.Object, place: Place) -> bool:
    data, strip = armature.animation_data, place.holder
    if data is None or not isinstance(strip, bpy.types.NlaStrip):
        return False
    track = next(track for track in data.nla_tracks if strip in track.strips[:])
    return strip.mute or track.mute or (any(other.is_solo for other in data.nla_tracks) and not track.is_solo)


def _range(place: Place) -> tuple[float, float]:
    """First and last scene frame."""
    if isinstance(place.holder, bpy.types.NlaStrip):
        return place.holder.frame_start, place.holder.frame_end
    frames, offset = place.action.frame_range, place.offset or 0.0
    return frames[0] + offset, frames[1] + offset


def motion_of(subject: Subject) -> Motion:
    """The dance as a motion of the SMPL body: as it is kept, but for frames whose keys were changed, which are as they
    are keyed. Raises SceneError where nothing is kept, and the armature is not SMPL's, either."""
    import numpy as np

    from smpl_rig.motion import Motion

    armature = subject.armature
    if has_dance(armature):
        dancer = current(armature)
        target, motion = target_of(armature, dancer), dancer.motion()
        target.check()
        edited = np.array(hand_edited(armature, dancer), np.int64)
        if not len(edited):
            return motion
        now, poses, trans = target.read(motion, edited, dancer.frame_start), motion.poses.copy(), motion.trans.copy()
        poses[edited], trans[edited] = now.poses, now.trans
        return Motion(poses, trans, motion.fps)
    if not is_smpl(armature):
        raise SceneError(
            f'"{armature.name}" carries no dance and has other bones than SMPL, so what it does is no motion of the '
            "SMPL body: choose FBX, glTF, BVH or USD."
        )
    from smpl_rig.blender.smpl_keying import read_motion

    with as_scene_errors():
        return read_motion(armature, range(subject.first, subject.last + 1), subject.fps)
