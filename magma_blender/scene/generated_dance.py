"""A dance as the engine has just generated or edited it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.choreography import Choreography, from_json
from engine.errors import ChoreographyError

from ..engine_host.answers import CandidateAnswer, DanceAnswer, unusable

if TYPE_CHECKING:
    from smpl_rig.motion import Motion


@dataclass(frozen=True)
class GeneratedDance:
    """A document and its motion: at the scene's rate, and as the bytes of an .npz with all that edits need."""

    document: Choreography
    motion: Motion
    npz: bytes


def read_generated(answer: DanceAnswer | CandidateAnswer) -> GeneratedDance:
    """The dance in an answer of the engine. Raises AnswerError where it makes no sense."""
    from smpl_rig.dance_motion import read_motion

    try:
        document = from_json(answer.document)
        motion = read_motion(answer.npz)
    except (ChoreographyError, ValueError) as error:  # errors of motion files are ValueErrors
        raise unusable(error) from error
    return GeneratedDance(document, motion, answer.npz)
