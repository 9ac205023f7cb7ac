"""Waiting: before and after a dance the recording runs and the dancer stands, and in some dances between phrases."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter1d

from smpl_rig.motion import Motion

STANDING, SLOW = 0.25, 0.25
"""Metres per second of mean joint speed, over half a second, and part of the fast movements' (80th percentile): below
both somebody waits. Of the short clips of modern dance a sixth is waiting, and a decoder that learns it goes on
standing once it stands."""
_SECONDS = 0.5
"""Over which the speed is averaged, and which a wait lasts at least."""


def moving_parts(motion: Motion) -> list[Motion]:
    """The motion without its waits: the stretches between them, in their order."""
    if len(motion) < 2:
        return []
    speed = np.linalg.norm(np.diff(motion.joints(), axis=0), axis=-1).mean(axis=1) * motion.fps
    shortest = round(_SECONDS * motion.fps)
    smooth = uniform_filter1d(speed, shortest)
    moving = np.flatnonzero(smooth > min(STANDING, SLOW * float(np.quantile(speed, 0.8))))
    stretches = np.split(moving, np.flatnonzero(np.diff(moving) > shortest) + 1)
    return [motion.cut(int(stretch[0]), int(stretch[-1]) + 1) for stretch in stretches if len(stretch)]
