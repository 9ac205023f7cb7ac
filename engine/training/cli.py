"""The commands `train-vqvae`, `finetune-vqvae`, `train-decoder` and `pack`: from a data folder to a checkpoint."""

from __future__ import annotations

import argparse
import json
import pickle
import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.checkpoint_index import WEIGHTS_FILE, version_of
from engine.data.sources import LICENCES, RESEARCH
from engine.errors import DataError, EngineError, RequestError
from engine.service.terminal import add_device

if TYPE_CHECKING:
    from torch import nn

    from engine.data.clips import StyledMotion
    from engine.data.dataset import Clip, DanceDataset
    from engine.data.sources import Provenance
    from engine.data.styles import StyleTable
    from engine.models.own.config import DecoderConfig, VQVAEConfig
    from engine.models.torch.checkpoint import TorchCheckpoint
    from engine.models.torch.decoder import MotionDecoder
    from engine.models.torch.vqvae import MotionVQVAE
    from engine.training.loop import TrainOptions


CONFIG_FILE, CARD_FILE = "config.json", "MODEL_CARD.md"
STYLES_FILE = "styles.json"
"""In the run folder of a decoder: what its checkpoint is to say of its styles."""
MOST_LEVELS = 16
_ROW = re.compile(r"\[[-\d.,\s]+\]")
"""A list of numbers in JSON."""


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
        "style-patterns", help="learn the rhythm patterns by which Automatic tells a checkpoint's styles apart"
    )
    patterns.add_argument("--data", type=Path, required=True)
    patterns.add_argument(
        "--checkpoint", type=Path, required=True, help="the checkpoint folder whose config is changed"
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
    from engine.data.clips import styled
    from engine.data.dataset import DanceDataset
    from engine.training.vqvae import train_vqvae

    data = DanceDataset(options.data, options.clips, options.licence)
    train = styled(data.split("train"))
    val = styled(data.split("val")) or train[:4]
    config = _codec_config(options)
    start = _start_codec(options)
    settings = _options(options)
    if (options.out / CONFIG_FILE).exists() and _read_codec_config(options.out) != config:
        raise DataError(
            f"{options.out} holds a run with other --levels, --coarse or --quick. Use the same, or another --out."
        )
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / CONFIG_FILE).write_text(json.dumps(asdict(config)), encoding="utf-8")
    _keep_sources(options, data, [options.start_from])
    train_vqvae(train, val, config, settings, start)


def _codec_config(options: argparse.Namespace) -> VQVAEConfig:
    """The sizes of the codec to train. Raises EngineError."""
    from engine.models.own.config import VQVAEConfig

    if not 1 <= options.coarse <= options.levels <= MOST_LEVELS:
        raise EngineError(
            f"--levels is {options.levels} and --coarse {options.coarse}. "
            f"Choose 1 to {MOST_LEVELS} levels, and at most as many coarse ones."
        )
    if not (options.quick == 0 or 2 <= options.quick <= options.levels):
        raise EngineError(f"--quick is {options.quick}. Choose 0, or 2 to --levels, {options.levels}.")
    return VQVAEConfig(levels=options.levels, coarse=options.coarse, quick=options.quick)


def _finetune_vqvae(options: argparse.Namespace) -> None:
    from engine.data.clips import styled
    from engine.data.dataset import DanceDataset
    from engine.training.finetune_vqvae import finetune_vqvae

    data = DanceDataset(options.data, options.clips, options.licence)
    train = styled(data.split("train"))
    codec = load_vqvae_run(options.vqvae)
    settings = _options(options)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / CONFIG_FILE).write_text(json.dumps(asdict(codec.config)), encoding="utf-8")
    _keep_sources(options, data, [options.vqvae])
    finetune_vqvae(codec, train, styled(data.split("val")) or train[:4], settings)


def _train_decoder(options: argparse.Namespace) -> None:
    from engine.training.decoder import train_decoder
    from engine.training.decoder_run import is_prepared, read_run

    if not is_prepared(options.out):
        _prepare_decoder(options)
    if options.only_prepare:
        return
    run = read_run(options.out)
    for name, value in _made_with(options).items():
        if value and value != run.made_with.get(name):
            raise DataError(
                f"{options.out} holds a run made with --{name} {run.made_with.get(name)}, not {value}. Leave it out, "
                "or use another --out."
            )
    train_decoder(run.pairs, run.held_out, run.model, _options(options))


