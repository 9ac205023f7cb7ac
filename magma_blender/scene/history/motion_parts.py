"""A dance's motion, the arrays of its .npz, as parts.

Pure: nothing here touches Blender.
"""

from __future__ import annotations

import zipfile
from io import BytesIO
from typing import TYPE_CHECKING, Any

from .parts import Get, Parts, get_array, put_array, read_list

if TYPE_CHECKING:
    from numpy.typing import NDArray

Arrays = dict[str, "NDArray[Any]"]


def arrays_in(npz: bytes) -> Arrays:
    """All arrays of an .npz, by name. Raises ValueError."""
    from smpl_rig.npz import read_arrays

    try:
        with zipfile.ZipFile(BytesIO(npz)) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
    except zipfile.BadZipFile as error:
        raise ValueError("it is no .npz file") from error
    return read_arrays(BytesIO(npz), names)


def put_motion(parts: Parts, arrays: Arrays) -> bytes:
    """The name of a motion."""
    about, all_names = [], []
    for key, array in arrays.items():
        kind, names = put_array(parts, array)
        about.append([key, *kind])
        all_names += names
    return parts.put_list(about, all_names)


def get_motion(get: Get, name: bytes) -> bytes:
    """The .npz of a motion, with the same arrays. Raises ValueError."""
    from smpl_rig.motion import npz_bytes

    about, names = read_list(get(name))
    arrays, at = {}, 0
    for key, dtype, shape, rows in about:
        arrays[key] = get_array(get, [dtype, shape], names[at : at + len(rows)])
        at += len(rows)
    return npz_bytes(arrays)


def middle_of_change(before: bytes, after: bytes) -> int | None:
    """The frame in the middle of those in which the second of two motions, as they are kept, is not as the first; None
    where it is in all."""
    one, _ = _frames(before)
    other, rows = _frames(after)
    same = _alike(one, other)
    if same == len(one) == len(other):
        return None
    behind = min(_alike(one[::-1], other[::-1]), min(len(one), len(other)) - same)
    return (sum(rows[:same]) + sum(rows[: len(rows) - behind])) // 2


def _frames(motion: bytes) -> tuple[list[bytes], list[int]]:
    """The parts of a motion's poses at the checkpoint's rate, and how many frames each has."""
    about, names = read_list(motion)
    at = 0
    for key, _, _, rows in about:
        if key == "frames_poses":
            return names[at : at + len(rows)], rows
        at += len(rows)
    return [], []


def _alike(one: list[bytes], other: list[bytes]) -> int:
    """How many parts two lists begin with that are the same."""
    pairs = zip(one, other, strict=False)
    return next((number for number, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
