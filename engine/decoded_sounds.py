"""Where the sound of files lies that the engine cannot decode itself, decoded by Blender: wav files in a folder that
both know.

The engine answers a request that needs such a sound with an UndecodedError that names the file and the seconds; the
add-on puts a wav file in the place that is meant, and asks again. Standard library only.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

FOLDER_VARIABLE = "MAGMA_DECODED"
"""The environment variable that tells the engine the folder; without it nobody decodes for the engine."""
_DIGITS = 24


def place_of(folder: Path, file: Path, first: int, last: int | None) -> Path:
    """The wav file in `folder` with the seconds first..last (None: to the end) of a file's sound, there or not.

    A file that has changed since has another place. Raises OSError where the file is not there.
    """
    stat = file.stat()
    text = f"{os.path.abspath(file)}\0{stat.st_size}\0{stat.st_mtime_ns}"  # noqa: PTH100 - without following links
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
    return folder / f"{digest[:_DIGITS]}-{first}-{'end' if last is None else last}.wav"
