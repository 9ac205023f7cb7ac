"""Parts that came together as one compressed run of bytes, with a list of their names in front.

Pure: nothing here touches Blender.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

from .parts import NAME_BYTES, name_of

_COUNT, _LENGTH = struct.Struct("<I"), struct.Struct("<I")
_ENTRY = NAME_BYTES + _LENGTH.size
_LARGEST = 1 << 28
"""Bytes of a pack's parts together."""


def packed(parts: Mapping[bytes, bytes]) -> tuple[str, bytes]:
    """(the name of a pack, the pack)."""
    listed = b"".join(name + _LENGTH.pack(len(content)) for name, content in parts.items())
    return name_of(listed).hex(), _COUNT.pack(len(parts)) + listed + zlib.compress(b"".join(parts.values()))


def names_in(pack: bytes) -> list[bytes]:
    """The names of a pack's parts. Raises ValueError."""
    return [name for name, _ in _listed(pack)]


def unpacked(pack: bytes) -> dict[bytes, bytes]:
    """A pack's parts by name. Raises ValueError where they are not what their names say."""
    listed = _listed(pack)
    total = sum(length for _, length in listed)
    if total > _LARGEST:
        raise ValueError("its parts are larger than any dance")
    stream = zlib.decompressobj()
    try:
        contents = stream.decompress(pack[_COUNT.size + len(listed) * _ENTRY :], total + 1)
    except zlib.error as error:
        raise ValueError("its parts cannot be read") from error
    if len(contents) != total:
        raise ValueError("its parts are cut off")
    parts, at = {}, 0
    for name, length in listed:
        parts[name] = contents[at : at + length]
        at += length
        if name_of(parts[name]) != name:
            raise ValueError("one of its parts was changed")
    return parts


def _listed(pack: bytes) -> list[tuple[bytes, int]]:
    count = _COUNT.unpack_from(pack)[0] if len(pack) >= _COUNT.size else -1
    if not 0 <= count <= (len(pack) - _COUNT.size) // _ENTRY:
        raise ValueError("its list of parts is cut off")
    places = range(_COUNT.size, _COUNT.size + count * _ENTRY, _ENTRY)
    return [(pack[at : at + NAME_BYTES], _LENGTH.unpack_from(pack, at + NAME_BYTES)[0]) for at in places]
