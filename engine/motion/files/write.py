"""Motion files written by their ending. `WRITERS` is where a new export format is added."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engine.motion.files.bvh_write import write_bvh
from smpl_rig.motion import Motion

WRITERS: dict[str, Callable[[Path, Motion], None]] = {".bvh": write_bvh}
"""What writes a motion, by the file's ending. Our own .npz holds more than the motion: a dance writes it
itself."""


def write_motion(path: Path, motion: Motion) -> None:
    """Write a motion in the format of the file's ending, one of `WRITERS`."""
    WRITERS[path.suffix](path, motion)
