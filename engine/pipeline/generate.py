"""From a song to a dance: audio -> features -> tokens -> motion -> feet. What the command line and the server call."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.audio.decode import check_song, load_audio, probe
from engine.audio.librosa_features import FRAME_RATE, SAMPLE_RATE
from engine.checkpoint_index import WEIGHTS_FILE, list_checkpoints
from engine.choreography import Audio, CheckpointIdentity, Choreography, new_choreography
from engine.errors import CancelledError, RequestError
from engine.models.base import Cancelled, Performance, Progress, Show, Stage, Stopwatch
from engine.models.checkpoints import AnyCheckpoint, Checkpoint, find_checkpoint, load_checkpoint
from engine.models.original import generation as original_performance
from engine.models.original.clip.clip_style import STYLES_FILE
from engine.models.original.config import MUSIC_VIEWS
from engine.models.torch.generation import perform
from engine.motion.beat_snap import snap_to_beats
from engine.motion.room import LARGEST as LARGEST_ROOM
from engine.motion.room import keep_in_room
from engine.protocol import MOST_TAKES
from engine.runtime.cancellable import cancellable
from engine.runtime.device import Device, choose_device
from engine.runtime.file_hash import file_sha256
from smpl_rig.feet import lock_feet
from smpl_rig.motion import Motion, sample, save_npz

ROOM = 6.0
"""Metres of floor that a dance takes unless another room is asked for."""
LONGEST_SECONDS = 1200.0
"""Longest dance of one request; memory and patience end somewhere."""
AUTO_STYLE = "AUTO"
_LATEST_START = 1e9
_SEEDS = 2**63


@dataclass(frozen=True)
class GenerateRequest:
    """What to dance to, and how.

    audio: path. start: seconds in the file at which the dance begins; negative is silence first. seconds: length in the
    file, None to its end. speed: playback speed; the dance lasts seconds / speed. fps: frame rate of the result, None
    for the checkpoint's own. style: one of the checkpoint's, None or AUTO to let the song's tempo decide. guidance: how
    strongly the music is followed, 1 is as trained; None for the checkpoint's own, as with temperature. music_view:
    for imported checkpoints, one of `models.original.config.MUSIC_VIEWS`; None for the checkpoint's own. beat_snap: how
    far the finished dance is re-timed onto the song's beats, 0 (not at all) to 1; the tokens stay as they were written.
    room: metres; the dance stays in a circle so wide around its beginning, 0 lets it travel. takes: dances that are
    written, of which the best is kept (see `engine.pipeline.ranking`); the dance's seed is then that take's.
    """

    audio: str
    start: float = 0.0
    seconds: float | None = None
    speed: float = 1.0
    fps: float | None = None
    seed: int = 0
    style: str | None = None
    checkpoint: str = "default"
    device: str = "auto"
    guidance: float | None = None
    temperature: float | None = None
    music_view: str | None = None
    beat_snap: float = 0.0
    room: float = ROOM
    takes: int = 1


@dataclass(frozen=True)
class Dance:
    """A generated dance. tokens: (N, K) codes, `token_rate` positions a second, from the dance's first frame on.

    frames: the whole of it at the checkpoint's frame rate, a whole number of frames a position; what is edited.
    document: its editable choreography.
    """

    motion: Motion
    frames: Motion
    tokens: NDArray[np.int64]
    token_rate: float
    checkpoint: str
    seed: int
    style: str
    document: Choreography
    report: dict[str, Any] = field(default_factory=dict)

    def to_npz(self) -> bytes:
        """The AMASS-style .npz as bytes."""
        file = io.BytesIO()
        self.write(file)
        return file.getvalue()

    def write(self, file: Path | io.BytesIO) -> None:
        """Write the AMASS-style .npz."""
        save_npz(
            file,
            self.motion,
            tokens=self.tokens,
            token_rate=np.float64(self.token_rate),
            frames_poses=self.frames.poses,
            frames_trans=self.frames.trans,
            checkpoint=self.checkpoint,
            seed=np.int64(self.seed),
            style=self.style,
        )


def generate(request: GenerateRequest, progress: Progress, cancelled: Cancelled, show: Show | None = None) -> Dance:
    """Generate a dance. Raises EngineError; the same request gives the same dance on the same device.

    `show` is given the frames while later tokens are still to be written. Where a GPU runs out of memory the CPU takes
    over, from the first frame on, and the report says so.
    """
    _check(request)
    device = choose_device(request.device)
    try:
        return _generate(request, device, progress, cancelled, show)
    except torch.OutOfMemoryError:
        if device.name == "cpu":
            raise
        notice = "the GPU ran out of memory"
        progress("load", 0.0, f"Going on with the CPU: {notice}")
        return _generate(request, Device("cpu", notice), progress, cancelled, show)


def _generate(
    request: GenerateRequest, device: Device, progress: Progress, cancelled: Cancelled, show: Show | None
) -> Dance:
    watch = Stopwatch()

    def advance(stage: str, fraction: float, message: str) -> None:
        if cancelled():
            raise CancelledError("Cancelled.")
        progress(stage, fraction, message)

    advance("load", 0.0, f"Loading checkpoint {request.checkpoint}")
    with watch("load"):
        folder = find_checkpoint(request.checkpoint)
        checkpoint = cancellable(lambda: cached_checkpoint(folder, device.name), cancelled)
    wanted = _style_name(request.style, checkpoint)
    advance("audio", 0.02, f"Reading {Path(request.audio).name}")
    with watch("audio"):
        audio, length = cancellable(lambda: read_song(request), cancelled)
    stage = Stage(
        audio=audio,
        length=length,
        listen=lambda rate: load_audio(request.audio, rate, request.start, length, request.speed),
        style=wanted,
        seeds=[(request.seed + take) % _SEEDS for take in range(request.takes)],
        temperature=request.temperature,
        guidance=request.guidance,
        music_view=request.music_view,
        device=device,
        watch=watch,
        advance=advance,
        cancelled=cancelled,
        show=show,
    )
    if isinstance(checkpoint, Checkpoint):
        if request.music_view is not None:
            raise RequestError(
                f"music_view is for imported checkpoints; {checkpoint.name!r} hears the music around every token. "
                "Leave it out."
            )
        danced = perform(checkpoint, stage)
    else:
        if request.takes > 1:
            raise RequestError(
                f"takes is {request.takes}, but {checkpoint.name!r} is imported, which writes one at a time."
            )
        danced = original_performance.perform(checkpoint, stage)
    advance("feet", 0.96, "Planting the feet")
    with watch("feet"):
        fps = request.fps or FRAME_RATE
        times = np.arange(max(1, round(length * fps))) / fps
        snapped = cancellable(lambda: snap_to_beats(danced.motion, danced.beats, request.beat_snap), cancelled)
        frames = cancellable(lambda: lock_feet(keep_in_room(snapped.motion, request.room)), cancelled)
        motion = cancellable(lambda: replace(sample(frames, times), fps=fps), cancelled)
    with watch("document"):  # it names song and checkpoint by their hashes, and a video may be large
        document = cancellable(lambda: _document(request, folder, checkpoint.token_rate, danced), cancelled)
    advance("done", 1.0, "Done")
    report = {
        "seconds": watch.seconds,
        "device": device.name,
        "device_reason": device.reason,
        "style": danced.style,
        "tempo": round(danced.beats.tempo, 2),
        "beats": np.round(danced.beats.times[danced.beats.times < length], 3).tolist(),
        "frames": len(motion),
        "fps": motion.fps,
        **danced.report,
    }
    if request.beat_snap:
        report["beat_snap"] = {"mean_ms": round(snapped.mean_ms, 1), "max_ms": round(snapped.max_ms, 1)}
        report["notices"] = [*report.get("notices", []), *([snapped.notice] if snapped.notice else [])]
    return Dance(
        motion,
        frames,
        danced.tokens,
        checkpoint.token_rate,
        checkpoint.name,
        danced.seed,
        danced.style,
        document,
        report,
    )


def _document(request: GenerateRequest, folder: Path, token_rate: float, danced: Performance) -> Choreography:
    known = {entry["name"] for entry in list_checkpoints()}
    name = request.checkpoint if request.checkpoint in known else str(folder.resolve())
    song = Path(request.audio).resolve()
    return new_choreography(
        danced.tokens.tolist(),
        token_rate,
        Audio(str(song), file_sha256(song), request.start, request.seconds, request.speed),
        CheckpointIdentity(name, file_sha256(folder / WEIGHTS_FILE)),
        danced.seed,
        danced.style or None,
        request.temperature,
        request.guidance,
    )


@lru_cache(maxsize=2)
def _load(folder: Path, device: str, stamp: tuple[int, ...]) -> AnyCheckpoint:
    return load_checkpoint(str(folder), device)


def cached_checkpoint(folder: Path, device: str) -> AnyCheckpoint:
    """A checkpoint kept in memory until its files change."""
    files = tuple(folder / name for name in ("model.safetensors", "config.json", STYLES_FILE))
    stamp = tuple(file.stat().st_mtime_ns for file in files if file.exists())
    return _load(folder, device, stamp)


def _check(request: GenerateRequest) -> None:
    numbers = {
        "speed": (request.speed, 0.1, 10.0),
        "start": (request.start, -LONGEST_SECONDS, _LATEST_START),
        "seconds": (request.seconds, 0.0, math.inf),
        "fps": (request.fps, 1.0, 1000.0),
        "guidance": (request.guidance, 0.0, 10.0),
        "temperature": (request.temperature, 0.0, 5.0),
        "seed": (request.seed, 0, _SEEDS - 1),
        "room": (request.room, 0.0, LARGEST_ROOM),
        "beat_snap": (request.beat_snap, 0.0, 1.0),
        "takes": (request.takes, 1, MOST_TAKES),
    }
    for name, (value, low, high) in numbers.items():
        if value is not None and not low <= value <= high:
            raise RequestError(f"{name} is {value}. Choose a value from {low:g} to {high:g}.")
    if request.seconds is not None and request.start + request.seconds <= 0 < -request.start:
        raise RequestError(
            f"{request.seconds:g} s from second {request.start:g} on end before the song begins. "
            "Choose a later start or a greater length."
        )
    if request.music_view not in (None, *MUSIC_VIEWS):
        raise RequestError(f"music_view is {request.music_view!r}. Choose one of {', '.join(MUSIC_VIEWS)}.")
    if request.seconds == 0:
        raise RequestError("seconds is 0. Choose a length above 0, or none for the rest of the song.")


def _style_name(wanted: str | None, checkpoint: AnyCheckpoint) -> str | None:
    if wanted is None or wanted.upper() == AUTO_STYLE:
        return None
    if not isinstance(checkpoint, Checkpoint):
        checkpoint.require_styles()
    if wanted not in checkpoint.styles:
        known = ", ".join(checkpoint.styles) or "(it has none)"
        raise RequestError(f"Checkpoint {checkpoint.name!r} knows no style {wanted!r}. Choose AUTO or one of: {known}.")
    return wanted


def read_song(request: GenerateRequest) -> tuple[NDArray[np.float32], float]:
    """The audio (samples,) at the features' rate and its length in seconds as danced. Raises AudioError."""
    path = Path(request.audio)
    left = probe(path).seconds - request.start
    length = (left if request.seconds is None else min(request.seconds, left)) / request.speed
    if length > LONGEST_SECONDS:
        raise RequestError(
            f"{path.name}: {length / 60:.0f} minutes are too long for one dance, which may last "
            f"{LONGEST_SECONDS / 60:.0f}. Choose a part with a start and a length."
        )
    # a file that is over already is left to load_audio, whose sentence names the file's own length
    audio = load_audio(path, SAMPLE_RATE, request.start, length if length > 0 else None, request.speed)
    check_song(audio, SAMPLE_RATE, path.name)
    return audio, len(audio) / SAMPLE_RATE
