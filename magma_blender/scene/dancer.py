"""The dancer: the one record that an armature carries of its dance.

It is one free custom property of the armature object, a group written in one go. So it goes with the object when that
is renamed, duplicated, saved and loaded, undo brings it back, and Blender keeps it where the add-on is absent.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sized
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeGuard, TypeVar

import bpy

from engine.checks import is_count, is_number, shown
from engine.choreography import Choreography, Range, to_json
from smpl_rig.blender.compat import is_own, places
from smpl_rig.blender.keyed_character import read_character

from ..engine_host.checkpoint_list import beats_per_bar
from ..errors import SceneError
from ..media import song_asset
from . import dancer_migration
from .document_cache import read_document, remember

if TYPE_CHECKING:
    from smpl_rig.dance_motion import DanceMotion
    from smpl_rig.motion import Motion

RECORD_KEY = "magma_dancer"
VERSION = 4
"""Version 1 was several properties, see `dancer_migration`. Version 2 always had the motion at the scene's rate. Up to
version 3 every dancer was an SMPL armature."""
_SMPL_VERSIONS = (2, 3)
_READ_VERSIONS = (*_SMPL_VERSIONS, VERSION)
KEYS = (RECORD_KEY, *dancer_migration.KEYS)

MOST_FRAMES = 1_000_000
"""Keyed frames of a dance: an hour at 240 frames a second has fewer."""
_LARGEST = 1 << 30
"""Bytes of a motion, characters of a text."""
_LONGEST_CHARACTER = 1 << 24
_FIELDS = (
    "version",
    "document",
    "motion",
    "frame_start",
    "fps",
    "strip",
    "action",
    "beat_snap",
    "key_prints",
    "character",
)
_VERSION_KEPT = "version_kept"

Value = TypeVar("Value")


@dataclass(frozen=True)
class Dancer:
    """A dance, and where the scene has it.

    npz: the document's motion, see `pack`. frame_start: the scene frame of position 0. fps: the scene's rate when the
    dance was generated. strip: the name of the strip that is danced to. action: the name of the action that holds the
    keys. beat_snap: how far the motion was re-timed onto the beats after it was decoded, 0 to 1. key_prints: one number
    a frame, of the keys as the add-on wrote them. character: how it is keyed on a character, see
    `smpl_rig.blender.keyed_character.KeyedCharacter`; empty for the SMPL armature.
    """

    document: Choreography
    npz: bytes
    frame_start: int
    fps: float
    strip: str
    action: str
    beat_snap: float
    key_prints: tuple[int, ...] = ()
    character: str = ""

    @property
    def frames_per_position(self) -> float:
        """Scene frames a token position."""
        return self.fps / self.document.token_rate

    def frame_of(self, position: int) -> float:
        """The scene frame at which a token position begins."""
        return self.frame_start + position * self.frames_per_position

    def seconds_of(self, position: int) -> float:
        """Seconds from the dance's beginning to a token position."""
        return position / self.document.token_rate

    def position_at(self, frame: float) -> int:
        """The token position that a scene frame falls into. Raises SceneError outside the dance."""
        # a frame on a border, but for rounding, is after it
        position = int((frame - self.frame_start) / self.frames_per_position + 1e-6)
        if frame < self.frame_start or position >= len(self.document):
            first, last = self.frame_start, self.frame_of(len(self.document)) - 1
            raise SceneError(f"Frame {frame:g} is outside the dance, which goes from frame {first:g} to {last:g}.")
        return position

    def positions_in(self, first: float, last: float) -> Range:
        """The token positions of scene frames `first` to `last`. Raises SceneError if there are none."""
        start = round((first - self.frame_start) / self.frames_per_position)
        stop = round((last + 1 - self.frame_start) / self.frames_per_position)
        if 0 < len(self.key_prints) <= last + 1 - self.frame_start:
            stop = len(self.document)  # the last position may begin where the last frame ends, and show in none
        start, stop = max(start, 0), min(stop, len(self.document))
        if start >= stop:
            raise SceneError(f"Frames {first:g} to {last:g} hold no move of the dance: choose a longer range in it.")
        return start, stop

    def motion(self) -> Motion:
        """The motion at the scene's rate. Raises SceneError where it is damaged."""
        from smpl_rig.motion import MotionFileError

        try:
            return _motion(self.npz)
        except MotionFileError as error:
            raise _unusable(error) from error

    def dance_motion(self) -> DanceMotion:
        """All that is kept of the motion. Raises SceneError where it is damaged."""
        from smpl_rig.dance_motion import read_dance_motion
        from smpl_rig.motion import MotionFileError

        try:
            return read_dance_motion(self.npz, self.document.clips, len(self.document), self.document.token_rate)
        except MotionFileError as error:
            raise _unusable(error) from error


