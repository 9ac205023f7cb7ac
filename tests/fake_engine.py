"""The engine for tests: the real server and protocol, with work that is made up, or that misbehaves as told.

    python fake_engine.py [MODE]
    python fake_engine.py MODE -I ... start_engine.py FOLDER serve      (as the add-on calls its engine's Python)

The second way the server comes from that folder, which is the add-on's bundle where the zip is tested.

`generate` gives a canned motion: at frame k the pelvis is 0.9 m up and k millimetres along x, and the left elbow bends
by k / 100 radians; the candidates that it keeps have the seeds after the dance's, and other elbows. `edit` keeps what
the real engine keeps, the frames of kept positions and the one after them: a variant of another seed than the dance's
turns the left elbow about another axis, by an angle that depends on the seed; a mirror image turns it the other way,
and so does a motion from elsewhere. `chain` dances one after the other, the join standing still. `listen` hears a beat
each half second from a quarter on, and heeds corrections. `import` writes a folder that looks like an imported
checkpoint; `fetch_encodec` answers with the file it was given.

MODE says how each request goes: ok (as above), or one of `MISBEHAVIOUR`. A song with such a name does the same to its
own request, and one named unsendable gets an answer that JSON cannot hold. Three are only modes: old (another version
of the protocol), nonsense (answers without a motion) and needs-song (edits and chains refuse dances whose song is
gone).
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import math
import os
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, sys.argv[-2] if sys.argv[-1] == "serve" else str(Path(__file__).resolve().parent.parent))

import engine
from engine import choreography as doc
from engine import protocol
from engine.decoded_sounds import FOLDER_VARIABLE, place_of
from engine.editing.dance_files import pack_dance_motion
from engine.editing.operations import Operation
from engine.errors import AudioError, CancelledError, EngineError, UndecodedError
from engine.pipeline.request import GenerateRequest
from engine.service import jobs, json_values, server
from smpl_rig.dance_motion import DanceMotion, clip_name
from smpl_rig.motion import Motion, MotionFileError, load_npz, sample

FRAME_RATE = 20.0
TOKEN_RATE = 5.0
STRIDE = 4
CODES = 2
STEP_SECONDS = 0.01
"""How long a step of a slow request lasts; there are 600."""
TOKENS = "tokens"
"""The stage that a request misbehaves in, after it has reported progress once."""


@dataclasses.dataclass(frozen=True)
class Dance:
    """What of a generated or edited dance the server asks for."""

    document: doc.Choreography
    dance: DanceMotion
    report: dict[str, Any]
    others: tuple[Dance, ...] = ()

    def to_npz(self) -> bytes:
        return pack_dance_motion(self.document, self.dance)


class OutOfMemoryError(RuntimeError):
    """Named as torch's."""


Report = Callable[[str, float, str], None]
Cancelled = Callable[[], bool]


def slow(progress: Report, cancelled: Cancelled) -> None:
    for step in range(600):
        progress(TOKENS, step / 600, f"step {step}")
        time.sleep(STEP_SECONDS)
        if cancelled():
            raise CancelledError("stopped")


def report_only(progress: Report, cancelled: Cancelled) -> None:
    slow(progress, lambda: False)


def hang(progress: Report, cancelled: Cancelled) -> None:
    time.sleep(60)


def die(progress: Report, cancelled: Cancelled) -> None:
    print("the fake engine dies now", file=sys.stderr, flush=True)
    os._exit(3)


def leave(progress: Report, cancelled: Cancelled) -> None:
    sys.exit("a library left")


def speak(progress: Report, cancelled: Cancelled) -> None:
    print("printed " * 200_000)
    sys.stdout.write("Content-Length: 3\r\n\r\nabc")
    os.write(1, b"written to descriptor 1\n")
    os.system("echo from a child process")


def read_stdin(progress: Report, cancelled: Cancelled) -> None:
    assert os.read(0, 10) == b""


