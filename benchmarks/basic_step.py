"""How long the basic step of a style lasts: the period after which legs and feet do the same again.

    python -m benchmarks.basic_step --data DATA [--style salsa] [--checkpoint default] [--beats 8] [--seeds 5] SONG...

Salsa steps on six of eight beats, so its basic step lasts eight beats of the song, whatever the song's tempo is. The
period of a dance is the lag, from half to one and a half times `--beats` of its song, at which its legs in the body's
frame are most like themselves (normalised correlation in pieces of 12 s, the median over them); of a clip without a
song, the beats are those of its own steps near the style's usual tempo. Mean joint speed and jerk are given beside it.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.audio.beats import UNKNOWN_TEMPO
from engine.data import retime
from engine.data.clips import FRAME_RATE, at_rate
from engine.data.dataset import DanceDataset
from engine.data.styles import StyleTable
from engine.models.loading import load_own_checkpoint
from engine.motion.body_frame import in_body_frame
from engine.motion.measures import jerk
from engine.pipeline.generate import generate
from engine.pipeline.request import GenerateRequest
from smpl_rig.motion import Motion
from smpl_rig.skeleton import JOINT_NAMES

LEGS = [index for index, name in enumerate(JOINT_NAMES) if any(part in name for part in ("knee", "ankle", "foot"))]
PIECE = 12.0
"""Seconds."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("songs", nargs="+", type=Path, metavar="SONG")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--style", default="salsa")
    parser.add_argument("--checkpoint", default="default")
    parser.add_argument("--beats", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    styles = StyleTable(load_own_checkpoint(options.checkpoint).style_music)
    usual = styles.tempo(options.style) or UNKNOWN_TEMPO
    print("| dances | beats/min | basic step, s | its beats | speed m/s | jerk m/s³ |\n|---|---|---|---|---|---|")
    clips = [at_rate(clip.motion()) for clip in DanceDataset(options.data) if clip.style == options.style]
    real = [(motion, retime.steady_tempo(motion, usual)) for motion in clips if motion.seconds >= PIECE]
    print(f"| real, {len(real)} | {line(real, options.beats)} |", flush=True)
    for song in options.songs:
        request = GenerateRequest(
            str(song), seconds=options.seconds, style=options.style, checkpoint=options.checkpoint, fps=FRAME_RATE
        )
        dances = []
        for seed in range(options.seeds):
            dance = generate(replace(request, seed=seed), lambda *_: None, lambda: False)
            dances.append((dance.motion, float(dance.report["tempo"])))
        print(f"| {song.stem}, {len(dances)} | {line(dances, options.beats)} |", flush=True)


def line(dances: list[tuple[Motion, float]], beats: int) -> str:
    """The cells of a row: medians over pieces of dances with their tempi, means of speed and jerk."""
    found = []
    for motion, tempo in dances:
        size = round(PIECE * motion.fps)
        for start in range(0, len(motion) - size + 1, size):
            seconds = period(motion.cut(start, start + size), 60 / tempo * beats)
            found.append((tempo, seconds, seconds * tempo / 60))
    tempo, seconds, counted = np.median(np.array(found), axis=0)
    joints = [(motion.joints().astype(np.float64), motion.fps) for motion, _ in dances]
    speed = np.mean([np.linalg.norm(np.diff(each, axis=0), axis=-1).mean() * fps for each, fps in joints])
    return (
        f"{tempo:.0f} | {seconds:.2f} | {counted:.2f} | {speed:.2f} | {np.mean([jerk(*each) for each in joints]):.0f}"
    )


def period(motion: Motion, expected: float) -> float:
    """The lag in seconds, from half to one and a half times the expected one, at which the legs are most alike."""
    legs = in_body_frame(motion.joints())[:, LEGS].reshape(len(motion), -1).astype(np.float64)
    legs = legs - legs.mean(axis=0)
    lags = np.arange(round(0.5 * expected * motion.fps), round(1.5 * expected * motion.fps) + 1)
    lags = lags[lags < len(legs) // 2]
    return float(lags[np.argmax([_alike(legs[lag:], legs[:-lag]) for lag in lags])] / motion.fps)


def _alike(one: NDArray[np.float64], two: NDArray[np.float64]) -> float:
    return float((one * two).sum() / max(np.linalg.norm(one) * np.linalg.norm(two), 1e-9))


if __name__ == "__main__":
    main()
