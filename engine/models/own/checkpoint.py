"""A checkpoint of our own family in memory, and what reading it needs with every back end.

A checkpoint is data and nothing in it is ever run: weights are safetensors, the config is JSON and is validated field
by field. Weights are stored in half precision and computed with in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.audio.listening.song_styles import likely_styles
from engine.audio.music_features import MUSIC_FEATURES, music_features
from engine.audio.rates import FRAME_RATE as MUSIC_RATE
from engine.audio.rates import HOP
from engine.checkpoint_index import WEIGHTS_FILE, StyleMusic, style_music
from engine.checks import is_number, reason_of, shown
from engine.errors import CheckpointError, RequestError
from engine.models.base import Generated, GenerationTask, Music, Song, SpanGenerator, check_style
from engine.models.own import generation
from engine.models.own.config import (
    DecoderConfig,
    Sampling,
    VQVAEConfig,
    check_fit,
    read_config,
    with_later_fields,
)
from engine.models.own.networks import Codec, Decoder, Floats
from engine.models.own.span_generator import OwnSpanGenerator
from engine.models.own.weight_file import read_weights
from engine.models.own.weight_shapes import UNUSED, codec_shapes, decoder_shapes
from engine.motion import representation
from engine.motion.representation import FEATURES
from smpl_rig.motion import Motion

CODEC, DECODER = "vqvae.", "decoder."
"""Beginnings of the names of their tensors."""


@dataclass(frozen=True)
class Description:
    """What a checkpoint's config says.

    style_music: in the order of the decoder's style indices. sampling: its default settings. style_sampling: the
    settings of styles that are better sampled otherwise.
    """

    name: str
    folder: Path
    codec: VQVAEConfig
    decoder: DecoderConfig
    style_music: Mapping[str, StyleMusic]
    frame_rate: float
    sampling: Sampling
    style_sampling: Mapping[str, Sampling] = field(default_factory=dict)

    def sampling_of(self, style: str | None) -> Sampling:
        """The sampling settings of a style; the default ones for None."""
        return self.sampling if style is None else self.style_sampling.get(style, self.sampling)


@dataclass(frozen=True)
class OwnCheckpoint:
    """A checkpoint of our own family; implements `engine.models.base.Checkpoint`. device: as users read it."""

    description: Description
    codec: Codec
    decoder: Decoder
    device: str

    @property
    def name(self) -> str:
        """Its name, as the config says."""
        return self.description.name

    @property
    def folder(self) -> Path:
        """Where it was loaded from."""
        return self.description.folder

    @property
    def frame_rate(self) -> float:
        """Frames a second of its motion."""
        return self.description.frame_rate

    @property
    def style_music(self) -> Mapping[str, StyleMusic]:
        """Tempo and metre by style."""
        return self.description.style_music

    @property
    def styles(self) -> tuple[str, ...]:
        """Names of its styles, in the order of the decoder's indices."""
        return tuple(self.style_music)

    @property
    def stride(self) -> int:
        """Frames a token position."""
        return self.codec.config.stride

    @property
    def token_rate(self) -> float:
        """Token positions a second."""
        return self.frame_rate / self.stride

    @property
    def levels(self) -> int:
        """Residual codes a token position."""
        return self.codec.config.levels

    @property
    def codes(self) -> int:
        """Size of each level's codebook."""
        return self.codec.config.codes

    @property
    def music_width(self) -> int:
        """Numbers of a frame of its music features."""
        return self.decoder.config.music_features

    @property
    def has_energy(self) -> bool:
        """Whether its decoder can be told one."""
        return self.decoder.config.energy

    @property
    def sampling(self) -> Sampling:
        """Its default sampling settings."""
        return self.description.sampling

    def sampling_of(self, style: str | None) -> Sampling:
        """The sampling settings of a style; the default ones for None."""
        return self.description.sampling_of(style)

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
        fits = [] if style else likely_styles(song.heard.evidence, song.rhythm, self.style_music)
        name = style or fits[0][0]
        frames = positions * self.stride
        samples = np.pad(song.samples, (0, max(0, frames * HOP - len(song.samples))))
        beats = song.beats(self.style_music.get(name, StyleMusic()).tempo)
        return Music(music_features(samples, beats)[:frames], beats, name, fits)

    def generate(self, task: GenerationTask) -> Generated:
        """Tokens for a whole dance. Raises CancelledError between two tokens."""
        assert task.music.style is not None, "music() chooses one"
        index, sampling = self.styles.index(task.music.style), self.sampling_of(task.music.style)
        return generation.generate(self.codec, self.decoder, index, sampling, self.frame_rate, self.device, task)

    def span_generator(self) -> SpanGenerator:
        """The generator that fills spans of a dance."""
        return OwnSpanGenerator(self.codec, self.decoder, self.styles, self.sampling_of, self.frame_rate)

    def encode(self, motion: Motion) -> NDArray[np.int64]:
        """The tokens (N, K) of a motion at its frame rate, of a number of frames that the stride divides."""
        return self.codec.encode(representation.encode(motion)[None])[0]

    def decode(self, tokens: NDArray[np.int64]) -> Motion:
        """The motion of tokens (N, K) at its frame rate, before feet are locked."""
        return representation.decode(self.codec.decode(tokens[None])[0], self.frame_rate)


def read_checkpoint(
    folder: Path, config: Mapping[str, Any]
) -> tuple[Description, dict[str, Floats], dict[str, Floats]]:
    """What the parsed config of a folder says, and the tensors of its codec and of its decoder, by the names of torch's
    modules. Raises CheckpointError."""
    description = describe(folder, config)
    shapes = {f"{CODEC}{name}": shape for name, shape in codec_shapes(description.codec).items()}
    shapes |= {f"{DECODER}{name}": shape for name, shape in decoder_shapes(description.decoder).items()}
    unused = [f"{CODEC}{name}" for name in UNUSED]
    weights = read_weights(folder / WEIGHTS_FILE, shapes, unused, folder.name)
    codec, decoder = (
        {name.removeprefix(part): value for name, value in weights.items() if name.startswith(part)}
        for part in (CODEC, DECODER)
    )
    return description, codec, decoder


def describe(folder: Path, config: Mapping[str, Any]) -> Description:
    """What the parsed config of a checkpoint's folder says. Raises CheckpointError."""
    config = with_later_fields(config)
    codec = read_config(VQVAEConfig, config, "vqvae", folder.name)
    decoder = read_config(DecoderConfig, config, "decoder", folder.name)
    sampling = read_config(Sampling, config, "sampling", folder.name)
    check_fit(codec, decoder, FEATURES, MUSIC_FEATURES, folder.name)
    try:
        music = style_music(config)
    except ValueError as error:
        raise CheckpointError(
            f"Checkpoint {folder.name!r}: its config.json is damaged ({reason_of(error)}). Install it again."
        ) from error
    if len(music) != decoder.styles:
        raise CheckpointError(
            f"Checkpoint {folder.name!r} has the styles {shown(list(music))}, but its decoder has {decoder.styles}. "
            "Install it again."
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
    styled = {style: read_config(Sampling, own, style, folder.name) for style in own}
    name = str(config.get("name", folder.name))
    return Description(name, folder, codec, decoder, music, float(frame_rate), sampling, styled)
