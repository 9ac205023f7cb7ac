"""The engine process as its client sees it, with made-up work (see tests/fake_engine.py)."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

from engine import VERSION, protocol
from engine.checkpoint_index import list_checkpoints
from engine.choreography import from_json
from engine.editing.edit import Edited
from engine.editing.operations import Operation
from engine.errors import CheckpointError, EngineError, RequestError
from engine.pipeline.request import GenerateRequest
from engine.service import jobs, server
from engine.service.failures import describe_error
from engine.service.jobs import HANDLERS, CancelledCallback, Reporter
from engine.service.json_values import build_request, to_plain
from engine.service.log import Log
from smpl_rig.dance_motion import read_motion

ROOT = Path(__file__).resolve().parents[2]
HANGS = 30.0
"""Seconds after which a process that should have ended counts as hanging."""


def send(stream: IO[bytes], message: Mapping[str, Any]) -> None:
    stream.write(protocol.encode_message(message))
    stream.flush()


class Engine:
    """A fake engine process and the few words needed to talk to it."""

    def __init__(self, log: Path, command: Sequence[str] = (str(ROOT / "tests" / "fake_engine.py"),)) -> None:
        self.log = log
        with log.open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        assert self.process.stdin and self.process.stdout
        self.stdin = self.process.stdin
        self.reader = protocol.MessageReader(self.process.stdout)
        self.progress: list[dict[str, Any]] = []

    def ask(self, request_id: Any, method: str, **params: Any) -> None:
        send(self.stdin, protocol.request(request_id, method, params))

    def tell(self, method: str, **params: Any) -> None:
        send(self.stdin, protocol.notification(method, params))

    def raw(self, data: bytes) -> None:
        self.stdin.write(data)
        self.stdin.flush()

    def answer(self) -> dict[str, Any]:
        while (message := self.reader.read()) is not None:
            if "method" not in message:
                return message
            self.progress.append(message["params"])
        raise AssertionError("the engine left: " + self.log.read_text(errors="replace"))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            self.stdin.close()

    def until_progress(self) -> None:
        while True:
            message = self.reader.read()
            assert message is not None
            if message.get("method") == "progress" and message["params"]["stage"] == "tokens":
                return


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = Engine(tmp_path / "engine.log")
    yield engine
    engine.close()


def test_hello_names_versions_without_heavy_imports() -> None:
    code = (
        "import sys; sys.argv = ['x']; import engine.service.server; engine.service.server.hello();"
        "heavy = {'torch', 'numpy', 'librosa', 'scipy', 'av'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_hello(engine: Engine) -> None:
    engine.ask(1, "hello")
    answer = engine.answer()
    assert answer["id"] == 1
    assert answer["result"]["protocol"] == protocol.PROTOCOL_VERSION
    assert answer["result"]["engine_version"] == VERSION
    assert isinstance(answer["result"]["checkpoints"], list)


def test_hello_is_answered_during_a_job(engine: Engine) -> None:
    engine.ask(1, "generate", audio="slow")
    engine.until_progress()
    engine.ask(2, "hello")
    assert engine.answer()["id"] == 2


def song_of(answer: dict[str, Any]) -> str:
    """The song of the dance that a request was answered with."""
    return answer["result"]["report"]["params"]["audio"]


def test_generate_gives_bytes_report_and_progress(engine: Engine) -> None:
    path = "/music/später/песня.ogg"
    engine.ask("a", "generate", audio=path, seed=3)
    answer = engine.answer()
    assert answer["id"] == "a" and song_of(answer) == path
    npz = protocol.unpack_bytes(answer["result"]["npz"])
    with np.load(io.BytesIO(npz)) as arrays:
        assert arrays["seed"] == 3
    assert read_motion(npz).poses.shape == (120, 72)
    assert from_json(answer["result"]["document"]).audio[0].path == path
    assert answer["result"]["report"]["nothing"] is None  # JSON has no NaN
    assert {
        "id": "a",
        "stage": "decode",
        "fraction": 0.5,
        "message": "half way",
        "seconds_left": None,
    } in engine.progress


def test_progress_is_bounded_and_estimates_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """600 steps, ten milliseconds each, by a clock of the test's own."""
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    sent: list[dict[str, Any]] = []
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as stdin, os.fdopen(writer, "wb") as ours:
        send(ours, protocol.request(1, "count", {}))

        def count(params: dict[str, Any], progress: Reporter, cancelled: CancelledCallback) -> None:
            nonlocal now
            for step in range(600):
                progress("tokens", step / 600, f"step {step}")
                now += 0.01
            ours.close()  # which ends the server

        monkeypatch.setitem(HANDLERS, "count", count)
        server.serve(stdin, stdout := io.BytesIO(), Log(sys.stderr))
    messages = protocol.MessageReader(io.BytesIO(stdout.getvalue()))
    while (message := messages.read()) is not None:
        if message.get("method") == protocol.PROGRESS:
            sent.append(message["params"])
    assert 50 <= len(sent) <= 61  # ten a second for six seconds
    assert sent[0]["seconds_left"] is None
    for report in sent[10:]:
        assert report["seconds_left"] == pytest.approx(6 * (1 - report["fraction"]), abs=0.06)


