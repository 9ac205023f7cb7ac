"""Which of several dances to one song is kept: a likely one, on the beat, steady on its feet, and not monotonous."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.audio.beats import BeatTrack
from engine.motion.body_frame import in_body_frame
from engine.motion.foot_beats import foot_beats, score_beats
from smpl_rig.motion import Motion
from smpl_rig.skeleton import JOINT_INDEX

PHRASE_SECONDS = 1.6
"""Length of the moves that are compared with each other."""
_EVERY = 4
"""Frames between those that are compared."""
_FEET = [JOINT_INDEX["L_foot"], JOINT_INDEX["R_foot"]]
_LOW = 0.05


@dataclass(frozen=True)
class Judgement:
    """likelihood: mean log-likelihood of a code without guidance, nats. beats: gain of the foot beats, mean of both
    directions. sliding: share of the feet's way that they make on the floor, before they are locked. variety: metres
    between a move and the one most like it elsewhere in the dance, on average."""

    likelihood: float
    beats: float
    sliding: float
    variety: float


SPREAD = Judgement(likelihood=0.2, beats=0.033, sliding=0.05, variety=0.02)
"""What weighs as much as one another. Dances to one song differ by 0.1, 0.04, 0.04 and 0.02 (standard deviations; four
songs of the validation split with 12 dances each). Weighed by those alone the likeliest dances win, which are not those
on the beat; weighed so, the best of four is better than their mean in each figure: by 0.035, 0.019, 0.014 and 0.009."""


def judge(likelihood: float, motion: Motion, beats: BeatTrack) -> Judgement:
    """A candidate: the mean log-likelihood of its tokens, and its motion, feet not locked, to the song's beats."""
    joints = motion.joints()
    heard = beats.times[beats.times < motion.seconds]
    gain = 0.0
    if len(heard) > 1:
        score = score_beats(foot_beats(joints, motion.fps), heard)
        gain = (score.gain_music_to_motion + score.gain_motion_to_music) / 2
    return Judgement(likelihood=likelihood, beats=gain, sliding=sliding(joints), variety=variety(joints, motion.fps))


def best_first(judged: Sequence[Judgement]) -> list[int]:
    """Indices of the dances, the best first; of equals the earlier."""
    values = [
        one.likelihood / SPREAD.likelihood
        + one.beats / SPREAD.beats
        - one.sliding / SPREAD.sliding
        + one.variety / SPREAD.variety
        for one in judged
    ]
    return sorted(range(len(values)), key=lambda index: -values[index])


def sliding(joints: NDArray[np.floating]) -> float:
    """Share of the horizontal way of the feet of (T, 24, 3) joints that they make within 5 cm of the floor. Unlike the
    share of frames in which they slide it does not favour dances of fewer steps."""
    feet = joints[:, _FEET]
    way = np.linalg.norm(np.diff(feet[..., :2], axis=0), axis=-1)
    low = np.maximum(feet[1:, :, 2], feet[:-1, :, 2]) < _LOW
    return float(way[low].sum() / max(way.sum(), 1e-9))


def variety(joints: NDArray[np.floating], fps: float) -> float:
    """Metres, over joints and frames, between each `PHRASE_SECONDS` of (T, 24, 3) joints and the nearest other, on
    average; place and facing do not count. 0 for a dance of less than two of them."""
    length = round(PHRASE_SECONDS * fps)
    count = len(joints) // length
    if count < 2:
        return 0.0
    moves = in_body_frame(joints[: count * length]).reshape(count, length, *joints.shape[1:])[:, ::_EVERY]
    apart = np.array([np.linalg.norm(moves - move, axis=-1).mean((1, 2)) for move in moves])
    np.fill_diagonal(apart, np.inf)
    return float(apart.min(1).mean())
