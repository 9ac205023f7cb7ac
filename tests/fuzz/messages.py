"""Messages to a real server on pipes: every request is answered once, in a sentence, and the server lives on."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path
from random import Random
from typing import Any

from engine import protocol

from .samples import Samples
from .values import NAMES, TEXTS, anything, damaged, mutated, odd_arrays

ROOT = Path(__file__).resolve().parents[2]
BATCH = 20
"""Messages that are sent before their answers are awaited."""
HANGS = 120.0
"""Seconds without an answer after which a server counts as hanging."""
LONGEST = 1_200
"""Characters of an error's message."""
OPERATIONS = [
    {"do": "lock", "start": 0, "stop": 5},
    {"do": "unlock", "start": 0, "stop": 5},
    {"do": "style", "start": 2, "stop": 9, "style": "waltz", "strength": 2.0, "transition": 0.5},
    {"do": "replace", "start": 4, "stop": 8, "seed": 3, "variants": 2},
    {"do": "choose", "start": 4, "index": 0},
    {"do": "mirror", "start": 4, "stop": 8},
    {"do": "copy", "start": 0, "stop": 4, "to": 8},
    {"do": "insert", "start": 2, "file": "motion.npz"},
    {"do": "loop"},
    {"do": "tokenize", "start": 0, "stop": 4},
    {"do": "rhythm", "song": 0, "correction": {"tempo": 90.0, "one": 0.5, "anchors": [0.5]}},
]


