"""Ranking of the candidates for a whole dance: likely, on the beat, little foot sliding, varied."""

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
"""Length of the phrases that `variety` compares with each other."""
_FRAME_STEP = 4
"""Only every so many frames are compared."""
_FEET = [JOINT_INDEX["L_foot"], JOINT_INDEX["R_foot"]]
_ON_FLOOR = 0.05
"""Height of a foot joint, metres, below which it counts as on the floor."""


@dataclass(frozen=True)
class DanceScores:
    """The figures that a dance is ranked by.

    likelihood: mean log-likelihood of a code without guidance, nats. beats: gain of the foot beats, mean of both
    directions. sliding: share of the feet's path that lies on the floor, before foot locking. variety: mean distance
    between a phrase and the phrase most similar to it elsewhere in the dance, metres.
    """

    likelihood: float
    beats: float
    sliding: float
    variety: float

    @property
    def total(self) -> float:
        """What dances are ranked by: the higher, the better. It compares dances to the same song, of one checkpoint."""
        return (
            self.likelihood / SPREAD.likelihood
            + self.beats / SPREAD.beats
            - self.sliding / SPREAD.sliding
            + self.variety / SPREAD.variety
        )


SPREAD = DanceScores(likelihood=0.2, beats=0.033, sliding=0.05, variety=0.02)
"""Differences that count equally. Dances to one song have standard deviations of 0.1, 0.04, 0.04 and 0.02 (four songs
of the validation split, 12 dances each). Divided by these, the most likely dances win, which are not the ones on the
beat. Divided by the values here, the best of four is better than their mean in each figure: by 0.035, 0.019, 0.014 and
0.009."""


def score_dance(likelihood: float, motion: Motion, beats: BeatTrack) -> DanceScores:
    """The scores of a dance, from the mean log-likelihood of its tokens, its motion before foot locking, and the song's
    beats."""
    joints = motion.joints()
    times = beats.times[beats.times < motion.seconds]
    gain = 0.0
    if len(times) > 1:
        score = score_beats(foot_beats(joints, motion.fps), times)
        gain = (score.gain_music_to_motion + score.gain_motion_to_music) / 2
    return DanceScores(likelihood=likelihood, beats=gain, sliding=sliding(joints), variety=variety(joints, motion.fps))


def best_first(scores: Sequence[DanceScores]) -> list[int]:
    """Indices of the dances, best first; equal ones in their order."""
    return sorted(range(len(scores)), key=lambda index: -scores[index].total)


def sliding(joints: NDArray[np.floating]) -> float:
    """Share of the horizontal path of the feet of (T, 24, 3) joints that lies within 5 cm of the floor. Unlike the
    share of frames in which the feet slide, it does not favour dances with fewer steps."""
    feet = joints[:, _FEET]
    path = np.linalg.norm(np.diff(feet[..., :2], axis=0), axis=-1)
    on_floor = np.maximum(feet[1:, :, 2], feet[:-1, :, 2]) < _ON_FLOOR
    return float(path[on_floor].sum() / max(path.sum(), 1e-9))


def variety(joints: NDArray[np.floating], fps: float) -> float:
    """Mean distance in metres between each phrase of `PHRASE_SECONDS` of (T, 24, 3) joints and the phrase nearest to
    it; place and facing do not count. 0 for a dance shorter than two phrases."""
    length = round(PHRASE_SECONDS * fps)
    count = len(joints) // length
    if count < 2:
        return 0.0
    phrases = in_body_frame(joints[: count * length]).reshape(count, length, *joints.shape[1:])[:, ::_FRAME_STEP]
    distances = np.array([np.linalg.norm(phrases - phrase, axis=-1).mean((1, 2)) for phrase in phrases])
    np.fill_diagonal(distances, np.inf)
    return float(distances.min(1).mean())
