"""Songs that were heard, kept by the content of their files: a file is heard once.

Beside the last few in memory, they are kept in the folder that an environment variable names. What is kept there is a
cache: a file that is missing, damaged or of another version is heard again, and a full disk is no error.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.audio.chroma import CLASSES
from engine.audio.files.decode import load_audio
from engine.audio.listening.evidence import BANDS, Evidence
from engine.audio.listening.listen import Heard, heard, listen
from engine.audio.rates import SAMPLE_RATE
from engine.file_hash import file_sha256
from engine.heard_songs import FOLDER_VARIABLE

_VERSION = 1
"""Of the evidence."""
_MOST = 8
"""Songs that are kept in memory."""
_LARGEST = 1 << 26
"""Bytes of a file that is kept; an hour of music takes two million."""
_MOST_FILES = 500
"""Songs that are kept in the folder: those that were heard last."""

_in_memory: dict[str, Heard] = {}


def heard_file(file: Path, hear: Callable[[], Heard]) -> Heard:
    """What is heard of a song's file: what is kept, else what `hear` gives, which is kept then.

    Raises OSError for a file that cannot be read, and what `hear` raises.
    """
    key = file_sha256(file)
    found = _in_memory.pop(key, None) or _stored(key)
    if found is None:
        found = hear()
        _store(key, found.evidence)
    _in_memory[key] = found
    while len(_in_memory) > _MOST:
        _in_memory.pop(next(iter(_in_memory)))
    return found


def heard_song(file: Path) -> Heard:
    """What is heard of a whole sound file that can be decoded here. Raises AudioError, OSError."""
    return heard_file(file, lambda: listen(load_audio(file, SAMPLE_RATE)))


def is_kept(file: Path) -> bool:
    """Whether a file was heard already. Raises OSError for a file that cannot be read."""
    key = file_sha256(file)
    place = _place(key)
    return key in _in_memory or (place is not None and place.is_file())


def _place(key: str) -> Path | None:
    folder = os.environ.get(FOLDER_VARIABLE)
    return Path(folder) / f"{key}-{_VERSION}.npz" if folder else None


def _stored(key: str) -> Heard | None:
    place = _place(key)
    try:
        if place is None or place.stat().st_size > _LARGEST:
            return None
        with np.load(place, allow_pickle=False) as arrays:
            onset, harmony, loudness = (arrays[name] for name in ("onset", "harmony", "loudness"))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    fits = _is(onset, BANDS) and _is(harmony, CLASSES) and _is(loudness, None) and len(loudness) == len(harmony)
    return heard(Evidence(onset, harmony, loudness)) if fits else None


def _is(array: NDArray[np.float16], width: int | None) -> bool:
    shape = array.shape[1:] == (() if width is None else (width,))
    return bool(array.dtype == np.float16 and array.ndim > 0 and shape and len(array) and np.isfinite(array).all())


def _store(key: str, evidence: Evidence) -> None:
    place = _place(key)
    if place is None:
        return
    data = BytesIO()
    np.savez_compressed(data, onset=evidence.onset, harmony=evidence.harmony, loudness=evidence.loudness)
    part = place.with_name(f"{place.name}.{os.getpid()}.part")
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data.getvalue())
        part.replace(place)
        kept = sorted(place.parent.glob(f"*-{_VERSION}.npz"), key=lambda file: file.stat().st_mtime)
        for old in kept[:-_MOST_FILES]:
            old.unlink()
