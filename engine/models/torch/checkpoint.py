"""A checkpoint of our own family, computed with torch: in memory, and its reading and writing.

A checkpoint is data and nothing in it is ever run: weights are safetensors, the config is JSON and is validated field
by field. Weights are stored in half precision and computed with in float32.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from engine.audio.beats import choose_style
from engine.audio.music_features import MUSIC_FEATURES, music_features
from engine.audio.rates import FRAME_RATE as MUSIC_RATE
from engine.audio.rates import HOP, SAMPLE_RATE
from engine.bounded_files import check_file
from engine.checkpoint_index import CONFIG_FILE, OWN_FAMILY, WEIGHTS_FILE, StyleMusic, style_music
from engine.checks import is_count, is_number, reason_of, shown
from engine.errors import CheckpointError, RequestError
from engine.models.base import Generated, GenerationTask, Music, Song, SpanGenerator, check_style
from engine.models.torch import generation
from engine.models.torch.decoder import DecoderConfig, MotionDecoder
from engine.models.torch.half_weights import read_in_half
from engine.models.torch.sampling import Sampling
from engine.models.torch.span_generator import TorchSpanGenerator
from engine.models.torch.vqvae import MotionVQVAE, VQVAEConfig
from engine.motion import representation
from engine.motion.representation import FEATURES
from smpl_rig.motion import Motion

FORMAT = 1
Config = TypeVar("Config", VQVAEConfig, DecoderConfig, Sampling)

_LARGEST = 16_384
"""Largest whole number in a config, many times what any of our checkpoints has: a larger one would need more memory
than any machine has, before the weights can be compared with it."""
_MOST_LAYERS = 128
_COUNTS = frozenset(
    {"levels", "coarse", "frame_blocks", "token_blocks", "encoder_layers", "decoder_layers", "heads", "stride"}
)


@dataclass(frozen=True)
class TorchCheckpoint:
    """A checkpoint of our own family; implements `engine.models.base.Checkpoint`.

    style_music: in the order of the decoder's style indices. sampling: its default settings. style_sampling: the
    settings of styles that are better sampled otherwise.
    """

    name: str
    folder: Path
    vqvae: MotionVQVAE
    decoder: MotionDecoder
    style_music: Mapping[str, StyleMusic]
    frame_rate: float
    sampling: Sampling
    style_sampling: Mapping[str, Sampling] = field(default_factory=dict)

    @property
    def styles(self) -> tuple[str, ...]:
        """Names of its styles, in the order of the decoder's indices."""
        return tuple(self.style_music)

    @property
    def stride(self) -> int:
        """Frames a token position."""
        return self.vqvae.config.stride

    @property
    def token_rate(self) -> float:
        """Token positions a second."""
        return self.frame_rate / self.stride

    @property
    def levels(self) -> int:
        """Residual codes a token position."""
        return self.vqvae.config.levels

    @property
    def codes(self) -> int:
        """Size of each level's codebook."""
        return self.vqvae.config.codes

    @property
    def device(self) -> torch.device:
        """The device of its weights."""
        return next(self.vqvae.parameters()).device

    @property
    def music_width(self) -> int:
        """Numbers of a frame of its music features."""
        return self.decoder.config.music_features

    def sampling_of(self, style: str | None) -> Sampling:
        """The sampling settings of a style; the default ones for None."""
        return self.sampling if style is None else self.style_sampling.get(style, self.sampling)

    def check(self, style: str | None, candidates: int, music_view: str | None) -> None:
        """Raise RequestError for a request that it cannot serve."""
        check_style(self.name, self.styles, style)
        if music_view is not None:
            raise RequestError(
                f"music_view is for imported checkpoints; {shown(self.name)} always uses the music around every token. "
                "Leave it out."
            )

    def music(self, song: Song, style: str | None, positions: int, progress: Callable[[float], None]) -> Music:
        """The features for `positions` tokens, `stride` frames each; silence follows the song. Raises EngineError."""
        name = style or choose_style(song.samples, SAMPLE_RATE, self.style_music)
        frames = positions * self.stride
        samples = np.pad(song.samples, (0, max(0, frames * HOP - len(song.samples))))
        features, beats = music_features(samples, self.style_music.get(name, StyleMusic()).tempo)
        return Music(features[:frames], beats, name)

    def generate(self, task: GenerationTask) -> Generated:
        """Tokens for a whole dance. Raises CancelledError between two tokens."""
        assert task.music.style is not None, "music() chooses one"
        index, sampling = self.styles.index(task.music.style), self.sampling_of(task.music.style)
        return generation.generate(self.vqvae, self.decoder, index, sampling, self.frame_rate, task)

    def span_generator(self) -> SpanGenerator:
        """The generator that fills spans of a dance."""
        return TorchSpanGenerator(self.vqvae, self.decoder, self.styles, self.sampling_of, self.frame_rate)

    def encode(self, motion: Motion) -> NDArray[np.int64]:
        """The tokens (N, K) of a motion at its frame rate, of a number of frames that the stride divides."""
        features = torch.from_numpy(representation.encode(motion))[None].to(self.device)
        return self.vqvae.encode(features)[0].cpu().numpy()

    @torch.inference_mode()
    def decode(self, tokens: NDArray[np.int64]) -> Motion:
        """The motion of tokens (N, K) at its frame rate, before feet are locked."""
        features = self.vqvae.decode(torch.from_numpy(tokens)[None].to(self.device))[0].cpu().numpy()
        return representation.decode(features, self.frame_rate)


