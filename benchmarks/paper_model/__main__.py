"""Trains the paper's model: `python -m benchmarks.paper_model --data DATA --out RUN [--songs DATA/wavs_only]`.

An interrupted run is continued. RUN/checkpoint is then a checkpoint folder like that of an import:
`python -m engine generate SONG --checkpoint RUN/checkpoint`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.networks import write_checkpoint
from benchmarks.paper_model.codec import train_codec
from benchmarks.paper_model.vectors import VectorWindows
from benchmarks.paper_model.writer import TokenPairMaker, train_writer
from engine.checkpoint_index import CONFIG_FILE, ROOT
from engine.data.clips import styled
from engine.data.dataset import DanceDataset
from engine.data.songs import all_songs, with_songs
from engine.data.styles import read_styles
from engine.models.original.config import OriginalDecoderConfig, OriginalVQVAEConfig
from engine.training.loop import TrainOptions
from engine.training.pairs import PairSource

CODEC = OriginalVQVAEConfig(width=256, heads=4, forward_width=1024, encoder_depth=4, decoder_depth=4)
"""6.4 million parameters; ours has 6.6."""
WRITER = OriginalDecoderConfig(variant="librosa", width=256, heads=8, forward_width=1024, depth=5)
"""8.4 million parameters; ours has 8.2."""
RHYTHM_PAIRS = 4
CODEC_FRAMES = 1920
"""Frames per batch of the VQ-VAE, for any length of windows."""
WRITER_ROWS = 8


def train(
    data: Path,
    out: Path,
    songs: Path | None,
    vqvae_steps: int,
    decoder_steps: int,
    codec_config: OriginalVQVAEConfig = CODEC,
    writer_config: OriginalDecoderConfig = WRITER,
) -> Path:
    """Train both stages and return the checkpoint folder."""
    dataset = DanceDataset(data)
    motions = styled(dataset.split("train"))
    windows = VectorWindows(motions)
    options = TrainOptions(out / "vqvae", vqvae_steps, 8e-4, CODEC_FRAMES, validate_every=200)
    codec = train_codec(windows, styled(dataset.split("val")) or motions[:4], codec_config, options)

    styles = read_styles(ROOT / "checkpoints" / "default" / CONFIG_FILE)
    dances = with_songs(dataset.split("train"), styles)
    maker = TokenPairMaker(codec, windows.mean, windows.std)
    pairs = maker.make(PairSource(RHYTHM_PAIRS), dances, all_songs(dances, [songs] if songs else [], styles), print)
    val = maker.make(PairSource(0), with_songs(dataset.split("val"), styles), [], print) or pairs[:8]
    options = TrainOptions(out / "decoder", decoder_steps, 6e-4, WRITER_ROWS, validate_every=200)
    writer = train_writer(pairs, val, writer_config, options)

    description = f"The paper's model, small: {vqvae_steps} and {decoder_steps} steps on {data.name}."
    write_checkpoint(out / "checkpoint", codec, writer, windows.mean, windows.std, description)
    return out / "checkpoint"


def main() -> None:
    """Train, and print where the checkpoint is."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.paper_model", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a folder of dance data")
    parser.add_argument("--out", type=Path, required=True, help="the run folder; an unfinished run there is continued")
    parser.add_argument("--songs", type=Path, help="a folder of more songs to make rhythm pairs with")
    parser.add_argument("--vqvae-steps", type=int, default=1100)
    parser.add_argument("--decoder-steps", type=int, default=1100)
    options = parser.parse_args()
    print(train(options.data, options.out, options.songs, options.vqvae_steps, options.decoder_steps))


if __name__ == "__main__":
    main()
