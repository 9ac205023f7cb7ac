"""Framing of messages: they are restored when read, and no bytes hang or crash the reader."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import protocol
from engine.protocol import (
    GarbageError,
    MessageReader,
    NotAMessageError,
    OversizeError,
    ProtocolError,
    TruncatedError,
    encode_message,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
messages = st.dictionaries(st.text(), json_values, max_size=5)
MESSAGE = {"id": 1, "method": "hello"}


def read_all(data: bytes, limit: int = protocol.MAX_MESSAGE_BYTES) -> list:
    """Messages and errors, in order, to the end."""
    reader = MessageReader(io.BytesIO(data), limit)
    found: list = []
    while True:
        try:
            message = reader.read()
        except TruncatedError as error:
            return [*found, error]
        except ProtocolError as error:
            found.append(error)
            continue
        if message is None:
            return found
        found.append(message)


@settings(max_examples=40)
@given(st.lists(messages, max_size=3))
def test_messages_are_read_in_order(sent: list[dict]) -> None:
    assert read_all(b"".join(map(encode_message, sent))) == sent


@given(st.binary(max_size=400))
def test_garbage_ends_in_errors_never_in_a_hang(data: bytes) -> None:
    for item in read_all(data):
        assert isinstance(item, (dict, ProtocolError))


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_damaged_frames_end_in_errors(header: bytes, body: bytes) -> None:
    for item in read_all(b"Content-Length: %d\r\n" % len(body) + header + b"\r\n\r\n" + body):
        assert isinstance(item, (dict, ProtocolError))


@given(st.binary(max_size=100).filter(lambda data: b"ontent-" not in data.lower()))
def test_reader_finds_the_next_message_after_garbage(garbage: bytes) -> None:
    # One message may be lost where garbage merges with its header, but not those after it.
    found = read_all(encode_message(MESSAGE) + garbage + encode_message(MESSAGE) * 2)
    assert found[0] == MESSAGE and found[-1] == MESSAGE
    assert sum(isinstance(item, ProtocolError) for item in found) <= 1


@given(messages, st.data())
def test_any_incomplete_message_is_reported_as_truncated(message: dict, data: st.DataObject) -> None:
    frame = encode_message(message)
    cut = data.draw(st.integers(1, len(frame) - 1))
    (error,) = read_all(frame[:cut])
    assert isinstance(error, (TruncatedError, GarbageError))


def test_a_run_of_garbage_is_reported_once() -> None:
    found = read_all(b"warning: x\n" * 5000 + b"y" * 30_000 + b"\n" + encode_message(MESSAGE))
    assert [type(item) for item in found] == [GarbageError, dict]


@pytest.mark.parametrize("body", [b"[1, 2]", b"3", b'"text"', b"null"])
def test_json_that_is_not_an_object_is_an_invalid_request(body: bytes) -> None:
    found = read_all(b"Content-Length: %d\r\n\r\n" % len(body) + body + encode_message(MESSAGE))
    assert isinstance(found[0], NotAMessageError) and found[0].code == protocol.INVALID_REQUEST
    assert found[1] == MESSAGE


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}"])
def test_content_that_is_not_json_is_garbage(body: bytes) -> None:
    found = read_all(b"Content-Length: %d\r\n\r\n" % len(body) + body + encode_message(MESSAGE))
    assert isinstance(found[0], GarbageError) and found[1] == MESSAGE


def test_an_oversize_message_is_refused_unread_and_the_next_one_read() -> None:
    found = read_all(encode_message({"x": "y" * 500}) + encode_message(MESSAGE), limit=100)
    assert isinstance(found[0], OversizeError) and found[1:] == [MESSAGE]
    assert [type(item) for item in read_all(b"Content-Length: 999999999999999\r\n\r\n{}")] == [OversizeError]
    with pytest.raises(OversizeError):
        encode_message({"x": "y" * 500}, limit=100)


def test_headers_are_read_as_other_tools_write_them() -> None:
    body = json.dumps({"title": "Grün"}, ensure_ascii=False).encode()
    other = b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\n"
    length = b"content-length: %d\r\n" % len(body)
    for header in (length, other + length, length + other):
        assert read_all(header + b"\r\n" + body) == [{"title": "Grün"}]


def test_a_path_that_is_not_utf8_survives() -> None:
    path = b"/music/\xff.ogg".decode("utf-8", "surrogateescape")
    assert read_all(encode_message({"path": path})) == [{"path": path}]


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError):
        encode_message({"x": float("nan")})


def test_arrays_round_trip_and_objects_are_never_sent() -> None:
    arrays = {"poses": np.random.default_rng(0).normal(size=(5, 72)).astype(np.float32), "style": np.array("Krump")}
    back = protocol.unpack_arrays(protocol.pack_arrays(arrays))
    assert back["poses"].dtype == np.float32
    np.testing.assert_array_equal(back["poses"], arrays["poses"])
    assert str(back["style"]) == "Krump"
    objects = np.array([{}], dtype=object)
    with pytest.raises(ValueError, match="evil"):
        protocol.pack_arrays({"evil": objects})
    buffer = io.BytesIO()
    np.savez(buffer, evil=objects)
    with pytest.raises(GarbageError):
        protocol.unpack_arrays(protocol.pack_bytes(buffer.getvalue()))


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda data: b"PK\x03\x04" + data))
def test_damaged_arrays_are_garbage(data: bytes) -> None:
    with pytest.raises(GarbageError):
        protocol.unpack_arrays(protocol.pack_bytes(data))


def test_text_that_is_not_base64_is_garbage() -> None:
    for text in ("%%%", "abc", "ü"):
        with pytest.raises(GarbageError):
            protocol.unpack_bytes(text)


def test_songs_are_composed_in_the_styles_of_the_demo_song() -> None:
    from engine.audio.composing.demo_song import DEMO_STYLES

    assert protocol.COMPOSED_STYLES == DEMO_STYLES
