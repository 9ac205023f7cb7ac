"""What editing a dance needs, kept on the armature beside its choreography: the document, the motion, and a fingerprint
of the keys that were written.

All three are free custom properties (JSON text, bytes of an .npz, an int array): they go with the object when it is
renamed, duplicated, saved and loaded, undo brings them back, and Blender keeps them where the add-on is absent.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from engine.choreography import Choreography as Document
from engine.choreography import from_json, to_json
from engine.errors import ChoreographyError

from ..errors import SceneError
from . import choreography, span_list
from .choreography import Choreography
from .span_list import DOCUMENT_KEY

TAKE_KEY = "magma_take"
PRINTS_KEY = "magma_key_prints"
KEYS = (DOCUMENT_KEY, TAKE_KEY, PRINTS_KEY)

_LEFT_OUT = ("joints",)
"""Arrays of the engine's .npz that follow from its others; without them it is half as large."""


@dataclass(frozen=True)
class Editable:
    """about: where the dance begins and what it was made of. npz: the motion that belongs to the document. prints: one
    number a frame, of the keys as the add-on wrote them."""

    about: Choreography
    document: Document
    npz: bytes
    prints: tuple[int, ...]

    @property
    def frames_per_position(self) -> float:
        """Scene frames a token position."""
        return self.about.fps / self.document.token_rate

    def frame_of(self, position: int) -> float:
        """The scene frame at which a token position begins."""
        return self.about.frame_start + position * self.frames_per_position

    def seconds_of(self, position: int) -> float:
        """Seconds from the dance's beginning to a token position."""
        return position / self.document.token_rate

    def position_at(self, frame: float) -> int:
        """The token position that a scene frame falls into. Raises SceneError outside the dance."""
        # a frame on a border, but for rounding, is after it
        position = int((frame - self.about.frame_start) / self.frames_per_position + 1e-6)
        if frame < self.about.frame_start or position >= len(self.document):
            first, last = self.about.frame_start, self.frame_of(len(self.document)) - 1
            raise SceneError(f"Frame {frame:g} is outside the dance, which goes from frame {first:g} to {last:g}.")
        return position

    def positions_in(self, first: float, last: float) -> tuple[int, int]:
        """The token positions (half-open) of scene frames `first` to `last`. Raises SceneError if there are none."""
        start = round((first - self.about.frame_start) / self.frames_per_position)
        stop = round((last + 1 - self.about.frame_start) / self.frames_per_position)
        start, stop = max(start, 0), min(stop, len(self.document))
        if start >= stop:
            raise SceneError(f"Frames {first:g} to {last:g} hold no move of the dance: choose a longer range in it.")
        return start, stop

    def motion(self) -> Any:
        """The motion at the scene's rate, a `smpl_rig.motion.Motion`."""
        from smpl_rig.motion import load_npz

        return load_npz(io.BytesIO(self.npz))

    def take(self) -> Any:
        """All that is kept of the motion, a `DanceMotion`. Raises SceneError where it is damaged."""
        from smpl_rig.dance_motion import read_dance_motion
        from smpl_rig.motion import MotionFileError

        try:
            return read_dance_motion(self.npz, self.document.clips, len(self.document), self.document.token_rate)
        except MotionFileError as error:
            raise SceneError(f"The motion kept with the dance cannot be used: {error}") from error


def pack(document: Document, take: Any) -> bytes:
    """The .npz of a document's motion, a `DanceMotion`; clips that no variant is kept in are left out."""
    import numpy as np

    file = io.BytesIO()
    motion = take.motion
    arrays = take.arrays(document.clips)
    np.savez_compressed(file, poses=motion.poses, trans=motion.trans, mocap_framerate=motion.fps, **arrays)
    return file.getvalue()


def is_editable(armature: Any) -> bool:
    """Whether the object carries a dance that can be edited."""
    return armature.type == "ARMATURE" and all(key in armature for key in (*KEYS, *choreography.KEYS))


def store(armature: Any, document: Document, npz: bytes) -> None:
    """Keep a document and its motion, whose keys were just written, in place of earlier ones. The armature has a
    choreography already; its tokens become the document's."""
    about = choreography.load(armature)
    assert about is not None
    store_document(armature, document)
    put(armature, TAKE_KEY, _compact(npz))
    note_keys(armature, about)


def store_document(armature: Any, document: Document) -> None:
    """Keep a document whose motion is the one that is kept already."""
    about = choreography.load(armature)
    assert about is not None
    tokens = tuple(code for row in document.tokens for code in row)
    choreography.store(armature, replace(about, tokens=tokens, action=armature.animation_data.action.name))
    armature[DOCUMENT_KEY] = to_json(document)
    span_list.refresh(armature)


def put(armature: Any, key: str, value: Any) -> None:
    """Set a custom property."""
    # bytes in place of bytes are cut at their first zero by Blender 4.2 to 5.0
    armature.pop(key, None)
    armature[key] = value


