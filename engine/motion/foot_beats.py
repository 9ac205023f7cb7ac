"""Motion beats, and how well they agree with the music's beats, in both directions.

A raw score says little, because restless motion has a motion beat near any music beat. Every score therefore comes with
its *shifted* value, the mean over the same music shifted by fractions of a beat; only the difference, the *gain*, shows
that the dance follows this music.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.motion.signals import peaks, smooth
from smpl_rig.skeleton import JOINT_INDEX

Times = NDArray[np.float64]
"""(N,) seconds, rising."""

SIGMA = 0.05
"""Seconds; width of the bell that scores the distance between a music beat and a motion beat."""
FOOT_LEAD = 0.15
"""Fraction of a beat by which foot beats (the braking of the feet) precede the beat. At this lead the training split's
real dances agree best with their music (0.1 to 0.2)."""
SHIFTS: tuple[float, ...] = tuple((k + 0.5) / 20 - 0.5 for k in range(20))
"""Fractions of a beat, evenly over one whole beat, by which the music is shifted for the shifted value. Even spacing
gives the expectation over a random phase without random numbers."""

ENVELOPE_RATE = _RATE = 60.0
"""Samples of an envelope per second."""
_ANKLES = [JOINT_INDEX["L_ankle"], JOINT_INDEX["R_ankle"]]
_SMOOTHING = 0.05
"""Seconds (standard deviation) by which positions are smoothed before speeds are computed."""
_TROUGH_WINDOW = 0.5
"""Seconds (standard deviation) over which the mean foot speed is measured; a trough lies below it."""
_CLOSEST = 0.25
"""Seconds between two motion beats, at least."""
_PROMINENCE = 0.3
"""Least prominence of a beat's peak, in standard deviations of the envelope."""


@dataclass(frozen=True)
class BeatScore:
    """Agreement of motion beats with music beats, 0..1, with the music as it is and shifted (see `SHIFTS`).

    music_to_motion: how near every music beat has a motion beat (as in Bailando). motion_to_music: the reverse (as in
    FACT).
    """

    music_to_motion: float
    motion_to_music: float
    shifted_music_to_motion: float
    shifted_motion_to_music: float

    @property
    def gain_music_to_motion(self) -> float:
        return self.music_to_motion - self.shifted_music_to_motion

    @property
    def gain_motion_to_music(self) -> float:
        return self.motion_to_music - self.shifted_motion_to_music


def foot_envelope(joints: NDArray[np.floating[Any]], fps: float) -> NDArray[np.float64]:
    """How much the feet brake and rest, at `ENVELOPE_RATE`, from joint positions (T, 24, 3) in metres.

    The sum, over both ankles, of the half-wave rectified deceleration and of the troughs of the speed (how far it is
    below its mean over about a second), each divided by its standard deviation.
    """
    speed = _speeds(joints[:, _ANKLES], fps)
    braking = np.maximum(-np.gradient(speed, axis=0), 0).sum(axis=1)
    total = speed.sum(axis=1)
    troughs = np.maximum(smooth(total, _TROUGH_WINDOW * _RATE) - total, 0)
    return _unit(braking) + _unit(troughs)


def foot_beats(joints: NDArray[np.floating[Any]], fps: float) -> Times:
    """The foot beats of a motion, in seconds from the first frame: the peaks of `foot_envelope`."""
    return _peaks(foot_envelope(joints, fps))


def body_beats(joints: NDArray[np.floating[Any]], fps: float) -> Times:
    """The literature's kinetic beats: minima of the mean joint speed of (T, 24, 3) positions, in seconds."""
    return _peaks(-_speeds(joints, fps).mean(axis=1))


def alignment(of: Times, to: Times) -> float:
    """Mean over the beats `of` of exp(-d^2 / 2 SIGMA^2), d the distance to the nearest of `to`; 0 without beats."""
    if not len(of) or not len(to):
        return 0.0
    distance = np.abs(of[:, None] - to[None]).min(axis=1)
    return float(np.exp(-(distance**2) / (2 * SIGMA**2)).mean())


def expected_foot_beats(music: Times, lead: float = FOOT_LEAD) -> Times:
    """When feet are expected to brake for music beats (N,) in seconds, N >= 2: `lead` of the local period before each
    beat."""
    return music - lead * np.gradient(music)


def score_beats(motion: Times, music: Times, lead: float = FOOT_LEAD) -> BeatScore:
    """The agreement of motion beats with music beats, both in seconds from the same moment.

    lead: fraction of a beat by which the motion beats are expected to precede the music's: `FOOT_LEAD` for foot beats,
    0 for body beats. Raises ValueError for fewer than two music beats, which have no period.
    """
    if len(music) < 2:
        raise ValueError(f"{len(music)} music beats cannot be scored; at least 2 are needed.")
    period = np.gradient(music)
    expected = expected_foot_beats(music, lead)
    shifted = [expected + shift * period for shift in SHIFTS]
    return BeatScore(
        music_to_motion=alignment(expected, motion),
        motion_to_music=alignment(motion, expected),
        shifted_music_to_motion=float(np.mean([alignment(beats, motion) for beats in shifted])),
        shifted_motion_to_music=float(np.mean([alignment(motion, beats) for beats in shifted])),
    )


def _speeds(positions: NDArray[np.floating[Any]], fps: float) -> NDArray[np.float64]:
    """(T, J, 3) metres at `fps` -> (T', J) speeds in m/s at 60 frames a second, smoothed."""
    frames = np.arange(int((len(positions) - 1) / fps * _RATE) + 1) * (fps / _RATE)
    before = np.minimum(frames.astype(np.int64), max(len(positions) - 2, 0))
    part = (frames - before)[:, None, None]
    after = np.minimum(before + 1, len(positions) - 1)
    even = positions[before] * (1 - part) + positions[after] * part
    smoothed = smooth(even.astype(np.float64), _SMOOTHING * _RATE)
    if len(smoothed) < 2:
        return np.zeros(smoothed.shape[:2])
    return np.linalg.norm(np.gradient(smoothed, axis=0), axis=-1) * _RATE


def _unit(envelope: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = envelope.std()
    return envelope / spread if spread > 1e-9 else np.zeros_like(envelope)


def _peaks(envelope: NDArray[np.float64]) -> Times:
    envelope = smooth(envelope, 1.5)
    spread = float(envelope.std())
    if spread < 1e-9:  # a body that does not move has no beats
        return np.zeros(0)
    return peaks(envelope, round(_CLOSEST * _RATE), _PROMINENCE * spread) / _RATE
