"""Spectra of joint velocities, for losses that treat weak quick movements like strong slow ones.

`wave_loss` compares movements frequency by frequency with their phase: the same movement at the same moment. Losses of
positions, and even of accelerations, are ruled by movements below 4 Hz, and codes trained on them hold little else.

`spectral_loss` compares only how strong movements are, as audio codecs do (log magnitudes of short-time Fourier
transforms of several lengths; SoundStream, EnCodec): for what no code holds, and what a loss with phase therefore
prefers to be still.
"""

from __future__ import annotations

import torch
from torch import Tensor

LENGTHS = (8, 16, 32)
"""Frames of the windows, at 20 frames/s: 0.4 to 1.6 s."""
FLOOR = 1e-3
"""Metres a frame (0.02 m/s): weaker movements than this are all the same to a loss with phase."""
FAINTEST = 3e-4
"""Metres a frame: the same for a loss of strengths. A waltz is weak at 4 to 8 Hz, and with the other bound fell to a
third of the real one there."""
NOISY = 0.8
"""Share of the highest frequency (8 Hz) above which recordings hold more noise than movement."""
NOISY_WEIGHT = 0.2


def wave_loss(steps: Tensor, true_steps: Tensor) -> Tensor:
    """Mean difference of the spectra of displacements (B, T, 24, 3) from frame to frame, in units of the true ones'
    root mean square at each frequency: about 1 at a frequency of which nothing is kept."""
    losses = []
    for length in LENGTHS:
        spectrum, true_spectrum = _spectra(steps, length), _spectra(true_steps, length)
        usual = true_spectrum.abs().square().sum(3).mean((0, 1, 2)).sqrt() + FLOOR  # (frequencies,)
        apart = (spectrum - true_spectrum).abs().square().sum(3).add(FLOOR**2).sqrt() / usual
        weights = torch.ones_like(usual)
        weights[round(NOISY * length / 2) :] = NOISY_WEIGHT
        losses.append((apart.mean((0, 1, 2)) * weights).sum() / weights.sum())
    return torch.stack(losses).mean()


def spectral_loss(steps: Tensor, true_steps: Tensor) -> Tensor:
    """Mean difference of log magnitudes of displacements (B, T, 24, 3) from frame to frame, metres."""
    losses = []
    for length in LENGTHS:
        magnitude, true_magnitude = (_log_magnitudes(_spectra(each, length)) for each in (steps, true_steps))
        losses.append((magnitude - true_magnitude).abs().mean())
    return torch.stack(losses).mean()


def _spectra(steps: Tensor, length: int) -> Tensor:
    """(B, windows, 24, 3, frequencies) of windows that overlap by half, on the scale of a frame's displacement."""
    hann = torch.hann_window(length, device=steps.device, dtype=steps.dtype)
    windows = steps.unfold(1, length, length // 2)  # (B, windows, 24, 3, length)
    return torch.fft.rfft(windows * (hann / hann.square().sum().sqrt()))


def _log_magnitudes(spectrum: Tensor) -> Tensor:
    """(B, windows, 24, frequencies): over the three axes together, so that only the strength matters."""
    power = (spectrum.real.square() + spectrum.imag.square()).sum(3)
    return 0.5 * torch.log(power + FAINTEST**2)
