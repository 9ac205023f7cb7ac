"""Collects freely licensed music for training the decoder of the `open` checkpoint.

    python -m benchmarks.free_songs -o SONGS

Two sources: songs that the project synthesises, at many tempi, and the first two minutes of the songs of Debian's
game-music packages, as far as these are installed. SONGS_SOURCES.md beside the folder lists every file, author and
licence. The songs of `benchmarks.long_music` are left out, so that no checkpoint is trained on them.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.long_music import SONGS
from engine.audio.composing.demo_song import DEMO_STYLES, write_demo_song
from engine.audio.files.decode import load_audio
from engine.errors import AudioError

SYNTHESIZED_SECONDS = 60.0
EXCERPT_SECONDS = 120.0
"""Length of the other songs. A clip uses a part of a song; features of whole songs would need most of the time."""
EXCERPT_RATE = 24_000
TEMPI = {"waltz": (78, 96), "rumba": (84, 116), "cha-cha": (104, 132), "salsa": (150, 212)}
TEMPI_EACH = 5


@dataclass(frozen=True)
class Source:
    """Songs of one author in a Debian package, by pattern within a folder."""

    package: str
    folder: str
    pattern: str
    author: str
    licence: str

    def songs(self) -> list[Path]:
        return sorted(Path(self.folder).glob(self.pattern))


_HYPERROGUE = ("hyperrogue-music", "/usr/share/hyperrogue/music")
_FRETS = "/usr/share/games/fretsonfire/data/songs"
SOURCES = (
    Source(*_HYPERROGUE, "hr3-*.ogg", "Shawn Parrotte", "CC-BY-SA-3.0"),
    Source(*_HYPERROGUE, "hr-domina-*.ogg", "Lincoln Domina", "CC-BY-SA-3.0"),
    Source(*_HYPERROGUE, "hr-savino-*.ogg", "Will Savino", "CC-BY-SA-3.0"),
    Source("singularity-music", "/usr/share/games/singularity/music", "*.ogg", "Max McCracken", "CC-BY-SA-3.0"),
    Source("fretsonfire-songs-sectoid", f"{_FRETS}/sectoid", "*/song.ogg", "Carlos Viola Iborra", "MIT"),
    Source("fretsonfire-songs-muldjord", f"{_FRETS}/muldjord", "*/song.ogg", "El Senator", "CC-BY-SA-3.0"),
)


def main() -> None:
    """Collect and list."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-o", "--output", type=Path, required=True)
    folder: Path = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["| song | from | author | licence |", "|---|---|---|---|"]
    for style in DEMO_STYLES:
        for bpm in np.linspace(*TEMPI[style], TEMPI_EACH):
            name = f"{style}_{bpm:.0f}.wav"
            write_demo_song(folder / name, style, SYNTHESIZED_SECONDS, float(bpm))
            lines.append(
                f"| {name} | synthesised (`engine.audio.composing.demo_song`) | this project | as this project |"
            )
    held_out = set(SONGS.values())
    for source in SOURCES:
        for song in source.songs():
            if str(song) in held_out:
                continue
            name = f"{source.package}_{'_'.join(song.relative_to(source.folder).with_suffix('').parts)}.wav"
            try:
                soundfile.write(folder / name, load_audio(song, EXCERPT_RATE, seconds=EXCERPT_SECONDS), EXCERPT_RATE)
            except AudioError as error:  # the headers of some of HyperRogue's songs are unusual
                print(f"left out: {error}")
                continue
            lines.append(f"| {name} | Debian {source.package} | {source.author} | {source.licence} |")
    # not in the folder itself, whose files are all read as songs
    listing = folder.with_name(f"{folder.name}_SOURCES.md")
    listing.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{folder}: {len(lines) - 2} songs, listed in {listing}")


if __name__ == "__main__":
    main()
