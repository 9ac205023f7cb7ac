"""Idle parts of clips: the dancer stands before and after the dance, and in some dances between phrases."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter1d

from smpl_rig.motion import Motion

STANDING, SLOW = 0.25, 0.25
"""A part is idle where the mean joint speed, averaged over `_SECONDS`, is below both `STANDING`, m/s, and `SLOW` times
the 80th percentile of the clip's speeds. A sixth of the short clips of modern dance is idle, and a decoder trained on
that keeps standing once it stands."""
_SECONDS = 0.5
"""Seconds over which the speed is averaged; also the shortest idle part."""


def moving_parts(motion: Motion) -> list[Motion]:
    """The parts of a motion between its idle parts, in order."""
    if len(motion) < 2:
        return []
    speed = np.linalg.norm(np.diff(motion.joints(), axis=0), axis=-1).mean(axis=1) * motion.fps
    shortest = round(_SECONDS * motion.fps)
    smooth = uniform_filter1d(speed, shortest)
    moving = np.flatnonzero(smooth > min(STANDING, SLOW * float(np.quantile(speed, 0.8))))
    stretches = np.split(moving, np.flatnonzero(np.diff(moving) > shortest) + 1)
    return [motion.cut(int(stretch[0]), int(stretch[-1]) + 1) for stretch in stretches if len(stretch)]
