"""What the engine does when asked: one function per method, and how its errors are put to the user.

Heavy imports happen inside the functions, so that a fresh engine answers `hello` at once.
"""

from __future__ import annotations

import dataclasses
import math
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine import protocol
from engine.checks import is_number
from engine.errors import CancelledError, EngineError, RequestError

if TYPE_CHECKING:
    from engine.choreography import Choreography
    from engine.editing.edit import Edited
    from smpl_rig.dance_motion import DanceMotion
    from smpl_rig.motion import Motion

ProgressCallback = Callable[[str, float, str], None]
"""stage, fraction of the whole request (0..1), message for the user"""
CancelledCallback = Callable[[], bool]


class Reporter(typing.Protocol):
    """How a job tells the add-on what it does: progress when called, and any other notification of the protocol."""

    def __call__(self, stage: str, fraction: float, message: str) -> None: ...

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Send a notification about this job."""


Handler = Callable[[dict[str, Any], Reporter, CancelledCallback], Any]


def run_generate(params: dict[str, Any], progress: Reporter, cancelled: CancelledCallback) -> dict[str, Any]:
    """`params` are the fields of `GenerateRequest`, and `stream` (true: frames are sent as they are written). Returns
    `npz` (the motion file as `protocol.pack_bytes`), `document` (its choreography as JSON text) and `report`. Raises
    `EngineError`."""
    progress("load", 0.0, "Loading the engine's libraries")
    from engine.choreography import to_json
    from engine.pipeline.generate import generate
    from engine.pipeline.request import GenerateRequest

    params = dict(params)
    stream = params.pop("stream", False)
    if not isinstance(stream, bool):
        raise RequestError(f"Parameter 'stream' must be bool, not {stream!r}.")
    request = build_request(GenerateRequest, params)

    def show(first_frame: int, motion: Motion) -> None:
        arrays = protocol.pack_arrays({"poses": motion.poses, "trans": motion.trans})
        progress.notify(protocol.MOTION, {"first_frame": first_frame, "frame_rate": motion.fps, "npz": arrays})

    dance = generate(request, progress, cancelled, show if stream else None)
    return {
        "npz": protocol.pack_bytes(dance.to_npz()),
        "document": to_json(dance.document),
        "report": to_plain(dance.report),
    }


@dataclasses.dataclass(frozen=True)
class EditRequest:
    """document: a choreography as JSON text. npz: its motion file as `protocol.pack_bytes`. operations: fields of
    `engine.editing.operations.Operation`. follows: whether what comes after a span that is written anew may move."""

    document: str
    npz: str
    operations: list[dict[str, Any]]
    follows: bool = False
    device: str = "auto"


def run_edit(params: dict[str, Any], progress: Reporter, cancelled: CancelledCallback) -> dict[str, Any]:
    """`params` are the fields of `EditRequest`. Returns `document`, `npz` and `report` after the edit. Raises
    `EngineError`."""
    request = build_request(EditRequest, params)
    progress("load", 0.0, "Loading the engine's libraries")
    from engine.editing.edit import edit
    from engine.editing.operations import Operation

    for operation in request.operations:
        if not isinstance(operation, dict):
            raise RequestError(f"An operation must be an object with named values, not {operation!r}.")
    operations = [build_request(Operation, operation) for operation in request.operations]
    state = _unpack_dance(request.document, request.npz)
    with _files_told():
        edited = edit(*state, operations, progress, cancelled, request.follows, request.device)
    return _pack_dance(edited)


@dataclasses.dataclass(frozen=True)
class ChainRequest:
    """Two dances as in `EditRequest`, the length of the join in seconds, and its seed (None: one not used yet)."""

    first_document: str
    first_npz: str
    second_document: str
    second_npz: str
    seconds: float = 1.6
    seed: int | None = None
    device: str = "auto"


def run_chain(params: dict[str, Any], progress: Reporter, cancelled: CancelledCallback) -> dict[str, Any]:
    """`params` are the fields of `ChainRequest`. Returns `document`, `npz` and `report` of both as one. Raises
    `EngineError`."""
    request = build_request(ChainRequest, params)
    progress("load", 0.0, "Loading the engine's libraries")
    from engine.editing.chain import chain

    first = _unpack_dance(request.first_document, request.first_npz)
    second = _unpack_dance(request.second_document, request.second_npz)
    with _files_told():
        edited = chain(first, second, request.seconds, request.seed, progress, cancelled, request.device)
    return _pack_dance(edited)


def _unpack_dance(document: str, npz: str) -> tuple[Choreography, DanceMotion]:
    from engine.choreography import from_json
    from engine.editing.dance_files import read_dance_motion

    try:
        data = protocol.unpack_bytes(npz)
    except protocol.GarbageError as error:
        raise RequestError(str(error)) from error
    read = from_json(document)
    return read, read_dance_motion(data, read, "The motion of the choreography")


def _pack_dance(edited: Edited) -> dict[str, Any]:
    import io

    from engine.choreography import to_json
    from engine.editing.dance_files import write_dance_motion

    file = io.BytesIO()
    write_dance_motion(file, edited.document, edited.dance)
    return {
        "npz": protocol.pack_bytes(file.getvalue()),
        "document": to_json(edited.document),
        "report": to_plain(edited.report),
    }


def run_doctor(params: dict[str, Any], progress: ProgressCallback, cancelled: CancelledCallback) -> dict[str, Any]:
    """What works on this machine. Takes no parameters."""
    if params:
        raise RequestError(f"doctor takes no parameters, but {', '.join(map(repr, params))} came.")
    progress("load", 0.0, "Looking at this machine")
    from engine.service.doctor import report

    return to_plain(report())


@dataclasses.dataclass(frozen=True)
class ImportRequest:
    """The original's files (paths), which of its variants they are, the folder to write, and the decoder's precision
    (see `engine.models.original.quantize`)."""

    vqvae: str
    motionseq: str
    variant: str
    folder: str
    mean: str | None = None
    std: str | None = None
    precision: str = "float32"


def run_import(params: dict[str, Any], progress: ProgressCallback, cancelled: CancelledCallback) -> dict[str, Any]:
    """`params` are the fields of `ImportRequest`. Returns `folder`, `variant`, `parameters` and `warnings` (sentences
    for the user). Raises `EngineError`; nothing is written then."""
    request = build_request(ImportRequest, params)
    progress("load", 0.0, "Loading the engine's libraries")
    from engine.audio.encodec_weights import weights_path
    from engine.models.original.importing.importer import IMPORT_STEPS, import_magma

    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        progress(text, len(said) / (IMPORT_STEPS + 1), text)

    mean, std = (None if path is None else Path(path) for path in (request.mean, request.std))
    with _files_told():
        done = import_magma(
            Path(request.vqvae),
            Path(request.motionseq),
            request.variant,
            Path(request.folder),
            mean,
            std,
            say,
            request.precision,
        )
    warnings = list(done.warnings)
    if request.variant != "librosa" and not weights_path().is_file():
        warnings.append(
            "It hears music through EnCodec, whose weights (93 MB) are not on this computer: fetch them once."
        )
    return {
        "folder": str(done.folder),
        "variant": request.variant,
        "parameters": done.parameters,
        "warnings": warnings,
    }


@dataclasses.dataclass(frozen=True)
class FetchRequest:
    """file: a copy of EnCodec's weights to take; None downloads them."""

    file: str | None = None


