"""Usual tempo and metre of the styles that checkpoints are trained on.

The beats of training songs are tracked near these tempi. `pack` writes them into the checkpoint, which owns them from
then on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from engine.checkpoint_index import StyleMusic, style_music

FILE = Path(__file__).with_name("styles.json")
"""Tempo and metre by style. The tempo of salsa counts its steps."""


@cache
def known_styles() -> dict[str, StyleMusic]:
    """Tempo and metre of every style in the file."""
    table = json.loads(FILE.read_text(encoding="utf-8"))
    return style_music({"styles": list(table), "style_music": table})


def usual_tempo(style: str) -> float | None:
    """The usual tempo of a style, beats per minute; None for a style that is danced at any tempo."""
    return known_styles().get(style, StyleMusic()).tempo


def music_of(styles: Sequence[str]) -> dict[str, StyleMusic]:
    """Tempo and metre of the named styles; an unknown style has four beats a bar and any tempo."""
    return {style: known_styles().get(style, StyleMusic()) for style in styles}
