"""The variants: what each is and learns from, and the training of all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.trained_ablations.networks import BagOfFrames, Sinusoids
from engine.data.clips import at_rate
from engine.data.dataset import DanceDataset
from engine.data.songs import Dance, Song, all_songs, with_songs
from engine.models.torch.checkpoint import TorchCheckpoint
from engine.models.torch.decoder import DecoderConfig, MotionDecoder
from engine.training.decoder import train_decoder
from engine.training.loop import TrainOptions
from engine.training.pair_maker import PairMaker
from engine.training.pairs import Pair, PairSource, TimedDance

RHYTHM_PAIRS = 4


@dataclass(frozen=True)
class Variant:
    """A network and the pairs it learns from: "rhythm" pairs too, only "re-timed" real ones, or those "recorded"."""

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
    """Every variant's network, trained in a run of its own below `out`; all with the same seed, steps and batch.

    books: the codec's codebooks (K, codes, D), which all begin with.
    """
    networks = {}
    for variant in VARIANTS:
        run = out / variant.name.replace(",", "").replace(" ", "-")
        options = TrainOptions(run, steps, learning_rate=2e-3, batch=4)
        learned = pairs[variant.pairs]
        networks[variant] = train_decoder(learned, held_out, config, options, codebooks=books, kind=variant.network)
    return networks


def small(checkpoint: TorchCheckpoint) -> DecoderConfig:
    """Sizes of the decoders: they write the first level of the checkpoint's codec."""
    return DecoderConfig(
        codes=checkpoint.vqvae.config.codes,
        levels=1,
        styles=len(checkpoint.styles),
        width=128,
        heads=4,
        encoder_layers=2,
        decoder_layers=3,
        dropout=0.0,  # so short a training learns nothing by heart
    )


class AsRecorded(PairSource):
    """Dances to no music and to their own song, in the time in which they were recorded."""

    def timed(self, dance: Dance, songs: Sequence[Song]) -> Iterator[TimedDance]:
        """The dance twice, or once where its song has no beat."""
        motion, style = at_rate(dance.clip.motion), dance.clip.style
        yield TimedDance(motion, style, "silent")
        if dance.song is not None and dance.song.danceable(style):
            yield TimedDance(motion, style, "real", dance.song)


def training_pairs(data: DanceDataset, checkpoint: TorchCheckpoint, out: Path) -> dict[str, list[Pair]]:
    """What the variants learn from, by the name that `Variant.pairs` gives; kept in `out`."""
    dances = with_songs(data.split("train"))
    timed = PairMaker(checkpoint.vqvae, checkpoint.styles, RHYTHM_PAIRS)
    rhythm = _kept(out / "rhythm.pt", lambda: timed.make(dances, all_songs(dances, None), print))
    as_is = PairMaker(checkpoint.vqvae, checkpoint.styles, 0)
    as_is.source = AsRecorded(0)
    recorded = _kept(out / "recorded.pt", lambda: as_is.make(dances, [], print))
    return {"rhythm": rhythm, "re-timed": [p for p in rhythm if p.kind != "rhythm"], "recorded": recorded}


def validation_pairs(data: DanceDataset, checkpoint: TorchCheckpoint, out: Path) -> list[Pair]:
    """The validation dances re-timed onto their own songs; kept in `out`."""
    maker = PairMaker(checkpoint.vqvae, checkpoint.styles, 0)
    made = _kept(out / "val.pt", lambda: maker.make(with_songs(data.split("val")), [], print))
    return [pair for pair in made if pair.kind == "real"]


def _kept(file: Path, make: Callable[[], list[Pair]]) -> list[Pair]:
    """Pairs from a file, which is written where it is not there yet: to hear all songs takes minutes."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        rows = [
            (torch.from_numpy(p.codes), None if p.music is None else torch.from_numpy(p.music), p.style, p.kind)
            for p in make()
        ]
        partial = file.with_suffix(".partial")
        torch.save(rows, partial)
        os.replace(partial, file)  # noqa: PTH105 - as in engine.training.loop
    return [
        Pair(codes.numpy(), None if music is None else music.numpy(), style, kind)
        for codes, music, style, kind in torch.load(file, weights_only=True)
    ]
