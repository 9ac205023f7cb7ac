"""Folders of songs without dances: what may be used of them, and where each song comes from.

Two layouts: `index.json` with `tracks` beside `wavs/` (each track with `name`, `title`, `author`, `licence`,
`commercial`, `source` and, if it is known, `style`), and a plain folder of sound files, of which nothing is known.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.data.sources import COMMERCIAL, RESEARCH, UNKNOWN_PROVENANCE, Provenance
from engine.errors import DataError


@dataclass(frozen=True)
class Track:
    """A song of a folder. style: that is danced to it, empty where the folder does not say."""

    file: Path
    provenance: Provenance
    style: str = ""


def songs_in(folder: Path, licence: str = RESEARCH) -> list[tuple[Path, Provenance]]:
    """The songs of a folder that may be used for `licence`, sorted, with where they come from. Raises DataError."""
    return [(track.file, track.provenance) for track in tracks_in(folder, licence)]


def tracks_in(folder: Path, licence: str = RESEARCH) -> list[Track]:
    """The songs of a folder that may be used for `licence`, sorted. Raises DataError."""
    index = folder / "index.json"
    try:
        if index.is_file():
            tracks: list[dict[str, Any]] = json.loads(index.read_text(encoding="utf-8"))["tracks"]
            known = {str(track["name"]): track for track in tracks}
            files = [path for path in sorted((folder / "wavs").iterdir()) if path.stem in known]
            found = [
                Track(path, _provenance(known[path.stem]), str(known[path.stem].get("style", ""))) for path in files
            ]
        else:
            found = [Track(path, UNKNOWN_PROVENANCE) for path in sorted(folder.iterdir()) if path.is_file()]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{folder}: is not a usable folder of songs ({type(error).__name__}: {error}). Give a folder of sound "
            "files, or one with index.json and wavs/."
        ) from error
    usable = [track for track in found if track.provenance.may_be_used_for(licence)]
    if not usable:
        raise DataError(f"{folder}: holds no songs that are marked {licence!r}. Give another --songs or --licence.")
    return usable


def _provenance(track: dict[str, Any]) -> Provenance:
    licence = str(track["licence"])
    changed = f"; changed: {track['changed']}" if track.get("changed") else ""
    attribution = f'"{track["title"]}" by {track["author"]}, {licence}{changed}'
    return Provenance(str(track["source"]), COMMERCIAL if track.get("commercial") else RESEARCH, licence, attribution)
