"""Choreographies with their motion in files: a document (.json) and the .npz beside it that it names."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np

from engine.choreography import Choreography, MotionFile, from_json, to_json
from engine.errors import ChoreographyError, DataError
from engine.models.checkpoints import FRAME_RATE
from smpl_rig import dance_motion as takes
from smpl_rig.dance_motion import Take, clip_name
from smpl_rig.motion import MotionFileError, save_npz

__all__ = ["Take", "clip_name", "document_beside", "load_choreography", "read_take", "write_take"]


def write_take(file: Path | IO[bytes], document: Choreography, take: Take) -> None:
    """Write the AMASS-style .npz with what editing needs; clips that no variant is kept in are left out."""
    save_npz(
        file,
        take.motion,
        tokens=np.array(document.tokens, np.int64),
        token_rate=np.float64(document.token_rate),
        checkpoint=document.checkpoint.name,
        seed=np.int64(document.seed),
        style=document.style or "",
        **take.arrays(document.clips),
    )


def read_take(data: bytes, document: Choreography, name: str) -> Take:
    """The motion of a document from the bytes of its .npz. Raises DataError naming what is missing."""
    try:
        take = takes.read_take(data, document.clips, len(document), document.token_rate)
    except MotionFileError as error:
        raise DataError(f"{name}: {error}") from error
    if take.frames.fps != FRAME_RATE:
        raise DataError(
            f"{name}: holds {len(take.frames)} frames, but its choreography has {len(document)} positions of "
            f"{FRAME_RATE / document.token_rate:g}. Give the motion that belongs to it."
        )
    return take


def load_choreography(path: Path) -> tuple[Choreography, Take]:
    """A document and the motion beside it. Raises ChoreographyError, DataError."""
    try:
        document = from_json(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise ChoreographyError(f"{path}: is not text ({error}). Give a choreography (.json).") from error
    except ChoreographyError as error:
        raise ChoreographyError(f"{path}: {error}") from error
    if document.motion is None:
        raise ChoreographyError(f"{path}: names no motion beside it. Write it with `generate --choreography`.")
    motion = path.parent / document.motion.name
    try:
        data = motion.read_bytes()
    except OSError as error:
        raise DataError(
            f"{motion}: the motion of {path.name} cannot be read ({error.strerror}). Put it back."
        ) from error
    if hashlib.sha256(data).hexdigest() != document.motion.sha256:
        raise DataError(f"{motion}: is not the motion that {path.name} was written with. Put that one back.")
    return document, read_take(data, document, str(motion))


def document_beside(document: Choreography, motion: Path) -> str:
    """The document as JSON text that names the motion file, which lies in the folder it will be written to."""
    return to_json(replace(document, motion=MotionFile(motion.name, hashlib.sha256(motion.read_bytes()).hexdigest())))
