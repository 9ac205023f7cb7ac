"""The keys of a dance as parts: some seconds of all curves each.

Pure: nothing here touches Blender.
"""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

from .parts import Get, Parts, packed, read_list, unpacked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from smpl_rig.blender.kept_keys import KeptKeys

    Array = NDArray[Any]

WINDOW = 64
"""Frames of a part, counted from the dance's first one."""
_PLACE_BYTES = 24
"""Of a key and its two handles."""


def put_keys(parts: Parts, keys: KeptKeys) -> bytes:
    """The name of a dance's keys."""
    import numpy as np

    from smpl_rig.blender.kept_keys import SHAPES

    curve = np.repeat(np.arange(len(keys.channels)), keys.counts)
    window = np.floor((keys.values["co"][:, 0].astype(np.float64) - keys.base + 0.5) / WINDOW).astype(np.int64)
    order = np.argsort(window, kind="stable")
    borders = np.searchsorted(window[order], np.arange(window.max(initial=0) + 2))
    shapes = [name for name in SHAPES if name in keys.values]
    names = [parts.put(json.dumps(keys.channels).encode())]
    for first, last in itertools.pairwise(borders):
        rows = order[first:last]
        counts = np.bincount(curve[rows], minlength=len(keys.channels))
        names.append(parts.put(_packed(counts, {name: values[rows] for name, values in keys.values.items()}, shapes)))
    return parts.put_list({"base": keys.base, "shapes": shapes}, names)


def get_keys(get: Get, name: bytes) -> KeptKeys:
    """A dance's keys again, bit for bit. Raises ValueError."""
    import numpy as np

    from smpl_rig.blender.kept_keys import KeptKeys

    about, names = read_list(get(name))
    channels = [(path, index) for path, index in json.loads(get(names[0]))]
    windows = [_unpacked(get(each), len(channels), about["shapes"]) for each in names[1:]]
    curve = np.concatenate([np.repeat(np.arange(len(channels)), counts) for counts, _ in windows])
    order = np.argsort(curve, kind="stable")
    values = {key: np.concatenate([part[key] for _, part in windows])[order] for key in windows[0][1]}
    return KeptKeys(channels, np.sum([counts for counts, _ in windows], axis=0), values, about["base"])


def _packed(counts: Array, values: dict[str, Array], shapes: list[str]) -> bytes:
    import numpy as np

    from smpl_rig.blender.kept_keys import KINDS, PLACES

    places = np.concatenate([values[name] for name in PLACES], axis=1).astype("<f4").view("<u4")
    kinds = np.concatenate([values[name] for name in KINDS], axis=1).astype(np.uint8)
    content = counts.astype("<u4").tobytes() + packed(places - _expected(places)) + kinds.T.tobytes()
    return content + b"".join(values[name].astype(_shape_kind(name)).tobytes() for name in shapes)


def _unpacked(content: bytes, curves: int, shapes: list[str]) -> tuple[Array, dict[str, Array]]:
    """(the keys of each curve, their attributes)."""
    import numpy as np

    from smpl_rig.blender.kept_keys import KINDS, PLACES

    counts = np.frombuffer(content, "<u4", curves).astype(np.int64)
    total, at = int(counts.sum()), 4 * curves
    if len(content) != at + total * (_PLACE_BYTES + len(KINDS) + 4 * len(shapes)):
        raise ValueError("some keys are cut off")
    places = unpacked(content[at : at + _PLACE_BYTES * total], 4, 6)
    places[:, 2:] += _expected(places)[:, 2:]
    values = dict(zip(PLACES, np.split(places.view("<f4"), 3, axis=1), strict=True))
    at += _PLACE_BYTES * total
    kinds = np.frombuffer(content, np.uint8, len(KINDS) * total, at).reshape(len(KINDS), total, 1)
    values |= {name: kind.astype(np.int32) for name, kind in zip(KINDS, kinds, strict=True)}
    at += len(KINDS) * total
    for number, name in enumerate(shapes):
        values[name] = np.frombuffer(content, _shape_kind(name), total, at + 4 * number * total).reshape(total, 1)
    return counts, values


def _shape_kind(name: str) -> str:
    return "<i4" if name == "easing" else "<f4"


def _expected(places: Array) -> Array:
    """(n, 6) bits that those of the handles of keys (n, 6) are near to: of a handle's time a third of the way to the
    key beside it, as the add-on sets it, and of its value the key's."""
    import numpy as np

    times = places[:, 0].copy().view("<f4").astype(np.float64)
    expected = np.zeros_like(places)
    gaps = np.diff(times) / 3 if len(times) > 1 else np.ones(1) / 3
    for column, handles in (
        (2, times - np.insert(gaps, 0, gaps[0])[: len(times)]),
        (4, times + np.append(gaps, gaps[-1])[: len(times)]),
    ):
        expected[:, column] = handles.astype("<f4").view("<u4")
    expected[:, 3] = expected[:, 5] = places[:, 1]
    return expected
