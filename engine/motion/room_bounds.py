"""Keeping a dance in a room: near the wall, the path is turned back towards the middle, a little in every frame.

Steps and poses stay as they are; only the heading of path and dancer turns, as ballroom dancers turn along the edge of
a floor. A dancer who stands still is not turned.
"""

from __future__ import annotations

import numpy as np

from engine.motion.signals import smooth
from smpl_rig import rotations as rot
from smpl_rig.motion import Motion, from_rotations

LARGEST = 1000.0
"""Metres; no room is larger."""
_BEGIN, _END = 0.3, 0.7
"""Fractions of the room's radius at which turning begins and at which it is strongest; the rest leaves space for a
step."""
_FASTEST = np.radians(60.0)
"""Turn per second, at most."""
_PACE = 0.15
"""Metres a second of travel at which turning reaches its full speed."""
_SMALLER = (1.0, 0.85, 0.7, 0.55, 0.4)
"""Fractions of the room to turn back in, tried until the path stays in the whole: a fast dancer overshoots."""
_TRAVEL_SECONDS = 1.0
"""Standard deviation in seconds of the smoothing that separates travel from steps."""


def keep_in_room(motion: Motion, diameter: float) -> Motion:
    """The motion turned so that it stays within a circle of `diameter` metres around its first frame's place.

    0 leaves the motion as it is. A very small room cannot contain a large step. Raises ValueError for a diameter
    outside 0..`LARGEST`.
    """
    if not 0 <= diameter <= LARGEST:
        raise ValueError(f"diameter {diameter} is outside 0..{LARGEST:g}")
    if diameter == 0 or len(motion) < 2:
        return motion
    place = motion.trans[:, :2].astype(np.float64)
    if np.linalg.norm(place - place[0], axis=-1).max() <= _BEGIN * diameter / 2:
        return motion
    for share in _SMALLER:
        turned, path = _turned_back(place - place[0], motion.fps, share * diameter / 2)
        if np.linalg.norm(path, axis=-1).max() <= diameter / 2:
            break
    rotations = motion.rotations().astype(np.float64)
    rotations[:, 0] = rot.yaw(turned) @ rotations[:, 0]
    trans = motion.trans.astype(np.float64)
    trans[:, :2] = path + place[0]
    return from_rotations(rotations, trans, motion.fps)


def _turned_back(place: np.ndarray, fps: float, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """The angle (T,) by which every frame is turned, and the resulting path (T, 2); `place` (T, 2) begins at 0."""
    steps = np.diff(place, axis=0)
    sigma = min(_TRAVEL_SECONDS * fps, len(steps) / 4)
    travel = smooth(steps, sigma) * fps if sigma > 0 else steps * fps
    # complex numbers: turning is a product
    moves, going = steps @ [1, 1j], travel @ [1, 1j]
    angles, path = np.zeros(len(place)), np.zeros(len(place), complex)
    for frame in range(len(steps)):
        here, angle = path[frame], angles[frame]
        path[frame + 1] = here + moves[frame] * np.exp(1j * angle)
        near_wall = np.clip((abs(here) / radius - _BEGIN) / (_END - _BEGIN), 0, 1)
        # angle from the direction of travel to that of the room's middle
        off = np.angle(-here * np.conj(going[frame] * np.exp(1j * angle))) if near_wall else 0.0
        wanted = np.clip(off / (np.pi / 2), -1, 1) * min(abs(going[frame]) / _PACE, 1.0)
        angles[frame + 1] = angle + _FASTEST / fps * near_wall * wanted
    angles = smooth(angles, 0.1 * fps, "edge") if len(angles) > 1 else angles
    turned_steps = moves * np.exp(1j * angles[:-1])
    path = np.concatenate([[0], np.cumsum(turned_steps)])
    return angles, np.stack([path.real, path.imag], axis=-1)