def load_torch(folder: Path, config: Mapping[str, Any], device: str) -> TorchCheckpoint:
    """Load a folder that `save_checkpoint` wrote, given its parsed config. Raises CheckpointError."""
    try:
        check_file(folder / WEIGHTS_FILE)
        weights = load_file(folder / WEIGHTS_FILE, device=device)
    except (OSError, SafetensorError, ValueError) as error:
        raise CheckpointError(
            f"The weights of checkpoint {folder.name!r} cannot be read ({reason_of(error)}). Install or copy it again."
        ) from error
    config = _with_later_fields(config)
    weights.pop("vqvae.quantizer.started", None)  # only in early checkpoints
    codec_config = _config(VQVAEConfig, config, "vqvae", folder)
    decoder_config = _config(DecoderConfig, config, "decoder", folder)
    sampling = _config(Sampling, config, "sampling", folder)
    _check_fit(codec_config, decoder_config, folder)
    with torch.device("meta"):  # shapes only: memory is allocated once the weights are known to fit
        vqvae, decoder = MotionVQVAE(codec_config), MotionDecoder(decoder_config)
    _fill(vqvae, "vqvae.", weights, device, folder)
    _fill(decoder, "decoder.", weights, device, folder)
    try:
        music = style_music(config)
    except ValueError as error:
        raise CheckpointError(
            f"Checkpoint {folder.name!r}: its config.json is damaged ({reason_of(error)}). Install it again."
        ) from error
    if len(music) != decoder_config.styles:
        raise CheckpointError(
            f"Checkpoint {folder.name!r} has the styles {shown(list(music))}, but its decoder has "
            f"{decoder_config.styles}. Install it again."
        )
    frame_rate = config.get("frame_rate", MUSIC_RATE)
    if not is_number(frame_rate) or frame_rate != MUSIC_RATE:
        raise CheckpointError(
            f"Checkpoint {folder.name!r}: its frame_rate is {shown(frame_rate)}, but this engine computes music "
            f"features {MUSIC_RATE} times a second. Update the add-on."
        )
    own = config.get("style_sampling", {})
    if not isinstance(own, dict) or not set(own) <= set(music):
        raise CheckpointError(
            f"Checkpoint {folder.name!r}: 'style_sampling' in its config.json has names other than its styles "
            f"{', '.join(music)}. Install it again."
        )
    styled = {style: _config(Sampling, own, style, folder) for style in own}
    for network in (vqvae, decoder):
        network.to(device).eval().requires_grad_(False)
    read_in_half(decoder)
    name = str(config.get("name", folder.name))
    return TorchCheckpoint(name, folder, vqvae, decoder, music, float(frame_rate), sampling, styled)


