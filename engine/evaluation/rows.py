"""The figures of one dance: numbers about the whole of it, and rows of features or answers for its windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from engine.data.clips import FRAME_RATE
from engine.evaluation.dances import EvaluatedDance, Subject, songs_of
from engine.evaluation.metrics.geometric import NAMES, geometric_features
from engine.evaluation.metrics.physical import (
    drift,
    foot_skate,
    freezing,
    jerk,
    jerk_at,
    kinetic_features,
    motion_statistics,
    penetration,
    physical_foot_contact,
)
from engine.evaluation.metrics.song_match import Music, match_song
from engine.evaluation.metrics.style_classifier import REJECTED, fit_styles
from engine.motion.body_frame import in_body_frame
from engine.motion.foot_beats import FOOT_LEAD, Times, body_beats, foot_beats, score_beats
from smpl_rig.skeleton import JOINT_COUNT

Joints = NDArray[np.floating[Any]]

BORDER = 200
"""Frames between the places where jerk is looked at apart: the original MAGMA decodes motion in pieces of 200."""
WINDOW_SECONDS = 4.0
"""Length of the windows of which sets are compared."""
FEATURE_RATE, PFC_RATE = 60.0, 30.0
"""Frames per second that kinetic and geometric features, and the foot contact of EDGE, are defined at."""


@dataclass(frozen=True)
class Measured:
    """Figures of a dance; windows: (n,) or (n, D) for n of its windows, by name. has_song: the clip's own song."""

    row: str
    clip: str
    style: str
    seed: int
    has_song: bool
    figures: dict[str, float]
    windows: dict[str, NDArray[np.float64]]


class Ruler:
    """Measures dances against the songs of a split and against the training clips."""

    def __init__(self, subjects: Sequence[Subject], training: Sequence[Subject]) -> None:
        self.songs = songs_of(subjects)
        bodies = [(clip.style, in_body_frame(clip.motion.joints())) for clip in training]
        self.classifier = fit_styles(bodies, FRAME_RATE)
        self._beats = cache(self._tracked)

    def measure(self, dance: EvaluatedDance) -> Measured:
        """All figures of a dance."""
        joints = dance.motion.joints()
        figures = _body_figures(joints)
        if dance.subject.song is not None:
            figures |= self._music_figures(dance, joints)
        windows = set_windows(joints) | self._answers(dance.subject.style, in_body_frame(joints))
        subject = dance.subject
        own = subject.song is not None and not subject.borrowed
        return Measured(dance.row, subject.name, subject.style, dance.seed, own, figures, windows)

    def _music_figures(self, dance: EvaluatedDance, joints: Joints) -> dict[str, float]:
        subject, seconds = dance.subject, len(joints) / FRAME_RATE
        assert subject.song is not None
        own = self._beats(self.songs.index(subject.song), subject.style, dance.start)
        heard = own.beats[(own.beats >= 0) & (own.beats <= seconds)]
        figures: dict[str, float] = {}
        feet = foot_beats(joints, FRAME_RATE)
        if len(heard) > 1:
            figures |= _scores("feet", feet, heard, FOOT_LEAD)
            figures |= _scores("body", body_beats(joints, FRAME_RATE), heard, 0.0)
        others = [
            self._beats(index, subject.style, dance.start)
            for index, song in enumerate(self.songs)
            if song.path != subject.song.path
        ]
        match = match_song(feet, seconds, own, others)
        if match is not None:
            figures |= {
                "own_song": match.own,
                "other_songs": match.others,
                "leads": float(match.leads),
                "leads_all": float(match.leads_all),
            }
        return figures

    def _tracked(self, index: int, style: str, start: float) -> Music:
        features, track = self.songs[index].hear(style)
        return Music(track.times - start, len(features) / FRAME_RATE - start)

    def _answers(self, style: str, body: Joints) -> dict[str, NDArray[np.float64]]:
        """What the classifier and the search say of each window."""
        nearest = self.classifier.training.nearest(body)
        found = self.classifier.classify(nearest)
        return {
            "novelty_mm": 1000 * nearest.distances,
            "style_right": np.array([name == style for name in found], np.float64),
            "style_rejected": np.array([name == REJECTED for name in found], np.float64),
        }


def set_windows(joints: Joints) -> dict[str, NDArray[np.float64]]:
    """Features of the 4 s windows of (T, 24, 3) joints at 20 frames/s, by which sets of dances are compared.

    Positions are brought to 60 frames/s by cubic splines: straight lines between frames would have no acceleration
    inside and all of it at the frames.
    """
    fine = _at_rate(joints, FEATURE_RATE)
    size = round(WINDOW_SECONDS * FEATURE_RATE)
    windows = [fine[start : start + size] for start in range(0, len(fine) - size + 1, size)]
    kinetic, reference = (
        [kinetic_features(window, FEATURE_RATE, variant) for window in windows]
        for variant in ("corrected", "reference")
    )
    geometric = [geometric_features(window, FEATURE_RATE) for window in windows]
    return {
        "kinetic": np.array(kinetic).reshape(-1, 3 * JOINT_COUNT),
        "kinetic_reference": np.array(reference).reshape(-1, 3 * JOINT_COUNT),
        "geometric": np.array(geometric).reshape(-1, len(NAMES)),
        "statistics": motion_statistics(joints, FRAME_RATE),
    }


def _body_figures(joints: Joints) -> dict[str, float]:
    depth, away = penetration(joints), drift(joints, FRAME_RATE)
    figures = {
        "skate": foot_skate(joints, FRAME_RATE),
        "sink_mm": 1000 * depth.mean,
        "sink_worst_mm": 1000 * depth.worst,
        "pfc": physical_foot_contact(_at_rate(joints, PFC_RATE), PFC_RATE),
        "jerk": jerk(joints, FRAME_RATE),
        "speed": float(np.linalg.norm(np.diff(joints, axis=0), axis=-1).mean() * FRAME_RATE),
        "frozen": freezing(joints, FRAME_RATE),
        "farthest": away.farthest,
        "drift": away.per_minute,
    }
    borders = range(BORDER, len(joints) - 3, BORDER)
    if borders:
        figures["jerk_border"], figures["jerk_elsewhere"] = jerk_at(joints, FRAME_RATE, borders)
    return figures


def _scores(name: str, motion: Times, music: Times, lead: float) -> dict[str, float]:
    score = score_beats(motion, music, lead)
    return {
        f"{name}_m2d": score.music_to_motion,
        f"{name}_m2d_shifted": score.shifted_music_to_motion,
        f"{name}_m2d_gain": score.gain_music_to_motion,
        f"{name}_d2m": score.motion_to_music,
        f"{name}_d2m_shifted": score.shifted_motion_to_music,
        f"{name}_d2m_gain": score.gain_motion_to_music,
    }


def _at_rate(joints: Joints, rate: float) -> NDArray[np.float64]:
    """Joints at 20 frames/s brought to another rate."""
    if len(joints) < 2:
        return joints.astype(np.float64)
    times = np.arange(len(joints)) / FRAME_RATE
    return CubicSpline(times, joints)(np.arange(0, times[-1] + 1e-6, 1 / rate))
