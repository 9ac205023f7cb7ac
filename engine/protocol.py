"""The protocol between the add-on and the engine, over the engine's stdin and stdout.

JSON-RPC 2.0 (https://www.jsonrpc.org/specification) in the frames of the Language Server Protocol's base protocol:
a header `Content-Length: N`, an empty line, then N bytes of UTF-8 JSON. Both sides import this module, so it uses the
standard library only; numpy is imported inside the two functions that carry arrays.

Requests (client to engine): `hello`, `generate`, `edit`, `chain`, `listen`, `report`, `doctor`, `import`,
`fetch_encodec`, `shutdown`.
Notifications: `$/cancelRequest {id}` and `exit` to the engine; `progress {id, stage, fraction, message, seconds_left}`
to the client, where `fraction` (0..1) is of the whole request and `seconds_left` is a number or null; `motion {id,
first_frame, frame_rate, npz}` while a dance is being generated, if `generate` was asked to `stream`: the next frames'
`poses` and `trans` (packed arrays) at the checkpoint's frame rate, before feet are locked. `generate` with
`keep_candidates` answers with a list `candidates`, too: the dances of which its own is the best. An error is `{code,
message, data: {type}}`; its `message` is one or two sentences for the user, its `data.type` the name of the error
class. Where the request needs the sound of a file that the engine cannot decode, `data.sound` is `{file, first, last}`:
who decodes these seconds (whole ones; `last` is null for the rest) as `engine.decoded_sounds` says may ask again.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import re
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any

from .checks import shown

if TYPE_CHECKING:
    import numpy as np

PROTOCOL_VERSION = 1
MAX_MESSAGE_BYTES = 512 * 2**20
"""Largest message. The longest dance with its motion at 60 frames a second and a dozen variants has a fifth of it."""
MOST_VALUES = 20_000_000
"""Most commas and brackets in a message: each value of JSON costs up to a hundred times its text in memory."""
LONGEST_ID = 200
"""Characters of a request's id."""
LOG_BYTES = 256 * 2**10
"""Most bytes that one run of the engine writes to its log."""
MOST_CANDIDATES = 16
"""Candidates that one request may generate."""
COMPOSED_STYLES = ("waltz", "rumba", "cha-cha", "salsa")
"""Styles in which `generate` can be asked to compose the song itself."""

HELLO = "hello"
GENERATE = "generate"
EDIT = "edit"
CHAIN = "chain"
LISTEN = "listen"
REPORT = "report"
DOCTOR = "doctor"
IMPORT = "import"
FETCH_ENCODEC = "fetch_encodec"
SHUTDOWN = "shutdown"
CANCEL = "$/cancelRequest"
EXIT = "exit"
PROGRESS = "progress"
MOTION = "motion"

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
REQUEST_CANCELLED = -32800  # the Language Server Protocol's number for it
ENGINE_ERROR = -32000
OUT_OF_MEMORY = -32001

_MAX_LINE_BYTES = 8192
_CHUNK_BYTES = 1 << 20
# Anchored at the end only: garbage without a line break in front of a header must not hide the header.
_LENGTH = re.compile(rb"content-length:[ \t]*([0-9]{1,15})[ \t]*\r?\n\Z", re.IGNORECASE)
_TYPE = re.compile(rb"\Acontent-type:[^\r\n]*\r?\n\Z", re.IGNORECASE)
_BLANK = (b"\r\n", b"\n")


class ProtocolError(Exception):
    """Bytes on the pipe that do not follow the protocol. The next `MessageReader.read` looks for the next message."""

    code = PARSE_ERROR


class GarbageError(ProtocolError):
    """Bytes that are not a message: a stray print, a damaged header, a frame whose content is not JSON."""


class OversizeError(ProtocolError):
    """A message above the size limit."""


class TruncatedError(ProtocolError):
    """The stream ended in the middle of a message."""


class NotAMessageError(ProtocolError):
    """JSON that is not a JSON-RPC message: not an object, or one that names something twice."""

    code = INVALID_REQUEST


