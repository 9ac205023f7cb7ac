"""A small picture of a pose: limbs as rounded strokes on a transparent ground, for thumbnails."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .skeleton import JOINT_COUNT, JOINT_INDEX, PARENTS

Floats = NDArray[np.floating[Any]]

LEFT, RIGHT, MIDDLE = (0.93, 0.42, 0.25), (0.24, 0.56, 0.86), (0.82, 0.82, 0.84)
"""Colours of the body's left and right side, and of what lies between."""
_ROOM = 1.95
"""Metres that the picture shows at least, so that a crouching dancer is smaller than a standing one."""
_MARGIN = 0.08
_THICKNESS = 0.045
"""Half the width of a limb, metres."""
_HEAD = 0.11
_FAR = 0.55
"""Brightness of what is half a metre behind the pelvis, of 1."""


def draw_pose(joints: Floats, size: int = 128) -> NDArray[np.float32]:
    """(size, size, 4) red, green, blue and opacity, 0..1, of joints (24, 3) in a Z-up world, metres, seen from before
    the body at the height of its middle. Row 0 is the lowest, as Blender has pictures. Opacity is not multiplied in."""
    points = np.asarray(joints, np.float64)[:JOINT_COUNT]
    across, up, near = _seen_from_before(points)
    return draw_seen(np.stack([across, up], axis=1), near, size)


def draw_seen(place: Floats, near: Floats, size: int) -> NDArray[np.float32]:
    """The same of joints as they are seen. place: (24, 2) metres to the right and upwards. near: (24,) metres towards
    who looks, from the pelvis."""
    low, high = place.min(axis=0), place.max(axis=0)
    room = max(float((high - low).max()) + 2 * _HEAD, _ROOM) * (1 + 2 * _MARGIN)
    corner = (low + high) / 2 - room / 2
    grid = (np.arange(size) + 0.5) / size * room
    pixels = np.stack(np.meshgrid(corner[0] + grid, corner[1] + grid), axis=-1)
    picture = np.zeros((size, size, 4))
    pixel = room / size
    for _, distance, color in sorted(_strokes(place, near, pixels), key=lambda stroke: stroke[0]):
        cover = np.clip(0.5 - distance / pixel, 0, 1)[..., None]
        whole = cover + picture[..., 3:] * (1 - cover)
        mixed = color * cover + picture[..., :3] * picture[..., 3:] * (1 - cover)
        picture[..., :3] = np.where(whole > 0, mixed / np.maximum(whole, 1e-9), 0)
        picture[..., 3:] = whole
    return picture.astype(np.float32)


def _seen_from_before(points: Floats) -> tuple[Floats, Floats, Floats]:
    """Every joint's place to the right in the picture, upwards, and towards who looks, from the pelvis, metres."""
    side = points[JOINT_INDEX["L_hip"]] - points[JOINT_INDEX["R_hip"]]
    side = side * [1, 1, 0]
    length = np.linalg.norm(side)
    side = side / length if length > 1e-6 else np.array([1.0, 0.0, 0.0])
    ahead = np.cross(side, [0, 0, 1.0])
    around = points - points[0] * [1, 1, 0]
    return around @ side, around[:, 2], around @ ahead


def _strokes(place: Floats, near: Floats, pixels: Floats) -> list[tuple[float, Floats, Floats]]:
    """Of every limb: how near it is, every pixel's distance to its edge in metres, and its colour."""
    strokes = []
    for joint, parent in enumerate(PARENTS):
        if parent < 0:
            continue
        one, other = place[parent], place[joint]
        line = other - one
        along = np.clip((pixels - one) @ line / max(float(line @ line), 1e-9), 0, 1)
        distance = np.linalg.norm(pixels - one - along[..., None] * line, axis=-1) - _THICKNESS
        depth = float(near[parent] + near[joint]) / 2
        strokes.append((depth, distance, _shaded(_side_of(joint), depth)))
    head = JOINT_INDEX["head"]
    middle = place[head] + [0, _HEAD / 2]
    depth = float(near[head])
    strokes.append((depth, np.linalg.norm(pixels - middle, axis=-1) - _HEAD, _shaded(MIDDLE, depth)))
    return strokes


def _side_of(joint: int) -> tuple[float, float, float]:
    name = next(name for name, index in JOINT_INDEX.items() if index == joint)
    return LEFT if name.startswith("L_") else RIGHT if name.startswith("R_") else MIDDLE


def _shaded(color: tuple[float, float, float], depth: float) -> Floats:
    return np.array(color) * float(np.interp(depth, (-0.5, 0.0), (_FAR, 1.0)))