def _prepare_decoder(options: argparse.Namespace) -> None:
    """Make the pairs and the untrained decoder of a run. Raises DataError, CheckpointError."""
    from engine.data.dataset import DanceDataset
    from engine.data.songs import all_songs, with_songs
    from engine.training.decoder import new_decoder
    from engine.training.decoder_run import PreparedRun, write_run
    from engine.training.pair_maker import PairMaker

    if options.data is None or options.vqvae is None:
        raise DataError(f"{options.out} holds no prepared run. Give --data and --vqvae to make one.")
    data = DanceDataset(options.data, options.clips, options.licence)
    codec = load_vqvae_run(options.vqvae)
    table = _style_table(options, data.split("train"))
    styles = list(table.music)
    config = _decoder_config(codec, styles)
    dances = with_songs(data.split("train"), table)
    songs = all_songs(dances, options.songs, table, options.licence)
    start = _start_decoder(options, codec, config, styles, [dance.clip for dance in dances])
    train = PairMaker(codec, styles, options.rhythm_pairs, options.seed).make(dances, songs, print)
    val_dances = [dance for dance in with_songs(data.split("val"), table) if dance.clip.style in styles]
    val = PairMaker(codec, styles, 0).make(val_dances, [], print) or train[:8]
    model = start or new_decoder(train, config, options.seed, codec.quantizer.codebook)
    _keep_sources(options, data, [options.vqvae, options.start_from], [song.provenance for song in songs])
    (options.out / STYLES_FILE).write_text(json.dumps(table.in_config()), encoding="utf-8")
    write_run(options.out, PreparedRun(model, train, val, _made_with(options)))


def _made_with(options: argparse.Namespace) -> dict[str, str]:
    """The options of train-decoder that its pairs and its start depend on, as far as they are given."""
    songs = " ".join(map(str, options.songs))
    return {
        "data": str(options.data or ""),
        "vqvae": str(options.vqvae or ""),
        "songs": songs,
        "start-from": options.start_from or "",
    }


def _pack(options: argparse.Namespace) -> None:
    from engine.data.clips import FRAME_RATE
    from engine.models.own.config import Sampling
    from engine.models.torch.checkpoint import save_checkpoint
    from engine.models.torch.decoder import MotionDecoder
    from engine.training.run_sources import card_with_sources, licence_of, merged, read_sources

    codec = load_vqvae_run(options.vqvae)
    styles = _read_styles(options.decoder)
    decoder = MotionDecoder(_decoder_config(codec, list(styles.music)))
    _load_averaged(decoder, options.decoder, "train-decoder")
    sources = merged([read_sources(options.vqvae), read_sources(options.decoder)])
    description = {
        "name": options.output.name,
        **styles.in_config(),
        "description": options.description,
        "version": options.version,
        "licence": licence_of(sources),
        "sources": sources,
    }
    try:
        version_of(description)
    except ValueError as error:
        raise RequestError(f"--version: {error}.") from error
    save_checkpoint(options.output, codec, decoder, description, Sampling(), FRAME_RATE)
    card = options.output / CARD_FILE
    text = card.read_text(encoding="utf-8") if card.is_file() else f"# Checkpoint `{options.output.name}`\n"
    card.write_text(card_with_sources(text, sources), encoding="utf-8")
    print(f"{options.output}: {(options.output / 'model.safetensors').stat().st_size / 1e6:.1f} MB")


def _style_patterns(options: argparse.Namespace) -> None:
    from engine.data.dataset import DanceDataset
    from engine.data.style_patterns import songs_of, with_patterns
    from engine.data.styles import read_styles

    place = options.checkpoint / CONFIG_FILE
    styles = read_styles(place)
    learned = with_patterns(styles.music, songs_of(DanceDataset(options.data).split("train")))
    config = json.loads(place.read_text(encoding="utf-8")) | replace(styles, music=learned).in_config()
    text = json.dumps(config, indent=2) + "\n"
    # a row of a pattern in a line
    place.write_text(_ROW.sub(lambda row: json.dumps(json.loads(row[0])), text), encoding="utf-8")
    for style, music in learned.items():
        print(f"{style}: {'a pattern' if music.pattern else 'no songs'}")


def _decoder_config(codec: MotionVQVAE, styles: Sequence[str]) -> DecoderConfig:
    from engine.models.own.config import DecoderConfig

    return DecoderConfig(codes=codec.config.codes, levels=codec.config.coarse, styles=len(styles), energy=True)


def _start(options: argparse.Namespace) -> TorchCheckpoint | None:
    """The checkpoint that training starts from, None if none is named. Raises CheckpointError."""
    from engine.models.loading import load_own_checkpoint

    return load_own_checkpoint(options.start_from) if options.start_from else None