def test_doctor(engine: Engine) -> None:
    engine.ask(1, "doctor")
    assert engine.answer()["result"]["checkpoints"] == ["default"]


def test_cancel_stops_a_running_and_a_waiting_job(engine: Engine) -> None:
    for request_id in (1, 2, 3):
        engine.ask(request_id, "generate", audio="slow" if request_id < 3 else "song")
    engine.until_progress()
    engine.tell("$/cancelRequest", id=2)
    assert (answer := engine.answer())["id"] == 2
    assert answer["error"]["code"] == protocol.REQUEST_CANCELLED
    engine.tell("$/cancelRequest", id=1)
    assert (answer := engine.answer())["id"] == 1
    assert answer["error"]["code"] == protocol.REQUEST_CANCELLED
    assert answer["error"]["data"]["type"] == "CancelledError"
    assert song_of(engine.answer()) == "song"


def test_a_job_that_only_reports_progress_can_be_cancelled(engine: Engine) -> None:
    engine.ask(1, "generate", audio="report-only")
    engine.until_progress()
    engine.tell("$/cancelRequest", id=1)
    assert engine.answer()["error"]["code"] == protocol.REQUEST_CANCELLED


def test_cancel_of_nothing_is_ignored(engine: Engine) -> None:
    for request_id in (99, None, [1], "x"):
        engine.tell("$/cancelRequest", id=request_id)
    engine.tell("$/unknown")
    engine.ask(1, "hello")
    assert engine.answer()["id"] == 1


def test_two_queued_requests_are_answered_in_order(engine: Engine) -> None:
    engine.ask(1, "generate", audio="one")
    engine.ask(2, "generate", audio="two")
    assert [song_of(engine.answer()) for _ in range(2)] == ["one", "two"]


def test_prints_of_libraries_do_not_reach_the_protocol(engine: Engine) -> None:
    engine.ask(1, "generate", audio="print")
    assert song_of(engine.answer()) == "print"
    log = engine.log.read_text()
    assert "printed" in log and "written to descriptor 1" in log and "echo" not in log
    assert "from a child process" in log


def test_libraries_cannot_eat_the_protocols_input(engine: Engine) -> None:
    engine.ask(1, "generate", audio="read-stdin")
    assert song_of(engine.answer()) == "read-stdin"


@pytest.mark.parametrize(
    ("audio", "code", "error_type", "words"),
    [
        ("fail", protocol.ENGINE_ERROR, "AudioError", "The song is silent: choose another."),
        ("crash", protocol.INTERNAL_ERROR, "KeyError", "Internal error: KeyError: 'surprise'"),
        ("sysexit", protocol.INTERNAL_ERROR, "SystemExit", "Internal error"),
        ("package", protocol.INTERNAL_ERROR, "ModuleNotFoundError", "No module named 'torch'). Press Install PyTorch"),
        ("memory", protocol.OUT_OF_MEMORY, "OutOfMemory", "not enough memory"),
        ("torch-memory", protocol.OUT_OF_MEMORY, "OutOfMemory", "not enough memory"),
        ("cpu-memory", protocol.OUT_OF_MEMORY, "OutOfMemory", "not enough memory"),
        ("unsendable", protocol.INTERNAL_ERROR, "TypeError", "cannot be sent"),
    ],
)
def test_errors_of_a_job(engine: Engine, audio: str, code: int, error_type: str, words: str) -> None:
    engine.ask(1, "generate", audio=audio)
    error = engine.answer()["error"]
    assert (error["code"], error["data"]["type"]) == (code, error_type)
    assert words in error["message"]
    assert "Traceback" not in error["message"]
    if code == protocol.INTERNAL_ERROR:
        assert "Traceback" in engine.log.read_text()
    engine.ask(2, "generate", audio="next")  # and it lives on
    assert song_of(engine.answer()) == "next"


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "'audio' is missing"),
        ({"audio": 3}, "'audio' must be str, not 3"),
        ({"audio": "a", "seed": 1.5}, "'seed' must be int"),
        ({"audio": "a", "seed": True}, "'seed' must be int"),
        ({"audio": "a", "start": None}, "'start' must be float"),
        ({"audio": "a", "seconds": "3"}, "'seconds' must be float | None"),
        ({"audio": "a", "colour": "red"}, "Unknown parameter 'colour'"),
    ],
)
def test_bad_parameters_are_named(engine: Engine, params: dict, words: str) -> None:
    engine.ask(1, "generate", **params)
    error = engine.answer()["error"]
    assert error["code"] == protocol.INVALID_PARAMS and words in error["message"]


