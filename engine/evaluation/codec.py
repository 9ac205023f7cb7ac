"""Evaluation of the motion codec on real dances: reconstruction error, speed kept, and use of the codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from engine.data.clips import FRAME_RATE
from engine.data.torch_kinematics import joints_in_heading_frame
from engine.models.torch.checkpoint import TorchCheckpoint
from engine.motion import representation
from smpl_rig.motion import Motion


@dataclass(frozen=True)
class Reconstruction:
    """A real clip, encoded and decoded.

    errors: (T,) metres, mean over the joints, place and heading aligned. coarse_errors: the same with the coarse levels
    alone, which are all that a generated dance has. speed_kept: mean joint speed, decoded over real. codes: (N, K).
    """

    style: str
    motion: Motion
    errors: NDArray[np.float64]
    coarse_errors: NDArray[np.float64]
    speed_kept: float
    codes: NDArray[np.int64]


@dataclass(frozen=True)
class CodecReport:
    """Figures of the codec on a set of clips.

    mm_over_frames, coarse_mm_over_frames: mean error over all frames, mm, with all levels and with the coarse ones
    alone. mm_over_clips: mean of the clips' means. speed_kept: decoded over real. perplexity: of each level, the number
    of codes in use if they were used equally often.
    """

    clips: int
    frames: int
    mm_over_frames: float
    coarse_mm_over_frames: float
    mm_over_clips: float
    speed_kept: float
    perplexity: list[float]


@torch.inference_mode()
def reconstruct(checkpoint: TorchCheckpoint, style: str, motion: Motion) -> Reconstruction:
    """Encode and decode a motion at 20 frames/s; its length must be a multiple of the stride."""
    device = next(checkpoint.vqvae.parameters()).device
    target = torch.from_numpy(representation.encode(motion))[None].to(device)
    codes = checkpoint.vqvae.encode(target)
    features = checkpoint.vqvae.decode(codes)
    coarse = checkpoint.vqvae.decode(codes[..., : checkpoint.vqvae.config.coarse])
    decoded = representation.decode(features[0].cpu().numpy(), FRAME_RATE)
    return Reconstruction(
        style=style,
        motion=decoded,
        errors=_errors(features, target),
        coarse_errors=_errors(coarse, target),
        speed_kept=_speed(decoded) / max(_speed(motion), 1e-9),
        codes=codes[0].cpu().numpy(),
    )


def _errors(features: torch.Tensor, target: torch.Tensor) -> NDArray[np.float64]:
    difference = joints_in_heading_frame(features) - joints_in_heading_frame(target)
    errors: NDArray[np.float64] = difference[0].norm(dim=-1).mean(dim=-1).double().cpu().numpy()
    return errors


def codec_report(clips: Sequence[Reconstruction]) -> CodecReport:
    """The figures of at least one clip."""
    errors = [1000 * clip.errors for clip in clips]
    return CodecReport(
        clips=len(clips),
        frames=sum(map(len, errors)),
        mm_over_frames=float(np.concatenate(errors).mean()),
        coarse_mm_over_frames=1000 * float(np.concatenate([clip.coarse_errors for clip in clips]).mean()),
        mm_over_clips=float(np.mean([each.mean() for each in errors])),
        speed_kept=float(np.average([clip.speed_kept for clip in clips], weights=[len(e) for e in errors])),
        perplexity=[perplexity(level) for level in np.concatenate([clip.codes for clip in clips]).T],
    )


def perplexity(codes: NDArray[np.int64]) -> float:
    """Perplexity of codes (n,): exp of their entropy."""
    counts = np.unique(codes, return_counts=True)[1] / len(codes)
    return float(np.exp(-(counts * np.log(counts)).sum()))


def _speed(motion: Motion) -> float:
    return float(np.linalg.norm(np.diff(motion.joints(), axis=0), axis=-1).mean() * motion.fps)
