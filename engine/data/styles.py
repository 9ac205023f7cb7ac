"""What training and evaluation know of the styles of dances: the music, the shown names and the hands that a checkpoint
has in its config.

A style that nothing is said of has four beats a bar and any tempo.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engine.checkpoint_index import USUAL_SPREAD, StyleMusic, style_hands, style_music, style_titles
from engine.errors import DataError


@dataclass(frozen=True)
class StyleTable:
    """Facts of styles by name. music: tempo and metre. titles, hands: only of styles that say something."""

    music: Mapping[str, StyleMusic] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    hands: Mapping[str, str] = field(default_factory=dict)

    def tempo(self, style: str) -> float | None:
        """The usual tempo of a style, beats per minute; None for a style that is danced at any tempo."""
        return self.music_of(style).tempo

    def music_of(self, style: str) -> StyleMusic:
        """The music of a style."""
        return self.music.get(style, StyleMusic())

    def of(self, styles: Iterable[str], with_songs: Iterable[str]) -> StyleTable:
        """The table of these styles alone, in their order. with_songs: those whose dances have songs of their own."""
        kept, songs = list(styles), set(with_songs)
        return StyleTable(
            {style: replace(self.music_of(style), songs=style in songs) for style in kept},
            {style: title for style, title in self.titles.items() if style in kept},
            {style: hands for style, hands in self.hands.items() if style in kept},
        )

    def told(self, more: StyleTable) -> StyleTable:
        """These styles with what `more` says of them: tempo, metre, title, hands and, of a style of any tempo, its
        prior. Whether they have songs, and what was learned from songs, stays."""
        music = {
            style: replace(
                own,
                tempo=told.tempo,
                beats_per_bar=told.beats_per_bar,
                prior=told.prior if told.tempo is None else own.prior,
            )
            if (told := more.music.get(style))
            else own
            for style, own in self.music.items()
        }
        titles = {style: title for style, title in more.titles.items() if style in music}
        hands = {style: held for style, held in more.hands.items() if style in music}
        return StyleTable(music, {**self.titles, **titles}, {**self.hands, **hands})

    def in_config(self) -> dict[str, Any]:
        """The entries of a checkpoint's config; `read_styles` reads them."""
        return {
            "styles": list(self.music),
            "style_music": {style: _without_defaults(music) for style, music in self.music.items()},
            "style_titles": dict(self.titles),
            "style_hands": dict(self.hands),
        }


def read_styles(file: Path) -> StyleTable:
    """The table in a JSON file: a checkpoint's config, or another with the entries `styles`, `style_music`,
    `style_titles` and `style_hands`. Raises DataError."""
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(config, dict):
            raise ValueError("not a JSON object")
        music, titles, hands = style_music(config), style_titles(config), style_hands(config)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{file} cannot be read ({error}). Give a file like the config.json of a checkpoint."
        ) from error
    told = config.get("style_titles", {}), config.get("style_hands", {})
    return StyleTable(music, {style: titles[style] for style in told[0]}, {style: hands[style] for style in told[1]})


def _without_defaults(music: StyleMusic) -> dict[str, Any]:
    entry: dict[str, Any] = {"tempo": music.tempo, "beats_per_bar": music.beats_per_bar, "songs": music.songs}
    if music.spread != USUAL_SPREAD:
        entry["spread"] = music.spread
    if music.prior != 1.0:
        entry["prior"] = music.prior
    return entry | ({"pattern": [list(row) for row in music.pattern]} if music.pattern else {})