def _unusable(error: Exception) -> SceneError:
    return SceneError(f"The motion kept with the dance cannot be used: {error}")


def pack(document: Choreography, dance_motion: DanceMotion) -> bytes:
    """The .npz of a document's motion; clips that no variant is kept in are left out."""
    from smpl_rig.dance_motion import pack_dance_motion

    return pack_dance_motion(dance_motion, document.clips)


@lru_cache(maxsize=4)
def _motion(npz: bytes) -> Motion:
    """A dance's motion. Buttons look at it several times, and that of a long dance takes a second to sample."""
    from smpl_rig.dance_motion import read_motion

    motion = read_motion(npz)
    for array in (motion.poses, motion.trans):
        array.setflags(write=False)
    return motion


def has_dance(armature: bpy.types.Object) -> bool:
    """Whether the object carries a dance that can be edited, of this format or the one before."""
    if armature.type != "ARMATURE":
        return False
    return _carries(armature, RECORD_KEY) or all(_carries(armature, key) for key in dancer_migration.KEYS)


def carries_any(armature: bpy.types.Object) -> bool:
    """Whether the object carries anything of a dance, if only the rest of one that cannot be edited."""
    return any(_carries(armature, key) for key in KEYS)


def _carries(armature: bpy.types.Object, key: str) -> bool:
    return _value(armature, key) is not None


def _value(armature: bpy.types.Object, key: str) -> object:
    values = (holder.get(key) for holder in holders(armature))
    return next((value for value in values if value is not None), None)


def keeper(armature: bpy.types.Object) -> bpy.types.ID:
    """What carries the record: the armature, or its action where it is a library override, the one that carries a
    record already. Custom properties that are added to an override are not saved; its actions are this file's own."""
    found = holders(armature)
    return next((holder for holder in found if any(holder.get(key) is not None for key in KEYS)), found[0])


def holders(armature: bpy.types.Object) -> list[bpy.types.ID]:
    """What may carry the record, and whatever else belongs to the dance."""
    if armature.override_library is None:
        return [armature]
    return [*(place.action for place in places(armature) if place.action.library is None), armature]


def _danced(armature: bpy.types.Object, action: object) -> bpy.types.ID:
    """What shall carry the record: of an override's own actions, the one that holds the keys of the dance, which has
    this name, else the first one that moves bones."""
    found = holders(armature)
    if armature.override_library is None:
        return found[0]
    own = [place for place in places(armature) if place.action in found]
    named = [place.action for place in own if place.action.name == action]
    posing = [place.action for place in own if any(c.data_path.startswith("pose.bones[") for c in place.curves())]
    return (*named, *posing, found[0])[0]


def _unshared(armature: bpy.types.Object) -> list[bpy.types.ID]:
    """An override's own actions; another armature's record may be in what both use."""
    if armature.override_library is None:
        return []
    return [place.action for place in places(armature) if is_own(place)]


def load(armature: bpy.types.Object) -> Dancer:
    """What the armature carries. Raises SceneError where that is nothing, or damaged."""
    try:
        stored = {key: _bounded(_value(armature, key)) for key in KEYS if _carries(armature, key)}
        if RECORD_KEY in stored or has_dance(armature):
            return read_stored(stored)
    except ValueError as error:
        raise SceneError(
            f'What "{armature.name}" carries of its dance is damaged ({error}): generate the dance again, or go back '
            "to an earlier version of the file."
        ) from error
    if dancer_migration.ABOUT_KEY in stored:
        raise SceneError(f'The dance of "{armature.name}" was made before dances could be edited: generate it again.')
    raise SceneError(f'"{armature.name}" carries no dance: select an armature that Generate Dance has made.')


