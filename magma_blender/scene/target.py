"""The target of a dance: what owns the keys that a dancer's motion is shown with.

Editing knows motions and this protocol, and never how a target is keyed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import bpy

from engine.checkpoint_index import RELAXED
from engine.choreography import Choreography

from ..engine_host.checkpoint_list import hands_of
from . import characters
from .dancer import Dancer, load_or_none
from .keyed_target import Former, Found, Keyed, KeyedTarget, as_scene_errors

if TYPE_CHECKING:
    from smpl_rig.blender.compat import Place
    from smpl_rig.blender.kept_keys import KeptKeys
    from smpl_rig.blender.keying import Bools, Channel, Floats, Frames
    from smpl_rig.motion import Motion


class Target(Protocol):
    """Frames are counted from the dance's first one, which is scene frame `frame_start`. Each method raises SceneError
    with a sentence where it cannot do what it says, and then has changed nothing."""

    def check(self) -> None:
        """Raise SceneError unless a dance can be keyed. Changes nothing."""

    def work_ahead(self) -> Callable[[Motion, bool], None]:
        """What takes long in keying a motion, as a function that touches nothing of Blender's. Its second argument says
        whether all frames will be keyed."""

    def stage(self) -> Floats:
        """(4, 4) the world of a motion in the armature's space."""

    def compare(self, keyed: Keyed) -> Found:
        """Where a dance that was keyed is now, and which of its frames somebody has changed."""

    def is_in_place(self, frame_start: int, count: int) -> bool:
        """Whether all curves of a dance of so many frames begin and end where that does; a look at few keys."""

    def write(self, motion: Motion, frame_start: int, name: str, former: Former | None) -> None:
        """Key a motion in a new action `name`, in place of a former dance where there was one. What else is keyed, also
        before and after the dance, stays."""

    def rewrite(self, motion: Motion, changed: Bools, frame_start: int) -> None:
        """Key the changed frames (T,) of a motion, which may be longer than the one before; all others stay to the
        bit."""

    def read(self, motion: Motion, frames: Frames, frame_start: float) -> Motion:
        """What is keyed now at some frames of a motion that was keyed."""

    def keeping(self, motion: Motion, frames: Frames, frame_start: float) -> str:
        """How dances are keyed, for the record, with what is keyed at some frames of a motion and is not in it:
        fingers."""

    def check_can_grow(self) -> None:
        """Raise SceneError where a longer dance than the present one cannot be keyed in its place."""

    def others(self, first: int, last: int) -> list[float]:
        """The scene frames of keys where dances are keyed that are not from `first` to `last`."""

    def fingerprint(self, count: int, frame_start: int) -> tuple[int, ...]:
        """What the keys of the first `count` frames are: a number a frame."""

    def keep(self, count: int, frame_start: int) -> KeptKeys | None:
        """The keys of the first `count` frames; None where nothing plays them as they are."""

    def put_back(self, kept: KeptKeys, frame_start: int, former: tuple[int, int]) -> None:
        """Write kept keys, to the bit, in place of those of the dance that is keyed now: its first scene frame and how
        many frames it has. All other keys stay."""

    @property
    def character(self) -> str:
        """How dances are keyed, for the record; see `Dancer`."""

    def is_plain(self, frame_start: float, count: int) -> bool:
        """Whether the keys that `write` makes alone say what is danced in so many frames: no muted curves, modifiers,
        other channels, constraints."""

    @property
    def channels(self) -> Sequence[Channel]:
        """The F-curves that a dance is keyed on."""

    @property
    def place(self) -> Place | None:
        """Where the keys are: in the armature's own action, or in that of an NLA strip."""

    @property
    def action(self) -> bpy.types.Action | None:
        """What holds the keys."""

    def layer(self, shown: Motion, below: Motion, time: float, name: str) -> Place:
        """A new action, not assigned yet, that is to be played above the keys of `below` for `shown` to be seen. time:
        of the first frame in the action."""

    def own(self) -> None:
        """Make what holds the keys this file's own, where it is linked from another."""


def target_of(armature: bpy.types.Object, dancer: Dancer | None = None) -> Target:
    """The target that an object's dance is keyed on. dancer: what it carries; None looks. Raises SceneError."""
    known = dancer if dancer is not None else load_or_none(armature)
    if known is None:
        return new_target(armature)
    return keyed_as(armature, known.character)


def keyed_as(armature: bpy.types.Object, character: str) -> Target:
    """The target of a dance that is keyed as its record says."""
    from smpl_rig.blender.smpl_keying import SmplKeying

    if not character:
        return KeyedTarget(SmplKeying(armature))
    from smpl_rig.blender.character_keying import CharacterKeying
    from smpl_rig.blender.keyed_character import read_character

    return KeyedTarget(CharacterKeying(armature, read_character(character)), character)


def new_target(
    armature: bpy.types.Object, frame: int | None = None, document: Choreography | None = None, former: str = ""
) -> Target:
    """The target that an object is for a dance from a scene frame on, as its rest pose is and as was chosen under
    Character. frame: None is the present one. document: the dance, whose style may have hands of its own; None where
    that does not matter. former: how that dance was keyed, with fingers of the animator's own. Raises SceneError where
    it cannot dance."""
    from smpl_rig.blender.context import scene_of
    from smpl_rig.blender.keyed_character import read_character

    with as_scene_errors():
        if characters.is_smpl(armature):
            return keyed_as(armature, "")
        first = scene_of(bpy.context).frame_current if frame is None else frame
        dancer = load_or_none(armature)
        replaced = read_character(dancer.character).bones if dancer is not None and dancer.character else ()
        hands = hands_of(document.checkpoint.name, document.style) if document is not None else RELAXED
        keyed = characters.keyed(armature, first, replaced, hands)
        return keyed_as(armature, (keyed.with_fingers_of(read_character(former)) if former else keyed).to_json())
