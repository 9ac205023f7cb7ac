"""Buttons are found by their labels in a picture of the screen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.font_manager import findfont

from benchmarks.window.labels import Box, Grey, drawn, found

FONT = Path(findfont("DejaVu Sans"))


def screen(labels: dict[str, tuple[int, int]], upright: bool = False) -> Grey:
    """A dark picture with light labels at (left, top)."""
    picture = np.full((120, 300), 60.0)
    for label, (left, top) in labels.items():
        letters = np.rot90(drawn(label, FONT)) if upright else drawn(label, FONT)
        height, width = letters.shape
        picture[top : top + height, left : left + width] += 150 * letters
    return picture.astype(np.uint8)


@pytest.mark.parametrize("upright", [False, True])
def test_a_label_is_found_where_it_is(upright: bool) -> None:
    picture = screen({"Accept": (20, 30), "Reject": (120, 50)}, upright)
    (box,) = found(picture, "Accept", FONT, upright)
    assert (box.left, box.top) == (20, 30)
    assert not found(picture, "Accept", FONT, not upright)


def test_every_place_of_a_label_is_found_and_no_other_word() -> None:
    picture = screen({"Next": (10, 10), "Previous": (60, 10), "Text": (10, 60)})
    picture = np.maximum(picture, screen({"Next": (200, 90)}))
    assert [(box.left, box.top) for box in found(picture, "Next", FONT)] == [(10, 10), (200, 90)]
    assert not found(picture, "Nest", FONT)
    assert not found(picture[:, :8], "Next", FONT)


def test_a_box_tells_its_middle_and_moves() -> None:
    assert Box(10, 20, 30, 50).middle == (20, 35)
    assert Box(10, 20, 30, 50).moved(1, 2) == Box(11, 22, 31, 52)
