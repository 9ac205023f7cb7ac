"""The command `evaluate`: the quality of a checkpoint as tables on stdout and, on request, as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from engine.errors import DataError, EngineError
from engine.service.terminal import add_device


def add_commands(commands: Any) -> None:
    """Add this module's sub-parser."""
    evaluate = commands.add_parser(
        "evaluate", help="measure the dances of a checkpoint against real ones and baselines"
    )
    evaluate.add_argument("--checkpoint", default="default", metavar="NAME_OR_PATH")
    evaluate.add_argument("--data", type=Path, required=True)
    evaluate.add_argument("--split", default="test", choices=["train", "val", "test"])
    evaluate.add_argument("--seeds", type=int, default=3, help="dances per song")
    evaluate.add_argument(
        "--paper", metavar="CHECKPOINT_DIR", help="a second checkpoint to compare with, in a row of its own"
    )
    evaluate.add_argument("--json", type=Path, metavar="OUT", help="also write all figures as JSON")
    add_device(evaluate)
    evaluate.set_defaults(run=_evaluate)
    styles = commands.add_parser(
        "evaluate-styles", help="how often Automatic chooses the style that is danced to a song, held out by song"
    )
    styles.add_argument("--checkpoint", default="default", metavar="NAME_OR_PATH")
    styles.add_argument("--data", type=Path, required=True)
    styles.add_argument(
        "--songs", type=Path, nargs="+", default=[], help="also learn from these, as of style-patterns, which see"
    )
    styles.set_defaults(run=_evaluate_styles)


def _evaluate(options: argparse.Namespace) -> None:
    from engine.data.dataset import DanceDataset
    from engine.evaluation.evaluate import Setting, evaluate
    from engine.evaluation.tables import as_json, markdown
    from engine.models.loading import load_own_checkpoint
    from engine.runtime.device import choose_device

    if options.seeds < 1:
        raise EngineError(f"--seeds {options.seeds} must be at least 1.")
    data = DanceDataset(options.data)
    clips = data.split(options.split)
    if not clips:
        raise DataError(f"{options.data}: has no clips in its {options.split} split. Choose another --split.")
    checkpoint = load_own_checkpoint(options.checkpoint, choose_device(options.device).name)
    setting = Setting(options.split, options.seeds, options.device, options.paper)
    evaluation = evaluate(checkpoint, clips, data.split("train"), setting, _print_progress)
    print(markdown(evaluation))
    if options.json:
        options.json.write_text(json.dumps(as_json(evaluation), indent=1) + "\n", encoding="utf-8")


def _evaluate_styles(options: argparse.Namespace) -> None:
    from engine.data.dataset import DanceDataset
    from engine.data.style_patterns import songs_of, styled_songs, styles_held_out, teachers
    from engine.models.loading import load_own_checkpoint

    styles = load_own_checkpoint(options.checkpoint).style_music
    songs = [song for song in songs_of(list(DanceDataset(options.data))) if song.style in styles]
    if not songs:
        raise DataError(f"{options.data}: has no songs in the styles {', '.join(styles)}. Choose another --data.")
    others = [song for folder in options.songs for song in styled_songs(folder) if song.style in styles]
    found = styles_held_out(styles, songs, teachers(songs, others)[len(songs) :])
    print("| song | danced | chosen | second |\n|---|---|---|---|")
    for song, likely in found:
        best, second = (f"{style} {weight:.2f}" for style, weight in (*likely, ("", 0.0))[:2])
        print(f"| {song.file.stem} | {song.style} | {best} | {second} |")
    right = sum(likely[0][0] == song.style for song, likely in found)
    print(f"\nright: {right} of {len(found)} ({right / len(found):.2f})")


def _print_progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
