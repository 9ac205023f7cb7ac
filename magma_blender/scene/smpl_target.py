"""The SMPL armature as the target of a dance."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import bpy

from smpl_rig.blender import compat

from ..errors import SceneError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from smpl_rig.blender.key_prints import DanceKeys
    from smpl_rig.blender.rewrite import Bools
    from smpl_rig.motion import Motion

    Frames = NDArray[np.int64]
    Quaternions = NDArray[np.floating]

SAMPLED = 16
"""Frames that are looked at to see whether the rest pose is the one that was keyed."""
SAME_TURN, SAME_PELVIS = 4e-3, 2e-3
"""Distance of quaternions, and metres of the pelvis, up to which poses are the same: more than sparse keys leave, whose
tolerance grows with the frame rate, and so does this. They leave half of that in each number of a bone's quaternion,
and in the joint's axes these may be one number."""
SAME_PLACE = 5e-3
"""Metres of any joint up to which poses are the same. Turns that are each too small to count add up along a limb."""
SAME_REST = 0.01
"""The same where the rest pose has changed: half a degree, a centimetre."""
SAME_DANCE = 0.5
"""Share of frames that must be as they were keyed for a dance that is at another place to be the same one, moved."""


@dataclass(frozen=True)
class Keyed:
    """What was keyed last. prints: the fingerprint of then. action: the name of the action of then."""

    motion: Motion
    frame_start: int
    prints: tuple[int, ...]
    action: str


@dataclass(frozen=True)
class Found:
    """Where that is now. frame_start: another one where all keys were moved together. edited: frames of the dance that
    somebody has changed, counted from 0. prints: the fingerprint of then as it is made today."""

    frame_start: int
    edited: tuple[int, ...]
    prints: tuple[int, ...]


@dataclass(frozen=True)
class Former:
    """The dance that another one replaces. first, last: its scene frames. keep: whether its action stays in the file
    without users."""

    first: int
    last: int
    keep: bool