def garbage(progress: Report, cancelled: Cancelled) -> None:
    descriptor = next(
        fd for fd in range(3, 20) if is_pipe_for_writing(fd) and not os.path.samestat(*map(os.fstat, (fd, 2)))
    )
    os.write(descriptor, b"\x00\xffgarbage\n")
    time.sleep(60)


def is_pipe_for_writing(descriptor: int) -> bool:
    import fcntl
    import stat

    try:
        mode = os.fstat(descriptor).st_mode
        return stat.S_ISFIFO(mode) and fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY
    except OSError:
        return False


def raising(error: Exception) -> Callable[[Report, Cancelled], None]:
    def misbehave(progress: Report, cancelled: Cancelled) -> None:
        raise error

    return misbehave


MISBEHAVIOUR: dict[str, Callable[[Report, Cancelled], None]] = {
    "slow": slow,  # six seconds, and listens to a cancel
    "report-only": report_only,  # the same, but asks for no cancel
    "hang": hang,
    "die": die,
    "sysexit": leave,
    "print": speak,
    "read-stdin": read_stdin,
    "garbage": garbage,
    "fail": raising(AudioError("The song is silent: choose another.")),
    "crash": raising(KeyError("surprise")),
    "package": raising(ModuleNotFoundError("No module named 'torch'")),
    "memory": raising(MemoryError()),
    "torch-memory": raising(OutOfMemoryError("CUDA out of memory. Tried to allocate 2 TiB")),
    "cpu-memory": raising(
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")
    ),
}


def behave(mode: str, progress: Report, cancelled: Cancelled) -> None:
    """A request as the mode has it."""
    progress(TOKENS, 0.0, "Choosing tokens")
    MISBEHAVIOUR.get(mode, lambda *_: None)(progress, cancelled)


def generating(mode: str) -> Callable[..., Dance]:
    """The function that stands in for `engine.pipeline.generate.generate`."""

    def generate(request: GenerateRequest, progress: Report, cancelled: Cancelled, show: Any = None) -> Dance:
        first_frames = itertools.count(step=2)

        def reported(stage: str, fraction: float, message: str) -> None:
            progress(stage, fraction, message)
            if show:
                show(next(first_frames), standing())

        progress("decode", 0.5, "half way")
        behave(song_name(request) if mode == "ok" else mode, reported, cancelled)
        if mode == "needs-decoding":
            check_decoded(request)
        reported(TOKENS, 1.0, "Choosing tokens")
        return with_candidates(request)

    return generate


def with_candidates(request: GenerateRequest) -> Dance:
    """The dance, and where they are kept those with the next seeds, each one point worse than the one before."""
    best = dance(request)
    seeds = range(request.seed, request.seed + request.candidates)
    if len(seeds) > 1:
        best.report["candidates"] = [{"seed": seed, "score": 5.0 - seed + request.seed} for seed in seeds]
    kept = seeds[1:] if request.keep_candidates else ()
    others = [turned(dance(dataclasses.replace(request, seed=seed)), (seed - request.seed) / 10) for seed in kept]
    return dataclasses.replace(best, others=tuple(others))


def turned(made: Dance, angle: float) -> Dance:
    """The same dance with the left elbow turned about another axis."""
    frames = dataclasses.replace(made.dance.frames, poses=made.dance.frames.poses.copy())
    frames.poses[:, 3 * 18 + 1] += angle
    return dataclasses.replace(made, dance=sampled(frames, len(made.dance.motion), made.dance.motion.fps))


def check_decoded(request: GenerateRequest) -> None:
    """Ask for the seconds that are danced to, with one more at both ends."""
    file = Path(request.audio)
    if file.suffix == ".wav":
        return
    first = max(math.floor(request.start - 1), 0)
    last = None if request.seconds is None else math.ceil(request.start + request.seconds + 1)
    if not place_of(Path(os.environ[FOLDER_VARIABLE]), file, first, last).is_file():
        raise UndecodedError("It is no wav file.", request.audio, first, last)


