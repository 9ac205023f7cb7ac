"""Usual tempo and metre of the styles that are trained on.

Training songs are listened to with them, and `pack` writes them into the checkpoint, which owns them from then on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from engine.checkpoint_index import StyleMusic, style_music

FILE = Path(__file__).with_name("styles.json")
"""Salsa's tempo counts its steps."""


@cache
def known_styles() -> dict[str, StyleMusic]:
    """Every style with a usual tempo."""
    table = json.loads(FILE.read_text(encoding="utf-8"))
    return style_music({"styles": list(table), "style_music": table})


def usual_tempo(style: str) -> float | None:
    """Beats per minute; None for a style that is danced at any tempo."""
    return known_styles().get(style, StyleMusic()).tempo


def music_of(styles: Sequence[str]) -> dict[str, StyleMusic]:
    """Tempo and metre of the named styles; a style that is not known has four beats a bar and any tempo."""
    return {style: known_styles().get(style, StyleMusic()) for style in styles}