def test_bad_requests_get_proper_errors_and_the_server_lives_on(engine: Engine) -> None:
    engine.ask(1, "dance")
    assert engine.answer()["error"]["code"] == protocol.METHOD_NOT_FOUND
    for message in ({"id": 2}, {"id": 2, "method": 5}, {"id": 2, "method": "hello", "params": [1]}):
        send(engine.stdin, message)
        answer = engine.answer()
        assert answer["id"] == 2 and answer["error"]["code"] == protocol.INVALID_REQUEST
    send(engine.stdin, {"id": {}, "method": "hello"})
    assert engine.answer()["error"]["code"] == protocol.INVALID_REQUEST
    engine.raw(b"who is there?\n")
    answer = engine.answer()
    assert answer["id"] is None and answer["error"]["code"] == protocol.PARSE_ERROR
    engine.raw(b"Content-Length: 4\r\n\r\n{{{{")
    assert engine.answer()["error"]["code"] == protocol.PARSE_ERROR
    engine.raw(b"Content-Length: 2\r\n\r\n[]")
    assert engine.answer()["error"]["code"] == protocol.INVALID_REQUEST
    engine.ask(3, "generate", audio="slow")
    engine.ask(3, "generate", audio="again")
    assert "already running" in engine.answer()["error"]["message"]
    engine.ask(4, "hello")
    assert engine.answer()["id"] == 4


def exit_code(engine: Engine) -> int:
    """What the process ended with; it must end by itself."""
    return engine.process.wait(HANGS)


@pytest.mark.parametrize("audio", [None, "slow", "hang"])
def test_the_process_ends_with_its_stdin(engine: Engine, audio: str | None) -> None:
    if audio:
        engine.ask(1, "generate", audio=audio)
        engine.until_progress()
    else:
        engine.ask(1, "hello")
        engine.answer()
    engine.stdin.close()
    assert exit_code(engine) == 0


def test_the_process_ends_when_stdin_closes_inside_a_message(engine: Engine) -> None:
    engine.raw(b"Content-Length: 100\r\n\r\n{")
    engine.stdin.close()
    assert exit_code(engine) == 0


def test_shutdown_and_exit(tmp_path: Path, engine: Engine) -> None:
    engine.ask(1, "generate", audio="slow")
    engine.until_progress()
    engine.ask(2, "shutdown")
    ids = {engine.answer()["id"], engine.answer()["id"]}
    assert ids == {1, 2}
    assert exit_code(engine) == 0
    other = Engine(tmp_path / "other.log")
    other.tell("exit")
    assert exit_code(other) == 0
    other.close()


