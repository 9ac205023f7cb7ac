"""An engine for tests: speaks the protocol and answers `generate` with a canned motion, or misbehaves as told.

`edit` changes free spans only: a variant of another seed than the dance's turns the left elbow about another axis, by
an angle that depends on the seed; a mirror image turns it the other way. `chain` dances one after the other, the join
standing still. `import` writes a folder that looks like an imported checkpoint; `fetch_encodec` answers with the file
it was given.

    python fake_engine.py MODE          (further arguments, those of the real engine, are ignored)

MODE: ok; slow (progress for six seconds); hang (ignores everything after a request, also a cancel); die (exits in the
middle of a request); fail (answers with an AudioError); old (another protocol version); nonsense (an answer without a
motion). The canned motion: at frame k the pelvis is 0.9 m up and k millimetres along x, and the left elbow bends by
k / 100 radians.
It is written without the project's protocol module, so that a mistake there does not cancel itself out; the document
is the project's own.
"""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import math
import os
import sys
import threading
import time
from pathlib import Path

import numpy as np

from engine import choreography as doc
from engine.errors import EngineError

FRAME_RATE = 20.0
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
    positions = math.ceil(seconds * TOKEN_RATE)
    tokens = (np.arange(positions * CODES).reshape(positions, CODES) + params["seed"]) % 512
    audio = doc.Audio(params["audio"], "0" * 64, params["start"], params["seconds"], params["speed"])
    checkpoint = doc.CheckpointIdentity(params["checkpoint"], "0" * 64)
    style = params["style"] or "waltz"
    document = doc.new_choreography(tokens.tolist(), TOKEN_RATE, audio, checkpoint, params["seed"], style)
    beats = (np.arange(0.25, seconds, 0.5)).tolist()
    report = {"device": "cpu", "params": params, "beats": beats}
    return answer(document, max(1, math.floor(seconds * fps)), fps, report)


def motion(document: doc.Choreography, count: int, fps: float) -> dict:
    """What the document dances, at the user's rate and at FRAME_RATE."""
    arrays = {}
    whole = round(len(document) / document.token_rate * FRAME_RATE)
    for prefix, number, rate in (("", count, fps), ("frames_", whole, FRAME_RATE)):
        frames = np.arange(number) / rate * fps
        poses = np.zeros((number, 24, 3), np.float32)
        poses[:, 0, 0] = np.pi / 2
        poses[:, 18, 2] = frames / 100
        positions = np.minimum((np.arange(number) / rate * document.token_rate + 1e-6).astype(int), len(document) - 1)
        for span in document.spans:
            danced = span.danced
            angle = 0.0 if danced.seed == document.seed else (danced.seed % 97 + 1) / 100
            inside = (positions >= span.start) & (positions < span.stop)
            poses[inside, 18, 1] = -angle - 0.5 if danced.source == doc.MIRRORED else angle
        trans = np.stack([frames / 1000, 0 * frames, 0 * frames + 0.9], axis=1).astype(np.float32)
        arrays[f"{prefix}poses"], arrays[f"{prefix}trans"] = poses.reshape(number, 72), trans
    return arrays


def answer(document: doc.Choreography, count: int, fps: float, report: dict, kept: dict | None = None) -> dict:
    """kept: arrays to leave as they are where the document is locked."""
    arrays = motion(document, count, fps)
    if kept is not None:
        for name, rate in (("", fps), ("frames_", FRAME_RATE)):
            times = np.arange(len(kept[f"{name}poses"])) / rate
            positions = np.minimum((times * document.token_rate + 1e-6).astype(int), len(document) - 1)
            locked = np.array(document.locked)[positions]
            for key in (f"{name}poses", f"{name}trans"):
                arrays[key] = np.where(locked[:, None], kept[key], arrays[key])
    file = io.BytesIO()
    np.savez_compressed(
        file,
        **arrays,
        joints=np.zeros((count, 24, 3), np.float32),
        mocap_framerate=fps,
        tokens=np.array(document.tokens, np.int64),
        token_rate=document.token_rate,
        checkpoint=document.checkpoint.name,
        seed=document.seed,
        style=document.style or "",
    )
    return {"npz": base64.b64encode(file.getvalue()).decode(), "document": doc.to_json(document), "report": report}


