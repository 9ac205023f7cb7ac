"""Spectra of joint velocities, for a loss: how strong movements are at each frequency, wherever in a window they are.

As audio codecs do (SoundStream, EnCodec; "multi-scale spectral loss", Engel et al. 2020): log magnitudes of short-time
Fourier transforms of several lengths. A loss of positions or accelerations prefers a movement that is too soft to one
that is slightly late; this one does not.
"""

from __future__ import annotations

import torch
from torch import Tensor

LENGTHS = (8, 16, 32)
"""Frames of the windows, at 20 frames/s: 0.4 to 1.6 s."""
FLOOR = 1e-3
"""Metres a frame (0.02 m/s): weaker movements than this are all the same."""


def spectral_loss(steps: Tensor, true_steps: Tensor) -> Tensor:
    """Mean difference of log magnitudes of displacements (B, T, 24, 3) from frame to frame, metres."""
    losses = []
    for length in LENGTHS:
        magnitude, true_magnitude = _log_magnitudes(steps, length), _log_magnitudes(true_steps, length)
        losses.append((magnitude - true_magnitude).abs().mean())
    return torch.stack(losses).mean()


def _log_magnitudes(steps: Tensor, length: int) -> Tensor:
    """(B, windows, frequencies, 24): over the three axes together, so that only the strength matters."""
    hann = torch.hann_window(length, device=steps.device, dtype=steps.dtype)
    windows = steps.unfold(1, length, length // 2)  # (B, windows, 24, 3, length)
    spectrum = torch.fft.rfft(windows * hann)
    # a window's energy is that of its frames on the average
    power = (spectrum.real.square() + spectrum.imag.square()).sum(3) / hann.square().sum()
    return 0.5 * torch.log(power + FLOOR**2)
