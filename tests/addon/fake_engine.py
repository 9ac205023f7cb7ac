"""An engine for tests: speaks the protocol and answers `generate` with a canned motion, or misbehaves as told.

`edit` keeps what the real engine keeps, the frames of kept positions and the one after them: a variant of another seed
than the dance's turns the left elbow about another axis, by an angle that depends on the seed; a mirror image turns it
the other way, and so does a motion from elsewhere. `chain` dances one after the other, the join standing still.
`import` writes a folder that looks like an imported checkpoint; `fetch_encodec` answers with the file
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
import itertools
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
from smpl_rig.dance_motion import DanceMotion, clip_name, read_dance_motion
from smpl_rig.motion import Motion, MotionFileError, load_npz, sample, save_npz

FRAME_RATE = 20.0
TOKEN_RATE = 5.0
STRIDE = 4
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
    style = params["style"] or "waltz"
    beats = tuple(np.arange(0.25, seconds, 0.5).tolist())
    metre = 3 if style == "waltz" else 4
    audio = doc.Audio(
        params["audio"], "0" * 64, params["start"], params["seconds"], params["speed"], 0, None, beats, metre
    )
    checkpoint = doc.CheckpointIdentity(params["checkpoint"], "0" * 64)
    document = doc.new_choreography(
        tokens.tolist(), TOKEN_RATE, audio, checkpoint, params["seed"], style, guidance=params["guidance"]
    )
    report = {"device": "cpu", "params": params, "beats": beats}
    return answer(document, sampled(motion(document, fps), max(1, math.floor(seconds * fps)), fps), report)


def sampled(frames: Motion, count: int, fps: float) -> DanceMotion:
    return DanceMotion(dataclasses.replace(sample(frames, np.arange(count) / fps), fps=fps), frames)


def motion(document: doc.Choreography, fps: float) -> Motion:
    """What the document's codes dance at FRAME_RATE. fps: the user's rate, whose frames are counted."""
    number = len(document) * STRIDE
    frames = np.arange(number) / FRAME_RATE * fps
    poses = np.zeros((number, 24, 3), np.float32)
    poses[:, 0, 0] = np.pi / 2
    poses[:, 18, 2] = frames / 100
    for span in document.spans:
        danced = span.danced
        angle = 0.0 if danced.seed == document.seed else (danced.seed % 97 + 1) / 100
        inside = slice(span.start * STRIDE, span.stop * STRIDE)
        poses[inside, 18, 1] = -angle - 0.5 if danced.source in (doc.MIRRORED, doc.MOTION) else angle
    trans = np.stack([frames / 1000, 0 * frames, 0 * frames + 0.9], axis=1).astype(np.float32)
    return Motion(poses.reshape(number, 72), trans, FRAME_RATE)


def answer(document: doc.Choreography, dance: DanceMotion, report: dict) -> dict:
    file = io.BytesIO()
    save_npz(
        file,
        dance.motion,
        tokens=np.array(document.tokens, np.int64),
        token_rate=document.token_rate,
        checkpoint=document.checkpoint.name,
        seed=document.seed,
        style=document.style or "",
        **dance.arrays(document.clips),
    )
    return {"npz": base64.b64encode(file.getvalue()).decode(), "document": doc.to_json(document), "report": report}


class Editing:
    """A document and its frames between two operations."""

    def __init__(self, document: doc.Choreography, dance: DanceMotion):
        self.document, self.frames, self.clips, self.fps = document, dance.frames, dict(dance.clips), dance.motion.fps
        self.fills, self.notices = [], []

    def fill(self, start: int, stop: int, seed: int, variants: int = 1) -> None:
        self.document = doc.split(doc.split(self.document, start), stop)
        self.fills.append({"start": start, "stop": stop, "tried": 8, "correction_cm": 3.0})
        for span in doc.spans_between(self.document, start, stop):
            self.keep(span)
            codes = self.document.tokens[span.start : span.stop]
            new = [doc.Variant(codes, seed + number) for number in range(variants)]
            self.document = doc.replace_span(self.document, span.start, span.stop, new)
        self.write(start, stop)
        frames = self.frames
        for span in doc.spans_between(self.document, start, stop):
            for index in range(span.chosen + 1, len(span.variants)):
                self.document = doc.choose_variant(self.document, span.start, index)
                self.write(span.start, span.stop)
                self.keep(self.document.span_at(span.start))
                self.frames = frames
            self.document = doc.choose_variant(self.document, span.start, span.chosen)

    def write(self, start: int, stop: int, piece: Motion | None = None) -> None:
        """Dance the codes, or a piece, between the frames that stay at both ends."""
        first, last = start * STRIDE + (start > 0), stop * STRIDE
        begin = 0 if piece is None else start * STRIDE
        source = piece or motion(self.document, self.fps)
        poses, trans = self.frames.poses.copy(), self.frames.trans.copy()
        poses[first:last] = source.poses[first - begin : last - begin]
        trans[first:last] = source.trans[first - begin : last - begin]
        self.frames = dataclasses.replace(self.frames, poses=poses, trans=trans)

    def keep(self, span: doc.Span) -> None:
        if span.danced.clip is None:
            piece = self.frames.cut(span.start * STRIDE, span.stop * STRIDE + 1)
            name = clip_name(piece)
            self.clips[name] = piece
            self.document = doc.keep_clip(self.document, span.start, name)

    def seed(self) -> int:
        return max(variant.seed for span in self.document.spans for variant in span.variants) + 1

    def one_span(self, start: int, stop: int) -> doc.Span:
        self.document = doc.split(doc.split(self.document, start), stop)
        if len(doc.spans_between(self.document, start, stop)) > 1:
            danced = doc.Variant(self.document.tokens[start:stop], self.document.span_at(start).danced.seed, doc.COPIED)
            self.document = doc.overwrite(self.document, start, stop, danced)
        self.keep(self.document.span_at(start))
        return self.document.span_at(start)

    def put_in(self, start: int, stop: int, variant: doc.Variant) -> None:
        self.one_span(start, stop)
        self.document = doc.replace_span(self.document, start, stop, [variant])
        self.write(start, stop)

    def clip(self, variant: doc.Variant) -> Motion | None:
        begin = variant.clip_start * STRIDE
        clip = self.clips.get(variant.clip)
        return None if clip is None else clip.cut(begin, begin + len(variant) * STRIDE + 1)


def edit(params: dict) -> dict:
    document, before = unpack(params, "")
    editing = Editing(document, before)
    for operation in params["operations"]:
        APPLY[operation["do"]](editing, operation)
    report = {"fills": editing.fills, "notices": editing.notices}
    return answer(editing.document, before.with_frames(editing.frames, editing.clips), report)


def unpack(params: dict, prefix: str) -> tuple[doc.Choreography, DanceMotion]:
    document = doc.from_json(params[f"{prefix}document"])
    data = base64.b64decode(params[f"{prefix}npz"])
    return document, read_dance_motion(data, document.clips, len(document), document.token_rate)


def regenerate(editing: Editing, operation: dict) -> None:
    locked = editing.document.locked
    if all(locked):
        raise EngineError("Everything is locked, so there is nothing to regenerate. Unlock a span first.")
    borders = [n for n in range(1, len(locked)) if locked[n] != locked[n - 1]]
    for start, stop in itertools.pairwise([0, *borders, len(locked)]):
        if not locked[start]:
            editing.fill(start, stop, editing.seed())


def replace(editing: Editing, operation: dict) -> None:
    editing.fill(operation["start"], operation["stop"], editing.seed(), operation["variants"])


def choose(editing: Editing, operation: dict) -> None:
    span = editing.document.span_at(operation["start"])
    editing.keep(span)
    editing.document = doc.choose_variant(editing.document, span.start, operation["index"])
    editing.write(span.start, span.stop, editing.clip(span.variants[operation["index"]]))


def mirror(editing: Editing, operation: dict) -> None:
    span = editing.one_span(operation["start"], operation["stop"])
    codes = editing.document.tokens[span.start : span.stop]
    editing.document = doc.mirror_span(editing.document, span.start, codes, None)
    editing.write(span.start, span.stop, editing.clip(editing.document.span_at(span.start).danced))


def copy(editing: Editing, operation: dict) -> None:
    start, stop, to = (operation[name] for name in ("start", "stop", "to"))
    seed = editing.document.span_at(start).danced.seed
    to = min(to, len(editing.document) - stop + start)
    editing.put_in(to, to + stop - start, doc.Variant(editing.document.tokens[start:stop], seed, doc.COPIED))


def insert(editing: Editing, operation: dict) -> None:
    file, start = operation["file"], operation["start"]
    try:
        clip = load_npz(Path(file))
    except MotionFileError as error:
        raise EngineError(str(error)) from error
    stop = min(start + math.floor(clip.seconds * TOKEN_RATE), len(editing.document))
    editing.put_in(start, stop, doc.Variant(editing.document.tokens[start:stop], 0, doc.MOTION))
    editing.document = doc.lock(editing.document, start, stop)
    editing.notices.append(f"{Path(file).name}: as tokens it is 12 mm off; its own poses are kept.")


def loop(editing: Editing, operation: dict) -> None:
    stop = len(editing.document)
    editing.put_in(stop - 1, stop, doc.Variant(editing.document.tokens[:1], editing.seed(), doc.COPIED))
    editing.document = doc.lock(editing.document, stop - 1, stop)


def tokenize(editing: Editing, operation: dict) -> None:
    for span in doc.spans_between(editing.document, operation["start"], operation["stop"]):
        codes = tuple(tuple(code + 1 for code in row) for row in span.danced.codes)
        editing.document = doc.retokenize(editing.document, span.start, codes)
        editing.notices.append("As tokens it is 12 mm off.")


APPLY = {
    "regenerate": regenerate,
    "replace": replace,
    "choose": choose,
    "mirror": mirror,
    "copy": copy,
    "insert": insert,
    "loop": loop,
    "tokenize": tokenize,
}


def chain(params: dict) -> dict:
    one, two = (doc.from_json(params[f"{which}_document"]) for which in ("first", "second"))
    join = round(params["seconds"] * one.token_rate)
    begin = len(one) + join
    still = doc.Span(len(one), begin, (doc.Variant(one.tokens[-1:] * join),))
    moved = [dataclasses.replace(span, start=span.start + begin, stop=span.stop + begin) for span in two.spans]
    songs = [dataclasses.replace(audio, at=audio.at + begin) for audio in two.audio]
    both = dataclasses.replace(one, spans=(*one.spans, still, *moved), audio=(*one.audio, *songs))
    _, before = unpack(params, "first_")
    fps = before.motion.fps
    dance = sampled(motion(both, fps), round(len(both) / both.token_rate * fps), fps)
    dance.motion.poses[: len(before.motion)] = before.motion.poses
    dance.motion.trans[: len(before.motion)] = before.motion.trans
    return answer(both, dataclasses.replace(dance, clips=before.clips), {"fills": [], "notices": []})


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
