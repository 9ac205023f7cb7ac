"""Points of a moving body that are held in place: when they rest, and how paths are shifted so that they do.

One linear least-squares problem over a whole clip shifts the paths of some points and of the pelvis: held points should
not move, every path should keep its acceleration, points their place relative to the pelvis, and the pelvis its place
in the world. As accelerations are kept, a shift fades in and out by itself and adds no jitter. Feet (`feet`) and
hands (`hands_on_floor`) are held so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .banded_matrix import solve_banded
from .frame_runs import runs_of
from .rotations import Array

BoolArray = NDArray[np.bool_]

_SPEED_WINDOW = 0.1  # seconds over which a speed is measured, so that jitter does not end a contact
_SHORTEST_CONTACT = 0.1  # seconds
_SHORTEST_GAP = 0.075  # seconds; a shorter gap in a contact is closed

# Weights of the least-squares problem as times in seconds, relative to 1 m/s of sliding of a held point.
_ACCELERATION_TIME = 0.06  # keeps the acceleration of paths, and with it the moments at which they brake
_PELVIS_ACCELERATION_TIME = 0.3  # the pelvis may only shift slowly
_LIMB_TIME = 0.2  # keeps a point in its place relative to the pelvis
_PELVIS_TIME = 0.2  # keeps the pelvis in its place
_BONE_WEIGHT = 100.0  # keeps the direction of a bone between two points
_PINNED = 1e8  # keeps every point of a pinned frame: far above all other weights

_ROUNDS = 4
_FIRM_SPEED, _FIRMEST = 0.25, 10.0  # m/s after correction: slower points are held more firmly, up to this factor

FADE_WINDOW = 0.2  # seconds on either side over which a correction fades in and out


def horizontal_speed(points: Array, fps: float) -> Array:
    """Horizontal speeds (T, J), m/s, of points (T, J, 3) in metres, over a short window."""
    reach = speed_reach(fps)
    frames = np.arange(len(points))
    after, before = np.minimum(frames + reach, len(points) - 1), np.maximum(frames - reach, 0)
    distance = np.linalg.norm(points[after, :, :2] - points[before, :, :2], axis=-1)
    return distance * fps / np.maximum(after - before, 1)[:, None]


def speed_reach(fps: float) -> int:
    """Frames on either side over which a speed is measured."""
    return max(1, round(0.5 * _SPEED_WINDOW * fps))


def contact_runs(sure: BoolArray, fair: BoolArray, fps: float) -> BoolArray:
    """The runs of `fair` (T,) that contain a `sure` frame, with short gaps between them closed, then short runs
    dropped."""
    runs = [(start, stop) for start, stop in runs_of(fair) if sure[start:stop].any()]
    contact = np.zeros_like(fair)
    for index, (start, stop) in enumerate(runs):
        near = index > 0 and start - runs[index - 1][1] < _SHORTEST_GAP * fps
        contact[runs[index - 1][1] if near else start : stop] = True
    for start, stop in runs_of(contact):
        if stop - start < _SHORTEST_CONTACT * fps:
            contact[start:stop] = False
    return contact


@dataclass(frozen=True)
class Release:
    """At which speeds contacts are released, metres per second; from the first to the second, holding fades into not
    holding. leaving: before correction; a contact that speeds up is released here, not by a jerk later. gliding: after
    correction; a contact that cannot be stopped is released."""

    leaving: tuple[float, float]
    gliding: tuple[float, float]


class ShiftProblem:
    """Normal equations of a least-squares problem for the shifts of `points` points and, last, of the pelvis, in each
    of `frames` frames. Neighbours in the order of the points have the strongest coupling."""

    def __init__(self, frames: int, points: int, width: int) -> None:
        self.frames = frames
        self.unknowns = points + 1
        # second differences reach two frames back
        self.band = np.zeros((frames * self.unknowns, 2 * self.unknowns + 1))
        self.right = np.zeros((frames * self.unknowns, width))

    def add(self, terms: list[tuple[int, int, float]], weight: Array | float, target: Array | None = None) -> None:
        """Add weight * |sum of coefficient * unknown at frame t + delay - target|² for all t it fits.

        terms: (unknown, delay, coefficient). weight: one number, or (T - largest delay,). target: (T - largest delay,
        width).
        """
        count = self.frames - max(delay for _, delay, _ in terms)
        frames = np.arange(count)
        for unknown_a, delay_a, a in terms:
            row = (frames + delay_a) * self.unknowns + unknown_a
            for unknown_b, delay_b, b in terms:
                offset = (delay_b - delay_a) * self.unknowns + unknown_b - unknown_a
                if offset >= 0:
                    self.band[row, offset] += weight * a * b
            if target is not None:
                self.right[row] += np.broadcast_to(np.asarray(weight * a), (count,))[:, None] * target

    def solve(self) -> Array:
        """The shifts (T, points + 1, width)."""
        return solve_banded(self.band, self.right).reshape(self.frames, self.unknowns, -1)


def shift_problem(
    path: Array, hold: Array, fps: float, pinned: BoolArray, bones: Sequence[tuple[int, int]] = ()
) -> ShiftProblem:
    """The least-squares problem for shifts of points with paths (T, P, D): they stop the points, with weights `hold`
    (T - 1, P), and keep everything else. bones: pairs of points whose direction is kept."""
    points = path.shape[1]
    squares = ShiftProblem(len(path), points, path.shape[-1])
    bend = (_ACCELERATION_TIME * fps**2) ** 2
    for index in range(points):
        squares.add([(index, 0, 1.0), (index, 1, -2.0), (index, 2, 1.0)], bend)
        steps = path[:-1, index] - path[1:, index]
        squares.add([(index, 0, -1.0), (index, 1, 1.0)], hold[:, index] * fps**2, steps)
        squares.add([(index, 0, 1.0), (points, 0, -1.0)], _LIMB_TIME**-2)
    for first, second in bones:
        squares.add([(first, 0, 1.0), (second, 0, -1.0)], _BONE_WEIGHT)
    bend = (_PELVIS_ACCELERATION_TIME * fps**2) ** 2
    squares.add([(points, 0, 1.0), (points, 1, -2.0), (points, 2, 1.0)], bend)
    squares.add([(points, 0, 1.0)], _PELVIS_TIME**-2)
    if pinned.any():
        for unknown in range(squares.unknowns):
            squares.add([(unknown, 0, 1.0)], pinned * _PINNED)
    return squares


def level_shifts(
    points: Array,
    contact: Array,
    release: Release,
    fps: float,
    pinned: BoolArray,
    bones: Sequence[tuple[int, int]] = (),
) -> tuple[Array, Array]:
    """Horizontal shifts (T, P + 1, 2) of points (T, P, 3), and their final weights `hold` (T - 1, P).

    contact: (T, P) 0..1 at frames how far each point is held. bones: as for `shift_problem`. Iteratively reweighted
    least squares: a nearly still point gets more and more weight until it is still, one that glides on is not a contact
    and is released (a redescending weight, as in robust regression).
    """
    path, pace = points[..., :2], horizontal_speed(points, fps)
    contact = np.minimum(contact[1:], contact[:-1]) * fading(np.maximum(pace[1:], pace[:-1]), *release.leaving)
    hold = contact
    shifts = shift_problem(path, hold, fps, pinned, bones).solve()
    for _ in range(_ROUNDS):
        speed = step_speeds(path + shifts[:, :-1], fps)
        firmness = np.clip(_FIRM_SPEED / np.maximum(speed, 1e-9), 1, _FIRMEST)
        hold = contact * firmness * fading(speed, *release.gliding)
        shifts = shift_problem(path, hold, fps, pinned, bones).solve()
    return shifts, hold


def step_speeds(path: Array, fps: float) -> Array:
    """Speeds (T - 1, J), m/s, from each frame to the next of paths (T, J, D) in metres."""
    return np.linalg.norm(np.diff(path, axis=0), axis=-1) * fps


def fading(speed: Array, slow: float, fast: float) -> Array:
    """A smooth step: 1 for speeds up to `slow`, 0 from `fast` on."""
    part = np.clip((speed - slow) / (fast - slow), 0, 1)
    return 1 - part * part * (3 - 2 * part)


def away_from(pinned: BoolArray, fps: float) -> Array:
    """A factor (T,): 0 at pinned frames, rising smoothly to 1 at `FADE_WINDOW` from them."""
    frames = np.arange(len(pinned))
    if not pinned.any():
        return np.ones(len(pinned))
    nearest = np.abs(frames[:, None] - np.flatnonzero(pinned)).min(axis=1)
    share = np.clip(nearest / fps / FADE_WINDOW, 0, 1)
    return share * share * (3 - 2 * share)


def smooth_cover(values: Array, fps: float, reach: float = FADE_WINDOW) -> Array:
    """A smooth curve (T,) that is nowhere below `values`: their maximum over `reach` seconds on either side, averaged
    over the same window."""
    half = max(1, round(reach * fps))
    window = np.lib.stride_tricks.sliding_window_view
    highest = window(np.pad(values, 2 * half, mode="edge"), 2 * half + 1).max(axis=-1)
    kernel = np.hanning(2 * half + 3)[1:-1]
    return window(highest, 2 * half + 1) @ (kernel / kernel.sum())
