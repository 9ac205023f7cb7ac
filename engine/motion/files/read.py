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


def read_motion(path: Path) -> Motion:
    """The motion in a file, at its own frame rate: metres, Z up. Raises DataError."""
    if not path.exists():
        raise DataError(f"{path}: there is no such file. Give a motion as .npz (AMASS-style) or .bvh.")
    return READERS.get(path.suffix.lower(), read_npz_motion)(path)
