"""Post-processing of generated motion: re-timing onto the beats, keeping the path in a room, foot locking."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from engine.audio.beats import BeatTrack
from engine.models.base import Cancelled
from engine.motion.beat_snap import Snapped, snap_to_beats
from engine.motion.room_bounds import keep_in_room
from engine.runtime.cancellable import cancellable
from smpl_rig.feet import lock_feet
from smpl_rig.motion import Motion, sample


@dataclass(frozen=True)
class PostProcessing:
    """Settings of the post-processing.

    beat_snap: how far steps are moved in time onto the beats, 0 (not at all) to 1. room: metres; the dance stays in a
    circle of that diameter around its start, 0 lets it travel. fps, seconds: frame rate and length of the result.
    """

    beat_snap: float
    room: float
    fps: float
    seconds: float


@dataclass(frozen=True)
class Processed:
    """The post-processed motion.

    frames: the whole dance at the checkpoint's frame rate. motion: at the rate and of the length that were requested.
    snapped: the re-timed motion, with how far its steps were moved.
    """

    frames: Motion
    motion: Motion
    snapped: Snapped


def post_process(motion: Motion, beats: BeatTrack, wanted: PostProcessing, cancelled: Cancelled) -> Processed:
    """Post-process a decoded motion. Raises CancelledError."""
    times = np.arange(max(1, round(wanted.seconds * wanted.fps))) / wanted.fps
    snapped = cancellable(lambda: snap_to_beats(motion, beats, wanted.beat_snap), cancelled)
    frames = cancellable(lambda: lock_feet(keep_in_room(snapped.motion, wanted.room)), cancelled)
    result = cancellable(lambda: replace(sample(frames, times), fps=wanted.fps), cancelled)
    return Processed(frames, result, snapped)
