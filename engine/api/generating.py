"""Song in, dance out."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from engine.api.checkpoints import DEFAULT
from engine.api.dances import Dance
from engine.api.songs import folder_of
from engine.choreography import FOLLOW_SONG, Correction
from engine.models.base import Checkpoint, Progress, Show
from engine.pipeline.generate import generate as run
from engine.pipeline.request import ROOM, GenerateRequest
from engine.runtime.device import AUTO
from smpl_rig.dance_motion import DanceMotion


def generate(
    song: str | Path,
    checkpoint: Checkpoint | str | Path = DEFAULT,
    *,
    style: str | None = None,
    seed: int = 0,
    start: float = 0.0,
    seconds: float | None = None,
    fps: float | None = None,
    energy: float = 1.0,
    song_energy: float = FOLLOW_SONG,
    candidates: int = 1,
    guidance: float | None = None,
    temperature: float | None = None,
    room: float = ROOM,
    beat_snap: float = 0.0,
    rhythm: Correction | None = None,
    device: str = AUTO,
    progress: Progress | None = None,
    on_frames: Show | None = None,
) -> Dance:
    """Generate a dance to a song. The same arguments give the same dance, that of `python -m engine generate`.

    song: a sound or video file. style: one of the checkpoint's; None lets the song decide. start, seconds: the part of
    the file, None to its end. fps: of the result; None for the checkpoint's own. energy: how fast the dance is to be,
    against what is usual in its style. song_energy: how much it follows how loud and busy the song is, 0 to 1.
    candidates: so many dances are generated and the best is kept. guidance, temperature: None for the checkpoint's own.
    room: metres across that the dance stays in; 0 lets it travel. beat_snap: how far its steps are moved onto the
    beats, 0 to 1. rhythm: what a person says of the song's beats.

    progress: called with the stage, the fraction done and a message. on_frames: called with the number of the first
    frame and a Motion while later tokens are still being generated: at the checkpoint's frame rate, before feet are
    locked. Raises EngineError.
    """
    request = GenerateRequest(
        audio=str(song),
        start=start,
        seconds=seconds,
        fps=fps,
        seed=seed,
        style=style,
        checkpoint=folder_of(checkpoint),
        device=device,
        guidance=guidance,
        temperature=temperature,
        beat_snap=beat_snap,
        room=room,
        candidates=candidates,
        energy=energy,
        song_energy=song_energy,
        correction=None if rhythm is None else asdict(rhythm),
    )
    dance = run(request, progress or (lambda *_: None), lambda: False, on_frames)
    return Dance(dance.document, DanceMotion(dance.motion, dance.frames, music=dance.music), dance.report)
