"""What a job raised, as the add-on and the command line tell it."""

from __future__ import annotations

import errno
import sys

from engine import protocol
from engine.checks import shortened, shown_path
from engine.errors import CancelledError, EngineError, RequestError, UndecodedError
from engine.runtime.memory import is_out_of_memory

LONGEST_MESSAGE = 1_000
"""Characters of an error message. Longer ones, which name long paths, lose their middle."""


def describe_error(error: BaseException) -> tuple[int, str, str]:
    """The protocol's code, a sentence for the user, and the type's name, of what a job raised."""
    code, text, name = _describe(error)
    return code, shortened(text, LONGEST_MESSAGE), name


def needed_sound(error: BaseException) -> dict[str, object] | None:
    """What must be decoded before the job can be done, for the protocol; None for any other error."""
    if not isinstance(error, UndecodedError):
        return None
    return {"file": error.file, "first": error.first, "last": error.last}


def _describe(error: BaseException) -> tuple[int, str, str]:
    name = type(error).__name__
    if isinstance(error, CancelledError):
        return protocol.REQUEST_CANCELLED, "Cancelled.", name
    if is_out_of_memory(error):
        return (
            protocol.OUT_OF_MEMORY,
            "There is not enough memory for this dance: close other programs, choose the CPU as device, or make the "
            "dance in shorter pieces.",
            "OutOfMemory",
        )
    if isinstance(error, RequestError):
        return protocol.INVALID_PARAMS, str(error), name
    if isinstance(error, EngineError):
        return protocol.ENGINE_ERROR, str(error), name
    if isinstance(error, ImportError):
        return (
            protocol.INTERNAL_ERROR,
            f"The engine's Python {sys.executable} lacks a package ({error}). Press Install PyTorch in the add-on's "
            "preferences, or clear Engine Python there.",
            name,
        )
    if isinstance(error, OSError):
        return protocol.ENGINE_ERROR, _disk_error(error), name
    return protocol.INTERNAL_ERROR, f"Internal error: {name}: {_text(error)}. The engine's log says more.", name


def _disk_error(error: OSError) -> str:
    """A disk's refusal (no space, no permission) as a sentence."""
    place = f"{shown_path(error.filename)}: " if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{place}there is no space left on the disk. Free some and try again."
    return f"{place}{error.strerror or _text(error)}. Put that right and try again."


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # an error of a library that cannot even say what it is
        return "no text"