class Server:
    """A server, what it has answered, and what was wrong with that."""

    def __init__(self, samples: Samples) -> None:
        self.log = samples.folder / "server.log"
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "MAGMA_CHECKPOINTS": str(samples.checkpoint.parent),
            "MAGMA_CACHE": str(samples.folder / "cache"),
        }
        with self.log.open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "engine", "serve"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd=samples.folder,
                env=environment,
            )
        assert self.process.stdin and self.process.stdout
        self.stdin = self.process.stdin
        self.reader = protocol.MessageReader(self.process.stdout)
        self.answers: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self.done = 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            while (message := self.reader.read()) is not None:
                if "method" not in message:
                    self.answers.put(message)
        finally:
            self.answers.put(None)

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.stdin.write(data)
        self.stdin.flush()

    def answered(self, ids: set[Any]) -> list[str]:
        """Wait until these requests have been answered; what was wrong with any answer."""
        problems: list[str] = []
        missing = set(ids)
        while missing:
            try:
                answer = self.answers.get(timeout=HANGS)
            except queue.Empty:
                return [*problems, f"no answer to {sorted(map(str, missing))[:5]}"]
            if answer is None:
                return [*problems, f"the server ended with {self.process.wait(10)}"]
            missing.discard(answer.get("id"))
            problems += _problems(answer)
            self.done += "result" in answer
        return problems

    def close(self) -> list[str]:
        """End it; what was wrong with its end and its log."""
        self.stdin.close()
        try:
            code = self.process.wait(HANGS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return ["the server did not end with its stdin"]
        log = self.log.read_text(errors="replace")
        problems = [f"the server ended with {code}"] if code else []
        problems += [f"the log has a traceback: {log[log.index('Traceback') :][:3000]}"] if "Traceback" in log else []
        return problems + ([f"the log has {len(log)} bytes"] if len(log) > protocol.LOG_BYTES * 1.1 else [])


def _problems(answer: dict[str, Any]) -> list[str]:
    error = answer.get("error")
    if error is None:
        return []
    message = str(error.get("message"))
    wrong = error.get("code") == protocol.INTERNAL_ERROR or "Traceback" in message or len(message) > LONGEST
    return [f"{answer.get('id')}: {error}"[:2000]] if wrong else []


def message(random: Random, number: int, samples: Samples) -> tuple[bytes, int | None]:
    """The bytes of a message, and the id that must be answered; None if there need not be an answer."""
    kind = random.random()
    if kind < 0.1:
        return _garbage(random), None
    request = protocol.request(number, *_request(random, samples))
    if kind < 0.2:
        envelope = mutated(random, request, random.choice([1, 2]))
        if not isinstance(envelope, dict) or envelope.get("method") in (protocol.EXIT, protocol.SHUTDOWN):
            envelope = {"id": anything(random)}
        return _frame(json.dumps(envelope)), None
    return _frame(json.dumps(request, allow_nan=True)), number


def _frame(text: str) -> bytes:
    body = text.encode()
    return b"Content-Length: %d\r\n\r\n" % len(body) + body


def _garbage(random: Random) -> bytes:
    """Bytes that are no message. No header promises more than follows: a server would rightly wait for the rest."""
    kind = random.randrange(5)
    if kind == 0:
        return random.randbytes(random.choice([1, 10, 1000])).replace(b"ength", b"") + b"\n"
    if kind == 1:
        body = damaged(random, json.dumps(protocol.request(1, "hello", {"a": anything(random)})).encode())
        return b"Content-Length: %d\r\n\r\n" % len(body) + body
    if kind == 2:
        length = random.choice([b"-1", b"", b"x", b"1e3", b"9" * 40, b"\xff"])
        return b"Content-Length: " + length + b"\r\n\r\n" + b"{}" + b"\n"
    if kind == 3:
        body = b'{"id":1,' * random.choice([1, 50_000])
        return b"Content-Length: %d\r\n\r\n" % len(body) + body
    return b"\r\n" * random.choice([1, 3]) + b"Content-Type: x\r\nContent-Length: 2\r\n\r\n{}"


def _request(random: Random, samples: Samples) -> tuple[str, dict[str, Any]]:
    method = random.choice(
        ["generate"] * 4
        + ["edit"] * 5
        + ["chain"] * 2
        + ["listen"] * 2
        + ["import", "fetch_encodec", "doctor", "hello"]
    )
    times = [0, 0, 0, 1] if method in ("edit", "chain") else [0, 1, 1, 2, 4]  # these have damages in them already
    params = mutated(random, _params(random, method, samples), random.choice(times))
    if not isinstance(params, dict):
        params = {"x": params}
    if method == "fetch_encodec" and not isinstance(params.get("file"), str):
        params["file"] = random.choice(TEXTS)  # without a file it would be downloaded
    if method == "doctor":
        params[random.choice(NAMES)] = anything(random)  # without parameters it would look at this machine
    return method, params


def _params(random: Random, method: str, samples: Samples) -> dict[str, Any]:
    if method == "generate":
        # too short to dance to, or not there: what is refused is refused quickly
        audio = random.choice([str(samples.short), str(samples.folder), "gone.wav", "/dev/zero", *TEXTS])
        return {"audio": audio, "seed": 1, "seconds": 2.0, "start": 0.0, "speed": 1.0, "style": "rumba", "fps": 25.0,
                "checkpoint": "tiny", "device": "cpu", "stream": True, "room": 6.0, "candidates": 2,
                "correction": _correction(random)}  # fmt: skip
    if method == "listen":
        audio = random.choice([str(samples.short), str(samples.folder), "gone.wav", "/dev/zero", *TEXTS])
        return {"audio": audio, "checkpoint": "tiny", "device": "cpu", "correction": _correction(random)}
    if method == "edit":
        operations = [
            mutated(random, random.choice(OPERATIONS), random.choice([0, 0, 1]))
            for _ in range(random.choice([0, 1, 1, 2]))
        ]
        return {"document": _document(random, samples), "npz": _npz(random, samples), "operations": operations,
                "follows": False, "device": "cpu"}  # fmt: skip
    if method == "chain":
        return {"first_document": _document(random, samples), "first_npz": _npz(random, samples),
                "second_document": _document(random, samples), "second_npz": _npz(random, samples),
                "seconds": random.choice([0.5, 1.0, 60.0]), "device": "cpu"}  # fmt: skip
    if method == "import":
        file = str(random.choice([samples.checkpoint / "model.safetensors", samples.short, samples.motions["npz"]]))
        folder = str(samples.folder / random.choice(["imported", "checkpoints/tiny", "song.wav/x"]))
        return {"vqvae": file, "motionseq": file, "variant": "librosa", "folder": folder, "mean": file, "std": file}
    return {"file": str(samples.short)} if method == "fetch_encodec" else {}


def _correction(random: Random) -> Any:
    said = {"tempo": 90.0, "one": 0.5, "beats_per_bar": 3, "anchors": [0.5, 1.0], "beats": [0.1, 0.6, 1.1]}
    return mutated(random, said, random.choice([0, 1, 1, 2]))


def _document(random: Random, samples: Samples) -> str:
    if random.random() < 0.4:
        return samples.document
    if random.random() < 0.1:
        return damaged(random, samples.document.encode()).decode(errors="replace")
    return json.dumps(mutated(random, json.loads(samples.document), random.choice([1, 1, 2])))


def _npz(random: Random, samples: Samples) -> str:
    if random.random() < 0.7:
        return samples.npz
    damage = random.choice([damaged, odd_arrays, odd_arrays])
    return protocol.pack_bytes(damage(random, protocol.unpack_bytes(samples.npz)))


def fuzz_messages(count: int, seed: int, samples: Samples) -> list[str]:
    """Send `count` messages; what went wrong."""
    server, problems = Server(samples), []
    try:
        for start in range(0, count, BATCH):
            waiting: set[Any] = {f"ping {start}"}
            for number in range(start, min(start + BATCH, count)):
                data, request_id = message(Random(f"{seed} message {number}"), number, samples)
                server.send(data)
                waiting |= set() if request_id is None else {request_id}
            server.send(b"\n" + protocol.encode_message({"id": f"ping {start}", "method": "hello"}))
            found = server.answered(waiting)
            problems += [f"messages {start} to {start + BATCH}: {problem}" for problem in found]
            if any("no answer" in problem or "ended" in problem for problem in found):
                break
    except BrokenPipeError:
        problems.append(f"the server ended with {server.process.wait(10)}")
    print(f"{server.done} requests were done", flush=True)
    return problems + server.close()
