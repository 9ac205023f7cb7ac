"""What the engine answers when it has generated or edited a dance."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.choreography import Choreography, from_json
from engine.errors import ChoreographyError
from engine.protocol import GarbageError, unpack_bytes

from ..errors import SceneError

if TYPE_CHECKING:
    from smpl_rig.motion import Motion

UNUSABLE = (GarbageError, ChoreographyError, KeyError, ValueError, TypeError, zipfile.BadZipFile)
"""What reading an answer that makes no sense raises; errors of motion files are ValueErrors."""


@dataclass(frozen=True)
class Dance:
    """A document and its motion: at the scene's rate, and as the bytes of an .npz with all that edits need."""

    document: Choreography
    motion: Motion
    npz: bytes


def read(answer: Mapping[str, object]) -> Dance:
    """The dance in an answer of the engine. Raises SceneError where it makes no sense."""
    import numpy as np

    from smpl_rig.motion import load_npz

    try:
        document = from_json(_text(answer, "document"))
        npz = unpack_bytes(_text(answer, "npz"))
        motion = load_npz(io.BytesIO(npz))
        file = io.BytesIO()
        with np.load(io.BytesIO(npz), allow_pickle=False) as arrays:
            # joints follow from the rest; without them it is half as large
            np.savez_compressed(file, **{name: arrays[name] for name in arrays.files if name != "joints"})
    except UNUSABLE as error:
        raise unusable(error) from error
    return Dance(document, motion, file.getvalue())


def unusable(reason: object) -> SceneError:
    """The error for an answer of the engine that makes no sense."""
    return SceneError(
        f"The engine's answer cannot be used ({reason}): engine and add-on do not belong together. Press Install "
        "Engine in the preferences."
    )


def _text(answer: Mapping[str, object], name: str) -> str:
    value = answer[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} is {type(value).__name__}")
    return value