def run_fetch_encodec(
    params: dict[str, Any], progress: ProgressCallback, cancelled: CancelledCallback
) -> dict[str, Any]:
    """`params` are the fields of `FetchRequest`. Returns `path`, where the weights are now. Raises `EngineError`."""
    request = build_request(FetchRequest, params)
    from engine.audio import encodec_weights

    with _files_told():
        if request.file is not None:
            progress("copy", 0.0, "Checking EnCodec's weights")
            path = encodec_weights.store_file(Path(request.file))
        else:
            progress("download", 0.0, "Downloading EnCodec's weights")
            path = encodec_weights.download(
                lambda fraction: progress("download", fraction, "Downloading EnCodec's weights")
            )
    return {"path": str(path)}


@contextmanager
def _files_told() -> Iterator[None]:
    """What the disk refuses (no space, no permission) as a sentence for the user."""
    try:
        yield
    except OSError as error:
        raise EngineError(
            f"{error.filename or 'A file'}: {error.strerror or error}. Put that right and try again."
        ) from error


HANDLERS: dict[str, Handler] = {
    protocol.GENERATE: run_generate,
    protocol.EDIT: run_edit,
    protocol.CHAIN: run_chain,
    protocol.DOCTOR: run_doctor,
    protocol.IMPORT: run_import,
    protocol.FETCH_ENCODEC: run_fetch_encodec,
}


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
        return is_number(value)
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
