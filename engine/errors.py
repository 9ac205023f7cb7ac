"""The engine's typed errors. Each message is one sentence or two: what happened, with which value, and what to do."""

from __future__ import annotations


class EngineError(Exception):
    """Base of every error that a user can act on; `str(error)` is shown as it is."""


class AudioError(EngineError):
    """The audio file is missing, unreadable, too short, too long, or silent."""


class UndecodedError(AudioError):
    """Seconds first..last (None: to the end) of a file's sound, which this process cannot decode and Blender may, see
    `engine.decoded_sounds`."""

    def __init__(self, message: str, file: str, first: int, last: int | None) -> None:
        super().__init__(message)
        self.file, self.first, self.last = file, first, last


class CheckpointError(EngineError):
    """A checkpoint is missing, damaged, or of another version."""


class DataError(EngineError):
    """Training or motion data cannot be used."""


class RequestError(EngineError):
    """A request has a wrong or missing argument."""


class CancelledError(EngineError):
    """The user cancelled; nothing was written."""


class ChoreographyError(EngineError):
    """A choreography is damaged, or an edit does not fit it; it stays as it was."""
