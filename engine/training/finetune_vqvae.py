"""Codec fine-tuning, after stage one: the layers after the codebooks learn to decode sampled codes to good motion.

The codes of a generated dance are sampled one by one and fit each other less well than those of a real dance; decoded
as they are, the misfits show as jerks. Here some codes of real dances are replaced by near ones while the target stays
the real motion, so that these layers learn to smooth out what does not fit. Encoder and codebooks stay, so a decoder
trained before still fits. This is the idea of denoising autoencoders (Vincent et al. 2008), with the noise in the
codes.

What no code holds, these layers learn to make plausible: as strong at every frequency as real movements are (a
spectral loss), and not to be told from them by a discriminator. In stage one, neither: where codes do not hold an
accent yet, both would put buzz in its place.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from engine.data.clips import StyledMotion, at_rate
from engine.data.torch_kinematics import Movement
from engine.models.torch.vqvae import MotionVQVAE
from engine.motion import representation as rep
from engine.training.discriminator import Opponent
from engine.training.loop import Losses, Run, TrainOptions, mixed_precision
from engine.training.motion_spectra import spectral_loss
from engine.training.vqvae import WEIGHTS, WINDOW, codec_figures, weighted_losses
from engine.training.windows import FeatureWindows

FINETUNING_WEIGHTS = WEIGHTS | {"acceleration": 30.0, "waves": 0.3, "spectrum": 1.5, "adversarial": 0.3}
"""Where codes are replaced, there is no true movement at the true moment to be had, and losses that ask for it make
quick movements small. With the weights of stage one, power at 2 to 4 Hz fell to six tenths."""
CORRUPTED = 0.5
"""Share of the windows that keep coarse levels only, some of them with replaced codes; the others are as they are."""
MOST_REPLACED = 0.8
"""Largest share of replaced codes in a level of a window; the share is sampled uniformly from 0 to this."""
NEAREST = 100
"""A replaced code becomes one of so many nearest codes of its level."""


def finetune_vqvae(
    codec: MotionVQVAE, train: Sequence[StyledMotion], val: Sequence[StyledMotion], options: TrainOptions
) -> MotionVQVAE:
    """Train (or go on training) the layers after the codebooks of `codec`; returns the averaged model."""
    windows = FeatureWindows(train, WINDOW)
    codec.eval().requires_grad_(False)
    codec.decoder.requires_grad_(True)
    torch.manual_seed(options.seed)
    opponent = Opponent(options.device)
    run = Run(codec, options, opponent)
    held_out = [rep.encode(at_rate(clip.motion)) for clip in val]
    near = nearest_codes(codec.quantizer.codebook, NEAREST)

    def losses(network: nn.Module, step: int) -> Losses:
        assert isinstance(network, MotionVQVAE)
        generator = np.random.default_rng([options.seed, step])
        target = windows.batch(generator, options.batch).to(options.device)
        codes = corrupted(network.encode(target), near, network.config.coarse)
        quantized = network.quantizer.decode(codes)
        with mixed_precision(options.device):
            predicted = network.synthesize(quantized)

        def plausible(moved: Movement, true: Movement) -> Losses:
            return {"spectrum": spectral_loss(moved.steps, true.steps)} | opponent.losses(moved, true)

        return weighted_losses(predicted, target, network.std, plausible, FINETUNING_WEIGHTS)

    def validate(network: nn.Module) -> dict[str, float]:
        assert isinstance(network, MotionVQVAE)
        return codec_figures(network, held_out, options.device)

    run.train(losses, validate)
    assert isinstance(run.averaged, MotionVQVAE)
    return run.averaged


def nearest_codes(codebook: Tensor, count: int) -> Tensor:
    """(K, codes, count) the nearest other codes of each code of a codebook (K, codes, D), nearest first."""
    count = min(count, codebook.shape[1] - 1)
    return torch.cdist(codebook, codebook).topk(count + 1, largest=False).indices[..., 1:]


def corrupted(codes: Tensor, near: Tensor, coarse: int) -> Tensor:
    """Codes (B, N, K) made like sampled ones: in `CORRUPTED` of the windows no fine levels, and some coarse codes
    replaced. near: as from `nearest_codes`."""
    windows, positions, _ = codes.shape
    device = codes.device
    chosen = torch.rand(windows, 1, device=device) < CORRUPTED
    share = torch.rand(windows, 1, device=device) * MOST_REPLACED
    levels = list(codes.unbind(-1))
    for level, own in enumerate(levels):
        if level >= coarse:
            levels[level] = own.masked_fill(chosen, 0)
            continue
        replaced = chosen & (torch.rand(windows, positions, device=device) < share)
        pick = torch.randint(near.shape[-1], own.shape, device=device)
        levels[level] = torch.where(replaced, near[level][own, pick], own)
    return torch.stack(levels, -1)
