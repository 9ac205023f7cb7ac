"""Where the .blend has the versions of a dance: a group of properties beside the dancer's record, with the list as text
and the parts in packs, which never change: their names say what is in them.

So what was read of a pack stays true, whatever is undone, loaded or copied.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import cast

import bpy

from ..dancer import holders, keeper
from . import packs
from .parts import Get
from .versions import History, from_text, to_text

KEY = "magma_versions"
_LIST = "list"
_LARGEST = 1 << 28
"""Bytes of a pack, characters of the list."""
_MOST_KNOWN = 2_000
"""Packs whose names of parts are remembered."""
_known: OrderedDict[str, frozenset[bytes]] = OrderedDict()


def read(armature: bpy.types.Object) -> History:
    """The versions of an armature's dance; none where it has none, or they are damaged."""
    try:
        return read_checked(armature)
    except ValueError:
        return History()


def read_checked(armature: bpy.types.Object) -> History:
    """`read`. Raises ValueError with a clause that says what is damaged."""
    group = _group(armature)
    if group is None:
        return History()
    text = group.get(_LIST)
    if not isinstance(text, str) or len(text) > _LARGEST:
        raise ValueError("its list is missing")
    return from_text(text)


def known_parts(armature: bpy.types.Object) -> frozenset[bytes]:
    """The names of all parts that are there."""
    group = _group(armature)
    return frozenset().union(*(_names(group, name) for name in _packs(group)))


def getter(armature: bpy.types.Object, new: Mapping[bytes, bytes] | None = None) -> Get:
    """What reads parts, each pack at most once. new: parts that are not stored yet."""
    parts, group = dict(new or {}), _group(armature)
    left = _packs(group)

    def get(name: bytes) -> bytes:
        if name not in parts:
            pack = next((each for each in left if name in _names(group, each)), None)
            if pack is None:
                raise ValueError("a part of it is missing")
            left.remove(pack)
            parts.update(packs.unpacked(_pack(group, pack)))
        return parts[name]

    return get


def write(armature: bpy.types.Object, history: History, new: Mapping[bytes, bytes]) -> None:
    """Keep the versions, with their parts that are new."""
    group = _own_group(armature)
    if new:
        name, pack = packs.packed(new)
        group[name] = pack
    group[_LIST] = to_text(history)


def drop_parts(armature: bpy.types.Object, used: set[bytes]) -> None:
    """Remove all parts that are not used any more."""
    group = _own_group(armature)
    for name in _packs(group):
        if _names(group, name) <= used:
            continue
        left = {part: content for part, content in packs.unpacked(_pack(group, name)).items() if part in used}
        del group[name]
        if left:
            new_name, new_pack = packs.packed(left)
            group[new_name] = new_pack


def _group(armature: bpy.types.Object) -> Mapping[str, object] | None:
    found = (holder.get(KEY) for holder in (keeper(armature), *holders(armature)))
    return cast("Mapping[str, object] | None", next((group for group in found if hasattr(group, "items")), None))


def _own_group(armature: bpy.types.Object) -> dict[str, object]:
    """The group where the dancer's record is, to be changed; it goes there from where it was."""
    place, group = keeper(armature), _group(armature)
    if place.get(KEY) is None:
        place[KEY] = {_LIST: to_text(History()), **({} if group is None else dict(group.items()))}
        for other in holders(armature):
            if other != place and other.library is None:
                other.pop(KEY, None)
    return cast("dict[str, object]", place[KEY])


def _packs(group: Mapping[str, object] | None) -> list[str]:
    """The names of the packs, the oldest first."""
    return [name for name in group if name != _LIST] if group is not None else []


def _pack(group: Mapping[str, object] | None, name: str) -> bytes:
    """A pack. Raises ValueError."""
    pack = group.get(name) if group is not None else None
    if not isinstance(pack, bytes) or len(pack) > _LARGEST:
        raise ValueError("what is kept of it is none of the add-on's")
    return pack


def _names(group: Mapping[str, object] | None, name: str) -> frozenset[bytes]:
    """The names of a pack's parts. Raises ValueError."""
    found = _known.get(name)
    if found is None:
        found = frozenset(packs.names_in(_pack(group, name)))
        _known[name] = found
        while len(_known) > _MOST_KNOWN:
            _known.popitem(last=False)
    return found
