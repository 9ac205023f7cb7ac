"""Checkpoints: a folder with `model.safetensors`, `config.json` and `MODEL_CARD.md`.

There are two families: ours, which this module saves, and the original's, which `models.original.importing` writes. A
checkpoint is data and nothing in it is ever run: weights are safetensors, the config is JSON and is validated field
by field. Weights of ours are stored in half precision; they are computed with in float32.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from engine.audio.music_features import MUSIC_FEATURES
from engine.checkpoint_index import list_checkpoints
from engine.errors import CheckpointError
from engine.models.original.checkpoint import OriginalCheckpoint, load_original
from engine.models.original.importing.importer import FAMILY as ORIGINAL
from engine.models.torch.decoder import DecoderConfig, MotionDecoder
from engine.models.torch.half_weights import read_in_half
from engine.models.torch.sampling import Sampling
from engine.models.torch.vqvae import MotionVQVAE, VQVAEConfig
from engine.motion import representation
from engine.motion.representation import FEATURES
from smpl_rig.motion import Motion

FORMAT = 1
FRAME_RATE = 20.0
Config = TypeVar("Config", VQVAEConfig, DecoderConfig, Sampling)

_LARGEST = 16_384
"""Of a whole number in a config, many times what any of our checkpoints has: a larger one would ask for memory that no
machine has before the weights can be compared with it."""
_MOST_LAYERS = 128
_COUNTS = frozenset(
    {"levels", "coarse", "frame_blocks", "token_blocks", "encoder_layers", "decoder_layers", "heads", "stride"}
)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint of ours. `styles` names the decoder's style indices.

    sampling: its usual settings of the draw. style_sampling: those of styles that are better drawn otherwise.
    """

    family: ClassVar[str] = "magma"

    name: str
    folder: Path
    vqvae: MotionVQVAE
    decoder: MotionDecoder
    styles: tuple[str, ...]
    sampling: Sampling
    style_sampling: Mapping[str, Sampling] = field(default_factory=dict)

    def sampling_of(self, style: str | None) -> Sampling:
        """The settings of the draw for a style, or for none."""
        return self.sampling if style is None else self.style_sampling.get(style, self.sampling)

    @property
    def token_rate(self) -> float:
        """Token positions per second."""
        return FRAME_RATE / self.vqvae.config.stride

    def encode(self, motion: Motion) -> NDArray[np.int64]:
        """Motion of a multiple of the stride of frames, at 20 frames/s -> tokens (N, K)."""
        features = torch.from_numpy(representation.encode(motion))[None].to(self._device)
        return self.vqvae.encode(features)[0].cpu().numpy()

    def decode(self, tokens: NDArray[np.int64]) -> Motion:
        """Tokens (N, K) -> motion at 20 frames/s, as decoded: no foot locking."""
        features = self.vqvae.decode(torch.from_numpy(tokens)[None].to(self._device))[0].cpu().numpy()
        return representation.decode(features, FRAME_RATE)

    @property
    def _device(self) -> torch.device:
        return next(self.vqvae.parameters()).device


AnyCheckpoint = Checkpoint | OriginalCheckpoint


def find_checkpoint(name_or_path: str) -> Path:
    """The folder of a checkpoint given by name or path. Raises CheckpointError naming what there is."""
    known = {entry["name"]: Path(entry["path"]) for entry in list_checkpoints()}
    if name_or_path in known:  # before any folder that happens to be called so where the engine was started
        return known[name_or_path]
    path = Path(name_or_path)
    if path.is_dir():
        return path
    there = ", ".join(sorted(known)) or "none"
    raise CheckpointError(f"No checkpoint {name_or_path!r} was found. Known: {there}. A path to a folder works too.")


def load_checkpoint(name_or_path: str, device: str = "cpu") -> AnyCheckpoint:
    """Load by name or folder, of either family. Raises CheckpointError for anything missing, damaged or of another
    format."""
    folder = find_checkpoint(name_or_path)
    config = _read_config(folder)
    family = config.get("family", Checkpoint.family)  # the first checkpoints of ours do not name it
    if family == ORIGINAL:
        return load_original(folder, config, device)
    if family != Checkpoint.family:
        raise CheckpointError(f"Checkpoint {folder.name!r} is of an unknown family ({family!r}). Update the add-on.")
    return _load_ours(folder, config, device)


def load_own_checkpoint(name_or_path: str, device: str = "cpu") -> Checkpoint:
    """`load_checkpoint` for what only our own family can do. Raises CheckpointError for an imported one."""
    checkpoint = load_checkpoint(name_or_path, device)
    if not isinstance(checkpoint, Checkpoint):
        raise CheckpointError(f"Checkpoint {checkpoint.name!r} is an imported one. Name one of this project's own.")
    return checkpoint


