"""Dances in files: a choreography (.json) and the motion file (.npz) beside it that it names."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.bounded_files import check_file, read_text
from engine.choreography import LONGEST_TEXT, Audio, Choreography, from_json, with_paths
from engine.editing.song_music import is_found
from engine.errors import ChoreographyError, DataError
from smpl_rig import dance_motion
from smpl_rig.dance_motion import DanceMotion
from smpl_rig.motion import MotionFileError, save_npz

_MOST_MOTION = 2**30
"""Bytes of a dance's motion file, several times what the longest dance has."""


def write_dance_motion(path: Path, document: Choreography, dance: DanceMotion) -> None:
    """Write the AMASS-style .npz of a dance with what edits need; clips that no variant uses are left out."""
    save_npz(path, dance.motion, **_facts(document), **dance.arrays(document.clips))


def pack_dance_motion(document: Choreography, dance: DanceMotion) -> bytes:
    """A dance's motion as bytes for the add-on, see `smpl_rig.dance_motion.pack_dance_motion`."""
    return dance_motion.pack_dance_motion(dance, document.clips, **_facts(document))


def _facts(document: Choreography) -> dict[str, Any]:
    return {
        "tokens": np.array(document.tokens, np.int64),
        "token_rate": np.float64(document.token_rate),
        "checkpoint": document.checkpoint.short_name,
        "seed": np.int64(document.seed),
        "style": document.style or "",
    }


def read_dance_motion(data: bytes, document: Choreography, name: str) -> DanceMotion:
    """The motion of a choreography from the bytes of its .npz. Raises DataError naming what is missing."""
    try:
        dance = dance_motion.read_dance_motion(data, document.clips, len(document), document.token_rate)
    except MotionFileError as error:
        raise DataError(f"{name}: {error}") from error
    stride = len(dance.frames) // len(document)
    variants = [variant for span in document.spans for variant in span.variants]
    variants += [variant.mirror_of for variant in variants if variant.mirror_of is not None]
    short = [
        variant.clip
        for variant in variants
        if variant.clip is not None and (variant.clip_start + len(variant)) * stride > len(dance.clips[variant.clip])
    ]
    if short:
        raise DataError(
            f"{name}: has a motion {short[0]} that is too short for the variant that uses it. Give the motion that "
            "belongs to the choreography."
        )
    return dance


def load_choreography(path: Path) -> tuple[Choreography, DanceMotion]:
    """A choreography and the motion beside it. Raises ChoreographyError, DataError."""
    try:
        document = from_json(read_text(path, LONGEST_TEXT))
    except OSError as error:
        raise ChoreographyError(f"{path}: cannot be read ({error.strerror}). Give a choreography (.json).") from error
    except UnicodeDecodeError as error:
        raise ChoreographyError(f"{path}: is not text ({error}). Give a choreography (.json).") from error
    except ChoreographyError as error:
        raise ChoreographyError(f"{path}: {error}") from error
    if document.motion is None:
        raise ChoreographyError(f"{path}: names no motion file. Write the dance with `generate --choreography`.")
    motion = path.parent / document.motion.name
    try:
        check_file(motion, _MOST_MOTION)
        data = motion.read_bytes()
    except OSError as error:
        raise DataError(
            f"{motion}: the motion of {path.name} cannot be read ({error.strerror}). Put it back."
        ) from error
    if hashlib.sha256(data).hexdigest() != document.motion.sha256:
        raise DataError(f"{motion}: is not the motion that {path.name} was written with. Put that one back.")
    folder = path.resolve().parent
    located = with_paths(document, lambda audio: _found_song(audio, folder))
    return located, read_dance_motion(data, document, str(motion))


def _found_song(audio: Audio, folder: Path) -> str:
    """The absolute path of a song: where the document says, or beside the document under the same name. The content
    decides between two; where there is none, it is where the document says."""
    named, beside = folder / audio.path, folder / audio.file_name
    if not is_found(replace(audio, path=str(named))) and is_found(replace(audio, path=str(beside))):
        return str(beside)
    return os.path.normpath(named)  # `..` in it only makes messages hard to read
