"""The work of training's commands, on parsed options; `engine.training.cli` parses them without importing PyTorch."""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from engine.checkpoint_index import CONFIG_FILE, version_of
from engine.data.clips import FRAME_RATE, StyledMotion, styled
from engine.data.dataset import Clip, DanceDataset
from engine.data.songs import all_songs, with_songs
from engine.data.sources import RESEARCH, Provenance
from engine.data.style_patterns import songs_of, styled_songs, teachers, with_patterns
from engine.data.styles import StyleTable, read_styles
from engine.errors import DataError, EngineError, RequestError
from engine.models.loading import load_own_checkpoint
from engine.models.own.config import DecoderConfig, Sampling, VQVAEConfig
from engine.models.torch.checkpoint import TorchCheckpoint, save_checkpoint
from engine.models.torch.decoder import MotionDecoder
from engine.models.torch.vqvae import MotionVQVAE
from engine.runtime.device import choose_device
from engine.training.decoder import new_decoder, train_decoder
from engine.training.decoder_run import PreparedRun, is_prepared, read_run, write_run
from engine.training.decoder_start import position_codes, start_decoder
from engine.training.finetune_vqvae import finetune_vqvae
from engine.training.loop import TrainOptions
from engine.training.pair_maker import PairMaker
from engine.training.run_folders import STYLES_FILE, codec_of, folder_of, load_averaged, styles_of, write_codec_config
from engine.training.run_sources import card_with_sources, licence_of, merged, read_sources, write_sources
from engine.training.vqvae import train_vqvae

CARD_FILE = "MODEL_CARD.md"
MOST_LEVELS = 16
_ROW = re.compile(r"\[[-\d.,\s]+\]")
"""A list of numbers in JSON."""


def run_vqvae(options: argparse.Namespace) -> None:
    """Train a codec. Raises EngineError."""
    data = DanceDataset(options.data, options.clips, options.licence)
    train = styled(data.split("train"))
    val = styled(data.split("val")) or train[:4]
    config = _codec_config(options)
    start = _start_codec(options)
    settings = _options(options)
    write_codec_config(options.out, config)
    _keep_sources(options, data, [options.start_from])
    train_vqvae(train, val, config, settings, start)


def _codec_config(options: argparse.Namespace) -> VQVAEConfig:
    """The sizes of the codec to train. Raises EngineError."""
    if not 1 <= options.coarse <= options.levels <= MOST_LEVELS:
        raise EngineError(
            f"--levels is {options.levels} and --coarse {options.coarse}. "
            f"Choose 1 to {MOST_LEVELS} levels, and at most as many coarse ones."
        )
    if not (options.quick == 0 or 2 <= options.quick <= options.levels):
        raise EngineError(f"--quick is {options.quick}. Choose 0, or 2 to --levels, {options.levels}.")
    return VQVAEConfig(levels=options.levels, coarse=options.coarse, quick=options.quick)


def run_finetuning(options: argparse.Namespace) -> None:
    """Fine-tune a codec's decoder. Raises EngineError."""
    data = DanceDataset(options.data, options.clips, options.licence)
    train = styled(data.split("train"))
    codec = codec_of(options.vqvae)
    settings = _options(options)
    write_codec_config(options.out, codec.config)
    _keep_sources(options, data, [options.vqvae])
    finetune_vqvae(codec, train, styled(data.split("val")) or train[:4], settings)


def run_decoder(options: argparse.Namespace) -> None:
    """Prepare the run of a decoder, unless it is, and train it. Raises EngineError."""
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
    if options.data is None or options.vqvae is None:
        raise DataError(f"{options.out} holds no prepared run. Give --data and --vqvae to make one.")
    data = DanceDataset(options.data, options.clips, options.licence)
    codec = codec_of(options.vqvae)
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


def run_packing(options: argparse.Namespace) -> None:
    """Make a checkpoint of two runs. Raises EngineError."""
    codec = codec_of(options.vqvae)
    styles = styles_of(options.decoder)
    decoder = MotionDecoder(_decoder_config(codec, list(styles.music)))
    load_averaged(decoder, options.decoder, "train-decoder")
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


def run_style_patterns(options: argparse.Namespace) -> None:
    """Learn from songs what a checkpoint's config says of its styles. Songs that may not be used for what the
    checkpoint is for are left out. Raises EngineError."""
    place = options.checkpoint / CONFIG_FILE
    styles = read_styles(place)
    config = json.loads(place.read_text(encoding="utf-8"))
    if options.styles:
        styles = styles.told(read_styles(options.styles))
    licence = config.get("licence", RESEARCH)
    own = songs_of(DanceDataset(options.data, licence=licence).split("train")) if options.data else []
    songs = teachers(own, [song for folder in options.songs for song in styled_songs(folder, licence)])
    learned = with_patterns(styles.music, songs)
    text = json.dumps(config | replace(styles, music=learned).in_config(), indent=2) + "\n"
    # a row of a pattern in a line
    place.write_text(_ROW.sub(lambda row: json.dumps(json.loads(row[0])), text), encoding="utf-8")
    for style, music in learned.items():
        used = Counter(song.provenance.source or "source not stated" for song in songs if song.style == style)
        told = [f"{count} songs ({source})" for source, count in sorted(used.items())] or ["no songs"]
        print(f"{style}: {', '.join(told)}; prior {music.prior:g}, spread {music.spread:g}")


def _decoder_config(codec: MotionVQVAE, styles: Sequence[str]) -> DecoderConfig:
    return DecoderConfig(codes=codec.config.codes, levels=codec.config.coarse, styles=len(styles), energy=True)


def _start(options: argparse.Namespace) -> TorchCheckpoint | None:
    """The checkpoint that training starts from, None if none is named. Raises CheckpointError."""
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
        return codec_of(Path(options.start_from))
    start = _start(options)
    return start.vqvae if start else None


def _keep_sources(
    options: argparse.Namespace,
    data: DanceDataset,
    earlier: Sequence[str | Path | None],
    songs: Sequence[Provenance] = (),
) -> None:
    """Write what a run is trained on into its folder: training and validation clips, songs, and the sources of the
    `earlier` run folders and checkpoints that it starts from."""
    clips = [clip.provenance for clip in data if clip.split != "test"]
    write_sources(options.out, [*clips, *songs], [read_sources(folder_of(each)) for each in earlier if each])


def _style_table(options: argparse.Namespace, clips: Sequence[Clip]) -> StyleTable:
    """What is known of the styles of training clips. Raises DataError, CheckpointError."""
    told = StyleTable()
    if options.styles or options.start_from:
        told = read_styles(options.styles or folder_of(options.start_from) / CONFIG_FILE)
    return told.of(sorted({clip.style for clip in clips}), {clip.style for clip in clips if clip.audio_path})


def _options(options: argparse.Namespace) -> TrainOptions:
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
