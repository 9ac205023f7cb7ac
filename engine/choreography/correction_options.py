"""The options of command lines that correct what is heard of a song's rhythm: the engine's and Blender's."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .beats_file import annotated_beats


def add_correction(parser: Any) -> None:
    """Add the options that correct what is heard of a song's rhythm."""
    group = parser.add_argument_group("rhythm", "where the song's rhythm is heard wrong")
    group.add_argument("--tempo", type=float, metavar="BPM", help="beats per minute; the beats are found again near it")
    group.add_argument("--one", type=float, metavar="S", help="second of the song at which a bar begins")
    group.add_argument("--metre", type=int, metavar="N", help="beats a bar")
    group.add_argument(
        "--beats",
        type=Path,
        metavar="FILE",
        help="a text file with the second of a beat on every line, and after it, if you like, its number in the bar",
    )


def correction_of(options: argparse.Namespace) -> dict[str, Any] | None:
    """What those options say, by name; None where they say nothing. Raises ChoreographyError for a file of beats that
    cannot be used."""
    said = {"tempo": options.tempo, "one": options.one, "beats_per_bar": options.metre}
    if options.beats is not None:
        said = {**annotated_beats(options.beats), **{name: value for name, value in said.items() if value is not None}}
    return {name: value for name, value in said.items() if value is not None} or None
