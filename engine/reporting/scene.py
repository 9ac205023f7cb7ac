"""Dancers to one song on one clock, and their data for the player."""

from __future__ import annotations

import base64
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError
from engine.motion.foot_beats import (
    ENVELOPE_RATE,
    SIGMA,
    BeatScore,
    expected_foot_beats,
    foot_beats,
    foot_envelope,
    score_beats,
)
from engine.reporting import body
from smpl_rig.motion import Motion

LOUDNESS_RATE = 40
"""Values a second of a scene's loudness."""
HIT_SECONDS = SIGMA * float(np.sqrt(2 * np.log(2)))
"""Distance from the expected time at which a foot beat scores half."""
_MILLIMETRES = 1000
Seconds = NDArray[np.float64]


@dataclass(frozen=True)
class Dancer:
    """One dance to the scene's song.

    envelope: (N,) `foot_envelope` at `ENVELOPE_RATE`, 0..1. foot_beats: (B,) seconds. on_beat: (B,) which of them
    score at least a half against the song's beats. score: of all of them; None where the song has fewer than two beats.
    """

    label: str
    motion: Motion
    envelope: NDArray[np.float64]
    foot_beats: Seconds
    on_beat: NDArray[np.bool_]
    score: BeatScore | None


@dataclass(frozen=True)
class Scene:
    """A song, and dancers to it that all last `seconds` at most.

    loudness: (N,) of the song at `LOUDNESS_RATE`, 0..1. beats: the song's, seconds. expected: when foot beats are
    expected for them, a little before each; none for a single beat.
    """

    seconds: float
    loudness: NDArray[np.float32]
    beats: Seconds
    expected: Seconds
    dancers: tuple[Dancer, ...]


def expected_beats(beats: Seconds) -> Seconds:
    """When foot beats are expected for beats (B,); none for a single one."""
    return expected_foot_beats(beats) if len(beats) > 1 else np.zeros(0)


def dancer(label: str, motion: Motion, beats: Seconds) -> Dancer:
    """A dancer to a song with these beats."""
    joints = motion.joints()
    envelope, found = foot_envelope(joints, motion.fps), foot_beats(joints, motion.fps)
    # rare peaks are cut off; otherwise they would leave the rest of the curve flat
    envelope = np.minimum(envelope / max(float(np.quantile(envelope, 0.98)), 1e-9), 1)
    on_beat = np.abs(found[:, None] - expected_beats(beats)[None]).min(axis=1, initial=np.inf) <= HIT_SECONDS
    score = score_beats(found, beats) if len(beats) > 1 else None
    return Dancer(label, motion, envelope, found, on_beat, score)


def look() -> dict[str, Any]:
    """How the player draws bodies, ready for JSON."""
    return {
        "points": body.POINT_NAMES,
        "limbs": [asdict(limb) for limb in body.LIMBS],
        "colours": {side: "#{:02x}{:02x}{:02x}".format(*colour) for side, colour in body.COLOURS.items()},
        "hit": HIT_SECONDS,
    }


def scene_data(scene: Scene) -> dict[str, Any]:
    """A scene's data for the player, ready for JSON; times in seconds. Raises DataError as `encode_points` does."""
    return {
        "seconds": scene.seconds,
        "beats": scene.beats.tolist(),
        "expected": scene.expected.tolist(),
        "loudness": encode_levels(scene.loudness),
        "dancers": [_dancer_data(dancer) for dancer in scene.dancers],
    }


def _dancer_data(dancer: Dancer) -> dict[str, Any]:
    score = dancer.score
    return {
        "label": dancer.label,
        "fps": dancer.motion.fps,
        "frames": len(dancer.motion),
        "points": encode_points(body.points(dancer.motion)),
        "envelope": encode_levels(dancer.envelope),
        "envelopeRate": ENVELOPE_RATE,
        "footBeats": dancer.foot_beats.tolist(),
        "onBeat": dancer.on_beat.tolist(),
        "gain": None if score is None else [score.gain_music_to_motion, score.gain_motion_to_music],
    }


def encode_points(points: NDArray[np.float32]) -> str:
    """(T, P, 3) metres -> base64 of whole millimetres, 16 bits each, little-endian. Raises DataError beyond 32 m."""
    rounded = np.round(points * _MILLIMETRES)
    if np.abs(rounded).max(initial=0) > np.iinfo(np.int16).max:
        raise DataError(
            f"A dancer is {np.abs(points).max():.0f} m from the origin, but a page shows up to 32 m. Choose a smaller "
            "room, or a shorter part."
        )
    return base64.b64encode(rounded.astype("<i2").tobytes()).decode("ascii")


def encode_levels(levels: NDArray[np.floating[Any]]) -> str:
    """(N,) 0..1 -> base64 of a byte each."""
    return base64.b64encode(np.round(levels * 255).astype(np.uint8).tobytes()).decode("ascii")


def loudness(samples: NDArray[np.float32], steps: int) -> NDArray[np.float32]:
    """(steps,) square root of the peak in every step of a sound (S,), scaled to a maximum of 1. The root makes soft
    parts visible."""
    peaks = np.array([np.abs(part).max(initial=0.0) for part in np.array_split(samples, steps)], np.float32)
    return np.sqrt(peaks / max(float(peaks.max()), 1e-6))
