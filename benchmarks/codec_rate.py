"""Trains small codecs of other token rates and compares their errors at the same number of codes a second.

    python -m benchmarks.codec_rate --data DATA --out RUNS [--steps 1000]

Each codec is trained from random weights for the same number of steps, on all styles, with the same seed, half of its
levels being the coarse ones; unfinished runs below RUNS are continued. The table gives the error of validation dances
reconstructed from the first levels only, in mm over joints and frames, and in brackets the share of speed kept.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from engine.data.clips import FRAME_RATE, StyledMotion, at_rate, styled
from engine.data.dataset import DanceDataset
from engine.models.own.config import VQVAEConfig
from engine.models.torch.vqvae import MotionVQVAE
from engine.motion import representation
from engine.training.loop import TrainOptions
from engine.training.vqvae import reconstruction_figures, train_vqvae

STRIDES = (2, 4)
"""Frames per token position: 10 and 5 positions a second."""
CODES_A_SECOND = (10, 20, 40, 80)


def main() -> None:
    """Train, measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1000)
    options = parser.parse_args()
    data = DanceDataset(options.data)
    train, val = styled(data.split("train")), styled(data.split("val"))
    print("| positions a second | " + " | ".join(f"{codes} codes a second" for codes in CODES_A_SECOND) + " |")
    print("|---" * (1 + len(CODES_A_SECOND)) + "|")
    for stride in STRIDES:
        rate = FRAME_RATE / stride
        levels = round(max(CODES_A_SECOND) / rate)
        config = VQVAEConfig(stride=stride, levels=levels, coarse=levels // 2)
        run = TrainOptions(options.out / f"stride_{stride}", options.steps, learning_rate=1e-3, batch=8)
        codec = train_vqvae(train, val, config, run)
        cells = [cell(codec, val, round(codes / rate)) for codes in CODES_A_SECOND]
        print(f"| {rate:g} | {' | '.join(cells)} |", flush=True)


@torch.inference_mode()
def cell(codec: MotionVQVAE, clips: list[StyledMotion], levels: int) -> str:
    """Error and speed kept of clips reconstructed from the first levels."""
    figures = []
    for clip in clips:
        motion = at_rate(clip.motion)
        target = torch.from_numpy(representation.encode(motion.cut(0, len(motion) // 8 * 8)))[None]
        figures.append(reconstruction_figures(codec.decode(codec.encode(target)[..., :levels]), target))
    error, speed = (sum(one[name] for one in figures) / len(figures) for name in ("mm", "speed_kept"))
    return f"{error:.1f} ({speed:.0%})"


if __name__ == "__main__":
    main()
