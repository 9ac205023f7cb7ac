"""How large and quick a motion is, moment by moment: the condition *energy* of a decoder.

Energy is the binary logarithm of the mean joint speed over what is usual in the motion's style: 0 is usual, 1 twice as
fast, -1 half. The speed is averaged over about a second, so that the stops and starts of single steps do not show.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.motion.signals import smooth
from smpl_rig.motion import Motion

DEVIATION = 0.5
"""Standard deviation, seconds, of the bell under which speeds are averaged."""
MOST = 1.5
"""Energies are bounded to this, on both sides: beyond, data has hardly anything but stops and glitches."""
SLOWEST = 0.02
"""Speed, m/s, below which nobody dances; keeps the logarithm finite."""


def speeds(motion: Motion) -> NDArray[np.float32]:
    """(T,) the mean speed of all joints around each frame, m/s, smoothed; zeros for a single frame."""
    if len(motion) < 2:
        return np.zeros(len(motion), np.float32)
    steps = np.linalg.norm(np.diff(motion.joints(), axis=0), axis=-1).mean(-1) * motion.fps
    return smooth(np.append(steps, steps[-1]), DEVIATION * motion.fps).astype(np.float32)


def energies(speed: NDArray[np.floating], usual: float, stride: int) -> NDArray[np.float32]:
    """(T // stride,) energies of token positions of `stride` frames, from `speeds` (T,) and the style's usual speed."""
    positions = len(speed) // stride
    means = speed[: positions * stride].reshape(positions, stride).mean(-1)
    return np.clip(np.log2(np.maximum(means, SLOWEST) / usual), -MOST, MOST).astype(np.float32)
