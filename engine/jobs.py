"""What the engine does when asked: one function per method, and how its errors are put to the user.

Heavy imports happen inside the functions, so that a fresh engine answers `hello` at once.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from . import protocol
from .errors import CancelledError, EngineError, RequestError

ProgressCallback = Callable[[str, float, str], None]
"""stage, fraction of the whole request (0..1), message for the user"""
CancelledCallback = Callable[[], bool]
Handler = Callable[[dict[str, Any], ProgressCallback, CancelledCallback], Any]


def run_generate(params: dict[str, Any], progress: ProgressCallback, cancelled: CancelledCallback) -> dict[str, Any]:
    """`params` are the fields of `GenerateRequest`. Returns `npz` (the motion file as `protocol.pack_bytes`) and
    `report`. Raises `EngineError`."""
    progress("load", 0.0, "Loading the engine's libraries")
    import engine.generate as generation

    request = build_request(generation.GenerateRequest, params)
    dance = generation.generate(request, progress, cancelled)
    return {"npz": protocol.pack_bytes(dance.to_npz()), "report": to_plain(dance.report)}


def run_doctor(params: dict[str, Any], progress: ProgressCallback, cancelled: CancelledCallback) -> dict[str, Any]:
    """What works on this machine. Takes no parameters."""
    if params:
        raise RequestError(f"doctor takes no parameters, but {', '.join(map(repr, params))} came.")
    progress("load", 0.0, "Looking at this machine")
    from engine.doctor import report

    return to_plain(report())


HANDLERS: dict[str, Handler] = {protocol.GENERATE: run_generate, protocol.DOCTOR: run_doctor}


def build_request(request_class: type, params: Mapping[str, Any]) -> Any:
    """An instance of the dataclass from JSON, its fields' types checked. Raises `RequestError` naming the parameter."""
    fields = {field.name: field for field in dataclasses.fields(request_class)}
    unknown = sorted(set(params) - set(fields))
    if unknown:
        raise RequestError(f"Unknown parameter {unknown[0]!r}; there are {', '.join(fields)}.")
    for name, field in fields.items():
        optional = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        if name not in params and not optional:
            raise RequestError(f"Parameter {name!r} is missing.")
    hints = typing.get_type_hints(request_class)
    for name, value in params.items():
        if not _fits(value, hints[name]):
            wanted = getattr(hints[name], "__name__", str(hints[name]))
            raise RequestError(f"Parameter {name!r} must be {wanted}, not {value!r}.")
    return request_class(**params)


def _fits(value: object, hint: Any) -> bool:
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return any(_fits(value, option) for option in typing.get_args(hint))
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, typing.get_origin(hint) or hint)


def to_plain(value: Any) -> Any:
    """As JSON can hold it: numpy numbers and arrays become Python's, NaN and infinity null, paths text."""
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float):  # numpy's float64 is one
        return float(value) if math.isfinite(value) else None
    if hasattr(value, "tolist"):
        return to_plain(value.tolist())
    return value


def describe_error(error: BaseException) -> tuple[int, str, str]:
    """(code, sentence for the user, type) of what a job raised."""
    name = type(error).__name__
    if isinstance(error, CancelledError):
        return protocol.REQUEST_CANCELLED, "Cancelled.", name
    if isinstance(error, RequestError):
        return protocol.INVALID_PARAMS, str(error), name
    if isinstance(error, EngineError):
        return protocol.ENGINE_ERROR, str(error), name
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
