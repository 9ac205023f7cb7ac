"""The original's networks with their settings, and their motion as SMPL motion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import CheckpointError
from engine.models.original.config import OriginalSampling
from engine.models.original.decoder import OriginalDecoder
from engine.models.original.vqvae import OriginalVQVAE
from engine.motion import humanml3d
from smpl_rig.motion import Motion
from smpl_rig.skeleton import SOLE_BELOW_FOOT


@dataclass(frozen=True)
class OriginalNetworks:
    """An imported checkpoint's networks and settings.

    vqvae, decoder: for normalised motion, as they were trained. mean, std: (F,). style_vectors: (512,) by name, only in
    the style variant. normalised: whether the import was given mean and std. precision: of the decoder's weights in
    memory.
    """

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
    def device(self) -> torch.device:
        """The device of its weights."""
        return self.vqvae.codebook.device

    def encode(self, motion: Motion) -> NDArray[np.int64]:
        """The tokens (T - 1, 1) of a motion of T frames at 20 frames/s. Raises DataError for fewer than 2 frames."""
        self._check_width()
        features = humanml3d.normalise(humanml3d.encode(motion.joints()), self.mean, self.std)
        return self.vqvae.encode(self._tensor(features)).cpu().numpy().T

    def decode(self, tokens: NDArray[np.int64]) -> Motion:
        """The motion of tokens (N, 1), N frames at 20 frames/s, before feet are locked."""
        return self.to_motion(self.vqvae.decode(self._tensor(tokens[:, 0]))[0].cpu().numpy())[0]

    def to_motion(self, features: NDArray[np.float32]) -> tuple[Motion, float]:
        """The SMPL motion of normalised motion (T, 263), at 20 frames/s, and its mean distance from the decoded joints
        in millimetres, which includes the difference between the two bodies' proportions. Raises CheckpointError for
        another width."""
        self._check_width()
        values = humanml3d.denormalise(features, self.mean, self.std)
        motion = humanml3d.to_smpl(values)
        points = humanml3d.decode_positions(values)
        points = points * humanml3d.leg_scale(points) + np.array([0, 0, SOLE_BELOW_FOOT], np.float32)
        distance = np.linalg.norm(motion.joints()[:, : humanml3d.JOINTS] - points, axis=-1)
        return motion, float(distance.mean() * 1000)

    def preview(self, features: NDArray[np.float32], first: int) -> Motion:
        """The SMPL motion from frame `first` on, given a dance's normalised motion so far (T, 263).

        It is close to that of `to_motion`, but the body's scale is measured on the frames so far. Raises
        CheckpointError for another width.
        """
        self._check_width()
        points = humanml3d.decode_positions(humanml3d.denormalise(features, self.mean, self.std))
        return humanml3d.solve(points[first:], humanml3d.leg_scale(points))

    def _check_width(self) -> None:
        if len(self.mean) != humanml3d.WIDTH:
            raise CheckpointError(
                f"Checkpoint {self.name!r} has {len(self.mean)} numbers a frame, not HumanML3D's {humanml3d.WIDTH}, so "
                "its motion cannot be used on a body. Import one that was trained on HumanML3D's features."
            )

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(array)[None].to(self.device)
