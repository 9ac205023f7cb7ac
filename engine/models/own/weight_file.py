"""Reading of a checkpoint's weights: a safetensors file, of which only what the checkpoint's sizes call for is read.

The format is eight bytes (the header's length, little-endian), a header in JSON with the type, shape and place of every
tensor, and the numbers. The header is compared with the sizes of the networks before memory is taken for any number.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from engine.bounded_files import check_file
from engine.checks import is_count, reason_of, shown
from engine.errors import CheckpointError
from engine.models.own.networks import Floats
from engine.models.own.weight_shapes import Shape

_MOST_HEADER = 2**20
"""Bytes of a header; ours have 20,000."""
_MOST_AXES = 8
_TYPES: dict[str, np.dtype[Any]] = {"F16": np.dtype("<f2"), "F32": np.dtype("<f4")}
"""Types of the numbers in our checkpoints; half precision is widened when it is read."""


@dataclass(frozen=True)
class _Entry:
    """Where a tensor lies: its first byte in the file, and how its numbers are stored."""

    kind: str
    shape: Shape
    begin: int
    bytes: int


def read_weights(file: Path, shapes: Mapping[str, Shape], unused: Collection[str], name: str) -> dict[str, Floats]:
    """The tensors of checkpoint `name` that `shapes` lists, float32, C-contiguous; those in `unused` may be there, too.

    Raises CheckpointError for a file that is damaged, or has other tensors, or NaN or infinite numbers.
    """
    try:
        size = check_file(file).st_size
        with file.open("rb") as stream:
            entries = _read_header(stream, size)
            _check_fit(entries, shapes, unused, name)
            weights = {tensor: _read(stream, entries[tensor], tensor) for tensor in shapes}
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(
            f"The weights of checkpoint {name!r} cannot be read ({reason_of(error)}). Install or copy it again."
        ) from error
    broken = sorted(tensor for tensor, value in weights.items() if not np.isfinite(value).all())
    if broken:
        raise CheckpointError(
            f"The weights of checkpoint {name!r} have NaN or infinite values ({broken[0]}). Install it again."
        )
    return weights


def _read_header(stream: IO[bytes], size: int) -> dict[str, _Entry]:
    length = int.from_bytes(stream.read(8), "little")
    if size < 8 or not 2 <= length <= min(_MOST_HEADER, size - 8):
        raise ValueError("it is not a safetensors file, or only a part of one")
    header = json.loads(stream.read(length).decode("utf-8"))
    if not isinstance(header, dict):
        raise ValueError("its header does not list tensors")
    return {name: _entry(name, value, 8 + length, size) for name, value in header.items() if name != "__metadata__"}


def _entry(name: str, value: object, first: int, size: int) -> _Entry:
    if isinstance(value, dict):
        kind, shape, place = value.get("dtype"), value.get("shape"), value.get("data_offsets")
        if (
            isinstance(kind, str)
            and isinstance(shape, list)
            and len(shape) <= _MOST_AXES
            and all(is_count(axis, 0, size) for axis in shape)
            and isinstance(place, list)
            and len(place) == 2
            and all(is_count(end, 0, size - first) for end in place)
            and place[0] <= place[1]
        ):
            return _Entry(kind, tuple(shape), first + place[0], place[1] - place[0])
    raise ValueError(f"its header describes {shown(name)} wrongly")


def _check_fit(entries: Mapping[str, _Entry], shapes: Mapping[str, Shape], unused: Collection[str], name: str) -> None:
    """Raise CheckpointError unless the tensors are those that the checkpoint's config calls for."""
    problems = {
        "missing": sorted(set(shapes) - set(entries)),
        "unknown": sorted(set(entries) - set(shapes) - set(unused)),
        "of wrong shape": sorted(n for n in set(entries) & set(shapes) if entries[n].shape != shapes[n]),
    }
    parts = [f"{len(names)} {word} ({shown(names[0])[1:-1]})" for word, names in problems.items() if names]
    if parts:
        raise CheckpointError(
            f"The weights of checkpoint {name!r} do not fit its config: {', '.join(parts)}. Install it again."
        )


def _read(stream: IO[bytes], entry: _Entry, name: str) -> Floats:
    dtype = _TYPES.get(entry.kind)
    if dtype is None:
        raise ValueError(f"{shown(name)} has numbers of the type {shown(entry.kind)}, not {' or '.join(_TYPES)}")
    if entry.bytes != math.prod(entry.shape) * dtype.itemsize:
        raise ValueError(f"the numbers of {shown(name)} do not fill its shape")
    stream.seek(entry.begin)
    data = stream.read(entry.bytes)
    if len(data) != entry.bytes:
        raise ValueError(f"it ends within {shown(name)}")
    return np.frombuffer(data, dtype).reshape(entry.shape).astype(np.float32)
