"""What the engine does on request: one function for each method of the protocol.

Heavy imports happen inside the functions, so that a fresh engine answers `hello` at once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from engine import protocol
from engine.checks import shown
from engine.errors import AudioError, RequestError
from engine.service.devices import edited_on
from engine.service.json_values import build_request, to_plain

if TYPE_CHECKING:
    from engine.choreography import Choreography
    from engine.editing.edit import Edited
    from engine.pipeline.generate import Dance
    from smpl_rig.dance_motion import DanceMotion
    from smpl_rig.motion import Motion

ProgressCallback = Callable[[str, float, str], None]
"""stage, fraction of the whole request (0..1), message for the user"""
CancelledCallback = Callable[[], bool]


class Reporter(Protocol):
    """A job's connection to the add-on: reports progress when called, and sends any other notification."""

    def __call__(self, stage: str, fraction: float, message: str) -> None: ...

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Send a notification about this job."""


EXAMPLE_SECONDS = 24.0
"""Length of a song that is composed for whoever has none at hand."""
Handler = Callable[[dict[str, Any], Reporter, CancelledCallback], Any]


def run_generate(params: dict[str, Any], progress: Reporter, cancelled: CancelledCallback) -> dict[str, Any]:
    """Generate a dance.

    params: the fields of `GenerateRequest`, `stream` (true: frames are sent while later tokens are generated) and
    `compose` (a style: where there is no file `audio` yet, its demo song is written there first).
    Returns `npz` (the motion file as `protocol.pack_bytes`), `document` (its choreography as JSON text) and `report`;
    where `keep_candidates` was asked for and there are several, also its `score` and `candidates`: the same three but
    the report of every other one, best first. Raises EngineError.
    """
    progress("load", 0.0, "Loading the engine's libraries")
    from engine.pipeline.generate import generate
    from engine.pipeline.request import GenerateRequest

    params = dict(params)
    stream = params.pop("stream", False)
    if not isinstance(stream, bool):
        raise RequestError(f"Parameter 'stream' must be bool, not {shown(stream)}.")
    compose = params.pop("compose", None)
    request = build_request(GenerateRequest, params)
    if compose is not None:
        _compose(compose, Path(request.audio), progress, cancelled)

    def show(first_frame: int, motion: Motion) -> None:
        arrays = protocol.pack_arrays({"poses": motion.poses, "trans": motion.trans})
        progress.notify(protocol.MOTION, {"first_frame": first_frame, "frame_rate": motion.fps, "npz": arrays})

    dance = generate(request, progress, cancelled, show if stream else None)
    result = {**_packed(dance), "report": to_plain(dance.report)}
    if dance.others:
        scores = [ranked["score"] for ranked in dance.report["candidates"]]
        others = zip(dance.others, scores[1:], strict=True)
        result["score"] = scores[0]
        result["candidates"] = [{**_packed(other), "score": score} for other, score in others]
    return result


def _packed(dance: Dance) -> dict[str, Any]:
    from engine.choreography import to_json

    return {"npz": protocol.pack_bytes(dance.to_npz()), "document": to_json(dance.document)}


def _compose(style: object, file: Path, progress: ProgressCallback, cancelled: CancelledCallback) -> None:
    """Write a style's demo song to a file, unless it is there. Raises RequestError and AudioError."""
    from engine.audio.composing.demo_song import demo_song, write_song
    from engine.runtime.cancellable import cancellable
    from engine.service.output_files import complete

    if not isinstance(style, str) or style not in protocol.COMPOSED_STYLES:
        listed = ", ".join(protocol.COMPOSED_STYLES)
        raise RequestError(f"Parameter 'compose' must be one of {listed}, not {shown(style)}.")
    if file.exists():
        return
    progress("compose", 0.0, "Composing a song")
    song = cancellable(lambda: demo_song(style, EXAMPLE_SECONDS), cancelled)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with complete(file) as partial:
            write_song(partial, song)
    except OSError as error:
        raise AudioError(
            f"The example song {file} cannot be written ({error.strerror}): choose another data folder in the add-on's "
            "preferences."
        ) from error


@dataclasses.dataclass(frozen=True)
class EditRequest:
    """document: a choreography as JSON text. npz: its motion file as `protocol.pack_bytes`. operations: fields of
    `engine.editing.operations.Operation`. follows: whether the moves after a regenerated span may move in the world."""

    document: str
    npz: str
    operations: list[dict[str, Any]]
    follows: bool = False
    device: str = "auto"


def run_edit(params: dict[str, Any], progress: Reporter, cancelled: CancelledCallback) -> dict[str, Any]:
    """Edit a dance. params: the fields of `EditRequest`. Returns `document`, `npz` and `report` after the edit. Raises
    `EngineError`."""
    request = build_request(EditRequest, params)
    progress("load", 0.0, "Loading the engine's libraries")
    from engine.editing.edit import edit
    from engine.editing.operations import Operation

    for operation in request.operations:
        if not isinstance(operation, dict):
            raise RequestError(f"An operation must be an object with named values, not {shown(operation)}.")
    operations = [build_request(Operation, operation) for operation in request.operations]
    state = _unpack_dance(request.document, request.npz)
    edited = edited_on(
        request.device, lambda device: edit(*state, operations, progress, cancelled, request.follows, device), progress
    )
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
    """Join two dances. params: the fields of `ChainRequest`. Returns `document`, `npz` and `report` of both as one.
    Raises `EngineError`."""
    request = build_request(ChainRequest, params)
    progress("load", 0.0, "Loading the engine's libraries")
    from engine.editing.chain import chain

    first = _unpack_dance(request.first_document, request.first_npz)
    second = _unpack_dance(request.second_document, request.second_npz)
    edited = edited_on(
        request.device,
        lambda device: chain(first, second, request.seconds, request.seed, progress, cancelled, device),
        progress,
    )
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
    from engine.choreography import to_json
    from engine.editing.dance_files import pack_dance_motion

    return {
        "npz": protocol.pack_bytes(pack_dance_motion(edited.document, edited.dance)),
        "document": to_json(edited.document),
        "report": to_plain(edited.report),
    }


