"""Evaluation of the motion codec on real dances: reconstruction error, what is kept of movement at each frequency, how
well reconstructions are told from real dances, and use of the codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from engine.data.clips import FRAME_RATE, UPPER_JOINTS
from engine.data.torch_kinematics import joints_in_heading_frame
from engine.evaluation.metrics.bands import BandSums, compare_bands, pooled
from engine.evaluation.metrics.tell_apart import UPPER, WindowSet, describe, tell_apart
from engine.models.torch.vqvae import MotionVQVAE
from engine.motion import representation
from smpl_rig.motion import Motion
from smpl_rig.skeleton import JOINT_COUNT

ALL = "all"
"""The group of all clips, beside the styles."""


@dataclass(frozen=True)
class Reconstruction:
    """A real clip, encoded and decoded.

    errors: (T,) metres, mean over the joints, place and heading aligned. coarse_errors: the same with the coarse levels
    alone, which are all that a generated dance has. speed_kept: mean joint speed, decoded over real. codes: (N, K).
    bands, coarse_bands: of the upper body and the pelvis.
    """

    name: str
    style: str
    real: Motion
    motion: Motion
    errors: NDArray[np.float64]
    coarse_errors: NDArray[np.float64]
    speed_kept: float
    codes: NDArray[np.int64]
    bands: BandSums
    coarse_bands: BandSums


@dataclass(frozen=True)
class CodecReport:
    """Figures of the codec on a set of clips.

    mm_over_frames, coarse_mm_over_frames: mean error over all frames, mm, with all levels and with the coarse ones
    alone. mm_over_clips: mean of the clips' means. speed_kept: decoded over real. power, coherence: in each band of
    `engine.evaluation.metrics.bands`, over all windows; coarse_power, coarse_coherence: with the coarse levels alone.
    told_apart, told_apart_all: share of 4 s windows that a classifier tells from real ones, by the joints without legs
    and by all joints; None where there are too few clips. perplexity: of each level, the number of codes in use if they
    were used equally often.
    """

    clips: int
    frames: int
    mm_over_frames: float
    coarse_mm_over_frames: float
    mm_over_clips: float
    speed_kept: float
    power: list[float]
    coherence: list[float]
    coarse_power: list[float]
    coarse_coherence: list[float]
    told_apart: float | None
    told_apart_all: float | None
    perplexity: list[float]


MOVING = [0, *UPPER_JOINTS]
"""The joints whose bands are compared: the legs' are also the foot lock's."""


@torch.inference_mode()
def reconstruct(codec: MotionVQVAE, name: str, style: str, motion: Motion) -> Reconstruction:
    """Encode and decode a clip's motion at 20 frames/s; its length must be a multiple of the stride."""
    device = next(codec.parameters()).device
    target = torch.from_numpy(representation.encode(motion))[None].to(device)
    codes = codec.encode(target)
    features, coarse = codec.decode(codes), codec.decode(codes[..., : codec.config.coarse])
    real, decoded, decoded_coarse = (
        representation.decode(each[0].cpu().numpy(), FRAME_RATE) for each in (target, features, coarse)
    )
    joints = real.joints()[:, MOVING]
    bands, coarse_bands = (
        compare_bands(joints, each.joints()[:, MOVING], FRAME_RATE) for each in (decoded, decoded_coarse)
    )
    return Reconstruction(
        name=name,
        style=style,
        real=real,
        motion=decoded,
        errors=_errors(features, target),
        coarse_errors=_errors(coarse, target),
        speed_kept=_speed(decoded) / max(_speed(motion), 1e-9),
        codes=codes[0].cpu().numpy(),
        bands=bands,
        coarse_bands=coarse_bands,
    )


def _errors(features: torch.Tensor, target: torch.Tensor) -> NDArray[np.float64]:
    difference = joints_in_heading_frame(features) - joints_in_heading_frame(target)
    errors: NDArray[np.float64] = difference[0].norm(dim=-1).mean(dim=-1).double().cpu().numpy()
    return errors


def codec_reports(clips: Sequence[Reconstruction]) -> dict[str, CodecReport]:
    """The figures of at least one clip, by style and of all."""
    told, told_all = (_told_apart(clips, joints) for joints in (UPPER, range(JOINT_COUNT)))
    styles = sorted({clip.style for clip in clips})
    groups = {style: [clip for clip in clips if clip.style == style] for style in styles} | {ALL: list(clips)}
    return {name: _report(group, told, told_all) for name, group in groups.items()}


def _told_apart(clips: Sequence[Reconstruction], joints: Sequence[int]) -> dict[str, float]:
    """By clip, the share of windows that are told right by a classifier that knows the other clips, of all styles."""

    def described(clip: Reconstruction, motion: Motion) -> WindowSet:
        return WindowSet(clip.name, describe(motion.joints(), FRAME_RATE, joints))

    return tell_apart([described(clip, clip.real) for clip in clips], [described(clip, clip.motion) for clip in clips])


def _report(clips: Sequence[Reconstruction], told: dict[str, float], told_all: dict[str, float]) -> CodecReport:
    errors = [1000 * clip.errors for clip in clips]
    bands, coarse = pooled([clip.bands for clip in clips]), pooled([clip.coarse_bands for clip in clips])
    return CodecReport(
        clips=len(clips),
        frames=sum(map(len, errors)),
        mm_over_frames=float(np.concatenate(errors).mean()),
        coarse_mm_over_frames=1000 * float(np.concatenate([clip.coarse_errors for clip in clips]).mean()),
        mm_over_clips=float(np.mean([each.mean() for each in errors])),
        speed_kept=float(np.average([clip.speed_kept for clip in clips], weights=[len(e) for e in errors])),
        power=bands.power.tolist(),
        coherence=bands.coherence.tolist(),
        coarse_power=coarse.power.tolist(),
        coarse_coherence=coarse.coherence.tolist(),
        told_apart=_mean_of(told, clips),
        told_apart_all=_mean_of(told_all, clips),
        perplexity=[perplexity(level) for level in np.concatenate([clip.codes for clip in clips]).T],
    )


def _mean_of(shares: dict[str, float], clips: Sequence[Reconstruction]) -> float | None:
    known = [shares[clip.name] for clip in clips if clip.name in shares]
    return float(np.mean(known)) if known else None


def perplexity(codes: NDArray[np.int64]) -> float:
    """Perplexity of codes (n,): exp of their entropy."""
    counts = np.unique(codes, return_counts=True)[1] / len(codes)
    return float(np.exp(-(counts * np.log(counts)).sum()))


def _speed(motion: Motion) -> float:
    return float(np.linalg.norm(np.diff(motion.joints(), axis=0), axis=-1).mean() * motion.fps)
