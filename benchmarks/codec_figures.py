"""Figures of codecs on real dances, by style: of runs of train-vqvae and finetune-vqvae, and of checkpoints.

    python -m benchmarks.codec_figures RUN_OR_CHECKPOINT... --data DATA [--split val] [--licence commercial]

The same tables as those of `python -m engine evaluate`, without any dances.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from engine.data.clips import FRAME_RATE, at_rate
from engine.data.dataset import SPLITS, DanceDataset
from engine.data.sources import LICENCES, RESEARCH
from engine.evaluation.codec import codec_reports, reconstruct
from engine.evaluation.tables import codec_tables
from engine.models.numpy.codec import NumpyCodec
from engine.models.torch.vqvae import MotionVQVAE
from engine.training.run_folders import codec_of

SECONDS = 60


def main() -> None:
    """Print the tables of each codec."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("codecs", type=Path, nargs="+")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", choices=SPLITS, default="test")
    parser.add_argument("--licence", choices=LICENCES, default=RESEARCH)
    parser.add_argument("--clips", default="*", metavar="PATTERN")
    options = parser.parse_args()
    clips = DanceDataset(options.data, options.clips, options.licence).split(options.split)
    motions = [(clip, at_rate(clip.motion())) for clip in clips]
    for folder in options.codecs:
        codec = codec_of(folder)
        stride = codec.config.stride
        rebuilt = [
            reconstruct(codec, clip.name, clip.style, motion.cut(0, len(motion) // stride * stride))
            for clip, motion in motions
        ]
        print(f"## {folder}\n\n{codec_tables(codec_reports(rebuilt))}\n")
        print(f"{SECONDS} s of dance decoded with numpy: {_decoding_seconds(codec):.2f} s\n", flush=True)


def _decoding_seconds(codec: MotionVQVAE) -> float:
    """Processor time of decoding `SECONDS` of dance with numpy, the least of three."""
    config = codec.config
    ours = NumpyCodec(config, {name: value.numpy() for name, value in codec.state_dict().items()})
    shape = (1, round(SECONDS * FRAME_RATE / config.stride), config.levels)
    codes = np.random.default_rng(0).integers(config.codes, size=shape)
    taken = []
    for _ in range(3):
        begin = time.process_time()
        ours.decode(codes)
        taken.append(time.process_time() - begin)
    return min(taken)


if __name__ == "__main__":
    main()
