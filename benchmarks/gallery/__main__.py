"""Pictures of quality: real dances of a split beside a checkpoint's, on one time axis with the song's beats.

    python -m benchmarks.gallery --data DATA [--checkpoint C] [--split test] [--seeds N] [--paper FOLDER] -o out/gallery

Writes a page with moving figures and sound that opens from a file (`index.html`), a plot per clip (`plots/`) and a
video per style (`videos/`). The page plays with the player of the Quality Report. Pillow and matplotlib are needed
(`benchmarks/requirements.txt`). Exit code 0; 1 after an error, reported in one line on stderr; 2 for wrong arguments.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.gallery.film import write_videos
from benchmarks.gallery.page import write_page
from benchmarks.gallery.scenes import generated, scene, subjects_with_songs
from engine.data.dataset import SPLITS
from engine.data.styles import StyleTable
from engine.errors import EngineError
from engine.models.loading import find_checkpoint, load_checkpoint

ABOUT = "Real dances beside generated ones, to the same song."


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the gallery and return the exit code."""
    options = _parse(arguments)
    try:
        page = _make(options)
    except EngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error.filename or options.output}: {error.strerror or error}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    print(f"{page}: open it in a browser")
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gallery", description="Real dances beside generated.")
    parser.add_argument("--data", type=Path, required=True, help="a folder of dance data with songs")
    parser.add_argument("--checkpoint", default="default", metavar="NAME_OR_PATH")
    parser.add_argument("--split", default="test", choices=SPLITS)
    parser.add_argument("--clip", action="append", default=[], metavar="NAME", help="this clip only; repeatable")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="dances of the checkpoint per song")
    parser.add_argument("--paper", type=Path, metavar="FOLDER", help="checkpoint of the paper's model, shown too")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda", "mps"], default="auto")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the page")
    options = parser.parse_args(arguments)
    if options.seeds < 1:
        parser.error(f"--seeds is {options.seeds}: give 1 or more")
    return options


def _make(options: argparse.Namespace) -> Path:
    styles = StyleTable(load_checkpoint(options.checkpoint).style_music)
    subjects = subjects_with_songs(options.data, options.split, options.clip, styles)
    kinds = {"Ours": options.checkpoint}
    if options.paper is not None:
        kinds["Paper"] = str(options.paper)
    for checkpoint in kinds.values():
        find_checkpoint(checkpoint)
    videos = options.output / "videos"
    videos.mkdir(parents=True, exist_ok=True)
    scenes = []
    for subject in subjects:
        dances = []
        for kind, checkpoint in kinds.items():
            style = subject.style if kind == "Ours" else None  # the paper's models with librosa features have no styles
            for seed in range(options.seeds):
                _say(f"{subject.name}: {kind.lower()}, seed {seed}")
                motion = generated(subject, checkpoint, style, seed, options.device)
                dances.append((f"{kind}, seed {seed}", motion))
        scenes.append(scene(subject, dances))
    _say("drawing the videos, the longest stage")
    return write_page(scenes, options.output, write_videos(scenes, videos), ABOUT, _say)


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