def read_stored(stored: Mapping[str, object]) -> Dancer:
    """A dancer from the properties that it is kept in, as plain values, of this format or the one before. Raises
    ValueError with a clause that says what is wrong."""
    if RECORD_KEY in stored:
        return read(stored[RECORD_KEY])
    return read(dancer_migration.upgraded(stored, beats_per_bar))


def load_or_none(armature: bpy.types.Object) -> Dancer | None:
    """`load`, or None where that raises (for drawing)."""
    try:
        return load(armature)
    except SceneError:
        return None


_Sketch = tuple[object, ...]
_MOST_SEEN = 8
_seen: dict[str, tuple[_Sketch, Dancer]] = {}


def seen(armature: bpy.types.Object) -> Dancer:
    """`load` for drawing: what it gave last, as long as the rest of the record is the same, of motion and fingerprint
    only their presence and length; to read these takes milliseconds. Raises SceneError."""
    sketch = _sketched(armature)
    known = _seen.get(armature.name_full)
    if sketch is not None and known is not None and known[0] == sketch:
        return known[1]
    dancer = load(armature)
    if sketch is not None:
        while len(_seen) >= _MOST_SEEN:
            _seen.pop(next(iter(_seen)))
        _seen[armature.name_full] = sketch, dancer
    return dancer


def seen_or_none(armature: bpy.types.Object | None) -> Dancer | None:
    """`seen`, or None where that raises or there is no armature."""
    if armature is None:
        return None
    try:
        return seen(armature)
    except SceneError:
        return None


def forget_seen() -> None:
    """Another file is loaded: nothing of it was seen."""
    _seen.clear()


def _sketched(armature: bpy.types.Object) -> _Sketch | None:
    record = _value(armature, RECORD_KEY)
    get = getattr(record, "get", None)
    if get is None:
        return None
    prints = get("key_prints")
    small = tuple(get(name) for name in _FIELDS if name not in ("motion", "key_prints"))
    is_there = "motion" in record if isinstance(record, Container) else None
    return (*small, is_there, getattr(prints, "typecode", None), len(prints) if isinstance(prints, Sized) else None)


def write(armature: bpy.types.Object, dancer: Dancer) -> None:
    """Keep a dancer on the armature, in one go, in place of what it carried of this format or the one before."""
    put_back(armature, {RECORD_KEY: record_of(dancer)})


def kept_in(block: bpy.types.ID, key: str) -> Dancer:
    """What a custom property keeps of a dance that is not an armature's own, as `record_of` made it. Raises SceneError
    where that is nothing, or damaged."""
    try:
        return read(_bounded(block.get(key)))
    except ValueError as error:
        raise SceneError(
            f'The dance that is kept with "{block.name}" is damaged ({error}): generate it again, or go back to an '
            "earlier version of the file."
        ) from error


def record_of(dancer: Dancer) -> dict[str, object]:
    """The plain values of a record, which `read` reads; the paths of songs become relative to the .blend."""
    document = song_asset.stored(dancer.document)
    text = to_json(document)
    remember(text, document)
    return {
        "version": VERSION,
        "document": text,
        "motion": dancer.npz,
        "frame_start": dancer.frame_start,
        "fps": dancer.fps,
        "strip": dancer.strip,
        "action": dancer.action,
        "beat_snap": dancer.beat_snap,
        "key_prints": list(dancer.key_prints),
        "character": dancer.character,
    }


def document_text(armature: bpy.types.Object) -> str:
    """The document that the armature carries, as it is kept. Raises SceneError where it carries none of this format."""
    record = _value(armature, RECORD_KEY)
    text = record.get("document") if hasattr(record, "get") else None
    if not isinstance(text, str):
        raise SceneError(f'"{armature.name}" carries no dance: select an armature that Generate Dance has made.')
    return text


def version_kept(armature: bpy.types.Object) -> int | None:
    """The number of the version that the history has of just this record; None where it has none, since only who keeps
    one says so, and every new record says nothing."""
    record = _value(armature, RECORD_KEY)
    number = record.get(_VERSION_KEPT) if hasattr(record, "get") else None
    return number if isinstance(number, int) else None