class MessageReader:
    """Reads messages from a binary stream.

    After any `ProtocolError` but `TruncatedError` the reader may be used again: it skips everything up to the next
    header. The error is raised once for a run of garbage, however long.
    """

    def __init__(self, stream: IO[bytes], limit: int = MAX_MESSAGE_BYTES) -> None:
        self._stream = stream
        self._limit = limit
        self._skipping = False  # in a run of garbage that has been reported
        self._length: int | None = None  # from a header found behind garbage on the same line

    def read(self) -> dict[str, Any] | None:
        """The next message, or None at the end of the stream. Blocks. Raises `ProtocolError`, OSError."""
        length = self._read_header()
        if length is None:
            return None
        try:
            body = self._read_exactly(length)
            values = sum(body.count(sign) for sign in b",[{")
            if values > MOST_VALUES:
                raise OversizeError(f"A message holds {values} values, but at most {MOST_VALUES} are possible.")
            message = json.loads(body, object_pairs_hook=_object, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, absurd numbers or nesting
            raise GarbageError(f"A message of {length} bytes is not JSON: {error}.") from error
        except MemoryError as error:
            self._skipping = True  # the rest of its body, up to the next header
            raise OversizeError(f"There is not enough memory for a message of {length} bytes.") from error
        if not isinstance(message, dict):
            raise NotAMessageError(f"A message must be a JSON object, not {type(message).__name__}.")
        return message

    def _read_header(self) -> int | None:
        length, self._length = self._length, None
        started = length is not None
        while True:
            line = self._stream.readline(_MAX_LINE_BYTES)
            if not line:
                if started:
                    raise TruncatedError("The stream ended inside a message's header.")
                return None
            if line in _BLANK and length is not None:
                break
            match = _LENGTH.search(line)
            if match:
                length = int(match.group(1))
                started = True
                if match.start() > 0 and not self._skipping:
                    self._length = length
                    self._report_garbage(line)
            elif _TYPE.match(line):
                started = True
            else:
                started, length = False, None
                if not self._skipping:
                    self._report_garbage(line)
        self._skipping = False
        if length > self._limit:
            self._skipping = True  # its body is skipped like any garbage, up to the next header
            raise OversizeError(f"A message of {length} bytes is above the limit of {self._limit} bytes.")
        return length

    def _report_garbage(self, line: bytes) -> None:
        self._skipping = True
        raise GarbageError(f"Expected the header of a message and found {shown(line[:80])}.")

    def _read_exactly(self, length: int) -> bytearray:
        """The next `length` bytes. Memory is only used for bytes that came."""
        body = bytearray()
        while (missing := length - len(body)) > 0:
            chunk = self._stream.read(min(missing, _CHUNK_BYTES))
            if not chunk:
                raise TruncatedError(f"The stream ended {missing} bytes before the end of a message of {length} bytes.")
            body += chunk
        return body


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. Programs disagree about which of two equal names counts, so neither does."""
    values = dict(pairs)
    if len(values) != len(pairs):
        first = {name: place for place, (name, _) in reversed(list(enumerate(pairs)))}
        twice = next(name for place, (name, _) in enumerate(pairs) if first[name] != place)
        raise NotAMessageError(f"A message names {shown(twice)} twice.")
    return values


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def encode_message(message: Mapping[str, Any], limit: int = MAX_MESSAGE_BYTES) -> bytes:
    """One message as a frame. Raises `OversizeError`, and TypeError or ValueError for what JSON cannot hold (NaN)."""
    # ASCII escapes preserve paths whose bytes are not UTF-8 (lone surrogates in Python).
    body = json.dumps(message, separators=(",", ":"), allow_nan=False).encode("ascii")
    if len(body) > limit:
        raise OversizeError(f"A message of {len(body)} bytes is above the limit of {limit} bytes.")
    return b"Content-Length: %d\r\n\r\n" % len(body) + body


def request(request_id: int, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON-RPC request."""
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": dict(params)}


def notification(method: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON-RPC notification: a message without an answer."""
    return {"jsonrpc": "2.0", "method": method, "params": dict(params)}


def response(request_id: int | str, result: object) -> dict[str, Any]:
    """The answer to a request that succeeded."""
    return {"jsonrpc": "2.0", "id": request_id, "result": result}


def error_response(
    request_id: int | str | None, code: int, message: str, error_type: str, sound: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The answer to a request that failed; `request_id` is None where the request could not be read. sound: what must
    be decoded first, if that is why."""
    data = {"type": error_type} if sound is None else {"type": error_type, "sound": dict(sound)}
    error = {"code": code, "message": message, "data": data}
    return {"jsonrpc": "2.0", "id": request_id, "error": error}


def pack_bytes(data: bytes) -> str:
    """Bytes as text for a message (base64)."""
    return base64.b64encode(data).decode("ascii")


def unpack_bytes(text: str) -> bytes:
    """The bytes that `pack_bytes` packed. Raises `GarbageError`."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise GarbageError(f"Packed bytes are not base64: {error}.") from error


def pack_arrays(arrays: Mapping[str, np.ndarray]) -> str:
    """Named arrays as text for a message: base64 of .npz. Raises ValueError for arrays of Python objects."""
    import numpy as np

    plain: dict[str, Any] = {name: np.asarray(array) for name, array in arrays.items()}
    objects = [name for name, array in plain.items() if array.dtype.hasobject]
    if objects:
        raise ValueError(f"Arrays of Python objects cannot be sent: {', '.join(objects)}.")
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **plain)
    return pack_bytes(buffer.getvalue())


def unpack_arrays(text: str) -> dict[str, np.ndarray]:
    """The arrays that `pack_arrays` packed, or those of `Dance.to_npz()`. Never unpickles. Raises `GarbageError`."""
    import zipfile
    import zlib

    import numpy as np

    try:
        with np.load(io.BytesIO(unpack_bytes(text)), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (ValueError, TypeError, OSError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise GarbageError(f"Packed arrays are not a readable .npz: {error}.") from error
