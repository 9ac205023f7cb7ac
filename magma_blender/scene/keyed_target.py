"""An armature whose bones are keyed, as the target of a dance: SMPL's own, or a character's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import bpy

from smpl_rig.blender import compat

from ..errors import SceneError

if TYPE_CHECKING:
    from smpl_rig.blender.kept_keys import KeptKeys
    from smpl_rig.blender.key_prints import DanceKeys
    from smpl_rig.blender.keying import Bools, Channel, Floats, Frames, Keying
    from smpl_rig.motion import Motion

SAMPLED = 16
"""Frames that are looked at to see whether the rest pose is the one that was keyed."""
SAME_DANCE = 0.5
"""Share of frames that must be as they were keyed for a dance that is at another place to be the same one, moved."""


SAME_FRAME = 1e-3


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
    without users. channels: those that it is keyed on."""

    first: int
    last: int
    keep: bool
    channels: Sequence[Channel] = ()


class KeyedTarget:
    """See `target.Target`."""

    def __init__(self, keying: Keying, character: str = "") -> None:
        self._keying, self.character = keying, character
        self._armature = keying.armature

    def check(self) -> None:
        """Raise SceneError unless a dance can be keyed."""
        from smpl_rig.blender.keyframes import check_free

        with as_scene_errors():
            self._keying.check()
            check_free(self._keying)

    def work_ahead(self) -> Callable[[Motion, bool], None]:
        """What takes long in keying, beside the window."""
        from smpl_rig.blender.keyframes import work_ahead

        with as_scene_errors():
            return work_ahead(self._keying)

    def stage(self) -> Floats:
        """(4, 4) the world of a motion in the armature's space."""
        with as_scene_errors():
            return self._keying.stage()

    def compare(self, keyed: Keyed) -> Found:
        """Where the dance is now; raises SceneError where the armature has no keys of it, or they were scaled in time,
        or the rest pose is not that of then."""
        import numpy as np

        from smpl_rig.blender.key_prints import DanceKeys

        keys, count = DanceKeys(self._keying), len(keyed.prints)
        frame_start, same = self._place_in_time(keyed, keys)
        changed, is_plain = np.flatnonzero(~same), self.is_plain(frame_start, count)
        if not is_plain:
            near = np.arange(count)
        elif len(changed):
            near = keys.between(changed, count, frame_start)
        else:
            near = changed
        untouched = np.setdiff1d(np.flatnonzero(same), near if is_plain else [])
        if len(untouched):
            self._check_rest(keyed, untouched, frame_start)
        edited = set(changed.tolist())
        if len(near):
            edited.update(near[self._differ(keyed.motion, near, frame_start)].tolist())
        now = keys.prints(count, frame_start)
        # what has changed keeps a fingerprint that its keys do not have
        prints = np.where(same, now, np.where(now != keyed.prints, keyed.prints, ~now))
        return Found(frame_start, tuple(sorted(edited)), tuple(prints.tolist()))

    def is_in_place(self, frame_start: int, count: int) -> bool:
        """Whether all curves begin and end where a dance of so many frames does."""
        from smpl_rig.blender.keying import curves_at, place_of

        place = place_of(self._keying)
        if place is None or place.offset is None or not count:
            return False
        curves = curves_at(place, self._keying)
        ends = frame_start - place.offset, frame_start - place.offset + count - 1
        return len(curves) == len(self._keying.channels) and all(
            len(keys := curve.keyframe_points) > 0
            and all(abs(keys[index].co[0] - end) < SAME_FRAME for index, end in zip((0, -1), ends, strict=True))
            for curve in curves.values()
        )

    def _place_in_time(self, keyed: Keyed, keys: DanceKeys) -> tuple[int, Bools]:
        """(the scene frame of frame 0, (count,) which frames' keys are as they were keyed)."""
        import numpy as np

        from smpl_rig.blender.keyframes import longest_piece
        from smpl_rig.blender.keying import place_of

        armature, count = self._armature, len(keyed.prints)
        place, span = place_of(self._keying), keys.range()
        if place is None or span is None:
            raise SceneError(self._why_no_keys(keyed))
        if place.offset is None:
            raise SceneError(
                f'The NLA strip with the dance of "{armature.name}" plays it faster, slower or backwards, so its '
                "frames are not the scene's: set the strip's scale to 1, turn Reversed and Animated Strip Time off, or "
                "restore the dance's keyframes."
            )
        expected = np.array(keyed.prints, np.int32)
        telling = expected != 0  # a frame without keys says nothing about where the dance is
        best, best_same = float(keyed.frame_start), np.zeros(count, bool)
        starts: list[float] = []
        for start in self._possible_starts(keyed, keys, span):
            if start in starts:
                continue
            starts.append(start)
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

    def _possible_starts(self, keyed: Keyed, keys: DanceKeys, span: tuple[float, float]) -> Iterator[float]:
        """The frames that the dance may begin at, the likeliest first; those that take long to find come last."""
        count = len(keyed.prints)
        yield from (keyed.frame_start, span[0], span[1] - (count - 1))
        yield from keys.starts(count)

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

        some = frames[np.unique(np.linspace(0, len(frames) - 1, SAMPLED).astype(int))]
        with as_scene_errors():
            bone = self._keying.moved_rest(keyed.motion, some, frame_start + some)
        if bone is not None:
            raise SceneError(
                f'The rest pose of "{self._armature.name}" (bone {bone}) is not what it was when its dance was keyed, '
                "so new moves would not fit the others: press Restore Keyframes to key the whole dance for the present "
                "rest pose, or undo the change."
            )

    def _differ(self, motion: Motion, frames: Frames, frame_start: float) -> Bools:
        """Which of the frames show another pose than the motion."""
        with as_scene_errors():
            return self._keying.differ(motion, frames, frame_start + frames)

    def write(self, motion: Motion, frame_start: int, name: str, former: Former | None) -> None:
        """Key a motion in a new action."""
        from smpl_rig.blender.keyframes import write_motion

        former = former or Former(frame_start, frame_start + len(motion) - 1, keep=True)
        keep, between = former.keep, (former.first, former.last)
        with as_scene_errors():
            write_motion(self._keying, motion, frame_start, motion.fps, name, keep, between, former.channels)

    def rewrite(self, motion: Motion, changed: Bools, frame_start: int) -> None:
        """Key changed frames."""
        from smpl_rig.blender.rewrite import rewrite_motion

        with as_scene_errors():
            rewrite_motion(self._keying, motion, changed, frame_start)

    def read(self, motion: Motion, frames: Frames, frame_start: float) -> Motion:
        """The motion that is keyed now."""
        with as_scene_errors():
            return self._keying.read(motion, frames, frame_start + frames)

    def keeping(self, motion: Motion, frames: Frames, frame_start: float) -> str:
        """How dances are keyed, with the fingers as they are keyed now."""
        with as_scene_errors():
            return self._keying.keeping(motion, frames, frame_start + frames)

    def check_can_grow(self) -> None:
        """Raise SceneError where an NLA strip ends with the dance."""
        from smpl_rig.blender.keying import place_of

        place = place_of(self._keying)
        if place is not None and place.in_strip:
            raise SceneError(
                f'The dance of "{self._armature.name}" is in an NLA strip, which would have to get longer: assign its '
                f'action "{place.action.name}" to the armature instead of the strip first.'
            )

    def others(self, first: int, last: int) -> list[float]:
        """Frames of keys beside a dance."""
        from smpl_rig.blender.key_prints import DanceKeys

        return DanceKeys(self._keying).others(first, last)

    def fingerprint(self, count: int, frame_start: int) -> tuple[int, ...]:
        """A number a frame."""
        from smpl_rig.blender.key_prints import DanceKeys

        return tuple(DanceKeys(self._keying).prints(count, frame_start).tolist())

    def keep(self, count: int, frame_start: int) -> KeptKeys | None:
        """The keys as arrays."""
        from smpl_rig.blender.kept_keys import keep_keys

        return keep_keys(self._keying, count, frame_start)

    def put_back(self, kept: KeptKeys, frame_start: int, former: tuple[int, int]) -> None:
        """Write kept keys."""
        from smpl_rig.blender.kept_keys import put_keys_back

        with as_scene_errors():
            put_keys_back(self._keying, kept, frame_start, former)

    def is_plain(self, frame_start: float, count: int) -> bool:
        """Whether the add-on's curves alone say the pose."""
        from smpl_rig.blender.keying import curves_of, is_modified

        keying = self._keying
        bones = compat.pose_of(self._armature).bones
        curves = curves_of(keying)
        as_keyed = all(bones[each.bone].rotation_mode == each.mode for each in keying.rotations if each.bone in bones)
        whole = len(curves) == len(keying.channels) and not any(map(is_modified, curves.values()))
        return as_keyed and whole and keying.is_alone(frame_start, frame_start + count - 1)

    @property
    def channels(self) -> Sequence[Channel]:
        """What the dance is keyed on."""
        return self._keying.channels

    @property
    def place(self) -> compat.Place | None:
        """Where the keys are."""
        from smpl_rig.blender.keying import place_of

        return place_of(self._keying)

    @property
    def action(self) -> bpy.types.Action | None:
        """What holds the keys."""
        place = self.place
        return place.action if place is not None else None

    def layer(self, shown: Motion, below: Motion, time: float, name: str) -> compat.Place:
        """An action to be played above the keys of another motion."""
        from smpl_rig.blender.nla import layer

        with as_scene_errors():
            return layer(self._keying, shown, below, time, name)

    def own(self) -> None:
        """Give the armature a copy of an action that is linked from another file."""
        from smpl_rig.blender.keying import place_of

        place = place_of(self._keying)
        if place is not None and place.action.library is not None:
            compat.own_action(place)


@contextmanager
def as_scene_errors() -> Iterator[None]:
    """What the rig's modules complain of is for people."""
    from smpl_rig.blender.armature import ArmatureError
    from smpl_rig.retarget.roles import CharacterMapError

    try:
        yield
    except (ArmatureError, CharacterMapError) as error:
        raise SceneError(str(error)) from error