class SmplTarget:
    """See `target.Target`."""

    def __init__(self, armature: bpy.types.Object) -> None:
        self._armature = armature

    def check(self) -> None:
        """Raise SceneError unless a dance can be keyed."""
        from smpl_rig.blender.armature import check_armature

        with _as_scene_errors():
            check_armature(self._armature)

    def compare(self, keyed: Keyed) -> Found:
        """Where the dance is now; raises SceneError where the armature has no keys of it, or they were scaled in time,
        or the rest pose is not that of then."""
        import numpy as np

        from smpl_rig.blender.key_prints import DanceKeys

        keys, count = DanceKeys(self._armature), len(keyed.prints)
        frame_start, same = self._place_in_time(keyed, keys)
        changed = np.flatnonzero(~same)
        if not self.is_plain:
            near = np.arange(count)
        elif len(changed):
            near = keys.between(changed, count, frame_start)
        else:
            near = changed
        untouched = np.setdiff1d(np.flatnonzero(same), near if self.is_plain else [])
        if len(untouched):
            self._check_rest(keyed, untouched, frame_start)
        edited = set(changed.tolist())
        if len(near):
            edited.update(near[self._differ(keyed.motion, near, frame_start)].tolist())
        now = keys.prints(count, frame_start)
        # what has changed keeps a fingerprint that its keys do not have
        prints = np.where(same, now, np.where(now != keyed.prints, keyed.prints, ~now))
        return Found(frame_start, tuple(sorted(edited)), tuple(prints.tolist()))

    def _place_in_time(self, keyed: Keyed, keys: DanceKeys) -> tuple[int, Bools]:
        """(the scene frame of frame 0, (count,) which frames' keys are as they were keyed)."""
        import numpy as np

        from smpl_rig.blender.keyframes import longest_piece, place_of

        armature, count = self._armature, len(keyed.prints)
        place, span = place_of(armature), keys.range()
        if place is None or span is None:
            raise SceneError(self._why_no_keys(keyed))
        if place.offset is None:
            raise SceneError(
                f'The NLA strip with the dance of "{armature.name}" plays it faster, slower, backwards or repeated, so '
                "its frames are not the scene's: set the strip's scale and repeat to 1, or restore the dance's "
                "keyframes."
            )
        expected = np.array(keyed.prints, np.int32)
        telling = expected != 0  # a frame without keys says nothing about where the dance is
        best, best_same = float(keyed.frame_start), np.zeros(count, bool)
        starts = list(dict.fromkeys([keyed.frame_start, span[0], span[1] - (count - 1), *keys.starts(count)]))
        for start in starts:
            for before in (False, True):
                prints = keys.prints_before(count, start, keyed.frame_start) if before else keys.prints(count, start)
                same = prints == expected
                if (same & telling).sum() > (best_same & telling).sum():
                    best, best_same = float(start), same
            if best_same.all():
                break
        share = (best_same & telling).sum() / max(int(telling.sum()), 1)
        shown = 1.0
        if share < SAME_DANCE:
            # keys with other handles or another interpolation have the values of then where all curves have keys
            some = np.unique([*range(0, count, longest_piece(keyed.motion.fps)), count - 1])
            alike = [1 - self._differ(keyed.motion, some, start).mean() for start in starts]
            shown = max(alike)
            best = float(starts[alike.index(shown)] if shown >= SAME_DANCE else keyed.frame_start)
            best_same = keys.prints(count, best) == expected
        if share == 0 and place.action.name != keyed.action:
            raise SceneError(
                f'The action "{place.action.name}" of "{armature.name}" holds other keys than its dance: assign '
                f'"{keyed.action}" to it again, or restore the dance\'s keyframes.'
            )
        if shown < SAME_DANCE and abs(span[1] - span[0] - (count - 1)) > 0.5:
            raise SceneError(
                f'The keyframes of "{armature.name}" go from frame {span[0]:g} to {span[1]:g}, but its dance has '
                f"{count} frames: they were scaled in time or cut off. Undo that, or restore the dance's keyframes."
            )
        if best != round(best):
            raise SceneError(
                f'The dance of "{armature.name}" was moved to frame {best:g}, between two frames: move its keyframes '
                "to whole frames, or restore the dance's keyframes."
            )
        return round(best), best_same

    def _why_no_keys(self, keyed: Keyed) -> str:
        armature = self._armature
        places = compat.places(armature)
        if not places:
            return (
                f'"{armature.name}" has no action, so its dance cannot be changed: assign "{keyed.action}" to it '
                "again, or restore the dance's keyframes."
            )
        action = places[0].action.name
        if compat.LAYERED_ACTIONS and places[0].slot is None:
            return (
                f'The action "{action}" is assigned to "{armature.name}" without a slot, so nothing of it plays: '
                "choose the slot in the Action Editor, or restore the dance's keyframes."
            )
        return (
            f'The action "{action}" of "{armature.name}" has no keys of its dance: assign "{keyed.action}" to it '
            "again, or restore the dance's keyframes."
        )

    def _check_rest(self, keyed: Keyed, frames: Frames, frame_start: int) -> None:
        """Raise SceneError where keys that nobody has changed are not what the present rest pose asks for."""
        import numpy as np

        from smpl_rig.blender.armature import rest_pose
        from smpl_rig.blender.keyframes import CHANNELS, ROTATIONS, bone_channels, curves_of, place_of
        from smpl_rig.rotations import normalize
        from smpl_rig.skeleton import JOINT_COUNT, JOINT_NAMES

        some = frames[np.unique(np.linspace(0, len(frames) - 1, SAMPLED).astype(int))]
        place, curves = place_of(self._armature), curves_of(self._armature)
        offset = (place.offset or 0.0) if place is not None else 0.0
        if len(curves) < len(CHANNELS) or any(_modified(curve) for curve in curves.values()):
            return  # then poses are compared, not keys
        values = np.array([[curves[c].evaluate(frame_start - offset + k) for c in CHANNELS] for k in some])
        with _as_scene_errors():
            rest = rest_pose(self._armature)
        motion = type(keyed.motion)(keyed.motion.poses[some], keyed.motion.trans[some], keyed.motion.fps)
        wanted, place_wanted = bone_channels(rest, motion)
        turns = normalize(values[:, :ROTATIONS].reshape(-1, JOINT_COUNT, 4))  # keyed by hand, they may have any length
        away = _distance(turns, wanted).max(axis=0)
        moved = np.abs(values[:, ROTATIONS:] - place_wanted).max() / rest.size
        if max(away.max(), moved) > SAME_REST:
            bone = JOINT_NAMES[int(away.argmax()) if away.max() > SAME_REST else 0]
            raise SceneError(
                f'The rest pose of "{self._armature.name}" (bone {bone}) is not what it was when its dance was keyed, '
                "so new moves would not fit the others: press Restore Keyframes to key the whole dance for the present "
                "rest pose, or undo the change."
            )

    def _differ(self, motion: Motion, frames: Frames, frame_start: float) -> Bools:
        """Which of the frames show another pose than the motion."""
        import numpy as np

        from smpl_rig.blender.keyframes import tolerance_growth
        from smpl_rig.rotations import axis_angle_to_quaternion
        from smpl_rig.skeleton import JOINT_COUNT

        now = self.read(frames.tolist(), frame_start, motion.fps)
        then = type(motion)(motion.poses[frames], motion.trans[frames], motion.fps)
        one, other = (
            axis_angle_to_quaternion(poses.astype(np.float64).reshape(-1, JOINT_COUNT, 3))
            for poses in (now.poses, then.poses)
        )
        turned = _distance(one, other).max(axis=1)
        moved = np.abs(now.trans - then.trans).max(axis=1)
        away = np.linalg.norm(now.joints() - then.joints(), axis=-1).max(axis=1)
        growth = tolerance_growth(motion.fps)
        same = (turned <= growth * SAME_TURN) & (moved <= growth * SAME_PELVIS) & (away <= growth * SAME_PLACE)
        differ: Bools = ~same
        return differ

    def write(self, motion: Motion, frame_start: int, name: str, former: Former | None) -> None:
        """Key a motion in a new action."""
        from smpl_rig.blender.keyframes import write_motion

        former = former or Former(frame_start, frame_start + len(motion) - 1, keep=True)
        keep, between = former.keep, (former.first, former.last)
        with _as_scene_errors():
            write_motion(self._armature, motion, frame_start, motion.fps, name, keep, between)

    def rewrite(self, motion: Motion, changed: Bools, frame_start: int) -> None:
        """Key changed frames."""
        from smpl_rig.blender.rewrite import rewrite_motion

        with _as_scene_errors():
            rewrite_motion(self._armature, motion, changed, frame_start)

    def read(self, frames: list[int], frame_start: float, fps: float) -> Motion:
        """The motion that is keyed now."""
        from smpl_rig.blender.keyframes import read_motion

        with _as_scene_errors():
            return read_motion(self._armature, [frame_start + frame for frame in frames], fps)

    def check_can_grow(self) -> None:
        """Raise SceneError where an NLA strip ends with the dance."""
        from smpl_rig.blender.keyframes import place_of

        place = place_of(self._armature)
        if place is not None and place.in_strip:
            raise SceneError(
                f'The dance of "{self._armature.name}" is in an NLA strip, which would have to get longer: assign its '
                f'action "{place.action.name}" to the armature instead of the strip first.'
            )

    def others(self, first: int, last: int) -> list[float]:
        """Frames of keys beside a dance."""
        from smpl_rig.blender.key_prints import DanceKeys

        return DanceKeys(self._armature).others(first, last)

    def fingerprint(self, count: int, frame_start: int) -> tuple[int, ...]:
        """A number a frame."""
        from smpl_rig.blender.key_prints import DanceKeys

        return tuple(DanceKeys(self._armature).prints(count, frame_start).tolist())

    @property
    def is_plain(self) -> bool:
        """Whether the add-on's curves alone say the pose."""
        from smpl_rig.blender.keyframes import CHANNELS, curves_of
        from smpl_rig.skeleton import JOINT_NAMES

        bones = compat.pose_of(self._armature).bones
        curves = curves_of(self._armature)
        quaternions = all(bones[name].rotation_mode == "QUATERNION" for name in JOINT_NAMES if name in bones)
        return quaternions and len(curves) == len(CHANNELS) and not any(map(_modified, curves.values()))

    @property
    def action(self) -> bpy.types.Action | None:
        """Where the keys are."""
        from smpl_rig.blender.keyframes import place_of

        place = place_of(self._armature)
        return place.action if place is not None else None

    def own(self) -> None:
        """Give the armature a copy of an action that is linked from another file."""
        from smpl_rig.blender.keyframes import place_of

        place = place_of(self._armature)
        if place is not None and place.action.library is not None:
            compat.own_action(place)


def _modified(curve: bpy.types.FCurve) -> bool:
    return curve.mute or any(not modifier.mute for modifier in curve.modifiers)


def _distance(one: Quaternions, other: Quaternions) -> Quaternions:
    """(..., 24) how far quaternions (..., 24, 4) are from each other, both signs being the same rotation."""
    import numpy as np

    away: Quaternions = np.minimum(np.abs(one - other).max(axis=-1), np.abs(one + other).max(axis=-1))
    return away


@contextmanager
def _as_scene_errors() -> Iterator[None]:
    from smpl_rig.blender.armature import ArmatureError

    try:
        yield
    except ArmatureError as error:
        raise SceneError(str(error)) from error
