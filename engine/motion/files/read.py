"""Reading of motion files by their ending. A new format is added to `READERS`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engine.errors import DataError
from engine.motion.files.bvh_read import read_bvh
from engine.motion.files.npz_read import read_npz_motion
from smpl_rig.motion import Motion

READERS: dict[str, Callable[[Path], Motion]] = {".npz": read_npz_motion, ".bvh": read_bvh}
"""The reader of a file by its ending in lower case; it raises DataError."""


MAX_SECONDS = 3600.0
"""Of a motion; a longer one would fill memory at a checkpoint's frame rate."""


def read_motion(path: Path) -> Motion:
    """The motion in a file, at its own frame rate: metres, Z up. Raises DataError."""
    try:
        there = path.exists()
    except (ValueError, OSError):  # a null byte in the path, or a name that is too long
        there = False
    if not there:
        raise DataError(f"{path}: there is no such file. Give a motion as .npz (AMASS-style) or .bvh.")
    motion = READERS.get(path.suffix.lower(), read_npz_motion)(path)
    if motion.seconds > MAX_SECONDS:
        raise DataError(
            f"{path}: lasts {motion.seconds / 60:.0f} minutes, more than {MAX_SECONDS / 60:g}. Cut it, or check its "
            "frame rate."
        )
    return motion
