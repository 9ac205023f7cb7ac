"""Metrics on motions whose answer is known, and on the real test songs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from style_table import TABLE

from engine.audio.listening.heard_files import heard_song
from engine.audio.listening.rhythm import beats_in_style
from engine.data.dataset import DanceDataset
from engine.evaluation.metrics import physical as em
from engine.motion import foot_beats as eb
from engine.motion import measures
from smpl_rig.motion import resample
from smpl_rig.skeleton import JOINT_INDEX, rest_joints

FPS = 60.0
L_FOOT, L_ANKLE, PELVIS = JOINT_INDEX["L_foot"], JOINT_INDEX["L_ankle"], 0


def standing(seconds: float, fps: float = FPS) -> np.ndarray:
    """(T, 24, 3) joints of the rest pose, Z up, soles on the floor."""
    joints = rest_joints()[:, [0, 2, 1]] * np.array([1, -1, 1], np.float32)
    joints = joints - [0, 0, joints[L_FOOT, 2] - 0.02]
    return np.repeat(joints[None], round(seconds * fps), axis=0)


def stepping(period: float, seconds: float = 20.0, fps: float = FPS) -> np.ndarray:
    """Both feet glide along x and rest at every multiple of `period` (their speed is sin^2)."""
    joints = standing(seconds, fps)
    time = np.arange(len(joints)) / fps
    travel = time / 2 - period / (4 * np.pi) * np.sin(2 * np.pi * time / period)
    joints[:, [7, 8, 10, 11], 0] += travel[:, None]
    return joints


@pytest.mark.parametrize("fps", [20.0, 30.0, 60.0])
def test_foot_beats_come_once_a_step(fps: float) -> None:
    found = eb.foot_beats(stepping(0.7, fps=fps), fps)
    inner = found[(found > 1.5) & (found < 18.5)]
    np.testing.assert_allclose(np.diff(inner), 0.7, atol=0.04)
    before = (-inner / 0.7) % 1  # how much of a step the beat comes before the rest
    assert 0.0 < before.mean() < 0.3


def test_a_still_body_has_no_beats_and_scores_nothing() -> None:
    still = standing(5.0)
    assert len(eb.foot_beats(still, FPS)) == 0 and len(eb.body_beats(still, FPS)) == 0
    score = eb.score_beats(eb.foot_beats(still, FPS), np.arange(0, 5, 0.5))
    assert score.music_to_motion == score.motion_to_music == score.gain_music_to_motion == 0


def test_body_beats_are_the_moments_of_rest() -> None:
    found = eb.body_beats(stepping(0.8), FPS)
    inner = found[(found > 1.5) & (found < 18.5)]
    np.testing.assert_allclose((inner / 0.8 + 0.5) % 1 - 0.5, 0, atol=0.04)


def test_perfect_and_wrong_music() -> None:
    motion = np.arange(1, 30, 0.7)
    right = eb.score_beats(motion, motion, lead=0.0)
    assert right.music_to_motion == right.motion_to_music == 1
    # the mean of a bell of 50 ms over one period of 0.7 s
    expected = eb.SIGMA * np.sqrt(2 * np.pi) / 0.7
    assert right.shifted_motion_to_music == pytest.approx(expected, rel=0.05)
    assert right.gain_motion_to_music == pytest.approx(1 - expected, rel=0.05)
    off = eb.score_beats(motion, motion + 0.35, lead=0.0)
    assert off.gain_music_to_motion < 0 and off.gain_motion_to_music < 0
    led = eb.score_beats(motion - 0.2 * 0.7, motion, lead=0.2)
    assert led.music_to_motion == pytest.approx(1, abs=1e-6)


def test_nervous_motion_scores_high_but_gains_nothing() -> None:
    score = eb.score_beats(np.arange(0, 30, 0.113), np.arange(0, 30, 0.7))
    assert score.music_to_motion > 0.6
    assert abs(score.gain_music_to_motion) < 0.05 and abs(score.gain_motion_to_music) < 0.05


def test_each_direction_catches_its_own_fault() -> None:
    music = np.arange(0, 30, 0.7)
    lazy = eb.score_beats(music[::4], music, lead=0.0)
    assert lazy.motion_to_music == 1 and lazy.music_to_motion < 0.3
    with pytest.raises(ValueError, match="1 music beats"):
        eb.score_beats(music, music[:1])


def test_foot_skate_counts_frames_with_a_sliding_planted_foot() -> None:
    joints = standing(2.0)
    assert measures.foot_skate(joints, FPS) == 0
    joints[60:, L_FOOT, 0] += np.arange(60) / FPS  # 1 m/s along the floor
    assert measures.foot_skate(joints, FPS) == pytest.approx(59 / 119)
    joints[60:, L_FOOT, 2] += 0.1  # the same in the air; the ankle stands
    assert measures.foot_skate(joints, FPS) == pytest.approx(0)
    slow = standing(2.0)
    slow[:, L_FOOT, 0] += 0.4 * np.arange(120) / FPS
    assert measures.foot_skate(slow, FPS) == 0


def test_penetration_is_depth_of_the_sole() -> None:
    joints = standing(1.0)
    assert measures.penetration(joints) == measures.Penetration(pytest.approx(0, abs=1e-6), pytest.approx(0, abs=1e-6))
    joints[:15, L_FOOT, 2] -= 0.04
    found = measures.penetration(joints)
    assert found.mean == pytest.approx(0.01, abs=1e-6) and found.worst == pytest.approx(0.04, abs=1e-6)


def test_jerk_of_a_cubic() -> None:
    joints = standing(2.0)
    joints[:, :, 1] += ((np.arange(120) / FPS) ** 3)[:, None]
    assert measures.jerk(joints, FPS) == pytest.approx(6, rel=1e-3)


def test_jerk_at_seams() -> None:
    joints = standing(2.0)
    joints[60:] += [0, 0.01, 0]
    at, elsewhere = em.jerk_at(joints, FPS, [60])
    assert at > 1000 and elsewhere == pytest.approx(0, abs=1e-3)
    with pytest.raises(ValueError, match="seams"):
        em.jerk_at(joints, FPS, [])


def test_pfc_counts_both_feet_moving_while_the_root_accelerates() -> None:
    joints = standing(2.0, 30.0)
    time = np.arange(60) / 30
    joints[:, PELVIS, 0] += np.sin(6 * time)
    assert em.physical_foot_contact(joints, 30.0) == 0
    joints[:, [7, 8, 10, 11], 0] += time[:, None]
    assert em.physical_foot_contact(joints, 30.0) > 1
    assert em.physical_foot_contact(standing(1.0, 30.0), 30.0) == 0


def test_kinetic_features_of_constant_velocity() -> None:
    time = np.arange(120) / FPS
    joints = standing(2.0) + time[:, None, None] * np.array([3, 4, 2])
    features = em.kinetic_features(joints, FPS).reshape(24, 3)
    np.testing.assert_allclose(features, np.tile([25, 4, 0], (24, 1)), atol=1e-3)
    wrong = em.kinetic_features(joints, FPS, "reference").reshape(24, 3)
    np.testing.assert_allclose(wrong[:, :2], features[:, :2])
    assert wrong[0, 2] > 100
    with pytest.raises(ValueError, match="variant"):
        em.kinetic_features(joints, FPS, "other")


def test_frechet_distance_of_gaussians() -> None:
    random = np.random.default_rng(0)
    real = random.standard_normal((4000, 6)) * np.arange(1, 7) + 3
    assert em.frechet_distance(real, real) == pytest.approx(0, abs=1e-9)
    moved = real + 2 * real.std(axis=0)
    assert em.frechet_distance(real, moved) == pytest.approx(24, rel=1e-6)
    wide = (real - real.mean(axis=0)) * 3 + real.mean(axis=0)
    assert em.frechet_distance(real, wide) == pytest.approx(6 * 4, rel=0.01)
    with pytest.raises(ValueError, match="too few"):
        em.frechet_distance(real[:1], real)


def test_diversity_of_two_points() -> None:
    real = np.array([[0.0, 0.0], [2.0, 4.0]])
    assert em.diversity(real, real) == pytest.approx(np.sqrt(8))
    assert em.diversity(real[:1], real) == 0


def test_motion_statistics_are_speeds() -> None:
    time = np.arange(round(9 * FPS)) / FPS
    joints = standing(9.0) + time[:, None, None] * np.array([0, 2, 0])
    rows = em.motion_statistics(joints, FPS)
    assert rows.shape == (2, 48)
    np.testing.assert_allclose(rows[:, :24], 2, atol=1e-3)
    np.testing.assert_allclose(rows[:, 24:], 0, atol=1e-2)
    assert em.motion_statistics(standing(3.0), FPS).shape == (0, 48)


def test_real_dances_step_on_their_music(dance_data: Path) -> None:
    """On the six paired test songs: score .231/.226, shifted .201/.197, skate .29."""
    scores, skates = [], []
    for clip in DanceDataset(dance_data).split("test"):
        if clip.audio_path is None:
            continue
        motion = resample(clip.motion(), FPS)
        track = beats_in_style(heard_song(clip.audio_path).rhythm, TABLE.tempo(clip.style))
        score = eb.score_beats(eb.foot_beats(motion.joints(), FPS), track.times[track.times <= motion.seconds])
        scores.append([score.music_to_motion, score.motion_to_music])
        scores[-1] += [score.shifted_music_to_motion, score.shifted_motion_to_music]
        skates.append(measures.foot_skate(resample(motion, 20).joints(), 20))
    assert len(scores) == 6
    np.testing.assert_allclose(np.mean(scores, axis=0), [0.231, 0.226, 0.201, 0.197], atol=0.006)
    assert np.mean(skates) == pytest.approx(0.29, abs=0.01)
