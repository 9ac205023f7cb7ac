"""Styles as those of the default checkpoint, for tests that need usual tempi and metres."""

from __future__ import annotations

from engine.checkpoint_index import StyleMusic
from engine.data.styles import StyleTable

TABLE = StyleTable(
    {
        "cha-cha": StyleMusic(124.0),
        "modern": StyleMusic(),
        "rumba": StyleMusic(92.0),
        "salsa": StyleMusic(175.0),
        "waltz": StyleMusic(87.0, 3),
    }
)
