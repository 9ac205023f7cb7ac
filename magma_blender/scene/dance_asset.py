"""A finished dance as an asset: its action with a picture, a description and tags, for Blender's asset browser; and the
dance of such an action on any character."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import bpy

from smpl_rig.blender import compat

from ..engine_host import engine_setup
from ..engine_host.checkpoint_list import title_of
from ..errors import SceneError
from . import beat_markers, dance_keys, edits, review
from .dancer import Dancer, kept_in, record_of
from .history.recording import recorded
from .target import new_target, target_of
from .transaction import all_or_nothing

if TYPE_CHECKING:
    from smpl_rig.motion import Motion

DANCE_KEY = "magma_dance"
"""Custom property of an action that is an asset: the dance that it holds, see `dancer.record_of`."""
PICTURE = 128
"""Pixels."""


def mark(armature: bpy.types.Object) -> bpy.types.Action:
    """Mark the action of an armature's dance as an asset, which is returned; from then on edits change a copy of it.
    Marked again, it gets a new description. Raises SceneError."""
    engine_setup.check_numpy()
    edits.check_kept(armature)
    dancer = dance_keys.untouched(armature)
    action = target_of(armature, dancer).action
    assert action is not None  # its keys were compared
    if action.library is not None:
        raise SceneError(
            f'The action "{action.name}" of "{armature.name}" is linked from another file, in which alone it can be '
            "marked: open that file, or make the action local first."
        )
    motion = dancer.motion()
    action.asset_mark()
    about = action.asset_data
    assert about is not None
    about.description = describe(dancer)
    for tag in tags_of(dancer):
        about.tags.new(tag, skip_if_exists=True)
    _picture(action, motion)
    action.pop(DANCE_KEY, None)  # since bytes in place of bytes are cut at their first zero by Blender 4.2 to 5.0
    action[DANCE_KEY] = record_of(dancer)
    return action


def describe(dancer: Dancer) -> str:
    """What is danced, for people."""
    document = dancer.document
    style = title_of(document.checkpoint.name, document.style) if document.style else "Dance"
    return f'{style} to "{dancer.strip}", {_seconds(dancer):.1f} s, {document.checkpoint.label}, seed {document.seed}'


def tags_of(dancer: Dancer) -> list[str]:
    """Dance, its styles, its tempo in steps of five beats a minute."""
    document = dancer.document
    styles = dict.fromkeys(span.style or document.style for span in document.spans)
    names = [title_of(document.checkpoint.name, style) for style in styles if style]
    tempo = _tempo(dancer)
    return ["Dance", *names, *([f"{round(tempo / 5) * 5} BPM"] if tempo is not None else [])]


def _tempo(dancer: Dancer) -> float | None:
    frames = [beat.frame for beat in beat_markers.beats_of(dancer)]
    if len(frames) < 2:
        return None
    apart = sorted(later - earlier for earlier, later in pairwise(frames))
    return 60 * dancer.fps / apart[len(apart) // 2]


def _seconds(dancer: Dancer) -> float:
    return len(dancer.key_prints) / dancer.fps


def _picture(action: bpy.types.Action, motion: Motion) -> None:
    """The dance's widest pose as the action's preview."""
    import numpy as np

    from smpl_rig.pose_picture import draw_pose

    joints = motion.joints()
    reach = np.linalg.norm(joints - joints[:, :1], axis=-1).sum(axis=1)
    picture = draw_pose(joints[int(np.argmax(reach))], PICTURE)
    preview = action.preview_ensure()
    assert preview is not None
    preview.image_size = PICTURE, PICTURE
    preview.image_pixels_float.foreach_set(picture.ravel())  # type: ignore[attr-defined]


def dances() -> list[bpy.types.Action]:
    """The actions of this file that keep a dance, by name: marked here, or appended from an asset library."""
    return [action for action in bpy.data.actions if action.get(DANCE_KEY) is not None]


def use(armature: bpy.types.Object, action: bpy.types.Action) -> None:
    """Key the dance that an action keeps on an armature of any rig, at the frames that it was marked at; it can be
    edited there. What the armature danced before goes as with Generate Dance. Raises SceneError, with everything as it
    was."""
    engine_setup.check_numpy()
    edits.check_kept(armature)
    if action.get(DANCE_KEY) is None:
        raise SceneError(f'The action "{action.name}" keeps no dance: assign it in the Action Editor instead.')
    dancer = kept_in(action, DANCE_KEY)
    motion = dancer.motion()
    new_target(armature, dancer.frame_start, dancer.document).check()
    with review.accepting(armature), all_or_nothing(armature), recorded(armature, action.name):
        keyed = dance_keys.write_new_action(armature, dancer, motion, action.name)
        place = compat.places(armature)[0]
        place.action.pop(DANCE_KEY, None)
        dance_keys.store_keyed(armature, replace(keyed, action=""), len(motion))