def song_name(request: GenerateRequest) -> str:
    return os.path.basename(request.audio)  # noqa: PTH119 - what is no path stays as it is


def dance(request: GenerateRequest) -> Dance:
    fps = request.fps or 30.0
    seconds = (request.seconds or 4.0) / request.speed
    positions = math.ceil(seconds * TOKEN_RATE)
    tokens = (np.arange(positions * CODES).reshape(positions, CODES) + request.seed) % 512
    style = request.style or "waltz"
    sha256, size = content(request.audio)
    correction = doc.correction_from(request.correction)
    heard = listen(request.audio, correction, (seconds + request.start) * request.speed, 3 if style == "waltz" else 4)
    played = [(beat - request.start) / request.speed for beat in heard["beats"]]
    first = sum(beat < 0 for beat in played)
    beats = tuple(beat for beat in played[first:] if beat < seconds)
    ones = tuple(one - first for one in heard["ones"] if first <= one < first + len(beats))
    audio = doc.Audio(
        request.audio,
        sha256,
        request.start,
        request.seconds,
        request.speed,
        beats=beats,
        beats_per_bar=heard["beats_per_bar"],
        size=size,
        ones=ones,
        correction=correction,
    )
    checkpoint = doc.CheckpointIdentity(request.checkpoint, "0" * 64)
    document = doc.new_choreography(
        tokens.tolist(), TOKEN_RATE, audio, checkpoint, request.seed, style, guidance=request.guidance
    )
    report = {"device": "cpu", "params": dataclasses.asdict(request), "beats": beats, "nothing": float("nan")}
    report["rhythm"] = heard
    if song_name(request) == "unsendable":
        report["bad"] = object()
    return Dance(document, sampled(motion(document, fps), max(1, math.floor(seconds * fps)), fps), report)


def listen(audio: str, correction: doc.Correction, seconds: float = 4.0, metre: int = 3) -> dict[str, Any]:
    """What is heard of a song, as `engine.pipeline.listen.SongRhythm` by name."""
    tempo = correction.tempo or 120.0
    beats = list(correction.beats) or np.round(np.arange(0.25, seconds, 60 / tempo), 6).tolist()
    metre = correction.beats_per_bar or metre
    for anchor in correction.anchors:
        beats[int(np.argmin(np.abs(np.array(beats) - anchor)))] = anchor
    first = 0 if correction.one is None else int(np.argmin(np.abs(np.array(beats) - correction.one))) % metre
    return {
        "sha256": content(audio)[0],
        "tempo": tempo,
        "confidence": 1.0 if correction.tempo else 0.6,
        "other_tempo": 60.0,
        "beats": beats,
        "ones": list(range(first, len(beats), metre)),
        "beats_per_bar": metre,
        "bar_confidence": 0.7,
        "strength": [0.5] * len(beats),
        "styles": [["waltz", 0.6], ["rumba", 0.3]],
    }


def content(path: str) -> tuple[str, int | None]:
    """The sha256 and the size of a file; of one that is not there, zeros and None."""
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError):
        return "0" * 64, None
    return hashlib.sha256(data).hexdigest(), len(data)


def check_songs(*documents: doc.Choreography) -> None:
    """Refuse dances whose songs are not the files that they name."""
    for audio in (audio for document in documents for audio in document.audio):
        if content(audio.path)[0] != audio.sha256:
            raise AudioError(f"{audio.path} is not there.")


def standing() -> Motion:
    """Two frames, as they are shown while a dance is made."""
    poses = np.zeros((2, 72), np.float32)
    poses[:, 0] = np.pi / 2
    return Motion(poses, np.tile(np.array([0, 0, 0.9], np.float32), (2, 1)), FRAME_RATE)


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


Pair = tuple[doc.Choreography, DanceMotion]


def edit(document: doc.Choreography, before: DanceMotion, operations: list[Operation]) -> Dance:
    editing = Editing(document, before)
    for operation in operations:
        APPLY[operation.do](editing, operation)
    report = {"fills": editing.fills, "notices": editing.notices}
    return Dance(editing.document, before.with_frames(editing.frames, editing.clips), report)


