"""An imported checkpoint in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from engine.errors import CheckpointError
from engine.models.original.clip.clip_style import STYLES_FILE, load_vectors
from engine.models.original.config import (
    FRAME_RATE,
    OriginalDecoderConfig,
    OriginalSampling,
    OriginalVQVAEConfig,
    read_config,
)
from engine.models.original.decoder import OriginalDecoder
from engine.models.original.importing.importer import FAMILY, STATISTICS
from engine.models.original.quantize import PRECISIONS, round_weights
from engine.models.original.vqvae import OriginalVQVAE
from engine.motion import humanml3d
from smpl_rig.motion import Motion
from smpl_rig.skeleton import SOLE_BELOW_FOOT


@dataclass(frozen=True)
class OriginalCheckpoint:
    """The original's networks, and what lies around them; used as `engine.models.checkpoints.Checkpoint` is.

    `vqvae` and `decoder` work on normalised motion, as they were trained; mean, std: (F,). style_vectors: (512,) by
    name, none but for the style variant. normalised: whether the import was given mean and std. precision: of the
    decoder's weights as they are computed with.
    """

    family: ClassVar[str] = FAMILY
    token_rate: ClassVar[float] = FRAME_RATE

    name: str
    folder: Path
    vqvae: OriginalVQVAE
    decoder: OriginalDecoder
    sampling: OriginalSampling
    mean: NDArray[np.float32]
    std: NDArray[np.float32]
    style_vectors: Mapping[str, NDArray[np.float32]]
    normalised: bool
    precision: str

    @property
    def styles(self) -> tuple[str, ...]:
        """Names of the styles it knows."""
        return tuple(self.style_vectors)

    def require_styles(self) -> None:
        """Raise CheckpointError where the variant needs style vectors and they have not been computed yet."""
        if self.decoder.config.styled and not self.style_vectors:
            load_vectors(self.folder)

    def encode(self, motion: Motion) -> NDArray[np.int64]:
        """Motion of T frames at 20 frames/s -> tokens (T - 1, 1). Raises DataError for fewer than 2 frames."""
        self._check_width()
        features = humanml3d.normalise(humanml3d.encode(motion.joints()), self.mean, self.std)
        return self.vqvae.encode(self._tensor(features)).cpu().numpy().T

    def decode(self, tokens: NDArray[np.int64]) -> Motion:
        """Tokens (N, 1) -> motion of N frames at 20 frames/s, as decoded: no foot locking."""
        return self.to_motion(self.vqvae.decode(self._tensor(tokens[:, 0]))[0].cpu().numpy())[0]

    def to_motion(self, features: NDArray[np.float32]) -> tuple[Motion, float]:
        """Normalised motion (T, 263) -> SMPL motion at 20 frames/s, and its mean distance from the decoded joints in
        millimetres, which holds the difference between the two bodies' proportions. Raises CheckpointError for another
        width."""
        self._check_width()
        values = humanml3d.denormalise(features, self.mean, self.std)
        motion = humanml3d.to_smpl(values)
        points = humanml3d.decode_positions(values)
        points = points * humanml3d.leg_scale(points) + np.array([0, 0, SOLE_BELOW_FOOT], np.float32)
        distance = np.linalg.norm(motion.joints()[:, : humanml3d.JOINTS] - points, axis=-1)
        return motion, float(distance.mean() * 1000)

    def preview(self, features: NDArray[np.float32], first: int) -> Motion:
        """The motion from frame `first` on of a dance whose normalised motion (T, 263) is known so far.

        Nearly what `to_motion` will make of it: the body's scale is measured on what there is. Raises CheckpointError
        for another width.
        """
        self._check_width()
        points = humanml3d.decode_positions(humanml3d.denormalise(features, self.mean, self.std))
        return humanml3d.solve(points[first:], humanml3d.leg_scale(points))

    def _check_width(self) -> None:
        if len(self.mean) != humanml3d.WIDTH:
            raise CheckpointError(
                f"Checkpoint {self.name!r} has {len(self.mean)} numbers a frame, not HumanML3D's {humanml3d.WIDTH}: "
                "no body's motion can be made of them."
            )

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(array)[None].to(self.vqvae.codebook.device)


def load_original(folder: Path, config: Mapping[str, Any], device: str) -> OriginalCheckpoint:
    """Load a folder that `importer` wrote, with its config as read. Raises CheckpointError."""
    what = f"Checkpoint {folder.name!r}, config.json"
    codec_config = read_config(OriginalVQVAEConfig, config.get("vqvae"), f"{what}, vqvae")
    writer_config = read_config(OriginalDecoderConfig, config.get("decoder"), f"{what}, decoder")
    sampling = read_config(OriginalSampling, config.get("sampling"), f"{what}, sampling")
    precision = config.get("precision", PRECISIONS[0])  # the first imports do not name it
    if precision not in PRECISIONS:
        raise CheckpointError(
            f"{what}: precision is {precision!r}, not one of {', '.join(PRECISIONS)}. Import it again."
        )
    try:
        weights = load_file(folder / "model.safetensors", device=device)
    except (OSError, SafetensorError, ValueError) as error:
        raise CheckpointError(
            f"The weights of checkpoint {folder.name!r} cannot be read ({error}). Import it again."
        ) from error
    with torch.device("meta"):  # shapes only: memory is taken once the weights are known to fit
        vqvae, decoder = OriginalVQVAE(codec_config), OriginalDecoder(writer_config)
    _fill(vqvae, "vqvae.", weights, folder)
    _fill(decoder, "decoder.", weights, folder)
    if device != "cpu" and precision == "int8":  # products of 8 bits are the CPU's alone
        precision = "float16"
    round_weights(decoder, precision)
    mean, std = (_vector(weights, name, codec_config.motion_features, folder) for name in STATISTICS)
    has_vectors = writer_config.styled and (folder / STYLES_FILE).is_file()
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
    """Put the weights in place of the network's own."""
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
            f"The weights of checkpoint {folder.name!r} hold NaN or infinite values ({broken[0]}). Import it again."
        )
    # copied, because a tensor of the loaded file is a view of the file, which may be overwritten while we run
    network.load_state_dict({n: value.to(torch.float32, copy=True) for n, value in found.items()}, assign=True)
    network.eval().requires_grad_(False)


def _vector(weights: Mapping[str, Tensor], name: str, width: int, folder: Path) -> NDArray[np.float32]:
    vector = weights.get(name)
    if vector is None or tuple(vector.shape) != (width,):
        raise CheckpointError(f"Checkpoint {folder.name!r} has no {name} of {width} numbers. Import it again.")
    return vector.float().cpu().numpy()
