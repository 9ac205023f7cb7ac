"""Where a label is on a picture of Blender's window, found by how Blender draws it.

Blender puts each letter of its interface on a whole pixel, without hinting. So a label can be drawn here exactly as it
is drawn there, in whatever colour, and what is found agrees almost wholly with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
"""(height, width) brightness."""
Letters = NDArray[np.float32]
"""(height, width) how much of each pixel letters cover, 0..1."""

AGREEMENT = 0.9
"""Correlation from which on something is the label; the right one has 0.97 and more, another word up to 0.85."""
POINTS = 10.89
"""Size of the letters of the interface on a screen with 96 dots an inch, in pixels."""
FINER = 16
"""Letters are drawn so many times as large and then averaged, which is what drawing without hinting gives."""
ROOM = 4
"""Pixels around letters while they are drawn."""
SAMPLES = 24
"""Pixels of the letters, and of what is between them, that tell at once where a label is not."""
CONTRAST = 12
"""How much brighter than what is between them letters are at least, 0..255."""


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels; right and bottom are the first ones outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def middle(self) -> tuple[int, int]:
        """(x, y)."""
        return (self.left + self.right) // 2, (self.top + self.bottom) // 2

    def moved(self, x: int, y: int) -> Box:
        """The same box elsewhere."""
        return Box(self.left + x, self.top + y, self.right + x, self.bottom + y)


def found(picture: Grey, label: str, font: Path, upright: bool = False) -> list[Box]:
    """Where a label is drawn in a picture, from top to bottom and from left to right. upright: it is written from
    bottom to top, as the tabs of sidebars are."""
    letters = np.rot90(drawn(label, font)) if upright else drawn(label, font)
    height, width = letters.shape
    if picture.shape[0] < height or picture.shape[1] < width:
        return []
    boxes = []
    for top, left in _candidates(picture, letters):
        under = picture[top : top + height, left : left + width]
        if np.corrcoef(under.ravel(), letters.ravel())[0, 1] > AGREEMENT:
            boxes.append(Box(left, top, left + width, top + height))
    return boxes


def _candidates(picture: Grey, letters: Letters) -> list[tuple[int, int]]:
    """(top, left) of all places where some pixels of the letters are brighter than some between them."""
    height, width = (size - part + 1 for size, part in zip(picture.shape, letters.shape, strict=True))
    darkest = np.full((height, width), 255, np.uint8)
    brightest = np.zeros((height, width), np.uint8)
    for y, x in _some(np.argwhere(letters > 0.9 * letters.max())):
        np.minimum(darkest, picture[y : y + height, x : x + width], out=darkest)
    for y, x in _some(np.argwhere(letters == 0)):
        np.maximum(brightest, picture[y : y + height, x : x + width], out=brightest)
    places = np.argwhere(darkest > brightest.astype(np.int16) + CONTRAST)
    return [(int(top), int(left)) for top, left in places]


def _some(pixels: NDArray[np.int64]) -> NDArray[np.int64]:
    """So many of them, from all over the label."""
    return pixels[np.random.default_rng(0).permutation(len(pixels))[:SAMPLES]]


@cache
def drawn(label: str, font: Path) -> Letters:
    """The label as Blender draws it, with a pixel of background around it."""
    from PIL import Image, ImageDraw, ImageFont

    face = ImageFont.truetype(str(font), POINTS * FINER, layout_engine=ImageFont.Layout.BASIC)
    advances = [int(face.getlength(letter) / FINER) for letter in label]
    width, height = sum(advances) + 4 * ROOM, 6 * ROOM
    sheet = np.zeros((height, width), np.float32)
    pen = ROOM
    for letter, advance in zip(label, advances, strict=True):
        fine = Image.new("L", (width * FINER, height * FINER))
        ImageDraw.Draw(fine).text((pen * FINER, 4 * ROOM * FINER), letter, fill=255, font=face, anchor="ls")
        coarse = np.asarray(fine, np.float32).reshape(height, FINER, width, FINER).mean((1, 3)) / 255
        sheet = np.maximum(sheet, coarse)
        pen += advance
    rows, columns = np.flatnonzero(sheet.any(1)), np.flatnonzero(sheet.any(0))
    return sheet[rows[0] - 1 : rows[-1] + 2, columns[0] - 1 : columns[-1] + 2]