def regenerate(editing: Editing, operation: Operation) -> None:
    locked = editing.document.locked
    if all(locked):
        raise EngineError("Everything is locked, so there is nothing to regenerate. Unlock a span first.")
    borders = [n for n in range(1, len(locked)) if locked[n] != locked[n - 1]]
    for start, stop in itertools.pairwise([0, *borders, len(locked)]):
        if not locked[start]:
            editing.fill(start, stop, editing.seed())


def replace(editing: Editing, operation: Operation) -> None:
    editing.fill(operation.start, operation.stop, editing.seed(), operation.variants)


def choose(editing: Editing, operation: Operation) -> None:
    span = editing.document.span_at(operation.start)
    editing.keep(span)
    editing.document = doc.choose_variant(editing.document, span.start, operation.index)
    editing.write(span.start, span.stop, editing.clip(span.variants[operation.index]))


def mirror(editing: Editing, operation: Operation) -> None:
    span = editing.one_span(operation.start, operation.stop)
    codes = editing.document.tokens[span.start : span.stop]
    editing.document = doc.mirror_span(editing.document, span.start, codes, None)
    editing.write(span.start, span.stop, editing.clip(editing.document.span_at(span.start).danced))


def copy(editing: Editing, operation: Operation) -> None:
    start, stop, to = (operation.start, operation.stop, operation.to)
    seed = editing.document.span_at(start).danced.seed
    to = min(to, len(editing.document) - stop + start)
    editing.put_in(to, to + stop - start, doc.Variant(editing.document.tokens[start:stop], seed, doc.COPIED))


def insert(editing: Editing, operation: Operation) -> None:
    file, start = operation.file, operation.start
    try:
        clip = load_npz(Path(file))
    except MotionFileError as error:
        raise EngineError(str(error)) from error
    stop = min(start + math.floor(clip.seconds * TOKEN_RATE), len(editing.document))
    editing.put_in(start, stop, doc.Variant(editing.document.tokens[start:stop], 0, doc.MOTION))
    editing.document = doc.lock(editing.document, start, stop)
    editing.notices.append(f"{Path(file).name}: as tokens it is 12 mm off; its own poses are kept.")


def loop(editing: Editing, operation: Operation) -> None:
    stop = len(editing.document)
    editing.put_in(stop - 1, stop, doc.Variant(editing.document.tokens[:1], editing.seed(), doc.COPIED))
    editing.document = doc.lock(editing.document, stop - 1, stop)
    after = slice(1 - STRIDE, None)  # the frame after what is kept stays
    editing.frames.poses[after], editing.frames.trans[after] = editing.frames.poses[0], editing.frames.trans[0]


def tokenize(editing: Editing, operation: Operation) -> None:
    for span in doc.spans_between(editing.document, operation.start, operation.stop):
        codes = tuple(tuple(code + 1 for code in row) for row in span.danced.codes)
        editing.document = doc.retokenize(editing.document, span.start, codes)
        editing.notices.append("As tokens it is 12 mm off.")


def rhythm(editing: Editing, operation: Operation) -> None:
    audio = editing.document.audio[operation.song]
    heard = listen(audio.path, doc.correction_from(operation.correction), audio.beats[-1] + 0.01)
    changed = dataclasses.replace(
        audio,
        beats=tuple(heard["beats"]),
        ones=tuple(heard["ones"]),
        beats_per_bar=heard["beats_per_bar"],
        correction=doc.correction_from(operation.correction),
    )
    songs = list(editing.document.audio)
    songs[operation.song] = changed
    editing.document = dataclasses.replace(editing.document, audio=tuple(songs))


APPLY = {
    "regenerate": regenerate,
    "replace": replace,
    "choose": choose,
    "mirror": mirror,
    "copy": copy,
    "insert": insert,
    "loop": loop,
    "tokenize": tokenize,
    "rhythm": rhythm,
}


