"""Hands that look alive: fingers bent by rule, since the SMPL body has none.

A finger bends about the axis across it in the plane of the palm, whatever the axes of its bones are, to a bend at each
joint that does not depend on how the fingers rest. A hand with life opens as its arm is stretched and sways with where
it is, one finger after the other. How it is in a frame depends on nothing but the pose of that frame, so fingers beside
an edit stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .. import rotations as rot
from ..rotations import Array
from .roles import FINGERS

THUMB = FINGERS[0]
BENDS = {
    "relaxed": {
        "thumb": (4.0, 10.0, 14.0), "index": (14.0, 24.0, 14.0), "middle": (20.0, 30.0, 18.0),
        "ring": (26.0, 34.0, 20.0), "little": (30.0, 34.0, 20.0),
    },
    "long": {
        "thumb": (8.0, 8.0, 8.0), "index": (2.0, 8.0, 6.0), "middle": (14.0, 14.0, 8.0),
        "ring": (12.0, 14.0, 8.0), "little": (4.0, 10.0, 6.0),
    },
    "firm": {
        "thumb": (14.0, 12.0, 6.0), "index": (4.0, 5.0, 3.0), "middle": (5.0, 6.0, 3.0),
        "ring": (5.0, 6.0, 3.0), "little": (4.0, 5.0, 3.0),
    },
    "fists": {
        "thumb": (18.0, 32.0, 45.0), "index": (72.0, 95.0, 55.0), "middle": (76.0, 98.0, 58.0),
        "ring": (80.0, 98.0, 58.0), "little": (82.0, 95.0, 55.0),
    },
}  # fmt: skip
"""Degrees at the joints from the knuckle on: of the thumb beyond its rest, of fingers between their parts. Long hands
are drawn out, the middle finger lowest; firm ones are flat and stretched."""
LIFE = {"relaxed": 1.0, "long": 1.0, "firm": 0.5, "fists": 0.0}
"""How much of the life of a relaxed hand others have."""
_UNKNOWN_BEND = 0.6
"""Of the last part of a finger, which no bone ends: how far it is bent at rest, relative to the joint before."""
_OPENS, _FOLDED, _STRETCHED = 0.45, 0.55, 0.98
"""Share of its bend that a relaxed hand loses as the wrist's distance from the shoulder grows between these shares of
the arm's length."""
_SWAYS, _WAY = 0.15, 1.2
"""Share of its bend by which it sways, once in so many metres of its way (on SMPL's body)."""
_ACROSS = np.array([1.0, 1.0, 1.0]) / np.sqrt(3)
"""Where ways count along: no axis, and not the vertical."""
_FOLLOWS = 0.7
"""Radians of the sway by which each finger follows the one before."""


@dataclass(frozen=True, eq=False)
class FingerBend:
    """How a bone of a finger is bent. axis: (3,) at rest, body frame. goal, rest: radians wanted and at rest."""

    axis: Array
    goal: float
    rest: float


def bend_axis(direction: Array, palm: Array) -> Array:
    """The axis (3,) about which a finger along `direction` (3,) bends towards where the palm faces, `palm` (3,)."""
    return rot.normalize(np.cross(direction, palm))


def rest_bends(directions: Sequence[Array], palm: Array) -> list[float]:
    """How far a finger is bent at rest at the beginnings of its parts with `directions` (3,), radians: the first
    against the plane of the palm."""
    bends: list[float] = []
    for number, direction in enumerate(directions):
        if number == 0:
            bends.append(float(np.arcsin(np.clip(direction @ palm, -1, 1))))
        else:
            axis = bend_axis(directions[number - 1], palm)
            turned = np.cross(directions[number - 1], direction) @ axis
            bends.append(float(np.arctan2(turned, directions[number - 1] @ direction)))
    return bends


def finger_bends(
    finger: str, hands: str, heads: Array, end: Array | None, palm: Array, inward: Array
) -> list[FingerBend]:
    """How the N bones of a finger are bent.

    heads: (N, 3) of its bones at rest, from the knuckle on. end: (3,) its tip, if a bone shows it. palm, inward: (3,)
    where the palm faces, and from the index to the little finger.
    """
    points = [*heads, *([] if end is None else [end])]
    directions = [rot.normalize(second - first) for first, second in pairwise(points)]
    if not directions:
        return [FingerBend(np.zeros(3), 0.0, 0.0)] * len(heads)
    goals = [float(np.radians(goal)) for goal in BENDS[hands][finger]]
    if finger == THUMB:
        # it lies across the palm, and how it rests differs too much to be undone
        across = bend_axis(directions[0], rot.normalize(palm + 1.5 * inward))
        return [FingerBend(across, goals[min(number, 2)], 0.0) for number in range(len(heads))]
    rests = rest_bends(directions, palm)
    axes = [bend_axis(direction, palm) for direction in directions]
    while len(rests) < len(heads):
        rests.append(_UNKNOWN_BEND * rests[-1] if len(rests) > 1 else 0.0)
        axes.append(axes[-1])
    parts = zip(axes[: len(heads)], rests[: len(heads)], strict=True)
    return [FingerBend(axis, goals[min(number, 2)], rest) for number, (axis, rest) in enumerate(parts)]


def life(shoulder: Array, elbow: Array, wrist: Array) -> list[Array]:
    """How bent each finger (T,) of a relaxed hand is, around 1, in the order of `FINGERS`.

    shoulder, elbow, wrist: (T, 3) an arm on SMPL's body, metres.
    """
    length = np.linalg.norm(elbow - shoulder, axis=-1) + np.linalg.norm(wrist - elbow, axis=-1)
    reach = np.linalg.norm(wrist - shoulder, axis=-1) / length
    share = np.clip((reach - _FOLDED) / (_STRETCHED - _FOLDED), 0, 1)
    opened = 1 - _OPENS * share**2 * (3 - 2 * share)
    turn = 2 * np.pi / _WAY * (wrist @ _ACROSS)
    return [opened + _SWAYS * np.sin(turn - _FOLLOWS * number) for number in range(len(FINGERS))]
