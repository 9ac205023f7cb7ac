"""Writes composed songs as a folder of songs, to learn from.

    python -m benchmarks.composed_songs FOLDER [--songs 90]

The folder has wavs/ and an index.json with the style that is danced to each song, as `python -m engine style-patterns
--songs FOLDER` reads it. No song is one that `benchmarks.listening` measures.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.composed_songs import FIRST_TO_LEARN_FROM, composed_song, write_song

_DANCED = {"house": "pop"}
"""The style that is danced to songs of a style that no checkpoint has."""


def main() -> None:
    """Write the songs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--songs", type=int, default=90)
    options = parser.parse_args()
    (options.folder / "wavs").mkdir(parents=True, exist_ok=True)
    tracks = []
    for seed in range(FIRST_TO_LEARN_FROM, FIRST_TO_LEARN_FROM + options.songs):
        song, name = composed_song(seed), f"composed_{seed}"
        write_song(options.folder / "wavs" / f"{name}.wav", song)
        tracks.append(
            {
                "name": name,
                "title": name,
                "author": "this project",
                "licence": "free",
                "commercial": True,
                "source": "benchmarks.composed_songs",
                "style": _DANCED.get(song.kind.style, song.kind.style),
            }
        )
    (options.folder / "index.json").write_text(json.dumps({"tracks": tracks}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
