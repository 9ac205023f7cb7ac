"""Dance generation: audio -> features -> tokens -> motion -> post-processing."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.choreography import Audio, CheckpointIdentity, Choreography, Correction, correction_from, new_choreography
from engine.errors import CancelledError
from engine.file_hash import file_sha256
from engine.models.base import (
    Cancelled,
    Checkpoint,
    Generated,
    GenerationTask,
    Music,
    Progress,
    Show,
    Song,
    Stopwatch,
    check_energy,
)
from engine.models.loading import cached_checkpoint, find_checkpoint, identity_of
from engine.pipeline.dance_candidates import best_first, score_dance
from engine.pipeline.listen import as_shown, styles_of
from engine.pipeline.post_process import PostProcessing, Processed, post_process
from engine.pipeline.request import SEEDS, GenerateRequest, check_request
from engine.pipeline.song import beats_of_song, music_of_dance, read_song
from engine.runtime.cancellable import cancellable
from engine.runtime.device import Device, choose_device, with_cpu_fallback
from smpl_rig.dance_motion import DanceMotion, DanceMusic, pack_dance_motion
from smpl_rig.motion import Motion, save_npz


@dataclass(frozen=True)
class Dance:
    """A generated dance.

    motion: at the frame rate and of the length that were requested. frames: the whole dance at the checkpoint's frame
    rate, a whole number of frames per position; edits change these. music: what edits need of the song. tokens: (N, K)
    codes, `token_rate` positions a second, from the first frame on. document: its choreography. report: what the user
    is told, ready for JSON. others: the candidates that were not the best, best first, as finished as this one and
    without reports, if the request keeps them; their scores are in the report's `candidates` after the first.
    """

    motion: Motion
    frames: Motion
    music: DanceMusic
    tokens: NDArray[np.int64]
    token_rate: float
    checkpoint: str
    seed: int
    style: str
    document: Choreography
    report: dict[str, Any] = field(default_factory=dict)
    others: tuple[Dance, ...] = ()

    def to_npz(self) -> bytes:
        """The dance as the bytes of an .npz for the add-on, see `smpl_rig.dance_motion.pack_dance_motion`."""
        return pack_dance_motion(self._dance_motion(), (), **self._facts())

    def write(self, path: Path) -> None:
        """Write the dance as an AMASS-style .npz."""
        save_npz(path, self.motion, **self._facts(), **self._dance_motion().arrays(()))

    def _dance_motion(self) -> DanceMotion:
        return DanceMotion(self.motion, self.frames, music=self.music)

    def _facts(self) -> dict[str, Any]:
        return {
            "tokens": self.tokens,
            "token_rate": np.float64(self.token_rate),
            "checkpoint": self.checkpoint,
            "seed": np.int64(self.seed),
            "style": self.style,
        }


def generate(request: GenerateRequest, progress: Progress, cancelled: Cancelled, show: Show | None = None) -> Dance:
    """Generate a dance. The same request gives the same dance on the same device. Raises EngineError.

    show: is called with the frames that are ready while later tokens are still being generated. If the GPU runs out of
    memory, the dance is generated again from the start on the CPU, and the report says so.
    """
    check_request(request)
    device = choose_device(request.device)
    return with_cpu_fallback(device, lambda chosen: _generate(request, chosen, progress, cancelled, show), progress)


def _generate(
    request: GenerateRequest, device: Device, progress: Progress, cancelled: Cancelled, show: Show | None
) -> Dance:
    watch = Stopwatch()

    def advance(stage: str, fraction: float, message: str) -> None:
        if cancelled():
            raise CancelledError("Cancelled.")
        progress(stage, fraction, message)

    def advance_features(part: float) -> None:
        advance("features", 0.05 + 0.05 * part, "Computing the music features")

    advance("load", 0.0, f"Loading checkpoint {request.checkpoint}")
    with watch("load"):
        folder = find_checkpoint(request.checkpoint)
        checkpoint = cancellable(lambda: cached_checkpoint(folder, device.name), cancelled)
    style = request.wanted_style
    checkpoint.check(style, request.candidates, request.music_view)
    check_energy(checkpoint.name, checkpoint.has_energy, request.energy)
    file = Path(request.audio)
    advance("audio", 0.02, f"Reading {file.name}")
    correction = correction_from(request.correction)
    with watch("audio"):
        song = cancellable(
            lambda: read_song(file, request.start, request.seconds, request.speed, correction), cancelled
        )
    positions = positions_for(song.seconds, checkpoint)
    advance_features(0.0)
    with watch("features"):
        music = cancellable(lambda: checkpoint.music(song, style, positions, advance_features), cancelled)
    task = GenerationTask(
        music=music,
        positions=positions,
        seeds=[(request.seed + number) % SEEDS for number in range(request.candidates)],
        temperature=request.temperature,
        guidance=request.guidance,
        music_view=request.music_view,
        energy=request.energy,
        song_energy=request.song_energy,
        watch=watch,
        advance=advance,
        cancelled=cancelled,
        show=show,
    )
    generated = checkpoint.generate(task)
    ranked, ranking = _ranked(checkpoint, generated, task)
    wanted = PostProcessing(request.beat_snap, request.room, request.fps or checkpoint.frame_rate, song.seconds)
    finished = []
    for number, (_, motion) in enumerate(ranked if request.keep_candidates else ranked[:1]):
        advance("feet", 0.96 + 0.03 * number / len(ranked), "Locking the feet")
        with watch("feet"):
            finished.append(post_process(motion, music.beats, wanted, cancelled))
    processed = finished[0]
    with watch("document"):  # hashes the song and the checkpoint; a song in a video can be a large file
        audio = cancellable(lambda: _audio(request, correction, song, music), cancelled)
        identity = cancellable(lambda: identity_of(checkpoint.folder), cancelled)

    def dance_of(number: int, report: dict[str, Any], others: tuple[Dance, ...] = ()) -> Dance:
        index = ranked[number][0]
        tokens, seed = generated.tokens[index], task.seeds[index]
        return Dance(
            finished[number].motion,
            finished[number].frames,
            music_of_dance(music, 0, positions, checkpoint.token_rate),
            tokens,
            checkpoint.token_rate,
            checkpoint.name,
            seed,
            music.style or "",
            _document(request, checkpoint, identity, audio, music, tokens.tolist(), seed),
            report,
            others,
        )

    advance("done", 1.0, "Done")
    report = {
        **_report(request, device, song, music, processed),
        "seconds": watch.seconds,
        **ranking,
        **generated.report,
    }
    if (song.start, song.speed) == (request.start, request.speed):  # and not of a file too long to be heard whole
        fits = music.fits or styles_of(song.heard, song.rhythm, checkpoint)
        report["rhythm"] = asdict(as_shown(audio.sha256, song.rhythm, fits))
    if request.beat_snap:
        snapped = processed.snapped
        report["beat_snap"] = {"mean_ms": round(snapped.mean_ms, 1), "max_ms": round(snapped.max_ms, 1)}
        report["notices"] = [*report.get("notices", []), *([snapped.notice] if snapped.notice else [])]
    return dance_of(0, report, tuple(dance_of(number, {}) for number in range(1, len(finished))))


def positions_for(seconds: float, checkpoint: Checkpoint) -> int:
    """The token positions of a dance of so many seconds: its last frame is not before the song's end."""
    return math.ceil((math.ceil(seconds * checkpoint.frame_rate) + 1) / checkpoint.stride)