def test_checkpoints_are_listed_and_damaged_ones_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def checkpoint(name: str, config: str | None, weights: bool = True) -> None:
        (tmp_path / name).mkdir()
        if config is not None:
            (tmp_path / name / "config.json").write_text(config, encoding="utf-8")
        if weights:
            (tmp_path / name / "model.safetensors").write_bytes(b"weights")

    good = {"name": "Straße", "styles": ["Krump", "House"], "description": "d", "token_rate": 7.5, "more": 1}
    checkpoint("good", json.dumps(good))
    checkpoint("no-config", None)
    checkpoint("no-weights", json.dumps(good), weights=False)
    checkpoint("cut", '{"name": "cu')
    checkpoint("list", "[]")
    checkpoint("styles", json.dumps({"styles": "Krump"}))
    (tmp_path / "file.txt").write_text("no checkpoint")
    monkeypatch.setenv("MAGMA_CHECKPOINTS", os.pathsep.join([str(tmp_path), str(tmp_path / "missing")]))
    found = {entry["name"]: entry for entry in list_checkpoints()}
    expected = {
        "title": "Straße",
        "family": "magma",
        "styles": ["Krump", "House"],
        "description": "d",
        "token_rate": 7.5,
        "version": 1,
        "beats_per_bar": {"Krump": 4, "House": 4},
        "style_titles": {"Krump": "Krump", "House": "House"},
        "songs": {"Krump": False, "House": False},
        "hands": {"Krump": "relaxed", "House": "relaxed"},
        "energy": False,
    }
    assert found["good"] == {"name": "good", "path": str(tmp_path / "good"), **expected}
    damaged = {name for name, entry in found.items() if "error" in entry and str(tmp_path) in entry["path"]}
    assert damaged == {"no-config", "no-weights", "cut", "list", "styles"}
    assert all(name in found[name]["error"] for name in damaged)
    assert "file.txt" not in found


HUGE = "QUJD" * 500_000
"""Two million characters of base64."""


def test_the_log_has_names_and_sizes_but_no_contents(engine: Engine) -> None:
    """Twenty edits of a dance, all refused, cost a few lines; no message shows what is in the dance."""
    operations = [{"do": HUGE}]
    for number in range(20):
        engine.ask(number, "edit", document=HUGE, npz=HUGE, operations=operations, follows=HUGE)
        message = engine.answer()["error"]["message"]
        assert "'follows' must be bool, not 'QUJD" in message and len(message) < 300
    engine.ask("generate", "generate", audio="/songs/of/mine/Samba.ogg", seed=7, style="samba")
    engine.answer()
    log = engine.log.read_text()
    assert len(log) < 50_000
    assert f"document (str of {len(HUGE)})" in log and "audio 'Samba.ogg', seed 7, style 'samba'" in log


def test_a_flood_of_garbage_costs_a_few_lines_of_the_log(engine: Engine) -> None:
    errors = set()
    for number in range(3_000):
        engine.raw(b"Content-Length: 7\r\n\r\n{flood}" if number % 2 else protocol.encode_message({"id": number}))
        errors.add(engine.answer()["error"]["code"])
    assert errors == {protocol.PARSE_ERROR, protocol.INVALID_REQUEST}
    assert len(engine.log.read_text().splitlines()) < 30


def test_the_log_ends_before_it_is_large(tmp_path: Path) -> None:
    """Neither what the engine logs, nor what libraries print, nor what they write past Python makes it large."""
    code = (
        "import io, os, sys; from engine.service import log\n"
        "engine = log.Log(sys.stderr); log.claim_streams(sys.stderr)\n"
        "for number in range(20_000): print('a library says', number); engine.line('x' * 2_000)\n"
        "for number in range(1_000): os.write(2, b'from C ' * 1_000); engine.line('y')\n"
        "print('the end')"
    )
    with (tmp_path / "log").open("wb") as stderr:
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, stderr=stderr)
    text = (tmp_path / "log").read_text()
    assert "a library says 5" in text and "the log is full" in text and "the end" not in text
    assert len(text) < 2 * protocol.LOG_BYTES


def test_an_unexpected_error_is_traced_once_however_often_it_comes(engine: Engine) -> None:
    for number in range(200):
        engine.ask(number, "generate", audio="crash")
        assert engine.answer()["error"]["code"] == protocol.INTERNAL_ERROR
    log = engine.log.read_text()
    assert log.count("Traceback") == 1 and len(log) < 40_000


def test_a_cancel_is_answered_before_a_step_that_cannot_be_interrupted_has_ended(engine: Engine) -> None:
    """As while libraries are imported or compiled: this one would last a minute."""
    begin = time.monotonic()
    engine.ask(1, "generate", audio="hang")
    engine.until_progress()
    engine.tell("$/cancelRequest", id=1)
    engine.tell("$/cancelRequest", id=1)
    answer = engine.answer()
    assert answer["id"] == 1 and answer["error"]["code"] == protocol.REQUEST_CANCELLED
    engine.ask(2, "hello")
    assert engine.answer()["id"] == 2  # the cancel was answered once
    assert time.monotonic() - begin < HANGS