def note_keys(armature: Any, about: Choreography) -> None:
    """DanceMotion the keys as they are now for those that the add-on wrote."""
    armature[PRINTS_KEY] = _prints(armature, about, _frame_count(armature[TAKE_KEY]))


def forget(armature: Any) -> None:
    """Remove what is kept for editing."""
    for key in KEYS:
        if key in armature:
            del armature[key]
    span_list.refresh(armature)


def load(armature: Any) -> Editable:
    """What the armature carries. Raises SceneError where that is nothing, or damaged."""
    about = choreography.load(armature)
    if about is None or not is_editable(armature):
        raise SceneError(
            f'The dance of "{armature.name}" was made before dances could be edited, or not by this add-on: generate '
            "it anew."
        )
    try:
        document = _document(armature[DOCUMENT_KEY])
    except ChoreographyError as error:
        raise SceneError(str(error)) from error
    return Editable(about, document, bytes(armature[TAKE_KEY]), tuple(armature[PRINTS_KEY]))


@lru_cache(maxsize=8)
def _document(text: str) -> Document:
    """Panels read the same text at every drawing."""
    return from_json(text)


def change(armature: Any, edit: Callable[[Document], Document]) -> None:
    """Edit the document alone, with a function of `engine.choreography`; the keys stay. Raises SceneError, and then
    nothing is changed."""
    try:
        edited = edit(load(armature).document)
    except ChoreographyError as error:
        raise SceneError(str(error)) from error
    store_document(armature, edited)


def hand_edited(armature: Any, kept: Editable) -> list[int]:
    """The frames of the dance, counted from 0, whose keys are not as the add-on wrote them."""
    now = prints_now(armature, kept)
    return [frame for frame, (one, other) in enumerate(zip(kept.prints, now, strict=True)) if one != other]


def prints_now(armature: Any, kept: Editable) -> tuple[int, ...]:
    """What `Editable.prints` would be of the present keys."""
    return tuple(_prints(armature, kept.about, len(kept.prints)))


def check_untouched(armature: Any, kept: Editable) -> None:
    """Raise SceneError that names the frames whose keys the animator has changed."""
    if armature.animation_data is None or armature.animation_data.action is None:
        raise SceneError(
            f'"{armature.name}" has no action, so its dance cannot be changed: assign "{kept.about.action}" to it '
            "again, or restore the dance's keyframes."
        )
    frames = hand_edited(armature, kept)
    if frames:
        raise SceneError(
            f'The keyframes of "{armature.name}" were changed by hand in frames '
            f"{_ranges(frame + kept.about.frame_start for frame in frames)}. Press Keep My Keyframes to lock them as "
            "they are, or Restore Keyframes for the dance's own."
        )


def _ranges(numbers: Iterable[int]) -> str:
    """Sorted whole numbers for people: 3 to 7, 9."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    shown = [f"{first}" if first == last else f"{first} to {last}" for first, last in runs[:5]]
    return ", ".join(shown) + (f" and {len(runs) - 5} more places" if len(runs) > 5 else "")


def _prints(armature: Any, about: Choreography, count: int) -> list[int]:
    from smpl_rig.blender.rewrite import key_prints

    return key_prints(armature, count, about.frame_start).tolist()


def _frame_count(npz: bytes) -> int:
    from smpl_rig.motion import read_npz

    return len(read_npz(io.BytesIO(npz), ["trans"])["trans"])


def _compact(npz: bytes) -> bytes:
    import numpy as np

    file = io.BytesIO()
    with np.load(io.BytesIO(npz), allow_pickle=False) as arrays:
        if not set(_LEFT_OUT) & set(arrays.files):
            return npz
        np.savez_compressed(file, **{name: arrays[name] for name in arrays.files if name not in _LEFT_OUT})
    return file.getvalue()


def find_dancer(context: Any) -> Any:
    """The dancing armature that is meant: the active one, or the one the active body hangs on, else the panel's target,
    else the only one of the scene. Raises SceneError."""
    active = context.view_layer.objects.active
    wanted = [active, active.parent if active is not None else None, context.scene.magma.target]
    for candidate in wanted:
        if candidate is not None and is_editable(candidate):
            return candidate
    dancers = [obj for obj in context.scene.objects if is_editable(obj)]
    if len(dancers) == 1:
        return dancers[0]
    if dancers:
        raise SceneError(f"{len(dancers)} armatures dance in this scene: make the one that you mean active.")
    if active is not None and active.type == "ARMATURE":
        load(active)
    raise SceneError("No dance that could be edited: select an armature that Generate Dance has made.")


def dancer_or_none(context: Any) -> Any:
    """`find_dancer`, or None where it finds nothing (for drawing)."""
    try:
        return find_dancer(context)
    except SceneError:
        return None
