"""What can go wrong between the add-on and the engine.

`str(error)` is for the user, `error.details` for a closer look. The names say what happened, so they need no "Error".
"""

# ruff: noqa: N818

from __future__ import annotations


class ClientError(Exception):
    """Base of all. `details` is empty or the last lines of the engine's log."""

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details


class EngineNotFound(ClientError):
    """The engine's Python or its folder is not there or cannot be run. reason: why, the end of a sentence that begins
    with its path."""

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class EngineDied(ClientError):
    """The process ended, or was stopped because it wrote something that is not the protocol."""


class EngineTooOld(ClientError):
    """The engine speaks another version of the protocol."""


class EngineTimeout(ClientError):
    """The engine does not answer in time."""


class EngineRefused(ClientError):
    """The engine answered with an error; `type` is the name of its class there, such as `AudioError`."""

    def __init__(self, message: str, error_type: str, code: int, details: str = "") -> None:
        super().__init__(message, details)
        self.type = error_type
        self.code = code


class RequestCancelled(ClientError):
    """Raised by `EngineClient.wait` for a request that was cancelled."""
