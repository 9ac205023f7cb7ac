"""The wait before and after a dance: the recording runs, and the dancer stands."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter1d

from smpl_rig.motion import Motion

STANDING, SLOW = 0.25, 0.25
"""Metres per second of mean joint speed, over half a second, and part of the fast movements' (80th percentile): below
both somebody waits. Of the short clips of modern dance a sixth is waiting, and a decoder that learns it goes on
standing once it stands."""
_SECONDS = 0.5


def without_waiting(motion: Motion) -> Motion:
    """The motion from its first to its last movement; nothing of one without any."""
    if len(motion) < 2:
        return motion
    speed = np.linalg.norm(np.diff(motion.joints(), axis=0), axis=-1).mean(axis=1) * motion.fps
    smooth = uniform_filter1d(speed, round(_SECONDS * motion.fps))
    moving = np.flatnonzero(smooth > min(STANDING, SLOW * float(np.quantile(speed, 0.8))))
    return motion.cut(int(moving[0]), int(moving[-1]) + 1) if len(moving) else motion.cut(0, 0)
