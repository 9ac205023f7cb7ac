"""What a job raised, as the add-on and the command line tell it."""

from __future__ import annotations

import sys

from engine import protocol
from engine.errors import CancelledError, EngineError, RequestError


def describe_error(error: BaseException) -> tuple[int, str, str]:
    """The protocol's code, a sentence for the user, and the type's name, of what a job raised."""
    name = type(error).__name__
    if isinstance(error, CancelledError):
        return protocol.REQUEST_CANCELLED, "Cancelled.", name
    if isinstance(error, RequestError):
        return protocol.INVALID_PARAMS, str(error), name
    if isinstance(error, EngineError):
        return protocol.ENGINE_ERROR, str(error), name
    if isinstance(error, ImportError):
        return (
            protocol.INTERNAL_ERROR,
            f"The engine's Python {sys.executable} lacks a package ({error}). Press Install Engine in the add-on's "
            "preferences, or choose a Python there that has the engine's packages.",
            name,
        )
    if _is_out_of_memory(error):
        return (
            protocol.OUT_OF_MEMORY,
            "There is not enough memory for this dance: close other programs, choose the CPU as device, or make the "
            "dance in shorter pieces.",
            "OutOfMemory",
        )
    return protocol.INTERNAL_ERROR, f"Internal error: {name}: {error}. The engine's log says more.", name


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # the latter is torch's for GPUs
        return True
    # torch has no class of its own for the CPU's and Apple's memory
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(
        sign in text for sign in ("out of memory", "can't allocate memory", "not enough memory")
    )
