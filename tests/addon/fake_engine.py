"""An engine for tests: speaks the protocol and answers `generate` with a canned motion, or misbehaves as told.

`import` writes a folder that looks like an imported checkpoint; `fetch_encodec` answers with the file it was given.

    python fake_engine.py MODE          (further arguments, those of the real engine, are ignored)

MODE: ok; slow (progress for six seconds); hang (ignores everything after a request, also a cancel); die (exits in the
middle of a request); fail (answers with an AudioError); old (another protocol version); nonsense (an answer without a
motion). The canned motion: at frame k the pelvis is 0.9 m up and k millimetres along x, and the left elbow bends by
k / 100 radians.
It is written without the project's protocol module, so that a mistake there does not cancel itself out.
"""

from __future__ import annotations

import base64
import io
import json
import math
import os
import sys
import threading
import time
from pathlib import Path

import numpy as np

TOKEN_RATE = 5.0
CODES = 2


def read() -> dict | None:
    length = 0
    while True:
        line = sys.stdin.buffer.readline()
        if not line:
            return None
        if not line.strip():
            return json.loads(sys.stdin.buffer.read(length))
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])


def write(message: dict) -> None:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    sys.stdout.buffer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    sys.stdout.buffer.flush()


def dance(params: dict) -> dict:
    fps = params["fps"] or 30.0
    seconds = (params["seconds"] or 4.0) / params["speed"]
    count = max(1, math.floor(seconds * fps))
    frames = np.arange(count)
    poses = np.zeros((count, 24, 3), np.float32)
    poses[:, 0, 0] = np.pi / 2
    poses[:, 18, 2] = frames / 100
    trans = np.stack([frames / 1000, 0 * frames, 0 * frames + 0.9], axis=1).astype(np.float32)
    positions = math.ceil(seconds * TOKEN_RATE)
    tokens = (np.arange(positions * CODES).reshape(positions, CODES) + params["seed"]) % 512
    file = io.BytesIO()
    np.savez_compressed(
        file,
        poses=poses.reshape(count, 72),
        trans=trans,
        mocap_framerate=fps,
        tokens=tokens.astype(np.int64),
        token_rate=TOKEN_RATE,
        checkpoint=params["checkpoint"],
        seed=params["seed"],
        style=params["style"] or "waltz",
    )
    return {"npz": base64.b64encode(file.getvalue()).decode(), "report": {"device": "cpu", "params": params}}


def import_checkpoint(params: dict) -> dict:
    folder = Path(params["folder"])
    folder.mkdir(parents=True)
    config = {"family": "original", "styles": [], "description": params["variant"], "params": params}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").touch()
    return {"folder": params["folder"], "variant": params["variant"], "parameters": 3, "warnings": ["No mean."]}


def fetch_encodec(params: dict) -> dict:
    return {"path": params.get("file") or "downloaded"}


WORK = {"generate": dance, "import": import_checkpoint, "fetch_encodec": fetch_encodec}


def work(mode: str, message: dict, cancelled: threading.Event) -> None:
    number = message["id"]
    if mode == "fail":
        error = {"code": -32000, "message": "The song is silent: choose another.", "data": {"type": "AudioError"}}
        return write({"id": number, "error": error})
    steps = 60 if mode == "slow" else 3
    stream = message["params"].get("stream")
    poses, trans = np.zeros((2, 72), np.float32), np.tile(np.array([0, 0, 0.9], np.float32), (2, 1))
    poses[:, 0] = np.pi / 2
    for step in range(steps):
        progress = {
            "id": number,
            "stage": "tokens",
            "fraction": step / steps,
            "message": "Choosing tokens",
            "seconds_left": (steps - step) * 0.1,
        }
        write({"method": "progress", "params": progress})
        if stream:
            file = io.BytesIO()
            np.savez(file, poses=poses, trans=trans)
            frames = {"first_frame": 2 * step, "frame_rate": 20.0, "npz": base64.b64encode(file.getvalue()).decode()}
            write({"method": "motion", "params": {"id": number, **frames}})
        if cancelled.wait(0.1 if mode == "slow" else 0.0):
            error = {"code": -32800, "message": "Cancelled.", "data": {"type": "CancelledError"}}
            return write({"id": number, "error": error})
        if mode == "die" and step == 1:
            print("the fake engine dies now", file=sys.stderr, flush=True)
            os._exit(3)
        if mode == "hang" and step == 1:
            time.sleep(60)
    if mode == "nonsense":
        return write({"id": number, "result": {"npz": base64.b64encode(b"nothing").decode(), "report": {}}})
    return write({"id": number, "result": WORK[message["method"]](message["params"])})


def main() -> None:
    mode = sys.argv[1]
    cancelled = threading.Event()
    while (message := read()) is not None:
        method = message["method"]
        if method == "hello":
            hello = {"protocol": 99 if mode == "old" else 1, "engine_version": "fake", "checkpoints": []}
            write({"id": message["id"], "result": hello})
        elif method == "doctor":
            write({"id": message["id"], "result": {"device": "cpu", "torch": "none", "checkpoints": ["default"]}})
        elif method in WORK:
            cancelled.clear()
            threading.Thread(target=work, args=(mode, message, cancelled), daemon=True).start()
        elif method == "$/cancelRequest" and mode != "hang":
            cancelled.set()
        elif method == "exit":
            break
    os._exit(0)


if __name__ == "__main__":
    main()
