"""The manual's pictures show the interface as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.manual_pictures import shown


def test_no_picture_is_older_than_the_interface() -> None:
    outdated = shown.outdated()
    assert not outdated, f"{', '.join(outdated)}: run `make pictures` and commit docs/images"


def test_every_picture_of_the_manual_is_taken_by_a_script() -> None:
    by_other_scripts = {"demo.png", "characters.jpg", "first_hour.jpg"}
    pictures = {file.name for file in shown.IMAGES.iterdir() if file.suffix in (".png", ".jpg")}
    assert pictures - by_other_scripts == set(shown.PICTURES)


PANEL = '''
"""A panel."""

def draw(layout: "UILayout") -> None:
    """Draw it."""
    column = layout.column()
    column.operator("magma.dance", icon="PLAY")
    column.label(text="Nobody dances")
'''


@pytest.mark.parametrize(
    ("before", "after", "looks_the_same"),
    [
        ("Draw it", "Draw the panel", True),
        ("column", "part", True),
        ("def draw", "# beside it\ndef show", True),
        ("Nobody", "Somebody", False),
        ('icon="PLAY"', 'text="Go"', False),
        ("column.label", "layout.row().label", False),
        ("magma.dance", "magma.sing", False),
    ],
)
def test_words_and_layout_count_and_other_code_does_not(
    before: str, after: str, looks_the_same: bool, tmp_path: Path
) -> None:
    labels = {"magma.dance": "Dance", "magma.sing": "Sing"}
    file = tmp_path / "panel.py"
    file.write_text(PANEL)
    drawn = shown.drawn_by(file, labels)
    assert drawn != shown.drawn_by(file, {"magma.dance": "Generate Dance"})
    changed = PANEL.replace(before, after)
    if before == "column":
        changed = (
            PANEL.replace("column =", "part =").replace("column.", "part.").replace("layout.part(", "layout.column(")
        )
    file.write_text(changed)
    assert (shown.drawn_by(file, labels) == drawn) == looks_the_same
