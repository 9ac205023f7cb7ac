"""Dances saved by the first versions of the add-on, as the present record's values.

They were kept in five custom properties: a JSON text about the dance, its tokens, the document, the .npz of its motion,
and the prints of its keys. Pure: nothing here touches Blender.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from engine.checks import is_number, shown
from engine.choreography import to_json

from .document_cache import read_document

ABOUT_KEY = "magma_choreography"
DOCUMENT_KEY = "magma_document"
MOTION_KEY = "magma_take"
PRINTS_KEY = "magma_key_prints"
KEYS = (ABOUT_KEY, "magma_tokens", DOCUMENT_KEY, MOTION_KEY, PRINTS_KEY)
FORMAT = 1
_LONGEST_ABOUT = 2**20
VERSION = 2
"""Of the record that `upgraded` gives."""

Metre = Callable[[str, str | None], int]
"""Beats a bar of a checkpoint's style."""


def upgraded(stored: Mapping[str, object], metre: Metre) -> dict[str, object]:
    """The values of a record of version `VERSION` from the properties `KEYS`, not checked yet. Raises ValueError with a
    clause that says what is wrong."""
    text, document = stored[ABOUT_KEY], stored[DOCUMENT_KEY]
    about = _about(text)
    if about is None or about.get("format") != FORMAT:
        raise ValueError(f"its {ABOUT_KEY} is {shown(text)}")
    beats = about.get("beats", [])
    if not isinstance(beats, list) or not all(is_number(beat) for beat in beats):
        beats = []  # they only mark the timeline: a dance is not given up for them
    return {
        "version": VERSION,
        "document": _with_beats(document, sorted(set(beats)), metre) if isinstance(document, str) else document,
        "motion": stored[MOTION_KEY],
        "frame_start": about.get("frame_start"),
        "fps": about.get("fps"),
        "strip": about.get("strip"),
        "action": about.get("action"),
        "beat_snap": about.get("beat_snap", 0.0),
        "key_prints": stored[PRINTS_KEY],
    }


def _about(text: object) -> dict[str, object] | None:
    if not isinstance(text, str) or len(text) > _LONGEST_ABOUT:
        return None
    try:
        about = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return about if isinstance(about, dict) else None


def _with_beats(text: str, beats: Sequence[float], metre: Metre) -> str:
    """The document, whose songs had no beats and no metre: those that were kept were the first song's."""
    document = read_document(text)
    songs = [
        replace(audio, beats_per_bar=metre(document.checkpoint.name, audio.style or document.style))
        for audio in document.audio
    ]
    end = songs[1].at / document.token_rate if len(songs) > 1 else float("inf")
    songs[0] = replace(songs[0], beats=tuple(beat for beat in beats if beat < end))
    return to_json(replace(document, audio=tuple(songs)))
