"""Training of the paper's VQ-VAE: straight-through quantisation, one codebook updated by moving averages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import torch
from sklearn.cluster import MiniBatchKMeans
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.paper_model.vectors import Vectors, VectorWindows
from engine.data.clips import StyledMotion, at_rate
from engine.models.original.config import OriginalVQVAEConfig
from engine.models.original.vqvae import OriginalVQVAE
from engine.models.own.config import VQVAEConfig as QuantizerConfig
from engine.models.torch.vqvae import ResidualQuantizer
from engine.motion import humanml3d
from engine.training.loop import Losses, Run, TrainOptions, mixed_precision
from engine.training.vqvae import perplexity

WEIGHTS = {
    "yaw_velocity": 1.0,
    "root_velocity": 1.0,
    "root_height": 1.0,
    "positions": 2.0,
    "rotations": 0.5,
    "velocities": 1.0,
    "contacts": 0.2,
    "steps": 0.5,
    "commit": 1.0,
}
"""Of the losses. In a mean over all 263 features the three of the root's path would have 1 % of the weight; the
rotations, nearly half of the features, are not even decoded."""
UNQUANTIZED = 8
"""In the first of so many equal parts of the training nothing is quantised, so that the codebook starts from meaningful
states; as in the training of our codec."""
START_BATCHES = 12
"""Batches of states from whose k-means centres the codebook starts; those of one batch are too similar, because its
frames are neighbours."""


class TrainedVQVAE(nn.Module):
    """The paper's VQ-VAE, with our quantiser of a single level to train its codebook."""

    def __init__(self, config: OriginalVQVAEConfig):
        super().__init__()
        self.network = OriginalVQVAE(config)
        # as large as an element of the embedding: at 1 the positions would outweigh the motion and use up the codes
        nn.init.constant_(self.network.encoder.position_scale, config.width**-0.5)
        self.quantizer = ResidualQuantizer(
            QuantizerConfig(codes=config.codes, levels=1, coarse=1, code_dim=config.width)
        )

    def reconstruct(self, motion: Tensor, quantize: bool) -> tuple[Tensor, Tensor, Tensor | None]:
        """Normalised motion (B, T, 263) -> its reconstruction, the commitment loss and tokens (B, T, 1).

        A training step: quantisation also updates the codebook. Without it there are no tokens.
        """
        with mixed_precision(motion.device.type):
            states = self.network.encoder(motion)
        states = states.float()
        commit, tokens = states.new_zeros(()), None
        if quantize:
            states, commit, tokens = self.quantizer(states)
        with mixed_precision(motion.device.type):
            predicted = self.network.decoder(states)
        return predicted.float(), commit, tokens

    @torch.no_grad()
    def start_codebook(self, motions: Sequence[Tensor], seed: int) -> None:
        """Set the codes to the k-means centres of the states of normalised motions, each (B, T, 263)."""
        states = torch.cat([self.network.encoder(motion).flatten(0, 1) for motion in motions])
        quantizer, codes = self.quantizer, self.network.config.codes
        means = MiniBatchKMeans(codes, batch_size=4096, n_init=1, random_state=seed).fit(states.cpu().numpy())
        quantizer.codebook[0] = torch.from_numpy(means.cluster_centers_)
        quantizer.total.copy_(quantizer.codebook)

    def finished(self) -> OriginalVQVAE:
        """The network with the current codebook."""
        self.network.codebook.copy_(self.quantizer.codebook[0])
        return self.network


def reconstruction_losses(predicted: Tensor, target: Tensor, step_scale: Tensor) -> Losses:
    """Unweighted losses between normalised vectors (B, T, 263): of each group, and of the differences of positions.

    step_scale: (63,) factors from differences of normalised positions to standard deviations of the velocities.
    """
    losses = {
        name: F.smooth_l1_loss(predicted[..., group], target[..., group]) for name, group in humanml3d.GROUPS.items()
    }
    positions = humanml3d.GROUPS["positions"]
    steps, true_steps = predicted[..., positions].diff(dim=1), target[..., positions].diff(dim=1)
    losses["steps"] = F.smooth_l1_loss(steps * step_scale, true_steps * step_scale)
    return losses


def reconstruction_figures(predicted: Vectors, target: Vectors) -> dict[str, float]:
    """Figures between vectors (T, 263), not normalised.

    mm: mean joint error in mm, with the root at the same horizontal place and heading. speed_kept, root_speed_kept:
    shares of the speed of the joints and of the root that are kept.
    """
    places = []
    for values in (predicted, target):
        root = np.zeros((len(values), 1, 3), np.float32)
        root[:, 0, 1] = values[:, humanml3d.GROUPS["root_height"]][:, 0]
        joints = values[:, humanml3d.GROUPS["positions"]].reshape(len(values), -1, 3)
        places.append(np.concatenate([root, joints], axis=1))
    speed, true_speed = (
        np.linalg.norm(np.diff(humanml3d.decode_positions(values), axis=0), axis=-1) for values in (predicted, target)
    )
    return {
        "mm": float(np.linalg.norm(places[0] - places[1], axis=-1).mean() * 1000),
        "speed_kept": float(speed.mean() / true_speed.mean()),
        "root_speed_kept": float(speed[:, 0].mean() / true_speed[:, 0].mean()),
    }


def train_codec(
    windows: VectorWindows, val: Sequence[StyledMotion], config: OriginalVQVAEConfig, options: TrainOptions
) -> OriginalVQVAE:
    """Train (or continue to train) the VQ-VAE and return the averaged network. `options.batch` counts frames."""
    torch.manual_seed(options.seed)
    run = Run(TrainedVQVAE(config), options)
    std = torch.from_numpy(windows.std)
    step_scale = (std[humanml3d.GROUPS["positions"]] / std[humanml3d.GROUPS["velocities"]][3:]).to(options.device)
    held_out = [humanml3d.encode(at_rate(clip.motion).joints()) for clip in val]

    def losses(model: nn.Module, step: int) -> Losses:
        assert isinstance(model, TrainedVQVAE)
        generator = np.random.default_rng([options.seed, step])

        def draw() -> Tensor:
            return windows.batch(generator, options.batch).to(options.device)

        quantize = step >= options.steps // UNQUANTIZED
        if quantize and not model.quantizer.codebook.any():
            model.start_codebook([draw() for _ in range(START_BATCHES)], options.seed)
        target = draw()
        predicted, commit, tokens = model.reconstruct(target, quantize)
        values = reconstruction_losses(predicted, target, step_scale)
        values["commit"] = commit
        values["loss"] = torch.stack([WEIGHTS[name] * value for name, value in values.items()]).sum()
        if tokens is not None:
            values["perplexity"] = perplexity(tokens, config.codes)
        return values

    @torch.no_grad()
    def validate(model: nn.Module) -> dict[str, float]:
        assert isinstance(model, TrainedVQVAE)
        network = model.finished()
        figures = []
        for target in held_out:
            motion = torch.from_numpy(humanml3d.normalise(target, windows.mean, windows.std))[None]
            decoded = network.decode(network.encode(motion.to(options.device)))[0].cpu().numpy()
            figures.append(reconstruction_figures(humanml3d.denormalise(decoded, windows.mean, windows.std), target))
        return {name: float(np.mean([figure[name] for figure in figures])) for name in figures[0]}

    run.log(config=str(asdict(config)), clips=float(len(windows.vectors)))
    run.train(losses, validate)
    assert isinstance(run.averaged, TrainedVQVAE)
    return run.averaged.finished().eval().requires_grad_(False)
