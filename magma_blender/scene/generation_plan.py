"""What a dance is to be: everything that is fixed the moment Generate Dance is pressed."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path

import bpy

from engine.choreography import NO_CORRECTION, Correction
from engine.file_hash import file_sha256

from ..engine_host import engine_setup
from ..engine_host.engine_setup import EngineSetup
from ..errors import SceneError
from ..media import sounds, strips
from ..media.strips import Excerpt, Strip
from . import scene_settings, song_rhythms
from .scene_reference import SceneReference, check_scene


@dataclass(frozen=True)
class DancePlan:
    """scene: the one that gets the dance. name: of strip, action and armature. frame_start: scene frame of the
    dance's first frame. fps: the scene's rate. style, guidance, music_view: None lets the engine choose. preview:
    whether frames are to be shown while they are generated. beat_snap: 0 to 1. room: metres of floor, 0 for any.
    candidates: dances of which one is danced. keep_candidates: whether the others are kept beside it. energy: against
    what is usual. song_energy: how much the song's counts, 0 to 1. correction: of the song's rhythm. compose: the
    style of the example song that the engine composes as `audio`, if it is to."""

    scene: SceneReference
    name: str
    audio: Path
    excerpt: Excerpt
    frame_start: int
    fps: float
    seed: int
    style: str | None
    checkpoint: str
    guidance: float | None
    beat_snap: float
    use_body: bool
    body_file: Path | None
    room: float = 6.0
    music_view: str | None = None
    preview: bool = False
    candidates: int = 1
    energy: float = 1.0
    song_energy: float = 0.0
    correction: Correction = NO_CORRECTION
    compose: str | None = None
    keep_candidates: bool = False

    def request(self, device: str) -> dict[str, object]:
        """Parameters of the engine's `generate`."""
        return {
            "audio": str(self.audio),
            "start": self.excerpt.start,
            "seconds": self.excerpt.seconds if math.isfinite(self.excerpt.seconds) else None,  # None: to the end
            "speed": self.excerpt.speed,
            "fps": self.fps,
            "seed": self.seed,
            "style": self.style,
            "checkpoint": self.checkpoint,
            "device": device,
            "guidance": self.guidance,
            "music_view": self.music_view,
            "stream": self.preview,
            "beat_snap": self.beat_snap,
            "room": self.room,
            "candidates": self.candidates,
            "keep_candidates": self.keep_candidates,
            "energy": self.energy,
            "song_energy": self.song_energy,
            "correction": asdict(self.correction) if self.correction else None,
            "compose": self.compose,
        }


def for_strip(scene: bpy.types.Scene, strip_scene: bpy.types.Scene, strip: Strip, setup: EngineSetup) -> DancePlan:
    """The plan for a strip. Raises StripError and SceneError.

    scene: the one that gets the armature and has the settings. strip_scene: the one whose sequencer holds the strip,
    which may be another one since 5.0; it sets the frames.
    """
    check_scene(scene)
    fps, strip_fps = strips.frame_rate(scene), strips.frame_rate(strip_scene)
    if not math.isclose(fps, strip_fps, rel_tol=1e-6):
        raise SceneError(
            f'The song is in the scene "{strip_scene.name}" at {strip_fps:g} frames a second, and the dance goes into '
            f'"{scene.name}" at {fps:g}: give both scenes the same frame rate.'
        )
    source = sounds.source_of(strip_scene, strip, engine_setup.sound_cache(setup.data))
    return _plan(scene, strip.name, source)


def for_file(scene: bpy.types.Scene, name: str, audio: Path, frame_start: int) -> DancePlan:
    """The plan for a whole audio file without a strip, from `frame_start` on. Raises SceneError."""
    check_scene(scene)
    # as long as the file is; the engine reads to its end
    source = sounds.Source(audio, Excerpt(0.0, float("inf"), 1.0), frame_start)
    return _plan(scene, name, source)


def _plan(scene: bpy.types.Scene, name: str, source: sounds.Source) -> DancePlan:
    settings = scene_settings.settings_of(scene)
    body_file = scene_settings.body_file_of(settings) if settings.use_body and settings.target is None else None
    if body_file is not None and not body_file.is_file():
        raise SceneError(f"The SMPL file {body_file} is not there: choose another one, or clear it for the mannequin.")
    if not settings.checkpoint:  # what an enum says whose stored choice is no longer in its list
        raise SceneError("The checkpoint chosen in this file is not installed here: choose another one in the panel.")
    return DancePlan(
        scene=SceneReference(scene),
        name=name,
        audio=source.file,
        excerpt=source.excerpt.limited(settings.length),
        frame_start=source.first,
        fps=strips.frame_rate(scene),
        seed=settings.seed,
        style=None if settings.style in ("", scene_settings.AUTO_STYLE) else settings.style,
        checkpoint=settings.checkpoint,
        guidance=scene_settings.guidance_of(settings),
        music_view=scene_settings.music_view_of(settings),
        preview=settings.live_preview and not bpy.app.background,
        beat_snap=settings.beat_snap,
        room=settings.room,
        candidates=scene_settings.candidates_of(settings),
        keep_candidates=settings.keep_candidates,
        energy=scene_settings.energy_of(settings),
        song_energy=settings.song_energy,
        use_body=settings.use_body,
        body_file=body_file,
        correction=_correction(scene, source.file),
    )


def _correction(scene: bpy.types.Scene, file: Path) -> Correction:
    """What the user said of a song's rhythm."""
    if not song_rhythms.all_known(scene):
        return NO_CORRECTION
    try:
        return song_rhythms.correction_of(scene, file_sha256(file))
    except OSError:
        return NO_CORRECTION  # the engine says what is wrong with the file