def test_an_engine_that_is_stuck_says_so_and_leaves(tmp_path: Path) -> None:
    """A cancelled request that never ends would keep all others waiting."""
    code = (
        "import runpy, sys; from engine.service import server; server._STUCK_SECONDS = 0.2;"
        f"sys.argv = ['fake']; runpy.run_path({str(ROOT / 'tests' / 'fake_engine.py')!r}, run_name='__main__')"
    )
    engine = Engine(tmp_path / "engine.log", ["-c", code])
    engine.ask(1, "generate", audio="hang")
    engine.until_progress()
    engine.ask(2, "generate", audio="song")
    engine.tell("$/cancelRequest", id=1)
    assert engine.answer()["error"]["code"] == protocol.REQUEST_CANCELLED
    answer = engine.answer()
    assert answer["id"] == 2 and "stuck" in answer["error"]["message"]
    assert exit_code(engine) == server.STUCK_EXIT
    engine.close()


def test_requests_wait_in_a_queue_with_an_end(engine: Engine) -> None:
    for number in range(server.MOST_WAITING + 1):
        engine.ask(number, "generate", audio="hang")
    answer = engine.answer()
    assert answer["id"] == server.MOST_WAITING and "are waiting already" in answer["error"]["message"]


@pytest.mark.parametrize("odd", ["a" * 201, 10**300, 1.5, None, True, [1], {"a": 1}])
def test_odd_ids_are_refused_and_not_echoed(engine: Engine, odd: object) -> None:
    send(engine.stdin, {"jsonrpc": "2.0", "id": odd, "method": "hello"})
    answer = engine.answer()
    assert answer["id"] is None and "id must be" in answer["error"]["message"] and len(str(answer)) < 400


@pytest.mark.parametrize(
    "body",
    [
        b'{"id": 1, "id": 2, "method": "hello"}',
        b'{"id": 1, "method": "hello", "params": {"a": NaN}}',
        b'{"id": 1, "method": "hello", "params": ' + b"9" * 10_000 + b"}",
        b'{"id": 1, "method": "hello", "params": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
        b'[{"id": 1, "method": "hello"}]',
        b"[" * 5 + b"," * (protocol.MOST_VALUES + 1),
        b"\xff\xfe\x00",
        b"",
    ],
)
def test_json_that_is_no_message_is_refused_and_the_server_lives_on(engine: Engine, body: bytes) -> None:
    engine.raw(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    error = engine.answer()["error"]
    assert error["code"] in (protocol.PARSE_ERROR, protocol.INVALID_REQUEST) and len(error["message"]) < 400
    engine.raw(protocol.encode_message({"id": "\ud800", "method": "hello", "params": None}))
    assert engine.answer()["id"] == "\ud800"


@pytest.mark.parametrize("header", [b"-5", b"9" * 30, b"1e9", b"", b"12 34", b"0x10"])
def test_headers_with_no_length_are_refused(engine: Engine, header: bytes) -> None:
    engine.raw(b"Content-Length: " + header + b"\r\n\r\n")
    assert engine.answer()["error"]["code"] == protocol.PARSE_ERROR
    engine.ask(1, "hello")
    assert engine.answer()["id"] == 1


@pytest.mark.parametrize("path", ["song\0.wav", "song\ud800.wav"])
def test_paths_that_no_file_can_have_are_refused(engine: Engine, path: str) -> None:
    engine.ask(1, "generate", audio=path)
    error = engine.answer()["error"]
    assert error["code"] == protocol.INVALID_PARAMS and "a null byte or half a character" in error["message"]


def test_whatever_a_request_holds_its_error_is_short() -> None:
    for value in (HUGE, [HUGE] * 5, {HUGE: HUGE}, 10**5000, [[[[HUGE]]]], -(2**63) - 1):
        for params in (
            {"audio": [value]},
            {"audio": "a", "seed": value},
            {"audio": "a", str(type(value)) * 999: value},
        ):
            if params.get("seed") == HUGE:
                continue
            with pytest.raises(RequestError) as caught:
                build_request(GenerateRequest, params)
            assert len(str(caught.value)) < 500
    with pytest.raises(RequestError) as caught:
        Operation(HUGE)
    assert len(str(caught.value)) < 400


def test_a_sentence_that_names_long_paths_loses_its_middle() -> None:
    _, text, _ = describe_error(EngineError(f"{'long/' * 1_000}: cannot be read. Check the path."))
    assert len(text) <= 1_000 and text.startswith("long/") and text.endswith("Check the path.")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB, other allocations: 1.00 GB)."),
        RuntimeError("Invalid buffer size: 24.00 GB"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("can't start new thread"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
    ],
)
def test_out_of_memory_is_said_as_that_in_whatever_words_it_comes(error: Exception) -> None:
    assert describe_error(error)[0] == protocol.OUT_OF_MEMORY
    try:
        raise CheckpointError("The weights of checkpoint 'default' cannot be read.") from error
    except CheckpointError as wrapped:
        assert describe_error(wrapped)[0] == protocol.OUT_OF_MEMORY
    named = CheckpointError("out of memory.wav: there is no such file.")
    assert describe_error(named)[0] == protocol.ENGINE_ERROR


