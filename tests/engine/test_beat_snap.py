"""Beat snap: steps off the beat are gently re-timed onto it, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_engine import stepping

from engine.audio.beats import BeatTrack
from engine.motion import beat_snap
from engine.motion.beat_snap import snap_to_beats
from engine.motion.foot_beats import expected_foot_beats, foot_beats, score_beats
from engine.motion.measures import jerk
from smpl_rig.motion import Motion

FPS, BPM = 20.0, 100.0
PERIOD = 60 / BPM


def lateness(motion: Motion, beats: BeatTrack) -> np.ndarray:
    """Fractions of a beat (N,) by which the foot beats are late, -0.5 to 0.5, without the first and last 4 seconds."""
    steps = foot_beats(motion.joints(), motion.fps)
    steps = steps[(steps > 4) & (steps < motion.seconds - 4)]
    late = (steps - expected_foot_beats(beats.times)[0]) / PERIOD
    return (late + 0.5) % 1 - 0.5


def song(motion: Motion, late: float) -> BeatTrack:
    """A steady song, against which the steps of `motion` are `late` by a fraction of a beat."""
    steps = foot_beats(motion.joints(), motion.fps)
    turn = np.exp(2j * np.pi * steps / PERIOD).mean()
    first = np.angle(turn) / (2 * np.pi) * PERIOD + (0.15 - late) * PERIOD
    times = first + PERIOD * np.arange(-2, motion.seconds / PERIOD + 2)
    return BeatTrack(times[times >= 0], BPM, 2.0)


def clock(motion: Motion) -> Motion:
    """The same motion with the time of each frame in seconds as the height of its pelvis."""
    trans = motion.trans.copy()
    trans[:, 2] = np.arange(len(motion)) / motion.fps
    return Motion(motion.poses, trans, motion.fps)


@pytest.mark.parametrize("late", [0.2, -0.2, 0.35])
def test_steps_off_the_beat_are_moved_onto_the_nearest_one(late: float) -> None:
    motion = stepping(30.0, BPM, FPS)
    beats = song(motion, late)
    assert np.median(lateness(motion, beats)) == pytest.approx(late, abs=0.03)
    snapped = snap_to_beats(motion, beats, 1.0)
    assert np.abs(lateness(snapped.motion, beats)).mean() < 0.08
    assert snapped.mean_ms == pytest.approx(1000 * abs(late) * PERIOD, rel=0.3)
    before, after = (score_beats(foot_beats(m.joints(), FPS), beats.times) for m in (motion, snapped.motion))
    assert after.gain_music_to_motion > before.gain_music_to_motion + 0.2
    assert jerk(snapped.motion.joints(), FPS) == pytest.approx(jerk(motion.joints(), FPS), rel=0.1)


def test_strength_scales_the_shift_and_zero_is_the_motion_itself() -> None:
    motion = stepping(30.0, BPM, FPS)
    beats = song(motion, 0.2)
    assert snap_to_beats(motion, beats, 0.0).motion is motion
    whole, half = (snap_to_beats(motion, beats, strength) for strength in (1.0, 0.5))
    assert half.mean_ms == pytest.approx(whole.mean_ms / 2, rel=0.05)
    assert half.max_ms == pytest.approx(whole.max_ms / 2, rel=0.05)
    assert np.median(lateness(half.motion, beats)) == pytest.approx(0.1, abs=0.05)


@pytest.mark.parametrize("song_bpm", [61.0, 93.0, 107.0, 150.0])
def test_time_runs_forward_within_its_bounds_from_the_first_frame_to_the_last(song_bpm: float) -> None:
    motion = clock(stepping(20.0, BPM, FPS))
    beats = BeatTrack(0.3 + np.arange(0, 20, 60 / song_bpm), song_bpm, 2.0)
    snapped = snap_to_beats(motion, beats, 1.0)
    assert len(snapped.motion) == len(motion) and snapped.motion.fps == motion.fps
    for frame in (0, -1):
        np.testing.assert_allclose(snapped.motion.joints()[frame], motion.joints()[frame], atol=1e-4)
    shown = snapped.motion.trans[:, 2]
    rates = np.diff(shown) * FPS
    assert rates.min() > beat_snap.SLOWEST - 1e-3 and rates.max() < beat_snap.FASTEST + 1e-3
    moved = 1000 * np.abs(shown - motion.trans[:, 2])
    assert (snapped.mean_ms, snapped.max_ms) == pytest.approx((moved.mean(), moved.max()), abs=0.1)
    assert snapped.max_ms <= 1000 * 0.5 * 60 / song_bpm


def test_steps_on_beats_and_half_beats_are_not_changed() -> None:
    motion = stepping(20.0, BPM, FPS)
    beats = song(motion, 0.0)
    assert snap_to_beats(motion, beats, 1.0).mean_ms < 15
    slow = BeatTrack(beats.times[::2], BPM / 2, 2.0)  # the same steps are on its beats and half-way between
    lead = BeatTrack(slow.times + 0.15 * PERIOD, BPM / 2, 2.0)  # its longer period needs a longer lead
    assert snap_to_beats(motion, lead, 1.0).mean_ms < 15


def test_without_beats_the_dance_is_unchanged_and_a_notice_says_so() -> None:
    motion = stepping(5.0, BPM, FPS)
    for times in ([], [1.0]):
        snapped = snap_to_beats(motion, BeatTrack(np.array(times), BPM, 0.0), 1.0)
        assert snapped.motion is motion and snapped.notice == beat_snap.NO_BEATS and snapped.max_ms == 0


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 15])
def test_very_short_and_still_dances_are_accepted(frames: int) -> None:
    beats = BeatTrack(np.arange(0, 9, PERIOD), BPM, 2.0)
    motion = stepping(5.0, BPM, FPS).cut(0, frames)
    assert len(snap_to_beats(motion, beats, 1.0).motion) == frames
    still = Motion(np.repeat(motion.poses[:1], 40, 0), np.repeat(motion.trans[:1], 40, 0), FPS)
    np.testing.assert_allclose(snap_to_beats(still, beats, 1.0).motion.joints(), still.joints(), atol=1e-5)


@pytest.mark.parametrize("strength", [-0.1, 1.5, float("nan")])
def test_a_strength_outside_its_range_is_refused(strength: float) -> None:
    with pytest.raises(ValueError, match="is outside"):
        snap_to_beats(stepping(2.0, BPM, FPS), BeatTrack(np.arange(3.0), BPM, 2.0), strength)
