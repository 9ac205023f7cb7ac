"""Novelty: the distance from each window of a dance to the nearest training window, which reveals copying.

A dance is cut into windows of 1.6 s, in the body's frame (place and facing do not count). Each is compared with every
window of every training clip and of its mirror image. The distance is the mean over joints and frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from engine.motion.body_frame import mirror_body

Joints = NDArray[np.floating[Any]]

SECONDS = 1.6
"""Length of a window, and the step between the windows of a dance. Training windows begin at every frame."""
_AXES = 16
"""Principal axes that the search uses."""
_STEP = 4
"""The search uses only every so many frames."""
_CANDIDATES = 16
"""Windows found by the search whose exact distance is computed."""
_BLOCK = 128
"""Windows that are searched for at once."""


@dataclass(frozen=True)
class Nearest:
    """The nearest training window of each window (n,): its distance in metres, and the index of its clip."""

    distances: NDArray[np.float64]
    clips: NDArray[np.int64]


class TrainingWindows:
    """A search index of training windows: a search along the principal axes of the joints, then exact distances to the
    best few windows found.

    So a distance is exact for the window that was found, which in rare cases is only nearly the nearest one.
    """

    def __init__(self, clips: Sequence[Joints], fps: float):
        """clips: (T, 24, 3) joints in the body's frame, metres."""
        self.size = round(SECONDS * fps)
        self.bodies: list[NDArray[np.float32]] = []
        owners, starts = [], []
        for index, clip in enumerate(clips):
            count = max(0, len(clip) - self.size + 1)
            for body in (clip, mirror_body(clip)) if count else ():
                starts += [(len(self.bodies), start) for start in range(count)]
                owners += [index] * count
                self.bodies.append(body.astype(np.float32))
        self.starts, self.owners = starts, np.array(owners, np.int64)
        if starts:
            frames = np.concatenate([body.reshape(len(body), -1) for body in self.bodies])
            self.mean = frames.mean(axis=0)
            self.axes = np.linalg.eigh(np.cov(frames, rowvar=False))[1][:, -_AXES:].astype(np.float32)
            self.keys = np.concatenate([self._keys(body) for body in self.bodies])
            self.norms = (self.keys**2).sum(axis=1)

    def nearest(self, joints: Joints, leave_out: int | None = None) -> Nearest:
        """The nearest training windows of (T, 24, 3) joints in the body's frame. leave_out: a training clip to ignore.

        Empty if the motion, or every training clip, is shorter than a window.
        """
        known = int((self.owners != (-1 if leave_out is None else leave_out)).sum())
        if len(joints) < self.size or not known:
            return Nearest(np.zeros(0), np.zeros(0, np.int64))
        joints = joints.astype(np.float32)
        keys = self._keys(joints)[:: self.size]
        found: list[tuple[float, int]] = []
        for first in range(0, len(keys), _BLOCK):
            block = keys[first : first + _BLOCK]
            distances = self.norms - 2 * block @ self.keys.T  # the block's own norms do not change the order
            if leave_out is not None:
                distances[:, self.owners == leave_out] = np.inf
            count = min(_CANDIDATES, known)
            candidates = np.argpartition(distances, count - 1, axis=1)[:, :count]
            for offset, row in enumerate(candidates):
                start = (first + offset) * self.size
                found.append(self._exact(joints[start : start + self.size], row))
        return Nearest(np.array([d for d, _ in found]), np.array([clip for _, clip in found], np.int64))

    def _exact(self, window: NDArray[np.float32], candidates: NDArray[np.intp]) -> tuple[float, int]:
        places = [self.starts[index] for index in candidates]
        others = np.stack([self.bodies[body][start : start + self.size] for body, start in places])
        distances = np.linalg.norm(others - window, axis=-1).mean(axis=(1, 2))
        best = int(distances.argmin())
        return float(distances[best]), int(self.owners[candidates[best]])

    def _keys(self, joints: NDArray[np.float32]) -> NDArray[np.float32]:
        """(windows at every frame, size / 4 * 16) the coordinates that the search compares."""
        coordinates = (joints.reshape(len(joints), -1) - self.mean) @ self.axes
        windows = sliding_window_view(coordinates, self.size, axis=0)[..., ::_STEP]
        return np.ascontiguousarray(windows).reshape(len(windows), -1)
