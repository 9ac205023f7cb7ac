"""Beat gain of the dances of every style of a checkpoint to all songs of a split, whatever is danced to them there.

    python -m benchmarks.style_gains --data DATA [--checkpoint default] [--split val] [--seeds 12] [--json OUT]

`engine evaluate` measures a style to the songs of its own clips only, and no clip of the validation split is in a style
of `open`. Gains are music→dance / dance→music, and their mean with its standard error over dances; the other columns
tell whether the style is kept (share of windows) and how fast it is danced.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from engine.data.clips import FRAME_RATE
from engine.data.dataset import DanceDataset
from engine.data.styles import StyleTable
from engine.evaluation.dances import OURS, EvaluatedDance, Subject
from engine.evaluation.evaluate import subjects_of
from engine.evaluation.measure import DanceMeasurer, MeasuredDance
from engine.models.loading import load_own_checkpoint
from engine.pipeline.generate import generate
from engine.pipeline.request import GenerateRequest
from smpl_rig.motion import Motion
from smpl_rig.skeleton import JOINT_COUNT

EMPTY = Motion(np.zeros((0, 3 * JOINT_COUNT), np.float32), np.zeros((0, 3), np.float32), FRAME_RATE)
"""The motion of a subject whose own dance is of no interest."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--checkpoint", default="default")
    parser.add_argument("--split", default="val", choices=["val", "test"])
    parser.add_argument("--seeds", type=int, default=12, help="dances of each style to each song")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the figures of each dance as JSON")
    options = parser.parse_args()
    data = DanceDataset(options.data)
    checkpoint = load_own_checkpoint(options.checkpoint)
    styles, table = checkpoint.styles, StyleTable(checkpoint.style_music)
    measurer = DanceMeasurer(*(subjects_of(data.split(split), table) for split in (options.split, "train")))
    print("| style | dances | beat gain | mean | style right | speed m/s |\n|---|---|---|---|---|---|")
    measured: list[MeasuredDance] = []
    for style in styles:
        dances = [
            measurer.measure(dance(options.checkpoint, Subject(song.path.stem, style, EMPTY, song), seed))
            for song in measurer.songs
            if song.danceable(style)
            for seed in range(options.seeds)
        ]
        print(f"| {style} | {len(dances)} | {line(dances)} |", flush=True)
        measured += dances
    print(f"| all | {len(measured)} | {line(measured)} |")
    if options.json:
        figures = [{"song": each.clip, "style": each.style, "seed": each.seed, **each.figures} for each in measured]
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def dance(checkpoint: str, subject: Subject, seed: int) -> EvaluatedDance:
    """A dance as a user gets it."""
    assert subject.song is not None
    request = GenerateRequest(
        str(subject.song.path), style=subject.style, seed=seed, checkpoint=checkpoint, device="cpu", fps=FRAME_RATE
    )
    return EvaluatedDance(OURS, subject, seed, generate(request, lambda *_: None, lambda: False).motion)


def line(dances: list[MeasuredDance]) -> str:
    """The columns of a table after style and number."""
    gains = np.array([[each.figures[f"feet_{way}_gain"] for way in ("m2d", "d2m")] for each in dances])
    ways, means = gains.mean(axis=0), gains.mean(axis=1)
    error = means.std(ddof=1) / np.sqrt(len(means)) if len(means) > 1 else float("nan")
    right = np.concatenate([each.windows["style_right"] for each in dances]).mean()
    speed = np.mean([each.figures["speed"] for each in dances])
    return f"{ways[0]:+.3f} / {ways[1]:+.3f} | {means.mean():+.3f} ± {error:.3f} | {right:.2f} | {speed:.2f}"


if __name__ == "__main__":
    main()
