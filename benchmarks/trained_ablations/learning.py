"""The variants, their training data and their training."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from benchmarks.trained_ablations.networks import BagOfFrames, Sinusoids
from engine.data.clips import at_rate
from engine.data.dataset import DanceDataset
from engine.data.songs import RecordedDance, SongFile, all_songs, with_songs
from engine.data.styles import StyleTable
from engine.models.own.config import DecoderConfig
from engine.models.torch.checkpoint import TorchCheckpoint
from engine.models.torch.decoder import MotionDecoder
from engine.training.decoder import new_decoder, train_decoder
from engine.training.loop import TrainOptions
from engine.training.pair_files import read_pairs, write_pairs
from engine.training.pair_maker import PairMaker
from engine.training.pairs import Pair, PairSource, TimedDance

RHYTHM_PAIRS = 4


@dataclass(frozen=True)
class Variant:
    """A network and its training pairs: with "rhythm" pairs, only "re-timed" real ones, or real ones as "recorded"."""

    name: str
    network: type[MotionDecoder] = MotionDecoder
    pairs: str = "rhythm"


OURS = Variant("ours")
SINUSOIDS = Variant("sinusoidal positions", Sinusoids)
VARIANTS = (
    OURS,
    Variant("bag of frames", BagOfFrames),
    SINUSOIDS,
    Variant("as recorded, no rhythm pairs", pairs="recorded"),
    Variant("re-timed, no rhythm pairs", pairs="re-timed"),
)


def train(
    pairs: dict[str, list[Pair]], held_out: Sequence[Pair], config: DecoderConfig, books: Tensor, out: Path, steps: int
) -> dict[Variant, MotionDecoder]:
    """Every variant's network, each trained in its own folder in `out`, with the same seed, steps and batch size.

    books: the codec's codebooks (K, codes, D), with which the embeddings of all are initialised.
    """
    networks = {}
    for variant in VARIANTS:
        run = out / variant.name.replace(",", "").replace(" ", "-")
        options = TrainOptions(run, steps, learning_rate=2e-3, batch=4)
        learned = pairs[variant.pairs]
        start = new_decoder(learned, config, options.seed, books, variant.network)
        networks[variant] = train_decoder(learned, held_out, start, options)
    return networks


def small(checkpoint: TorchCheckpoint) -> DecoderConfig:
    """Configuration of the decoders, which generate the first level of the checkpoint's codes."""
    return DecoderConfig(
        codes=checkpoint.vqvae.config.codes,
        levels=1,
        styles=len(checkpoint.styles),
        width=128,
        heads=4,
        encoder_layers=2,
        decoder_layers=3,
        dropout=0.0,  # so short a training does not overfit
    )


class AsRecorded(PairSource):
    """Pairs of dances with no music and with their own song, timed as recorded."""

    def timed(self, dance: RecordedDance, songs: Sequence[SongFile]) -> Iterator[TimedDance]:
        """The dance twice, or once if its song has no beat."""
        motion, style = at_rate(dance.clip.motion), dance.clip.style
        yield TimedDance(motion, style, "silent")
        if dance.song is not None and dance.song.danceable(style):
            yield TimedDance(motion, style, "real", dance.song)


def training_pairs(data: DanceDataset, checkpoint: TorchCheckpoint, out: Path) -> dict[str, list[Pair]]:
    """Training pairs by the names of `Variant.pairs`; cached in `out`."""
    styles = StyleTable(checkpoint.style_music)
    dances = with_songs(data.split("train"), styles)
    timed = PairMaker(checkpoint.vqvae, checkpoint.styles, RHYTHM_PAIRS)
    rhythm = _cached(out / "rhythm.npz", lambda: timed.make(dances, all_songs(dances, [], styles), print))
    as_is = PairMaker(checkpoint.vqvae, checkpoint.styles, 0)
    as_is.source = AsRecorded(0)
    recorded = _cached(out / "recorded.npz", lambda: as_is.make(dances, [], print))
    return {"rhythm": rhythm, "re-timed": [p for p in rhythm if p.kind != "rhythm"], "recorded": recorded}


def validation_pairs(data: DanceDataset, checkpoint: TorchCheckpoint, out: Path) -> list[Pair]:
    """The validation dances re-timed onto their own songs; cached in `out`."""
    maker = PairMaker(checkpoint.vqvae, checkpoint.styles, 0)
    dances = with_songs(data.split("val"), StyleTable(checkpoint.style_music))
    made = _cached(out / "val.npz", lambda: maker.make(dances, [], print))
    return [pair for pair in made if pair.kind == "real"]


def _cached(file: Path, make: Callable[[], list[Pair]]) -> list[Pair]:
    """Pairs from a file, which is written first if it is missing: features of all songs need minutes."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".partial.npz")
        write_pairs(partial, make())
        os.replace(partial, file)  # noqa: PTH105 - as in engine.training.loop
    return read_pairs(file)