def _start_decoder(
    options: argparse.Namespace,
    codec: MotionVQVAE,
    config: DecoderConfig,
    styles: Sequence[str],
    clips: Sequence[StyledMotion],
) -> MotionDecoder | None:
    """The decoder that training starts from, None if none is named: the checkpoint's own or, for another codec or other
    styles, one that has what can be carried over. Raises CheckpointError, DataError."""
    import torch

    from engine.models.torch.decoder import MotionDecoder
    from engine.training.decoder_start import position_codes, start_decoder

    start = _start(options)
    if start is None:
        return None
    books = codec.quantizer.codebook, start.vqvae.quantizer.codebook
    same_codes = codec.config == start.vqvae.config and torch.equal(*books)
    if same_codes and (start.network.config, list(start.styles)) == (config, styles):
        return start.network
    torch.manual_seed(options.seed)
    model = MotionDecoder(config)
    model.start_from_codebooks(codec.quantizer.codebook)
    codes = position_codes(codec, clips)[:, : config.levels], position_codes(start.vqvae, clips)
    codecs = codec.config, start.vqvae.config
    start_decoder(
        model, start.network, (styles, start.styles), codecs, (codes[0], codes[1][:, : start.network.config.levels])
    )
    return model


def _start_codec(options: argparse.Namespace) -> MotionVQVAE | None:
    """The codec that training starts from, of a run or of a checkpoint, None if none is named. Raises DataError,
    CheckpointError."""
    if options.start_from and (Path(options.start_from) / CONFIG_FILE).is_file():
        return load_vqvae_run(Path(options.start_from))
    start = _start(options)
    return start.vqvae if start else None


def load_vqvae_run(folder: Path) -> MotionVQVAE:
    """The averaged codec of a run folder, or the codec of a checkpoint's. Raises DataError, CheckpointError."""
    from engine.models.loading import load_own_checkpoint
    from engine.models.torch.vqvae import MotionVQVAE

    if (folder / WEIGHTS_FILE).is_file():
        return load_own_checkpoint(str(folder)).vqvae
    codec = MotionVQVAE(_read_codec_config(folder))
    _load_averaged(codec, folder, "train-vqvae")
    return codec.eval().requires_grad_(False)


def _keep_sources(
    options: argparse.Namespace,
    data: DanceDataset,
    earlier: Sequence[str | Path | None],
    songs: Sequence[Provenance] = (),
) -> None:
    """Write what a run is trained on into its folder: training and validation clips, songs, and the sources of the
    `earlier` run folders and checkpoints that it starts from."""
    from engine.training.run_sources import read_sources, write_sources

    clips = [clip.provenance for clip in data if clip.split != "test"]
    write_sources(options.out, [*clips, *songs], [read_sources(_folder_of(each)) for each in earlier if each])


def _folder_of(name: str | Path) -> Path:
    """The folder of a run, or of a checkpoint by name or path."""
    from engine.models.loading import find_checkpoint

    return Path(name) if (Path(name) / CONFIG_FILE).is_file() else find_checkpoint(str(name))


def _read_codec_config(folder: Path) -> VQVAEConfig:
    from engine.models.own.config import VQVAEConfig

    try:
        return VQVAEConfig(**json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{folder} holds no run of train-vqvae ({error}). Run train-vqvae with this --out.") from error


def _load_averaged(network: nn.Module, folder: Path, command: str) -> None:
    """Fill `network` with the averaged weights of a run folder. Raises DataError."""
    import torch

    from engine.training.loop import one_line

    try:
        state = torch.load(folder / "state.pt", map_location="cpu", weights_only=True)
        network.load_state_dict(state["averaged"])
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, EOFError, pickle.UnpicklingError) as error:
        raise DataError(
            f"{folder} holds no usable run of {command} ({one_line(error)}). Run {command} with this --out."
        ) from error


def _style_table(options: argparse.Namespace, clips: Sequence[Clip]) -> StyleTable:
    """What is known of the styles of training clips. Raises DataError, CheckpointError."""
    from engine.data.styles import StyleTable, read_styles

    told = StyleTable()
    if options.styles or options.start_from:
        told = read_styles(options.styles or _folder_of(options.start_from) / CONFIG_FILE)
    return told.of(sorted({clip.style for clip in clips}), {clip.style for clip in clips if clip.audio_path})


def _read_styles(folder: Path) -> StyleTable:
    from engine.data.styles import read_styles

    if not (folder / STYLES_FILE).is_file():
        raise DataError(f"{folder} holds no run of train-decoder. Run train-decoder with this --out.")
    return read_styles(folder / STYLES_FILE)


def _options(options: argparse.Namespace) -> TrainOptions:
    from engine.runtime.device import choose_device
    from engine.training.loop import TrainOptions

    if options.steps < 1 or options.batch < 1:
        raise EngineError(f"--steps {options.steps} and --batch {options.batch} must be at least 1.")
    return TrainOptions(
        out=options.out,
        steps=options.steps,
        learning_rate=options.learning_rate,
        batch=options.batch,
        seed=options.seed,
        device=choose_device(options.device).name,
    )
