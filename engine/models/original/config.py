"""Sizes and settings of the original's networks. The published ones are the defaults; an import reads them off the
tensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

from engine.checks import is_count, is_number
from engine.errors import CheckpointError

FRAME_RATE = 20.0
"""Frames, tokens and music frames per second: one token a frame, no down-sampling."""
HEAD_WIDTH = 64
STYLE_WIDTH = 512
SPECIAL_TOKENS = 3
"""BOS (never used), PAD and EOS follow the motion tokens in the vocabulary."""
STATISTICS = ("motion.mean", "motion.std")
"""Names of the tensors that normalise motion."""
VARIANTS: dict[str, int] = {"encodec": 128, "encodec_sine": 128, "encodec_style": 128, "librosa": 35}
"""The published variants and the width of their music features."""

_LARGEST = 1 << 16
"""Largest size in a config, many times the published ones: a damaged config must not allocate all memory."""


@dataclass(frozen=True)
class OriginalVQVAEConfig:
    """Sizes of the VQ-VAE. Attention has `heads` of 64, whatever the width."""

    motion_features: int = 263
    codes: int = 1024
    width: int = 768
    heads: int = 8
    forward_width: int = 3072
    encoder_depth: int = 12
    decoder_depth: int = 12

    @property
    def stride(self) -> int:
        """Frames per token position."""
        return 1

    @property
    def levels(self) -> int:
        """Codes per token position."""
        return 1


@dataclass(frozen=True)
class OriginalDecoderConfig:
    """Sizes of the motion decoder, and which of `VARIANTS` it is."""

    variant: str = "encodec"
    codes: int = 1024
    width: int = 768
    heads: int = 8
    forward_width: int = 3072
    depth: int = 12

    @property
    def vocabulary(self) -> int:
        """Number of motion tokens and special tokens."""
        return self.codes + SPECIAL_TOKENS

    @property
    def music_features(self) -> int:
        """Width of one music frame."""
        return VARIANTS[self.variant]

    @property
    def styled(self) -> bool:
        """Whether it needs a style vector."""
        return self.variant == "encodec_style"

    @property
    def sinusoid(self) -> bool:
        """Whether positions are absolute (a scaled sinusoid on the tokens) rather than ALiBi's distances."""
        return self.variant == "encodec_sine"


@dataclass(frozen=True)
class OriginalSampling:
    """Sampling settings. They are the original's except for `music_view`, which was "prefix" there.

    top_k: choices kept, of the whole vocabulary; 0 keeps all. music_view: "whole" as in training (a token attends to
    the music of its whole window) or "prefix" (position n of a window attends to the window's first n + 1 music
    frames). window: positions attended to at once, music and past. overlap: positions that a window shares with the one
    before.
    """

    temperature: float = 1.0
    top_k: int = 103
    music_view: str = "whole"
    window: int = 300
    overlap: int = 100


MUSIC_VIEWS = ("whole", "prefix")
Config = TypeVar("Config", OriginalVQVAEConfig, OriginalDecoderConfig, OriginalSampling)


def read_config(kind: type[Config], values: object, what: str) -> Config:
    """A config from parsed JSON, checked field by field. Raises CheckpointError that begins with `what`."""
    expected = {field.name: type(field.default) for field in fields(kind)}
    if not isinstance(values, Mapping) or set(values) != set(expected):
        raise CheckpointError(f"{what} does not have the fields {', '.join(expected)}. Import the checkpoint again.")
    for name, value in values.items():
        if not _usable(name, value, expected[name]):
            raise CheckpointError(
                f"{what}: {name} has the invalid value {json.dumps(value)}. Import the checkpoint again."
            )
    config = kind(**values)
    if isinstance(config, OriginalSampling) and config.overlap >= config.window:
        raise CheckpointError(
            f"{what}: the overlap {config.overlap} is not below the window {config.window}. Import the checkpoint "
            "again."
        )
    return config


def config_values(config: OriginalVQVAEConfig | OriginalDecoderConfig | OriginalSampling) -> dict[str, Any]:
    """The config as values for JSON."""
    return asdict(config)


def _usable(name: str, value: object, kind: type) -> bool:
    if kind is str:
        return value in (VARIANTS if name == "variant" else MUSIC_VIEWS)
    lowest = 0 if name in ("temperature", "top_k") else 1
    return is_count(value, lowest, _LARGEST) if kind is int else is_number(value, lowest, _LARGEST)
