"""An imported checkpoint, and its loading."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from engine.audio.listening.song_styles import likely_styles
from engine.bounded_files import check_file
from engine.checkpoint_index import StyleMusic, style_music
from engine.checks import reason_of, shown
from engine.errors import CheckpointError, RequestError
from engine.models.base import Generated, GenerationTask, Music, Song, SpanGenerator, check_style
from engine.models.original import generation
from engine.models.original.clip.clip_style import STYLES_FILE, load_vectors
from engine.models.original.config import (
    FRAME_RATE,
    MUSIC_VIEWS,
    STATISTICS,
    OriginalDecoderConfig,
    OriginalSampling,
    OriginalVQVAEConfig,
    read_config,
)
from engine.models.original.decoder import OriginalDecoder
from engine.models.original.networks import OriginalNetworks
from engine.models.original.quantize import PRECISIONS, round_weights
from engine.models.original.span_generator import OriginalSpanGenerator
from engine.models.original.vqvae import OriginalVQVAE
from engine.runtime.module_shapes import shapes_only


@dataclass(frozen=True)
class OriginalCheckpoint(OriginalNetworks):
    """An imported checkpoint; implements `engine.models.base.Checkpoint`."""

    frame_rate: float = field(default=FRAME_RATE, init=False)
    token_rate: float = field(default=FRAME_RATE, init=False)
    stride: int = field(default=1, init=False)
    levels: int = field(default=1, init=False)
    has_energy: bool = field(default=False, init=False)

    @property
    def codes(self) -> int:
        """Size of the codebook."""
        return self.vqvae.config.codes

    @property
    def style_music(self) -> Mapping[str, StyleMusic]:
        """Its styles. The original states no tempo or metre; earlier engines knew those of some styles by name."""
        return style_music({"styles": list(self.style_vectors)})

    @property
    def styles(self) -> tuple[str, ...]:
        """Names of its styles."""
        return tuple(self.style_vectors)

    @property
    def music_width(self) -> int:
        """Numbers of a frame of its music features."""
        return self.decoder.config.music_features

    def check(self, style: str | None, candidates: int, music_view: str | None) -> None:
        """Raise CheckpointError where it needs style vectors that have not been computed yet, RequestError for a
        request that it cannot serve."""
        if self.decoder.config.styled and not self.style_vectors:
            load_vectors(self.folder)
        check_style(self.name, self.styles, style)
        if music_view not in (None, *MUSIC_VIEWS):
            raise RequestError(f"music_view is {shown(music_view)}. Choose one of {', '.join(MUSIC_VIEWS)}.")
        if candidates > 1:
            raise RequestError(
                f"candidates is {candidates}, but {shown(self.name)} is an imported checkpoint, which generates one at "
                "a time. Ask for 1."
            )

    def music(self, song: Song, style: str | None, positions: int, progress: Callable[[float], None]) -> Music:
        """The features for `positions` tokens, and the song's beats. Raises EngineError."""
        fits = [] if style else likely_styles(song.heard.evidence, song.rhythm, self.style_music)
        name = style or (fits[0][0] if fits else None)
        return Music(generation.music_features(self, song, positions, progress), song.beats(None), name, fits)

    def generate(self, task: GenerationTask) -> Generated:
        """Tokens and motion of a whole dance. Raises CancelledError between two tokens."""
        return generation.generate(self, task)

    def span_generator(self) -> SpanGenerator:
        """The generator that fills spans of a dance."""
        return OriginalSpanGenerator(self)


def load_original(folder: Path, config: Mapping[str, Any], device: str) -> OriginalCheckpoint:
    """Load a folder that `importer` wrote, given its parsed config. Raises CheckpointError."""
    what = f"Checkpoint {folder.name!r}, config.json"
    vqvae_config = read_config(OriginalVQVAEConfig, config.get("vqvae"), f"{what}, vqvae")
    decoder_config = read_config(OriginalDecoderConfig, config.get("decoder"), f"{what}, decoder")
    sampling = read_config(OriginalSampling, config.get("sampling"), f"{what}, sampling")
    precision = config.get("precision", PRECISIONS[0])  # the first imports do not have it
    if precision not in PRECISIONS:
        raise CheckpointError(
            f"{what}: precision is {shown(precision)}, not one of {', '.join(PRECISIONS)}. Import it again."
        )
    try:
        check_file(folder / "model.safetensors")
        weights = load_file(folder / "model.safetensors", device=device)
    except (OSError, SafetensorError, ValueError) as error:
        raise CheckpointError(
            f"The weights of checkpoint {folder.name!r} cannot be read ({reason_of(error)}). Import it again."
        ) from error
    with shapes_only():  # shapes only: memory is allocated once the weights are known to fit
        vqvae, decoder = OriginalVQVAE(vqvae_config), OriginalDecoder(decoder_config)
    _fill(vqvae, "vqvae.", weights, folder)
    _fill(decoder, "decoder.", weights, folder)
    if device != "cpu" and precision == "int8":  # 8-bit products exist on the CPU only
        precision = "float16"
    round_weights(decoder, precision)
    mean, std = (_vector(weights, name, vqvae_config.motion_features, folder) for name in STATISTICS)
    has_vectors = decoder_config.styled and (folder / STYLES_FILE).is_file()
    vectors = load_vectors(folder) if has_vectors else {}
    normalised = config.get("normalised") is True
    return OriginalCheckpoint(
        str(config.get("name", folder.name)),
        folder,
        vqvae,
        decoder,
        sampling,
        mean,
        std,
        vectors,
        normalised,
        precision,
    )


def _fill(network: nn.Module, prefix: str, weights: Mapping[str, Tensor], folder: Path) -> None:
    """Load the weights under `prefix` into the network. Raises CheckpointError where they do not fit."""
    expected = network.state_dict()
    found = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
    odd = sorted(set(expected) ^ set(found))
    wrong = sorted(n for n in set(found) & set(expected) if found[n].shape != expected[n].shape)
    if odd or wrong:
        raise CheckpointError(
            f"The weights of checkpoint {folder.name!r} do not fit its config ({prefix}{(odd + wrong)[0]} and "
            f"{len(odd + wrong) - 1} others). Import it again."
        )
    broken = sorted(name for name, value in found.items() if not torch.isfinite(value).all())
    if broken:
        raise CheckpointError(
            f"The weights of checkpoint {folder.name!r} have NaN or infinite values ({broken[0]}). Import it again."
        )
    # copied, because a tensor of the loaded file is a view of the file, which may be overwritten while we run
    network.load_state_dict({n: value.to(torch.float32, copy=True) for n, value in found.items()}, assign=True)
    network.eval().requires_grad_(False)


def _vector(weights: Mapping[str, Tensor], name: str, width: int, folder: Path) -> NDArray[np.float32]:
    vector = weights.get(name)
    if vector is None or tuple(vector.shape) != (width,):
        raise CheckpointError(f"Checkpoint {folder.name!r} has no {name} of {width} numbers. Import it again.")
    return vector.float().cpu().numpy()