def chain(first: Pair, second: Pair, seconds: float) -> Dance:
    one, before = first
    two = second[0]
    join = round(seconds * one.token_rate)
    begin = len(one) + join
    still = doc.Span(len(one), begin, (doc.Variant(one.tokens[-1:] * join),))
    moved = [dataclasses.replace(span, start=span.start + begin, stop=span.stop + begin) for span in two.spans]
    songs = [dataclasses.replace(audio, at=audio.at + begin) for audio in two.audio]
    both = dataclasses.replace(one, spans=(*one.spans, still, *moved), audio=(*one.audio, *songs))
    fps = before.motion.fps
    made = sampled(motion(both, fps), round(len(both) / both.token_rate * fps), fps)
    made.motion.poses[: len(before.motion)] = before.motion.poses
    made.motion.trans[: len(before.motion)] = before.motion.trans
    return Dance(both, dataclasses.replace(made, clips=before.clips), {"fills": [], "notices": []})


def import_checkpoint(params: dict) -> dict:
    request = json_values.build_request(jobs.ImportRequest, params)
    folder = Path(request.folder)
    folder.mkdir(parents=True)
    config = {"family": "original", "styles": [], "description": request.variant, "params": params}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").touch()
    return {"folder": request.folder, "variant": request.variant, "parameters": 3, "warnings": ["No mean."]}


def fetch_encodec(params: dict) -> dict:
    return {"path": json_values.build_request(jobs.FetchRequest, params).file or "downloaded"}


def listening(params: dict) -> dict:
    return listen(params["audio"], doc.correction_from(params.get("correction")))


def handler(mode: str, work: Callable[[dict], dict]) -> jobs.Handler:
    def run(params: dict, progress: jobs.Reporter, cancelled: Cancelled) -> dict:
        behave(mode, progress, cancelled)
        return work(params)

    return run


def no_motion(params: dict, progress: jobs.Reporter, cancelled: Cancelled) -> dict:
    return {"npz": protocol.pack_bytes(b"nothing"), "report": {}}


def stand_in(name: str, **content: object) -> None:
    """Put a module of this content in the place of one of the engine's."""
    module = types.ModuleType(name)
    vars(module).update(content)
    sys.modules[name] = module


def doctor() -> dict[str, Any]:
    """What works, and where this process finds its modules."""
    found = {"device": "cpu", "torch": "none", "checkpoints": ["default"]}
    return {**found, "path": sys.path, "engine": engine.__file__}


def main(mode: str) -> None:
    def editing(
        document: Any, dance: Any, operations: Any, progress: Report, cancelled: Cancelled, *_: object
    ) -> Dance:
        behave(mode, progress, cancelled)
        if mode == "needs-song":
            check_songs(document)
        return edit(document, dance, operations)

    def chaining(
        first: Pair, second: Pair, seconds: float, seed: Any, progress: Report, cancelled: Cancelled, *_: object
    ) -> Dance:
        behave(mode, progress, cancelled)
        if mode == "needs-song":
            check_songs(first[0], second[0])
        return chain(first, second, seconds)

    stand_in("engine.pipeline.generate", generate=generating(mode))
    stand_in("engine.editing.edit", edit=editing)
    stand_in("engine.editing.chain", chain=chaining)
    stand_in("engine.service.doctor", report=doctor)
    jobs.HANDLERS[protocol.IMPORT] = handler(mode, import_checkpoint)
    jobs.HANDLERS[protocol.FETCH_ENCODEC] = handler(mode, fetch_encodec)
    jobs.HANDLERS[protocol.LISTEN] = handler(mode, listening)
    if mode == "nonsense":
        jobs.HANDLERS.update(dict.fromkeys((protocol.GENERATE, protocol.EDIT, protocol.CHAIN), no_motion))
    elif mode == "old":
        protocol.PROTOCOL_VERSION = 99
    server.main()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "ok")