def edit(params: dict) -> dict:
    document = doc.from_json(params["document"])
    with np.load(io.BytesIO(base64.b64decode(params["npz"]))) as loaded:
        kept = {name: loaded[name] for name in loaded.files}
    fills = []
    for operation in params["operations"]:
        document = APPLY[operation["do"]](document, operation, fills)
    report = {"fills": fills, "notices": []}
    return answer(document, len(kept["poses"]), float(kept["mocap_framerate"]), report, kept)


def regenerate(document: doc.Choreography, operation: dict, fills: list) -> doc.Choreography:
    free = [span for span in document.spans if not span.locked]
    if not free:
        raise EngineError("Everything is locked, so there is nothing to regenerate. Unlock a span first.")
    for span in free:
        document = replace(document, {"start": span.start, "stop": span.stop, "variants": 1}, fills)
    return document


def replace(document: doc.Choreography, operation: dict, fills: list) -> doc.Choreography:
    start, stop = operation["start"], operation["stop"]
    seed = max(variant.seed for span in document.spans for variant in span.variants) + 1
    codes = document.tokens[start:stop]
    variants = [doc.Variant(codes, seed + number) for number in range(operation["variants"])]
    fills.append({"start": start, "stop": stop, "tried": 8, "correction_cm": 3.0})
    document = doc.split(doc.split(document, start), stop)
    for span in doc.spans_between(document, start, stop):
        parts = [variant.cut(span.start - start, span.stop - start) for variant in variants]
        document = doc.replace_span(document, span.start, span.stop, parts)
    return document


def mirror(document: doc.Choreography, operation: dict, fills: list) -> doc.Choreography:
    start, stop = operation["start"], operation["stop"]
    document = doc.split(doc.split(document, start), stop)
    return doc.mirror_span(document, start, document.tokens[start:stop], None)


def copy(document: doc.Choreography, operation: dict, fills: list) -> doc.Choreography:
    start, stop, to = (operation[name] for name in ("start", "stop", "to"))
    seed = document.span_at(start).danced.seed
    copied = doc.Variant(document.tokens[start:stop], seed, doc.COPIED)
    return doc.replace_span(document, to, to + stop - start, [copied])


APPLY = {
    "regenerate": regenerate,
    "replace": replace,
    "mirror": mirror,
    "copy": copy,
    "choose": lambda document, operation, _: doc.choose_variant(document, operation["start"], operation["index"]),
}


def chain(params: dict) -> dict:
    one, two = (doc.from_json(params[f"{which}_document"]) for which in ("first", "second"))
    join = round(params["seconds"] * one.token_rate)
    begin = len(one) + join
    still = doc.Span(len(one), begin, (doc.Variant(one.tokens[-1:] * join),))
    moved = [dataclasses.replace(span, start=span.start + begin, stop=span.stop + begin) for span in two.spans]
    songs = [dataclasses.replace(audio, at=audio.at + begin) for audio in two.audio]
    both = dataclasses.replace(one, spans=(*one.spans, still, *moved), audio=(*one.audio, *songs))
    with np.load(io.BytesIO(base64.b64decode(params["first_npz"]))) as loaded:
        fps = float(loaded["mocap_framerate"])
    return answer(both, round(len(both) / both.token_rate * fps), fps, {"fills": [], "notices": []})


def import_checkpoint(params: dict) -> dict:
    folder = Path(params["folder"])
    folder.mkdir(parents=True)
    config = {"family": "original", "styles": [], "description": params["variant"], "params": params}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").touch()
    return {"folder": params["folder"], "variant": params["variant"], "parameters": 3, "warnings": ["No mean."]}


def fetch_encodec(params: dict) -> dict:
    return {"path": params.get("file") or "downloaded"}


WORK = {"generate": dance, "edit": edit, "chain": chain, "import": import_checkpoint, "fetch_encodec": fetch_encodec}


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
    try:
        result = WORK[message["method"]](message["params"])
    except EngineError as error:
        refusal = {"code": -32000, "message": str(error), "data": {"type": type(error).__name__}}
        return write({"id": number, "error": refusal})
    return write({"id": number, "result": result})


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
