"""Beat snap: a gentle re-timing of a finished dance that brings its foot beats onto the song's beats.

Every foot beat may be played up to half a beat earlier or later. Dynamic programming over the foot beats (as Ellis's
beat tracker does over onsets, "Beat Tracking by Dynamic Programming", 2007) finds the shifts that put most of them
onto the song's beats while the local tempo changes least. Half beats count half, so that figures in half beats lock to
those. The nearest beat is preferred: the dance begins and ends with the song, and a larger shift costs more.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from engine.audio.beats import BeatTrack
from engine.motion.foot_beats import expected_foot_beats, foot_beats
from engine.motion.signals import smooth, spline_at
from smpl_rig import rotations as rot
from smpl_rig.motion import Motion

Times = NDArray[np.float64]

SLOWEST, FASTEST = 0.85, 1.15
"""Bounds of the local playback rate at full strength."""
NO_BEATS = "Beat Snap had nothing to do: no beats were found in the song."

_STEP = 0.005  # seconds between the shifts that are tried
_WIDTH = 0.06  # seconds (standard deviation) of the bell around a beat that rewards a foot beat
_HALF_BEAT = 0.5  # reward half-way between beats, against 1 on a beat
_STIFFNESS = 30.0  # cost of playing for a second at twice the tempo, against one foot beat on the beat
_SMOOTHING = 0.15  # seconds (standard deviation) over which tempo changes are spread
_RATE = 60.0  # samples of the warp per second


@dataclass(frozen=True)
class Snapped:
    """A re-timed motion of the same length and frame rate. mean_ms, max_ms: how far moments were shifted. notice: why
    it is unchanged although a change was asked for."""

    motion: Motion
    mean_ms: float = 0.0
    max_ms: float = 0.0
    notice: str | None = None


def snap_to_beats(motion: Motion, beats: BeatTrack, strength: float) -> Snapped:
    """Shift the foot beats of `motion` towards the song's beats; both begin at the same second 0.

    strength: 0 gives the motion itself, 1 shifts it all the way. The first and last frame stay; playback rates lie
    within `SLOWEST`..`FASTEST`. Raises ValueError for a strength outside 0..1.
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"beat snap strength {strength} is outside 0..1")
    if strength == 0 or len(motion) < 2:
        return Snapped(motion)
    if len(beats.times) < 2:
        return Snapped(motion, notice=NO_BEATS)
    frames = np.arange(len(motion)) / motion.fps
    times = _played(frames, foot_beats(motion.joints(), motion.fps), beats.times, strength)
    moved = 1000 * np.abs(times - frames)
    return Snapped(_play(motion, times), float(moved.mean()), float(moved.max()))


def _played(frames: Times, steps: Times, beats: Times, strength: float) -> Times:
    """The moment of the motion (T,) to show at each of `frames`; `steps` are its foot beats. All in seconds."""
    end = float(frames[-1])
    knots = np.concatenate([[0.0], steps[(steps > 0) & (steps < end)], [end]])
    moments = np.linspace(0.0, end, int(end * _RATE) + 2)
    early = np.interp(moments, knots, _shifts(knots, beats))
    # averaging keeps slopes within their bounds, and the odd reflection keeps both ends in place
    margin = round(4 * _SMOOTHING * _RATE)
    padded = np.pad(early, margin, mode="reflect", reflect_type="odd")
    early = smooth(padded, _SMOOTHING * _RATE)[margin:-margin]
    return np.interp(frames, moments - strength * early, moments)


def _shifts(knots: Times, beats: Times) -> Times:
    """Seconds by which to play each of `knots` (the ends of the dance and the foot beats between) earlier."""
    reach = int(0.5 * float(np.median(np.diff(beats))) / _STEP)
    shifts = np.arange(-reach, reach + 1, dtype=np.float64) * _STEP
    change = shifts[None, :] - shifts[:, None]
    best = np.where(shifts == 0, 0.0, -np.inf)
    origins = []
    for before, knot in pairwise(knots):
        slope = change / (knot - before)  # 1 less seconds of song per second of motion
        allowed = (slope >= 1 - 1 / SLOWEST) & (slope <= 1 - 1 / FASTEST)
        total = best[:, None] - np.where(allowed, _STIFFNESS * slope * change, np.inf)
        origins.append(total.argmax(axis=0))
        best = total.max(axis=0) + _reward(knot - shifts, beats)
    chosen = [reach]
    for origin in reversed(origins):
        chosen.append(int(origin[chosen[-1]]))
    return shifts[chosen[::-1]]


def _reward(times: Times, beats: Times) -> Times:
    """The reward (N,) of foot beats at `times` (N,): 1 where one is expected, `_HALF_BEAT` half-way between."""
    first = max(int(np.searchsorted(beats, times[-1])) - 4, 0)
    expected = expected_foot_beats(beats)[first : int(np.searchsorted(beats, times[0])) + 4]
    halves = (expected[1:] + expected[:-1]) / 2
    centres = np.concatenate([expected, halves])
    heights = np.repeat([1.0, _HALF_BEAT], [len(expected), len(halves)])
    bells = np.exp(-((times[:, None] - centres) ** 2) / (2 * _WIDTH**2))
    return np.asarray((heights * bells).max(axis=1, initial=0.0))


def _play(motion: Motion, times: Times) -> Motion:
    """The motion at `times`, by cubic splines through its frames: linear interpolation would remove a tenth of the
    jerk."""
    places = times * motion.fps
    quaternions = rot.normalize(spline_at(motion.quaternions().astype(np.float64), places))
    trans = spline_at(motion.trans.astype(np.float64), places)
    poses = rot.quaternion_to_axis_angle(quaternions).reshape(len(motion), -1)
    return Motion(poses.astype(np.float32), trans.astype(np.float32), motion.fps)