def _load_ours(folder: Path, config: Mapping[str, Any], device: str) -> Checkpoint:
    try:
        weights = load_file(folder / "model.safetensors", device=device)
    except (OSError, SafetensorError, ValueError) as error:
        raise CheckpointError(
            f"The weights of checkpoint {folder.name!r} cannot be read ({error}). Install or copy it again."
        ) from error
    config = _as_now(config)
    weights.pop("vqvae.quantizer.started", None)  # which earlier checkpoints hold
    codec_config = _config(VQVAEConfig, config, "vqvae", folder)
    decoder_config = _config(DecoderConfig, config, "decoder", folder)
    sampling = _config(Sampling, config, "sampling", folder)
    _check_fit(codec_config, decoder_config, folder)
    with torch.device("meta"):  # shapes only: memory is taken once the weights are known to fit
        vqvae, decoder = MotionVQVAE(codec_config), MotionDecoder(decoder_config)
    _fill(vqvae, "vqvae.", weights, device, folder)
    _fill(decoder, "decoder.", weights, device, folder)
    styles = config.get("styles")
    named = isinstance(styles, list) and all(isinstance(style, str) for style in styles)
    if not isinstance(styles, list) or not named or len(styles) != decoder_config.styles:
        raise CheckpointError(
            f"Checkpoint {folder.name!r} names {styles} for {decoder_config.styles} styles. Install it again."
        )
    own = config.get("style_sampling", {})
    if not isinstance(own, dict) or not set(own) <= set(styles):
        raise CheckpointError(
            f"Checkpoint {folder.name!r}: 'style_sampling' in its config.json is not of its styles {', '.join(styles)}."
        )
    styled = {style: _config(Sampling, own, style, folder) for style in own}
    for network in (vqvae, decoder):
        network.to(device).eval().requires_grad_(False)
    read_in_half(decoder)
    return Checkpoint(str(config.get("name", folder.name)), folder, vqvae, decoder, tuple(styles), sampling, styled)


def save_checkpoint(
    folder: Path, vqvae: MotionVQVAE, decoder: MotionDecoder, description: Mapping[str, Any], sampling: Sampling
) -> None:
    """Write config and weights, matrices in half precision. `description` has name, styles, description and, where
    styles have settings of their own, style_sampling."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "format": FORMAT,
        "family": Checkpoint.family,
        **description,
        "token_rate": FRAME_RATE / vqvae.config.stride,
        "frame_rate": FRAME_RATE,
        "vqvae": asdict(vqvae.config),
        "decoder": asdict(decoder.config),
        "sampling": asdict(sampling),
    }
    weights = {f"vqvae.{name}": value for name, value in vqvae.state_dict().items()}
    weights |= {f"decoder.{name}": value for name, value in decoder.state_dict().items()}
    # the moving averages behind the codebook only serve training
    kept = {n: v for n, v in weights.items() if not n.endswith(("quantizer.usage", "quantizer.total"))}
    stored = {n: _stored(v).cpu().contiguous() for n, v in kept.items()}
    partial = folder / "model.safetensors.partial"
    save_file(stored, partial)
    os.replace(partial, folder / "model.safetensors")  # noqa: PTH105 - atomic on every platform
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def _stored(value: Tensor) -> Tensor:
    return value.half() if value.is_floating_point() and value.ndim >= 2 else value


def _read_config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(
            f"{folder} is not a checkpoint: its config.json cannot be read ({error}). Give a folder that holds one."
        ) from error
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        found = config.get("format") if isinstance(config, dict) else None
        raise CheckpointError(
            f"Checkpoint {folder.name!r} has format {found}, this engine reads {FORMAT}. Update the add-on."
        )
    return config


def _as_now(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config with the fields that earlier checkpoints do not name, at what they were without them: all levels were
    written, and all were drawn at one temperature."""
    codec, sampling = config.get("vqvae"), config.get("sampling")
    now = dict(config)
    if isinstance(codec, dict):
        now["vqvae"] = {"coarse": codec.get("levels"), **codec}
    if isinstance(sampling, dict):
        now["sampling"] = {"cooling": 1.0, **sampling}
    return now


def _config(kind: type[Config], config: Mapping[str, Any], key: str, folder: Path) -> Config:
    values = config.get(key)
    expected = {field.name: type(field.default) for field in fields(kind)}
    if not isinstance(values, dict) or set(values) != set(expected):
        raise CheckpointError(
            f"Checkpoint {folder.name!r}: {key!r} in its config.json does not name {sorted(expected)}."
        )
    for name, value in values.items():
        if not _usable(name, value, expected[name]):
            raise CheckpointError(
                f"Checkpoint {folder.name!r}: {key}.{name} is {value!r} in its config.json, which cannot be. "
                "Install it again."
            )
    return kind(**values)


def _usable(name: str, value: object, kind: type) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    if name == "dropout":
        return 0 <= value < 1
    if kind is not int:
        return value >= 0
    lowest = 0 if name == "top_k" else 1
    return isinstance(value, int) and lowest <= value <= (_MOST_LAYERS if name in _COUNTS else _LARGEST)


def _check_fit(codec: VQVAEConfig, decoder: DecoderConfig, folder: Path) -> None:
    """Refuse networks that this engine could fill with weights but not use together."""
    pairs = {
        "vqvae.features": (codec.features, FEATURES),
        "decoder.music_features": (decoder.music_features, MUSIC_FEATURES),
        "decoder.codes": (decoder.codes, codec.codes),
        "decoder.levels": (decoder.levels, codec.coarse),
        "vqvae.coarse": (codec.coarse, min(codec.coarse, codec.levels)),
        "decoder.music_stride": (decoder.music_stride, codec.stride),
        "the rest of decoder.width / decoder.heads": (decoder.width % decoder.heads, 0),
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
            f"The weights of checkpoint {folder.name!r} hold NaN or infinite values ({broken[0]}). Install it again."
        )
    # copied, because a tensor of the loaded file is a view of the file, which may be overwritten while we run
    filled = {n: found[n].to(value.dtype, copy=True) for n, value in expected.items() if n in found}
    filled |= {name: torch.zeros(expected[name].shape, device=device) for name in optional & set(expected) - set(found)}
    network.load_state_dict(filled, assign=True)
