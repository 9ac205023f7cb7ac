"""Measuring one dance: figures of the whole dance, and features of its windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from engine.data.clips import FRAME_RATE
from engine.evaluation.dances import EvaluatedDance, Subject, songs_of
from engine.evaluation.metrics.geometric import NAMES, geometric_features
from engine.evaluation.metrics.physical import jerk_at, kinetic_features, motion_statistics, physical_foot_contact
from engine.evaluation.metrics.song_match import SongBeats, match_song
from engine.evaluation.metrics.style_classifier import REJECTED, fit_styles
from engine.evaluation.metrics.tell_apart import UPPER, describe
from engine.motion.body_frame import in_body_frame
from engine.motion.foot_beats import FOOT_LEAD, Times, body_beats, foot_beats, score_beats
from engine.motion.measures import drift, foot_skate, freezing, jerk, penetration
from smpl_rig.skeleton import JOINT_COUNT

Joints = NDArray[np.floating[Any]]

TOLD_APART: dict[str, Sequence[int]] = {"told_apart": UPPER, "told_apart_all": range(JOINT_COUNT)}
"""Joints by which dances are told from real ones. The foot lock leaves traces in the legs that are no human trait."""

BORDER = 200
"""Jerk is also reported every so many frames alone: the original MAGMA decodes motion in pieces of 200."""
WINDOW_SECONDS = 4.0
"""Length of the windows by which sets of dances are compared."""
FEATURE_RATE, PFC_RATE = 60.0, 30.0
"""Frames per second that kinetic and geometric features, and EDGE's foot contact, are defined for."""


@dataclass(frozen=True)
class MeasuredDance:
    """The figures of a dance.

    has_song: whether the clip has a song of its own. figures: of the whole dance, by name. windows: by name, (n,) or
    (n, D) values of its n windows. described: its windows as `engine.evaluation.metrics.tell_apart` sees them, by the
    names in `TOLD_APART`.
    """

    row: str
    clip: str
    style: str
    seed: int
    has_song: bool
    figures: dict[str, float]
    windows: dict[str, NDArray[np.float64]]
    described: dict[str, NDArray[np.float64]] = field(default_factory=dict)


class DanceMeasurer:
    """Measures dances, with the songs of a split and the training clips as references."""

    def __init__(self, subjects: Sequence[Subject], training: Sequence[Subject]) -> None:
        self.songs = songs_of(subjects)
        bodies = [(clip.style, in_body_frame(clip.motion.joints())) for clip in training]
        self.classifier = fit_styles(bodies, FRAME_RATE)
        self._beats = cache(self._tracked)

    def measure(self, dance: EvaluatedDance) -> MeasuredDance:
        """All figures of a dance."""
        joints = dance.motion.joints()
        figures = _body_figures(joints)
        if dance.subject.song is not None:
            figures |= self._music_figures(dance, joints)
        windows = set_windows(joints) | self._style_and_novelty(dance.subject.style, in_body_frame(joints))
        subject = dance.subject
        has_song = subject.song is not None and not subject.borrowed
        described = {name: describe(joints, FRAME_RATE, chosen) for name, chosen in TOLD_APART.items()}
        return MeasuredDance(dance.row, subject.name, subject.style, dance.seed, has_song, figures, windows, described)

    def _music_figures(self, dance: EvaluatedDance, joints: Joints) -> dict[str, float]:
        subject, seconds = dance.subject, len(joints) / FRAME_RATE
        assert subject.song is not None
        own = self._beats(self.songs.index(subject.song), subject.style, dance.start)
        beats = own.beats[(own.beats >= 0) & (own.beats <= seconds)]
        figures: dict[str, float] = {}
        feet = foot_beats(joints, FRAME_RATE)
        if len(beats) > 1:
            figures |= _scores("feet", feet, beats, FOOT_LEAD)
            figures |= _scores("body", body_beats(joints, FRAME_RATE), beats, 0.0)
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

    def _tracked(self, index: int, style: str, start: float) -> SongBeats:
        features, track = self.songs[index].music(style)
        return SongBeats(track.times - start, len(features) / FRAME_RATE - start)

    def _style_and_novelty(self, style: str, body: Joints) -> dict[str, NDArray[np.float64]]:
        """(n,) of each window: distance to the nearest training window, and the classifier's answers."""
        nearest = self.classifier.training.nearest(body)
        found = self.classifier.classify(nearest)
        return {
            "novelty_mm": 1000 * nearest.distances,
            "style_right": np.array([name == style for name in found], np.float64),
            "style_rejected": np.array([name == REJECTED for name in found], np.float64),
        }


def set_windows(joints: Joints) -> dict[str, NDArray[np.float64]]:
    """Features of the 4 s windows of (T, 24, 3) joints at 20 frames/s, by which sets of dances are compared.

    Positions are interpolated to 60 frames/s with cubic splines: linear interpolation would put all acceleration on the
    frames and none between them.
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
    depth, travel = penetration(joints), drift(joints, FRAME_RATE)
    figures = {
        "skate": foot_skate(joints, FRAME_RATE),
        "sink_mm": 1000 * depth.mean,
        "sink_worst_mm": 1000 * depth.worst,
        "pfc": physical_foot_contact(_at_rate(joints, PFC_RATE), PFC_RATE),
        "jerk": jerk(joints, FRAME_RATE),
        "speed": float(np.linalg.norm(np.diff(joints, axis=0), axis=-1).mean() * FRAME_RATE),
        "frozen": freezing(joints, FRAME_RATE),
        "farthest": travel.farthest,
        "drift": travel.per_minute,
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
    """Joints at 20 frames/s, interpolated to another frame rate."""
    if len(joints) < 2:
        return joints.astype(np.float64)
    times = np.arange(len(joints)) / FRAME_RATE
    return CubicSpline(times, joints)(np.arange(0, times[-1] + 1e-6, 1 / rate))
