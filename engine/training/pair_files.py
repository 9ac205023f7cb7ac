"""Training pairs in a file: small enough to be carried to the machine that trains on them.

Features are kept in half precision, and music that several pairs share, such as a dance's and its mirror image's, once.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError
from engine.training.pairs import Pair


def write_pairs(file: Path, pairs: Sequence[Pair]) -> int:
    """Write pairs; returns the bytes of the file."""
    kept: dict[bytes, int] = {}
    music: list[NDArray[np.float16]] = []
    which = []
    for pair in pairs:
        if pair.music is None:
            which.append(-1)
            continue
        half = pair.music.astype(np.float16)
        number = kept.setdefault(half.tobytes(), len(music))
        if number == len(music):
            music.append(half)
        which.append(number)
    unknown = [np.full(len(pair.codes), np.nan) if pair.energy is None else pair.energy for pair in pairs]
    np.savez_compressed(
        file,
        codes=np.concatenate([pair.codes for pair in pairs]).astype(np.int16),
        lengths=[len(pair.codes) for pair in pairs],
        energy=np.concatenate(unknown).astype(np.float16),
        style=[pair.style for pair in pairs],
        kind=[pair.kind for pair in pairs],
        joins=np.array([join for pair in pairs for join in pair.joins], np.int64),
        join_counts=[len(pair.joins) for pair in pairs],
        music=np.concatenate(music) if music else np.zeros((0, 0), np.float16),
        music_lengths=[len(each) for each in music],
        music_of=which,
    )
    return file.stat().st_size


def read_pairs(file: Path) -> list[Pair]:
    """The pairs in a file that `write_pairs` wrote. Raises DataError."""
    try:
        with np.load(io.BytesIO(file.read_bytes())) as arrays:
            values = dict(arrays)
        codes, energy, joins = (
            _parts(values[name], values[lengths])
            for name, lengths in (("codes", "lengths"), ("energy", "lengths"), ("joins", "join_counts"))
        )
        music = [each.astype(np.float32) for each in _parts(values["music"], values["music_lengths"])]
        each = zip(codes, energy, joins, values["style"], values["kind"], values["music_of"], strict=True)
        return [
            Pair(
                code.astype(np.int64),
                None if number < 0 else music[number],
                int(style),
                str(kind),
                None if np.isnan(level).any() else level.astype(np.float32),
                tuple(join.tolist()),
            )
            for code, level, join, style, kind, number in each
        ]
    except (OSError, ValueError, KeyError, IndexError, TypeError, zipfile.BadZipFile) as error:
        raise DataError(f"{file} holds no training pairs ({error}). Make it again.") from error


def _parts(values: NDArray[Any], lengths: NDArray[np.int64]) -> list[NDArray[Any]]:
    """Values cut into consecutive parts."""
    return np.split(values, np.cumsum(lengths)[:-1]) if len(lengths) else []
