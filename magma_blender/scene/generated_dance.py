"""A dance as the engine has just generated or edited it."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.choreography import Choreography, from_json
from engine.errors import ChoreographyError

from ..engine_host.answers import DanceAnswer, unusable

if TYPE_CHECKING:
    from smpl_rig.motion import Motion


@dataclass(frozen=True)
class GeneratedDance:
    """A document and its motion: at the scene's rate, and as the bytes of an .npz with all that edits need."""

    document: Choreography
    motion: Motion
    npz: bytes


def read_generated(answer: DanceAnswer) -> GeneratedDance:
    """The dance in an answer of the engine. Raises AnswerError where it makes no sense."""
    import numpy as np

    from smpl_rig.motion import load_npz

    try:
        document = from_json(answer.document)
        motion = load_npz(io.BytesIO(answer.npz))
        file = io.BytesIO()
        with np.load(io.BytesIO(answer.npz), allow_pickle=False) as arrays:
            # joints follow from the rest; without them it is half as large
            np.savez_compressed(file, **{name: arrays[name] for name in arrays.files if name != "joints"})
    except (ChoreographyError, ValueError, zipfile.BadZipFile) as error:  # errors of motion files are ValueErrors
        raise unusable(error) from error
    return GeneratedDance(document, motion, file.getvalue())
