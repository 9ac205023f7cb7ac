"""Drawing on an array of pixels: lines and limbs with round ends, and text in letters made of strokes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]
"""(height, width, 3) RGB, 0..255; rows run down."""
Colour = tuple[int, int, int]

_STROKES = {
    "A": "062046 1434", "B": "0006 003041423303 3344453606", "C": "4130100105163645", "D": "00063645413000",
    "E": "40000646 0333", "F": "400006 0333", "G": "41301001051636454323", "H": "0006 4046 0343",
    "I": "1030 2026 1636", "J": "4045361605", "K": "0006 400346", "L": "000646", "M": "0600234046", "N": "06004640",
    "O": "103041453616050110", "P": "06003041423303", "Q": "103041453616050110 2446", "R": "06003041423303 2346",
    "S": "413010010213334445361605", "T": "0040 2026", "U": "000516364540", "V": "002640", "W": "0016233640",
    "X": "0046 4006", "Y": "002340 2326", "Z": "00400646", "0": "103041453616050110", "1": "112026 1636",
    "2": "01103041420646", "3": "01103041423313 334445361605", "4": "36300444", "5": "400003334445361605",
    "6": "4130100105163645443303", "7": "004016", "8": "103041423313020110 1304051636454433",
    "9": "0516364541301001021343", "-": "1333", "_": "0646", ".": "2626", ",": "2517", ":": "2222 2525",
    "+": "0343 2125", "/": "0640",
}  # fmt: skip
"""Letters on a grid of 4 by 6: lines of points, a point being a column and a row counted from the top left."""


def capsule(
    pixels: Pixels,
    start: NDArray[Any],
    stop: NDArray[Any],
    radii: tuple[float, float],
    colour: Colour,
    opacity: float = 1.0,
    solid: bool = False,
) -> None:
    """Draw, in place, a line with round ends from `start` to `stop` (x, y), as thick as the radii at both, in pixels.

    solid: shaded across as a round body lit from above left, with a darker rim; else flat.
    """
    reach = max(radii) + 1
    height, width = pixels.shape[:2]
    left, top = (max(int(np.floor(min(start[k], stop[k]) - reach)), 0) for k in (0, 1))
    right = min(int(np.ceil(max(start[0], stop[0]) + reach)) + 1, width)
    bottom = min(int(np.ceil(max(start[1], stop[1]) + reach)) + 1, height)
    if left >= right or top >= bottom:
        return
    x = np.arange(left, right, dtype=np.float32)[None] - np.float32(start[0])
    y = np.arange(top, bottom, dtype=np.float32)[:, None] - np.float32(start[1])
    along = np.asarray(stop, np.float32) - np.asarray(start, np.float32)
    part = np.clip((x * along[0] + y * along[1]) / max(float(along @ along), 1e-6), 0, 1)
    across, down = x - part * along[0], y - part * along[1]
    radius = radii[0] + part * (radii[1] - radii[0])
    distance = np.hypot(across, down)
    cover = np.clip(radius - distance + 0.5, 0, 1) * np.float32(opacity)
    paint = np.asarray(colour, np.float32)
    if solid:
        away = np.clip(distance / radius, 0, 1)
        light = 0.72 + 0.28 * np.sqrt(1 - away**2) - 0.16 * (across + 1.6 * down) / radius / 1.9
        light *= 1 - 0.45 * np.clip((away - 0.86) / 0.14, 0, 1)
        paint = np.minimum(light[..., None] * paint, 255)
    patch = pixels[top:bottom, left:right]
    patch += cover[..., None] * (paint - patch)


def text(pixels: Pixels, words: str, left: float, top: float, height: float, colour: Colour) -> float:
    """Write words in capitals, in place; returns the x at which they end. Letters without strokes become a gap."""
    unit = height / 6
    for letter in words.upper():
        for line in _STROKES.get(letter, "").split():
            corners = [
                np.array([left + unit * int(line[k]), top + unit * int(line[k + 1])]) for k in range(0, len(line), 2)
            ]
            for start, stop in pairwise(corners):
                capsule(pixels, start, stop, (0.09 * height, 0.09 * height), colour)
        left += unit * 5.8
    return left
