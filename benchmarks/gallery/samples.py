"""The page of sample dances in the manual: a composed song in each style, danced by a checkpoint.

    python -m benchmarks.gallery.samples [--checkpoint C] [--seconds S] -o docs/samples

The page is the gallery's, without real dances and without videos. Songs and dances are the same each time on the same
machine. Exit codes as those of `benchmarks.gallery`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.gallery.page import write_page
from benchmarks.gallery.scenes import Scene, scene_of
from engine.api.checkpoints import load_checkpoint
from engine.api.generating import generate
from engine.audio.composing.demo_song import DEMO_STYLES, write_demo_song
from engine.errors import EngineError

SECONDS = 16.0
ABOUT = (
    "Dances of the checkpoint {} to songs that were composed for this page, as a user gets them: seed 0, no choice "
    "among several."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the page and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gallery.samples", description=__doc__.partition(":")[0])
    parser.add_argument("--checkpoint", default="default", metavar="NAME_OR_PATH")
    parser.add_argument("--seconds", type=float, default=SECONDS, metavar="S", help="length of a dance")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the page")
    options = parser.parse_args(arguments)
    try:
        with TemporaryDirectory() as folder:
            scenes = _scenes(options.checkpoint, options.seconds, Path(folder))
            name = load_checkpoint(options.checkpoint).name
            page = write_page(scenes, options.output, {}, ABOUT.format(name), _say)
    except EngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error.filename or options.output}: {error.strerror or error}.", file=sys.stderr)
        return 1
    print(f"{page}: open it in a browser")
    return 0


def _scenes(checkpoint: str, seconds: float, folder: Path) -> list[Scene]:
    """A dance in each style that there is a song for and that the checkpoint knows."""
    scenes = []
    for style in DEMO_STYLES:
        if style not in load_checkpoint(checkpoint).styles:
            continue
        song = folder / f"{style}.wav"
        write_demo_song(song, style, seconds)
        _say(f"{style}: dancing")
        dance = generate(song, checkpoint, style=style, seed=0)
        scenes.append(scene_of(f"A composed {style}", style, song, seconds, dance.beats, [("Seed 0", dance.motion)]))
    return scenes


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
