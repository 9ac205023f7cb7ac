"""Stage one of training: the motion VQ-VAE, on reconstruction of rotations, joints, speeds, feet and root path."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from engine.data.clips import StyledMotion, at_rate
from engine.data.torch_kinematics import Movement, joint_steps, joints_in_heading_frame, movement_of, root_path
from engine.models.own.config import VQVAEConfig
from engine.models.torch.vqvae import MotionVQVAE
from engine.motion import representation as rep
from engine.training.loop import Losses, Run, TrainOptions, mixed_precision
from engine.training.motion_spectra import wave_loss
from engine.training.windows import FeatureWindows

FOOT_JOINTS = [7, 8, 10, 11]
WINDOW = 64  # frames: 3.2 s, long enough for the integrated root path to matter
WEIGHTS = {
    "features": 1.0,
    "joints": 10.0,
    "speed": 60.0,
    "acceleration": 150.0,
    "waves": 1.0,
    "feet": 60.0,
    "path": 0.5,
    "turn": 0.2,
    "energy": 0.1,
    "contact": 0.1,
    "commit": 0.25,
}
UNQUANTIZED_STEPS = 400
"""The first steps train a plain autoencoder, so that the codebooks start from useful latents."""
COARSE_ONLY, FEWER = 0.4, 0.1
"""Shares of the windows that are decoded from the coarse levels only, as a generated dance is, and from a random number
of levels, so that the first codes carry the most (quantiser dropout, SoundStream, section III-C)."""


def reconstruction_losses(predicted: Tensor, target: Tensor, moved: Movement, true: Movement, std: Tensor) -> Losses:
    """Unweighted losses between (B, T, 128) features in metres and radians, with their movements."""
    turn, path = root_path(predicted)
    true_turn, true_path = root_path(target)
    contact = target[:, 1:, rep.CONTACTS, None]
    # root mean square speed of each joint over the window, which a motion that is too smooth cannot match
    energy = (moved.steps.square().sum(-1).mean(1) + 1e-6).sqrt()
    true_energy = (true.steps.square().sum(-1).mean(1) + 1e-6).sqrt()
    motion = slice(0, rep.CONTACTS.start)
    return {
        "features": F.smooth_l1_loss(predicted[..., motion] / std[motion], target[..., motion] / std[motion]),
        "joints": (moved.joints - true.joints).abs().mean(),
        "speed": (moved.steps - true.steps).abs().mean(),
        "acceleration": (moved.bends - true.bends).abs().mean(),
        "waves": wave_loss(moved.steps, true.steps),
        "feet": (contact * (moved.steps - true.steps)[:, :, FOOT_JOINTS].abs()).mean(),
        "path": (path - true_path).abs().mean(),
        "turn": (turn - true_turn).abs().mean(),
        "energy": (energy / true_energy).log().abs().mean(),
        "contact": F.binary_cross_entropy_with_logits(
            8 * (predicted[..., rep.CONTACTS] - 0.5), target[..., rep.CONTACTS]
        ),
    }


def weighted_losses(
    predicted: Tensor,
    target: Tensor,
    std: Tensor,
    more: Callable[[Movement, Movement], Losses],
    weights: Mapping[str, float] = WEIGHTS,
) -> Losses:
    """`reconstruction_losses` and `more` losses of the decoded movement and the true one, and under "loss" the weighted
    sum of those with names in `weights`."""
    moved, true = movement_of(predicted), movement_of(target)
    values = reconstruction_losses(predicted, target, moved, true, std) | more(moved, true)
    terms = (weights[name] * value for name, value in values.items() if name in weights)
    values["loss"] = sum(terms, torch.zeros(()))
    return values


def reconstruction_figures(predicted: Tensor, target: Tensor) -> dict[str, float]:
    """Mean joint error in mm (pelvis at the same horizontal place and heading) and the share of speed kept."""
    joints, true_joints = joints_in_heading_frame(predicted), joints_in_heading_frame(target)
    steps, true_steps = joint_steps(predicted, joints), joint_steps(target, true_joints)
    speed = steps.norm(dim=-1).mean() / true_steps.norm(dim=-1).mean()
    root = steps[:, :, 0].norm(dim=-1).mean() / true_steps[:, :, 0].norm(dim=-1).mean()
    return {
        "mm": float((joints - true_joints).norm(dim=-1).mean() * 1000),
        "speed_kept": float(speed),
        "root_speed_kept": float(root),
    }


def train_vqvae(
    train: Sequence[StyledMotion],
    val: Sequence[StyledMotion],
    config: VQVAEConfig,
    options: TrainOptions,
    start: MotionVQVAE | None = None,
) -> MotionVQVAE:
    """Train (or go on training) the codec, from the weights of `start` if given; returns the averaged model. Raises
    DataError."""
    windows = FeatureWindows(train, WINDOW)
    torch.manual_seed(options.seed)
    model = MotionVQVAE(config)
    if start is None:
        mean, std = windows.statistics()
        model.mean.copy_(mean)
        model.std.copy_(std)
    else:
        copy_weights(start, model)
    run = Run(model, options)
    held_out = [rep.encode(at_rate(clip.motion)) for clip in val]

    def losses(network: nn.Module, step: int) -> Losses:
        assert isinstance(network, MotionVQVAE)
        generator = np.random.default_rng([options.seed, step])
        target = windows.batch(generator, options.batch).to(options.device)
        chance = torch.rand(options.batch, device=options.device)
        levels = torch.full_like(chance, config.levels, dtype=torch.int64)
        levels[chance < COARSE_ONLY + FEWER] = config.coarse
        fewer = chance < FEWER
        levels[fewer] = torch.randint(1, config.levels + 1, (int(fewer.sum()),), device=options.device)
        with mixed_precision(options.device):
            latent = network.latent(target)
        if start is None and step < UNQUANTIZED_STEPS:
            quantized, commit, codes = latent, latent.new_zeros(()), None
        else:
            quantized, commit, codes = network.quantizer(latent, levels)
        with mixed_precision(options.device):
            predicted = network.synthesize(quantized)
        values = weighted_losses(predicted, target, network.std, lambda *_: {"commit": commit})
        if codes is not None:
            values["perplexity"] = perplexity(codes, config.codes)
        return values

    def validate(network: nn.Module) -> dict[str, float]:
        assert isinstance(network, MotionVQVAE)
        return codec_figures(network, held_out, options.device)

    run.log(config=str(asdict(config)), clips=float(len(windows.features)))
    run.train(losses, validate)
    assert isinstance(run.averaged, MotionVQVAE)
    return run.averaged


@torch.no_grad()
def codec_figures(network: MotionVQVAE, held_out: Sequence[NDArray[np.float32]], device: str) -> dict[str, float]:
    """`reconstruction_figures` and `coarse_mm`, the error with coarse levels only; means over clips of (T, 128)
    features."""
    figures: list[dict[str, float]] = []
    stride = network.config.stride
    for features in held_out:
        target = torch.from_numpy(features[None, : len(features) // stride * stride]).to(device)
        codes = network.encode(target)
        coarse = reconstruction_figures(network.decode(codes[..., : network.config.coarse]), target)
        figures.append(reconstruction_figures(network.decode(codes), target) | {"coarse_mm": coarse["mm"]})
    return {name: float(np.mean([figure[name] for figure in figures])) for name in figures[0]}


def copy_weights(start: MotionVQVAE, model: MotionVQVAE) -> None:
    """Copy the weights of `start` into `model`, which can have other levels; codebooks that it lacks then start from
    data.

    A model whose layers all run at the frame rate can start from one whose inner layers run at the token rate: its
    latents are then those of `start` for positions that begin at every frame, and its last layers are given, for each
    frame, the mean of what those of `start` are given for the frame in all its places.
    """
    weights, own = start.state_dict(), model.state_dict()
    # checkpoints do not contain the moving averages: they start as if each code had been used once
    for name in ("codebook", "total"):
        for quick in (False, True):
            books, given = (_levels(codec.config, quick) for codec in (model, start))
            for level, given_level in zip(books, given, strict=False):
                own[f"quantizer.{name}"][level] = start.quantizer.codebook[given_level]
    weights |= {name: value for name, value in own.items() if name.startswith("quantizer.")}
    if model.config.quick and not start.config.quick:
        for name, kernel in _at_every_frame(start, model.config.stride).items():
            weights[name] = torch.zeros_like(own[name])
            width, middle = kernel.shape[-1], own[name].shape[-1] // 2
            first = middle if name.startswith("encoder") else middle - width + 1
            weights[name][..., first : first + width] = kernel
    model.load_state_dict(weights)


def _levels(config: VQVAEConfig, quick: bool) -> list[int]:
    """The levels that are quick, or those that are not."""
    return [level for level in range(config.levels) if config.is_quick(level) == quick]


def _at_every_frame(start: MotionVQVAE, stride: int) -> dict[str, Tensor]:
    """The convolutions (out, in, stride) between the sides of a codec, from and to every frame instead of positions."""
    weights = start.state_dict()
    return {
        "encoder.2.weight": weights["encoder.2.weight"],
        "decoder.2.weight": weights["decoder.2.weight"].transpose(0, 1).flip(-1) / stride,
    }


def perplexity(codes: Tensor, size: int) -> Tensor:
    """Mean over levels of exp(entropy) of the codes (B, N, K) in this batch."""
    values = []
    for level in range(codes.shape[-1]):
        share = torch.bincount(codes[..., level].flatten(), minlength=size).float()
        share = share / share.sum()
        values.append(torch.exp(-(share * (share + 1e-10).log()).sum()))
    return torch.stack(values).mean()
