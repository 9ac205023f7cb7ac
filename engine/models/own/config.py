"""Sizes and sampling settings of our own family, and their reading from a checkpoint's config, which is validated field
by field: a config is data from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from engine.checks import is_count, is_number, shown
from engine.errors import CheckpointError

MUSIC_WINDOW, MUSIC_LAYERS = 5, 2
"""Width in positions, and number, of the convolutions over the music in the context encoder."""
BETWEEN = 3
"""Width in frames of the codec's convolutions between frame side and token side, where all layers run at the frame
rate."""


@dataclass(frozen=True)
class VQVAEConfig:
    """Sizes of the codec. `stride` motion frames make one token position, which has `levels` codes.

    coarse: how many of the levels are generated for a new dance. Fine levels can hardly be predicted from music and
    past, but reproduce an encoded motion much more closely; their code 0 is the zero vector, so a generated position
    has zeros there.

    quick: every so many levels, one codes how the second frame of a position differs from the first, while the others
    code what both share: the two halves of a Haar transform of their latent vectors, each with residual levels of its
    own. So quick movements have codes of their own, however weak they are. All layers run at the frame rate then. 0: no
    level does, and the inner layers run at the token rate, as in early checkpoints.
    """

    features: int = 128
    frame_width: int = 256
    token_width: int = 384
    frame_blocks: int = 2
    token_blocks: int = 4
    code_dim: int = 128
    codes: int = 512
    levels: int = 8
    coarse: int = 4
    stride: int = 2
    quick: int = 0

    @property
    def reach(self) -> int:
        """Token positions on each side that one token's features can depend on or change."""
        token_side = sum(dilation(index) for index in range(self.token_blocks)) + 1
        frame_side = sum(dilation(index) for index in range(self.frame_blocks)) + 2
        if self.quick:
            frame_side += 1  # the convolution between both sides
        return token_side + -(-frame_side // self.stride) + 1

    @property
    def latents(self) -> int:
        """Latent vectors of a token position; also what the inner layers' dilations are multiplied by, so that they
        reach as far in seconds at the frame rate as at the token rate."""
        return self.stride if self.quick else 1

    def is_quick(self, level: int) -> bool:
        """Whether a level codes the difference between the frames of a position."""
        return self.quick > 0 and level % self.quick == self.quick - 1


def dilation(index: int) -> int:
    """Dilation of the convolution in the codec's residual block of that index."""
    return 3 ** (index % 2)


@dataclass(frozen=True)
class DecoderConfig:
    """Sizes of the motion decoder. `music_stride` music frames belong to one token position.

    energy: whether it can be told how large and quick the motion is to be (see `engine.motion.energy`).
    """

    codes: int = 512
    levels: int = 4
    music_features: int = 37
    music_stride: int = 2
    styles: int = 5
    width: int = 256
    heads: int = 8
    encoder_layers: int = 2
    decoder_layers: int = 4
    past: int = 128  # positions of self-attention: as many as a training window has
    around: int = 48  # positions on each side in the encoder's self-attention and the decoder's cross-attention
    dropout: float = 0.15
    energy: bool = False

    @property
    def reach(self) -> int:
        """Token positions on each side that one vector of the memory depends on."""
        return self.encoder_layers * self.around + MUSIC_LAYERS * (MUSIC_WINDOW // 2)


@dataclass(frozen=True)
class Sampling:
    """Sampling settings. Guidance 1 is none; `top_k` 0 and `top_p` 1 keep every code.

    cooling: each residual level after `engine.models.own.sampling.LAST_COARSE` has the temperature of the one before
    times this. Fine levels can hardly be predicted; sampled at the full temperature they would be jitter. off_beat:
    `guidance` leads away from the same music half a beat late, not from no music.
    """

    temperature: float = 1.0
    cooling: float = 1.0
    top_k: int = 30
    top_p: float = 1.0
    guidance: float = 1.5
    style_guidance: float = 1.5
    off_beat: bool = False


Config = TypeVar("Config", VQVAEConfig, DecoderConfig, Sampling)

_LARGEST = 16_384
"""Largest whole number in a config, many times what any of our checkpoints has: a larger one would need more memory
than any machine has, before the weights can be compared with it."""
_MOST_LAYERS = 128
_COUNTS = frozenset(
    {"levels", "coarse", "frame_blocks", "token_blocks", "encoder_layers", "decoder_layers", "heads", "stride", "quick"}
)
_FROM_ZERO = frozenset({"top_k", "quick"})


def read_config(kind: type[Config], config: Mapping[str, Any], key: str, name: str) -> Config:
    """The settings under `key` in a config of checkpoint `name`. Raises CheckpointError."""
    values = config.get(key)
    expected = {field.name: type(field.default) for field in fields(kind)}
    if not isinstance(values, dict) or set(values) != set(expected):
        raise CheckpointError(
            f"Checkpoint {name!r}: {key!r} in its config.json does not have the fields {sorted(expected)}. "
            "Install it again."
        )
    for field_name, value in values.items():
        if not _usable(field_name, value, expected[field_name]):
            raise CheckpointError(
                f"Checkpoint {name!r}: {key}.{field_name} in its config.json has the invalid value {shown(value)}. "
                "Install it again."
            )
    return kind(**values)


def with_later_fields(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config with the fields that early checkpoints lack: their decoder generated all levels, all at one temperature,
    could not be told an energy, and was led away from no music; their codec had no quick levels."""
    codec, decoder, sampling = config.get("vqvae"), config.get("decoder"), config.get("sampling")
    complete = dict(config)
    if isinstance(codec, dict):
        complete["vqvae"] = {"coarse": codec.get("levels"), "quick": 0, **codec}
    if isinstance(decoder, dict):
        complete["decoder"] = {"energy": False, **decoder}
    if isinstance(sampling, dict):
        complete["sampling"] = {"cooling": 1.0, "off_beat": False, **sampling}
    own = config.get("style_sampling")
    if isinstance(own, dict):
        complete["style_sampling"] = {
            style: {"off_beat": False, **each} if isinstance(each, dict) else each for style, each in own.items()
        }
    return complete


def check_fit(codec: VQVAEConfig, decoder: DecoderConfig, features: int, music_features: int, name: str) -> None:
    """Raise CheckpointError for networks that could be filled with weights but do not work together, or not with
    `features` numbers a frame of motion and `music_features` of music."""
    pairs = {
        "vqvae.features": (codec.features, features),
        "decoder.music_features": (decoder.music_features, music_features),
        "decoder.codes": (decoder.codes, codec.codes),
        "decoder.levels": (decoder.levels, codec.coarse),
        "vqvae.coarse": (codec.coarse, min(codec.coarse, codec.levels)),
        "vqvae.stride": (codec.stride, 2 if codec.quick else codec.stride),
        "decoder.music_stride": (decoder.music_stride, codec.stride),
        "the remainder of decoder.width / decoder.heads": (decoder.width % decoder.heads, 0),
    }
    for what, (found, needed) in pairs.items():
        if found != needed:
            raise CheckpointError(
                f"Checkpoint {name!r}: {what} is {found} in its config.json, but {needed} is needed. Install it again."
            )


def _usable(name: str, value: object, kind: type) -> bool:
    if name == "dropout":
        return is_number(value, 0) and value < 1
    if kind is bool:
        return isinstance(value, bool)
    if kind is not int:
        return is_number(value, 0)
    return is_count(value, 0 if name in _FROM_ZERO else 1, _MOST_LAYERS if name in _COUNTS else _LARGEST)