def say_kept(armature: bpy.types.Object, number: int) -> None:
    """The history has the armature's record as this version."""
    record = keeper(armature)[RECORD_KEY]
    assert hasattr(record, "__setitem__")
    record[_VERSION_KEPT] = number


def read(record: object) -> Dancer:
    """A dancer from the plain values of a record, each of which is checked. Raises ValueError with a clause that says
    what is wrong."""
    if not isinstance(record, Mapping):
        raise ValueError("it is no record")
    if record.get("version") not in _READ_VERSIONS:
        raise ValueError(f"its version is {shown(record.get('version'))}, this add-on reads up to {VERSION}")
    return Dancer(
        document=read_document(_field(record, "document", _is_text)),
        npz=_field(record, "motion", _is_bytes),
        frame_start=_field(record, "frame_start", _is_frame),
        fps=_field(record, "fps", _is_rate),
        strip=_field(record, "strip", _is_text),
        action=_field(record, "action", _is_text),
        beat_snap=_field(record, "beat_snap", _is_share),
        key_prints=tuple(_field(record, "key_prints", _are_prints)),
        character="" if record.get("version") in _SMPL_VERSIONS else _field(record, "character", _is_character),
    )


def _field(record: Mapping[str, object], name: str, fits: Callable[[object], TypeGuard[Value]]) -> Value:
    value = record.get(name)
    if not fits(value):
        raise ValueError(f"its {name.replace('_', ' ')} is {shown(value)}")
    return value


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str)


def _is_character(value: object) -> TypeGuard[str]:
    if not isinstance(value, str) or len(value) > _LONGEST_CHARACTER:
        return False
    if value:
        read_character(value)  # which says what is wrong with it
    return True


def _is_bytes(value: object) -> TypeGuard[bytes]:
    return isinstance(value, bytes)


def _is_frame(value: object) -> TypeGuard[int]:
    return is_count(value, -(2**31), 2**31 - 1)


def _is_rate(value: object) -> TypeGuard[float]:
    return is_number(value, 1e-3, 1e6)


def _is_share(value: object) -> TypeGuard[float]:
    return is_number(value, 0, 1)


def _are_prints(value: object) -> TypeGuard[list[int]]:
    if not isinstance(value, list) or set(map(type, value)) != {int}:
        return False
    # panels read the record at every drawing, and a long dance has many: only the extremes are looked at
    return _is_frame(min(value)) and _is_frame(max(value))


def stored_in(armature: bpy.types.Object) -> dict[str, object]:
    """A copy of the properties that a dance is kept in, as plain values, for `put_back`."""
    return {key: _plain(_value(armature, key)) for key in KEYS if _carries(armature, key)}


def put_back(armature: bpy.types.Object, stored: Mapping[str, object]) -> None:
    """Give the armature these properties, and no others that a dance is kept in."""
    record = stored.get(RECORD_KEY)
    holder = _danced(armature, record.get("action") if isinstance(record, Mapping) else None)
    for other in {holder, *_unshared(armature)}:
        for key in KEYS:
            # also where a new value follows: bytes in place of bytes are cut at their first zero by Blender 4.2 to 5.0
            other.pop(key, None)
    for key, value in stored.items():
        holder[key] = value


def _bounded(value: object) -> object:
    """A property as plain values, for reading; None in place of what no dance has: a hostile one must not cost more in
    drawing than a look at its size."""
    get = getattr(value, "get", None)
    if hasattr(value, "to_dict") and get is not None:
        return {name: _bounded_field(get(name)) for name in _FIELDS}
    return _bounded_field(value)


def _bounded_field(value: object) -> object:
    if hasattr(value, "to_dict") or (isinstance(value, Sized) and len(value) > _LARGEST):
        return None
    convert = getattr(value, "to_list", None)
    if convert is not None or isinstance(value, list):
        return _plain(value) if isinstance(value, Sized) and len(value) <= MOST_FRAMES else None
    return value


def _plain(value: object) -> object:
    for name in ("to_dict", "to_list"):
        convert = getattr(value, name, None)
        if convert is not None:
            return convert()
    return value
