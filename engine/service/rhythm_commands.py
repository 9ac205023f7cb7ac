"""The command line's `listen`, and the options that correct a song's rhythm."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

from engine.bounded_files import read_text
from engine.checks import shown
from engine.errors import RequestError
from engine.service.terminal import TerminalProgress, add_device

_LARGEST = 4 * 2**20
"""Bytes of a file of beats."""


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
    """What those options say, by name; None where they say nothing. Raises RequestError for a file of beats that cannot
    be used."""
    said = {"tempo": options.tempo, "one": options.one, "beats_per_bar": options.metre}
    if options.beats is not None:
        said = {**_annotated(options.beats), **{name: value for name, value in said.items() if value is not None}}
    return {name: value for name, value in said.items() if value is not None} or None


def _annotated(file: Path) -> dict[str, Any]:
    """The beats of a file, and the metre and the first one, where it numbers the beats of a bar."""
    try:
        lines = read_text(file, _LARGEST).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RequestError(f"{file}: cannot be read ({reason}). Give a text file with the seconds of beats.") from error
    beats, numbers = list[float](), list[float]()
    for count, line in enumerate(lines, 1):
        words = line.partition("#")[0].replace(",", " ").split()
        if not words:
            continue
        try:
            values = [float(word) for word in words[:2]]
        except ValueError:
            raise RequestError(
                f"{file}: line {count} is {shown(line)}. Give the second of a beat, and after it, if you like, its "
                "number in the bar."
            ) from None
        beats.append(values[0])
        numbers += values[1:]
    said: dict[str, Any] = {"beats": beats}
    if len(numbers) == len(beats) and 1 in numbers:
        said |= {"one": beats[numbers.index(1)], "beats_per_bar": int(max(numbers))}
    return said


def add_listen_command(commands: Any) -> None:
    """Add this module's sub-parser."""
    listen = commands.add_parser("listen", help="say what is heard of a song's rhythm", description=__doc__)
    listen.add_argument("audio", metavar="SONG", help="wav, flac, ogg, mp3, m4a, or a video with sound")
    listen.add_argument("--checkpoint", default="default", metavar="NAME_OR_PATH", help="whose styles may fit")
    add_correction(listen)
    listen.add_argument("--json", action="store_true", help="print everything as JSON on stdout")
    add_device(listen)
    listen.set_defaults(run=_listen)


def _listen(options: argparse.Namespace) -> None:
    from engine.pipeline.listen import ListenRequest, song_rhythm

    request = ListenRequest(options.audio, options.checkpoint, options.device, correction_of(options))
    with TerminalProgress() as progress:
        rhythm = song_rhythm(request, progress, lambda: False)
    if options.json:
        print(json.dumps(dataclasses.asdict(rhythm)))
        return
    other = f" (or {rhythm.other_tempo:.1f})" if rhythm.other_tempo is not None and rhythm.confidence < SURE else ""
    first = rhythm.beats[rhythm.ones[0]] if rhythm.ones else None
    print(f"{options.audio}: {rhythm.tempo:.1f} beats/min{other}, {rhythm.confidence:.0%} sure")
    print(
        f"  {rhythm.beats_per_bar} beats a bar, {rhythm.bar_confidence:.0%} sure"
        + (f"; the first bar begins at {first:.2f} s" if first is not None else "")
    )
    if rhythm.styles:
        print("  " + ", ".join(f"{style} {weight:.0%}" for style, weight in rhythm.styles[:2]))


SURE = 0.8
"""Confidence from which on a second best tempo is not worth a word."""