def save_checkpoint(
    folder: Path,
    vqvae: MotionVQVAE,
    decoder: MotionDecoder,
    description: Mapping[str, Any],
    sampling: Sampling,
    frame_rate: float,
) -> None:
    """Write a checkpoint's config and weights, matrices in half precision.

    description: name, styles, description, style_music (see `engine.checkpoint_index`) and, where styles have their own
    settings, style_sampling. frame_rate: frames a second of the training motion.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "format": FORMAT,
        "family": OWN_FAMILY,
        **description,
        "token_rate": frame_rate / vqvae.config.stride,
        "frame_rate": frame_rate,
        "vqvae": asdict(vqvae.config),
        "decoder": asdict(decoder.config),
        "sampling": asdict(sampling),
    }
    weights = {f"vqvae.{name}": value for name, value in vqvae.state_dict().items()}
    weights |= {f"decoder.{name}": value for name, value in decoder.state_dict().items()}
    # the moving averages behind the codebook are only needed for training
    kept = {n: v for n, v in weights.items() if not n.endswith(("quantizer.usage", "quantizer.total"))}
    stored = {n: _stored(v).cpu().contiguous() for n, v in kept.items()}
    partial = folder / f"{WEIGHTS_FILE}.partial"
    save_file(stored, partial)
    os.replace(partial, folder / WEIGHTS_FILE)  # noqa: PTH105 - atomic on every platform
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=2) + "\n")


def _stored(value: Tensor) -> Tensor:
    return value.half() if value.is_floating_point() and value.ndim >= 2 else value


def _with_later_fields(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config with the fields that early checkpoints lack: their decoder generated all levels, all at one
    temperature."""
    codec, sampling = config.get("vqvae"), config.get("sampling")
    complete = dict(config)
    if isinstance(codec, dict):
        complete["vqvae"] = {"coarse": codec.get("levels"), **codec}
    if isinstance(sampling, dict):
        complete["sampling"] = {"cooling": 1.0, **sampling}
    return complete


def _config(kind: type[Config], config: Mapping[str, Any], key: str, folder: Path) -> Config:
    values = config.get(key)
    expected = {field.name: type(field.default) for field in fields(kind)}
    if not isinstance(values, dict) or set(values) != set(expected):
        raise CheckpointError(
            f"Checkpoint {folder.name!r}: {key!r} in its config.json does not have the fields {sorted(expected)}. "
            "Install it again."
        )
    for name, value in values.items():
        if not _usable(name, value, expected[name]):
            raise CheckpointError(
                f"Checkpoint {folder.name!r}: {key}.{name} in its config.json has the invalid value {shown(value)}. "
                "Install it again."
            )
    return kind(**values)


def _usable(name: str, value: object, kind: type) -> bool:
    if name == "dropout":
        return is_number(value, 0) and value < 1
    if kind is not int:
        return is_number(value, 0)
    return is_count(value, 0 if name == "top_k" else 1, _MOST_LAYERS if name in _COUNTS else _LARGEST)


def _check_fit(codec: VQVAEConfig, decoder: DecoderConfig, folder: Path) -> None:
    """Raise CheckpointError for networks that could be filled with weights but do not work together."""
    pairs = {
        "vqvae.features": (codec.features, FEATURES),
        "decoder.music_features": (decoder.music_features, MUSIC_FEATURES),
        "decoder.codes": (decoder.codes, codec.codes),
        "decoder.levels": (decoder.levels, codec.coarse),
        "vqvae.coarse": (codec.coarse, min(codec.coarse, codec.levels)),
        "decoder.music_stride": (decoder.music_stride, codec.stride),
        "the remainder of decoder.width / decoder.heads": (decoder.width % decoder.heads, 0),
    }
    for name, (found, needed) in pairs.items():
        if found != needed:
            raise CheckpointError(
                f"Checkpoint {folder.name!r}: {name} is {found} in its config.json, but {needed} is needed. "
                "Install it again."
            )


def _fill(network: nn.Module, prefix: str, weights: Mapping[str, Tensor], device: str, folder: Path) -> None:
    expected = network.state_dict()
    optional = {"quantizer.usage", "quantizer.total"}
    found = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
    missing = sorted(set(expected) - set(found) - optional)
    unknown = sorted(set(found) - set(expected))
    wrong = sorted(n for n in set(found) & set(expected) if found[n].shape != expected[n].shape)
    if missing or unknown or wrong:
        problems = {"missing": missing, "unknown": unknown, "of wrong shape": wrong}
        parts = [f"{len(names)} {word} ({names[0]})" for word, names in problems.items() if names]
        raise CheckpointError(
            f"The weights of checkpoint {folder.name!r} do not fit its config: {', '.join(parts)}. Install it again."
        )
    broken = sorted(name for name, value in found.items() if not torch.isfinite(value).all())
    if broken:
        raise CheckpointError(
            f"The weights of checkpoint {folder.name!r} have NaN or infinite values ({broken[0]}). Install it again."
        )
    # copied, because a tensor of the loaded file is a view of the file, which may be overwritten while we run
    filled = {n: found[n].to(value.dtype, copy=True) for n, value in expected.items() if n in found}
    filled |= {name: torch.zeros(expected[name].shape, device=device) for name in optional & set(expected) - set(found)}
    network.load_state_dict(filled, assign=True)