@dataclasses.dataclass(frozen=True)
class ReportRequest:
    """A dance as in `EditRequest`. file: the page to write (.html). name: of the dancer, the page's title."""

    document: str
    npz: str
    file: str
    name: str = "Dance"


def run_report(params: dict[str, Any], progress: ProgressCallback, cancelled: CancelledCallback) -> dict[str, Any]:
    """Write the Quality Report of a dance. params: the fields of `ReportRequest`. Returns `file`, `figures` by name and
    `notices` for the user. Raises `EngineError`; nothing is written then."""
    request = build_request(ReportRequest, params)
    progress("load", 0.0, "Loading the engine's libraries")
    from engine.reporting.report import quality_report, subject_of
    from engine.runtime.cancellable import cancellable
    from engine.service.output_files import check_output, complete

    file = Path(request.file)
    check_output(file, (".html",))
    document, dance = _unpack_dance(request.document, request.npz)
    progress("report", 0.3, "Measuring the dance")
    report = cancellable(lambda: quality_report(subject_of(document, dance.motion, request.name)), cancelled)
    with complete(file) as partial:
        partial.write_text(report.html, encoding="utf-8")
    return {"file": str(file), "figures": report.figures, "notices": [*report.notices]}


def run_listen(params: dict[str, Any], progress: ProgressCallback, cancelled: CancelledCallback) -> dict[str, Any]:
    """Listen to a song. params: the fields of `ListenRequest`. Returns those of `SongRhythm`. Raises EngineError."""
    progress("load", 0.0, "Loading the engine's libraries")
    from engine.pipeline.listen import ListenRequest, song_rhythm

    rhythm = song_rhythm(build_request(ListenRequest, params), progress, cancelled)
    return to_plain(dataclasses.asdict(rhythm))


def run_doctor(params: dict[str, Any], progress: ProgressCallback, cancelled: CancelledCallback) -> dict[str, Any]:
    """What works on this machine. There are no parameters."""
    if params:
        raise RequestError(f"doctor has no parameters, but {', '.join(map(repr, params))} came.")
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
    """Import a checkpoint of the original.

    params: the fields of `ImportRequest`. Returns `folder`, `variant`, `parameters` and `warnings` (sentences for the
    user). Raises `EngineError`; nothing is written then.
    """
    request = build_request(ImportRequest, params)
    progress("load", 0.0, "Loading the engine's libraries")
    from engine.audio.original.encodec_weights import weights_path
    from engine.models.original.importing.importer import IMPORT_STEPS, import_magma

    steps: list[str] = []

    def report_step(text: str) -> None:
        steps.append(text)
        progress(text, len(steps) / (IMPORT_STEPS + 1), text)

    mean, std = (None if path is None else Path(path) for path in (request.mean, request.std))
    done = import_magma(
        Path(request.vqvae),
        Path(request.motionseq),
        request.variant,
        Path(request.folder),
        mean,
        std,
        report_step,
        request.precision,
    )
    warnings = list(done.warnings)
    if request.variant != "librosa" and not weights_path().is_file():
        warnings.append(
            "It computes music features with EnCodec, whose weights (93 MB) are not on this computer: fetch them once."
        )
    return {
        "folder": str(done.folder),
        "variant": request.variant,
        "parameters": done.parameters,
        "warnings": warnings,
    }


@dataclasses.dataclass(frozen=True)
class FetchRequest:
    """file: a copy of EnCodec's weights; None downloads them."""

    file: str | None = None


def run_fetch_encodec(
    params: dict[str, Any], progress: ProgressCallback, cancelled: CancelledCallback
) -> dict[str, Any]:
    """Fetch EnCodec's weights.

    params: the fields of `FetchRequest`. Returns `path`, where the weights are now. Raises `EngineError`.
    """
    request = build_request(FetchRequest, params)
    from engine.audio.original import encodec_weights

    if request.file is not None:
        progress("copy", 0.0, "Checking EnCodec's weights")
        path = encodec_weights.store_file(Path(request.file))
    else:
        progress("download", 0.0, "Downloading EnCodec's weights")
        path = encodec_weights.download(
            lambda fraction: progress("download", fraction, "Downloading EnCodec's weights")
        )
    return {"path": str(path)}


HANDLERS: dict[str, Handler] = {
    protocol.GENERATE: run_generate,
    protocol.EDIT: run_edit,
    protocol.CHAIN: run_chain,
    protocol.LISTEN: run_listen,
    protocol.REPORT: run_report,
    protocol.DOCTOR: run_doctor,
    protocol.IMPORT: run_import,
    protocol.FETCH_ENCODEC: run_fetch_encodec,
}
