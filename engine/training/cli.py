"""The commands `train-vqvae`, `finetune-vqvae`, `train-decoder`, `pack` and `style-patterns`: from a data folder to a
checkpoint. Their work imports PyTorch, so it is imported only when it is done."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from engine.data.sources import LICENCES, RESEARCH
from engine.service.terminal import add_device


def add_commands(commands: Any) -> None:
    """Add this module's sub-parsers."""
    vqvae = commands.add_parser("train-vqvae", help="stage one: train the motion codec; resumes an unfinished run")
    _add_run(vqvae, steps=3200, batch=64, learning_rate=1e-3)
    _add_start(vqvae)
    vqvae.add_argument("--levels", type=int, default=12, help="residual codes of a token position")
    vqvae.add_argument("--coarse", type=int, default=6, help="how many of them are generated for a new dance")
    vqvae.add_argument(
        "--quick",
        type=int,
        default=3,
        help="every so many of them, one codes how the position's two frames differ; 0: none does",
    )
    vqvae.set_defaults(run=_train_vqvae)

    finetune = commands.add_parser(
        "finetune-vqvae", help="then: train the codec's decoder on codes as they are sampled"
    )
    _add_run(finetune, steps=1600, batch=32, learning_rate=3e-4)
    finetune.add_argument("--vqvae", type=Path, required=True, help="the run folder of train-vqvae or finetune-vqvae")
    finetune.set_defaults(run=_finetune_vqvae)

    decoder = commands.add_parser(
        "train-decoder",
        help="stage two: train the generation of codes to music; to resume, --out is enough",
    )
    _add_run(decoder, steps=4000, batch=24, learning_rate=6e-4, needs_data=False)
    _add_start(decoder)
    decoder.add_argument(
        "--vqvae",
        type=Path,
        help="the run folder of train-vqvae or finetune-vqvae, or a checkpoint's, whose codec stays as it is",
    )
    decoder.add_argument(
        "--styles",
        type=Path,
        metavar="FILE",
        help="tempo, metre, shown names and hands of styles, as in the config.json of a checkpoint; else those of "
        "--start-from. A style that it lacks has four beats a bar and any tempo",
    )
    decoder.add_argument(
        "--songs",
        type=Path,
        nargs="+",
        default=[],
        help="folders of more songs for rhythm pairs: sound files, or index.json and wavs/",
    )
    decoder.add_argument(
        "--rhythm-pairs", type=int, default=4, help="number of other songs that each motion is re-timed onto"
    )
    decoder.add_argument(
        "--only-prepare",
        action="store_true",
        help="stop once the run folder has all that training needs: it can be trained on a machine without the data",
    )
    decoder.set_defaults(run=_train_decoder)

    pack = commands.add_parser("pack", help="make a checkpoint folder from two finished runs")
    pack.add_argument("--vqvae", type=Path, required=True, help="as of train-decoder")
    pack.add_argument("--decoder", type=Path, required=True)
    pack.add_argument(
        "-o", "--output", type=Path, required=True, help="the checkpoint folder, which names the checkpoint"
    )
    pack.add_argument("--description", default="", help="one sentence, shown in Blender's panel")
    pack.add_argument(
        "--version", type=int, default=1, help="of the checkpoint of this name; dances of an earlier one go on with it"
    )
    pack.set_defaults(run=_pack)

    patterns = commands.add_parser(
        "style-patterns", help="learn from songs by what Automatic tells a checkpoint's styles apart"
    )
    patterns.add_argument(
        "--checkpoint", type=Path, required=True, help="the checkpoint folder whose config is changed"
    )
    patterns.add_argument("--data", type=Path, help="dance data, of whose training split the songs are used")
    patterns.add_argument(
        "--songs",
        type=Path,
        nargs="+",
        default=[],
        help="folders of songs for styles without songs in --data: index.json, which says the style of each, and wavs/",
    )
    patterns.add_argument(
        "--styles", type=Path, metavar="FILE", help="first give the styles what this file says, as of train-decoder"
    )
    patterns.set_defaults(run=_style_patterns)


def _add_run(
    parser: argparse.ArgumentParser, steps: int, batch: int, learning_rate: float, needs_data: bool = True
) -> None:
    parser.add_argument(
        "--data", type=Path, required=needs_data, help="motions/ and wavs/, AIST++, or a folder of BVH files"
    )
    parser.add_argument(
        "--clips", default="*", metavar="PATTERN", help="use only clips whose names match, such as cmu_*"
    )
    parser.add_argument("--out", type=Path, required=True, help="the run folder; an unfinished run there is resumed")
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--batch", type=int, default=batch)
    parser.add_argument("--learning-rate", type=float, default=learning_rate)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--licence",
        choices=LICENCES,
        default=RESEARCH,
        help="what the checkpoint may be used for: with commercial, only clips and songs that are marked so are used",
    )
    add_device(parser)


def _add_start(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--start-from",
        metavar="CHECKPOINT",
        help="start from this checkpoint's weights instead of random ones; train-vqvae also from those of a run folder",
    )


def _train_vqvae(options: argparse.Namespace) -> None:
    from engine.training.commands import run_vqvae

    run_vqvae(options)


def _finetune_vqvae(options: argparse.Namespace) -> None:
    from engine.training.commands import run_finetuning

    run_finetuning(options)


def _train_decoder(options: argparse.Namespace) -> None:
    from engine.training.commands import run_decoder

    run_decoder(options)


def _pack(options: argparse.Namespace) -> None:
    from engine.training.commands import run_packing

    run_packing(options)


def _style_patterns(options: argparse.Namespace) -> None:
    from engine.training.commands import run_style_patterns

    run_style_patterns(options)
