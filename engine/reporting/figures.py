"""The figures of a dance, each beside what real dances have. Measured at 20 frames a second, as in docs/quality.md."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.motion.measures import drift, foot_skate, freezing, jerk, penetration
from engine.reporting.scene import Dancer
from smpl_rig.motion import Motion

FRAME_RATE = 20.0
"""At which the figures of real dances were measured."""


@dataclass(frozen=True)
class Figure:
    """One figure. name: stable, for programs. text: of the value. real: of real dances of the test split, from the
    style with the lowest to that with the highest value. about: what it is."""

    name: str
    title: str
    value: float
    text: str
    real: str
    about: str


def figures_of(motion: Motion, dancer: Dancer) -> list[Figure]:
    """The figures of a motion at `FRAME_RATE`, and of its dancer's foot beats."""
    joints, fps = motion.joints(), motion.fps
    skate, below, travel = foot_skate(joints, fps), penetration(joints), drift(joints, fps)
    speed = float(np.linalg.norm(np.diff(joints, axis=0), axis=-1).mean() * fps) if len(joints) > 1 else 0.0
    figures = []
    if dancer.score is not None:
        to_dance, to_song = dancer.score.gain_music_to_motion, dancer.score.gain_motion_to_music
        about = (
            "How much better the feet's beats fit this song than the same song shifted: {}. 0 is chance. Real dances "
            "that were re-timed onto their song have +0.07 to +0.28."
        )
        figures += [
            Figure(
                "gain_music_to_motion", "Beat gain, song to dance", to_dance, f"{to_dance:+.2f}", "+0.01 to +0.06",
                about.format("whether each beat has a step"),
            ),
            Figure(
                "gain_motion_to_music", "Beat gain, dance to song", to_song, f"{to_song:+.2f}", "+0.01 to +0.05",
                about.format("whether each step has a beat"),
            ),
        ]  # fmt: skip
    return [
        *figures,
        Figure(
            "foot_skate", "Feet slide", skate, f"{skate:.0%} of the time", "7% to 33%",
            "Frames in which a foot on the floor moves sideways faster than 0.5 m/s.",
        ),
        Figure(
            "floor", "Below the floor, at worst", 1000 * below.worst, f"{1000 * below.worst:.0f} mm", "1 to 8 mm",
            "How deep the deeper sole is below the floor.",
        ),
        Figure(
            "jerk", "Jerk", jerk(joints, fps), f"{jerk(joints, fps):.0f} m/s³", "40 to 370 m/s³",
            "The mean third derivative of all joints' positions: high where a motion jitters.",
        ),
        Figure("speed", "Speed", speed, f"{speed:.2f} m/s", "0.65 to 1.39 m/s", "The mean speed of all joints."),
        Figure(
            "frozen", "Frozen", freezing(joints, fps), f"{freezing(joints, fps):.0%} of the time", "0%",
            "Seconds in which hardly anything moves.",
        ),
        Figure(
            "travel", "Travel", travel.farthest, f"{travel.farthest:.1f} m", "1.7 to 7.3 m",
            "How far the pelvis is from where it began, at the farthest.",
        ),
    ]  # fmt: skip