class Gpu:
    """A GPU that is too small for any work; the CPU is not."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from engine.runtime import device

        monkeypatch.setattr(device, "choose_device", lambda wanted: device.Device("mps", "Apple GPU"))
        self.tried: list[str] = []

    def edit(self, *arguments: Any) -> Edited:
        self.tried.append(arguments[-1])
        if self.tried[-1] != "cpu":
            raise RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB, max allowed: 9.07 GB).")
        return Edited(None, None, {"notices": []})


@pytest.mark.parametrize("method", ["edit", "chain"])
def test_an_edit_that_is_too_large_for_the_gpu_is_done_on_the_cpu(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    gpu = Gpu(monkeypatch)
    monkeypatch.setattr(f"engine.editing.{method}.{method}", gpu.edit)
    monkeypatch.setattr(jobs, "_unpack_dance", lambda *_: (None, None))
    monkeypatch.setattr(jobs, "_pack_dance", lambda edited: edited.report)
    names = (
        ["document", "npz"] if method == "edit" else ["first_document", "first_npz", "second_document", "second_npz"]
    )
    params: dict[str, Any] = dict.fromkeys(names, "") | ({"operations": []} if method == "edit" else {})
    report = HANDLERS[method](params, lambda *_: None, lambda: False)
    assert gpu.tried == ["auto", "cpu"] and "the GPU ran out of memory" in report["notices"][0]


@pytest.mark.parametrize(
    ("method", "function"),
    [
        ("generate", "engine.pipeline.generate.generate"),
        ("edit", "engine.editing.edit.edit"),
        ("chain", "engine.editing.chain.chain"),
        ("import", "engine.models.original.importing.importer.import_magma"),
        ("fetch_encodec", "engine.audio.original.encodec_weights.store_file"),
        ("doctor", "engine.service.doctor.report"),
    ],
)
def test_every_job_says_that_memory_ran_out(monkeypatch: pytest.MonkeyPatch, method: str, function: str) -> None:
    def full(*_: object, **__: object) -> None:
        raise RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED")

    monkeypatch.setattr(function, full)
    monkeypatch.setattr(jobs, "_unpack_dance", lambda *_: (None, None))
    text = dict.fromkeys(["document", "npz"], "")
    params: dict[str, dict[str, Any]] = {
        "generate": {"audio": "song.wav"},
        "edit": {**text, "operations": []},
        "chain": {f"{which}_{name}": "" for which in ("first", "second") for name in text},
        "import": dict.fromkeys(["vqvae", "motionseq", "variant", "folder"], "x"),
        "fetch_encodec": {"file": "x"},
        "doctor": {},
    }
    with pytest.raises(RuntimeError) as caught:
        HANDLERS[method](params[method], lambda *_: None, lambda: False)
    code, message, _ = describe_error(caught.value)
    assert code == protocol.OUT_OF_MEMORY and "not enough memory" in message


def test_a_full_disk_is_said_as_that() -> None:
    code, text, _ = describe_error(OSError(errno.ENOSPC, "No space left on device", "/data/dance.npz"))
    assert code == protocol.ENGINE_ERROR and "no space left" in text and "/data/dance.npz" in text


def test_results_become_plain_json() -> None:
    value = {"a": np.float32(1.5), "b": np.arange(3), "c": (Path("x"), None, True), "d": float("inf"), 5: np.int64(2)}
    assert to_plain(value) == {"a": 1.5, "b": [0, 1, 2], "c": ["x", None, True], "d": None, "5": 2}
