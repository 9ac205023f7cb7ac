"""After stage one: the codec's second half learns to make good motion of codes that were drawn.

A written dance is drawn code by code, and its codes fit each other less well than those of a real dance; rebuilt as
they are, the misfits are jerks. Here codes of real dances are exchanged for others that lie near, the motion they
should give stays the real one, and the layers after the codebooks learn to even out what does not fit. Encoder and
codebooks stay, so that the codes of a decoder that is trained already keep their meaning. The idea is that of denoising
autoencoders (Vincent et al. 2008), with the noise in the codes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from engine.data.clips import StyledMotion, at_rate
from engine.models.torch.vqvae import MotionVQVAE
from engine.motion import representation as rep
from engine.training.loop import Losses, Run, TrainOptions, mixed_precision
from engine.training.vqvae import WINDOW, codec_figures, weighted_losses
from engine.training.windows import FeatureWindows

DRAWN = 0.5
"""Share of the clips that have coarse levels only and some of those exchanged; the others are rebuilt as they are."""
MOST_EXCHANGED = 0.8
"""Largest share of a clip's codes that are exchanged, in each level; the share is drawn evenly from 0 to this."""
NEAR = 100
"""An exchanged code becomes one of so many nearest ones of its level."""


def finetune_vqvae(
    codec: MotionVQVAE, train: Sequence[StyledMotion], val: Sequence[StyledMotion], options: TrainOptions
) -> MotionVQVAE:
    """Train (or go on training) what comes after the codebooks of `codec`; returns the averaged model."""
    windows = FeatureWindows(train, WINDOW)
    codec.eval().requires_grad_(False)
    codec.decoder.requires_grad_(True)
    run = Run(codec, options)
    held_out = [rep.encode(at_rate(clip.motion)) for clip in val]
    near = nearest_codes(codec.quantizer.codebook, NEAR)

    def losses(network: nn.Module, step: int) -> Losses:
        assert isinstance(network, MotionVQVAE)
        generator = np.random.default_rng([options.seed, step])
        target = windows.batch(generator, options.batch).to(options.device)
        codes = exchanged(network.encode(target), near, network.config.coarse)
        quantized = network.quantizer.decode(codes)
        with mixed_precision(options.device):
            predicted = network.synthesize(quantized)
        return weighted_losses(predicted, target, network.std)

    def validate(network: nn.Module) -> dict[str, float]:
        assert isinstance(network, MotionVQVAE)
        return codec_figures(network, held_out, options.device)

    run.train(losses, validate)
    assert isinstance(run.averaged, MotionVQVAE)
    return run.averaged


def nearest_codes(codebook: Tensor, count: int) -> Tensor:
    """(K, codes, count) of each code in a codebook (K, codes, D) the nearest others, the nearest first."""
    count = min(count, codebook.shape[1] - 1)
    return torch.cdist(codebook, codebook).topk(count + 1, largest=False).indices[..., 1:]


def exchanged(codes: Tensor, near: Tensor, coarse: int) -> Tensor:
    """Codes (B, N, K) as if they were drawn: in `DRAWN` of the clips nothing fine, and some coarse ones exchanged."""
    clips, positions, _ = codes.shape
    device = codes.device
    drawn = torch.rand(clips, 1, device=device) < DRAWN
    share = torch.rand(clips, 1, device=device) * MOST_EXCHANGED
    levels = list(codes.unbind(-1))
    for level, own in enumerate(levels):
        if level >= coarse:
            levels[level] = own.masked_fill(drawn, 0)
            continue
        hit = drawn & (torch.rand(clips, positions, device=device) < share)
        pick = torch.randint(near.shape[-1], own.shape, device=device)
        levels[level] = torch.where(hit, near[level][own, pick], own)
    return torch.stack(levels, -1)