def _ranked(
    checkpoint: Checkpoint, generated: Generated, task: GenerationTask
) -> tuple[list[tuple[int, Motion]], dict[str, Any]]:
    """The indices and motions of all candidates, best first, and what the report says about them. Raises
    CancelledError."""
    count = len(task.seeds)
    if count == 1:
        if generated.motion is not None:
            return [(0, generated.motion)], {}
        task.advance("motion", 0.95, "Decoding the motion")
        with task.watch("motion"):
            return [(0, checkpoint.decode(generated.tokens[0]))], {}
    assert generated.likelihood is not None, "a family that generates several candidates reports their likelihood"
    motions, scores = [], []
    with task.watch("ranking"):
        for number, tokens in enumerate(generated.tokens):
            task.advance("motion", 0.93 + 0.02 * number / count, f"Choosing among {count} candidates")
            motions.append(checkpoint.decode(tokens))
            scores.append(score_dance(generated.likelihood(number), motions[number], task.music.beats))
    order = best_first(scores)
    ranking = [{"seed": task.seeds[index], "score": scores[index].total, **asdict(scores[index])} for index in order]
    return [(index, motions[index]) for index in order], {"candidates": ranking}


def _report(request: GenerateRequest, device: Device, song: Song, music: Music, processed: Processed) -> dict[str, Any]:
    return {
        "device": device.name,
        "device_reason": device.reason,
        "style": music.style or "",
        "tempo": round(music.beats.tempo, 2),
        "beats": beats_of_song(music, song.seconds)[0],
        "frames": len(processed.motion),
        "fps": processed.motion.fps,
    }


def _audio(request: GenerateRequest, correction: Correction, song: Song, music: Music) -> Audio:
    file = Path(request.audio).resolve()
    beats, ones = beats_of_song(music, song.seconds)
    return Audio(
        str(file),
        file_sha256(file),
        request.start,
        request.seconds,
        request.speed,
        size=file.stat().st_size,
        beats=tuple(beats),
        beats_per_bar=music.beats.beats_per_bar,
        ones=tuple(ones),
        correction=correction,
    )


def _document(
    request: GenerateRequest,
    checkpoint: Checkpoint,
    identity: CheckpointIdentity,
    audio: Audio,
    music: Music,
    tokens: list[list[int]],
    seed: int,
) -> Choreography:
    return new_choreography(
        tokens,
        checkpoint.token_rate,
        audio,
        identity,
        seed,
        music.style,
        request.temperature,
        request.guidance,
        request.energy,
        request.song_energy if checkpoint.has_energy else 0.0,
    )
