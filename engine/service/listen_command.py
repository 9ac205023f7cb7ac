"""The command line's `listen`."""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import Any

from engine.choreography.correction_options import add_correction, correction_of
from engine.service.terminal import TerminalProgress, add_device


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
