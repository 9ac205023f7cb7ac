"""The quality table of a checkpoint: real, reconstructed and generated dances of a split, measured alike.

Beat scores are of foot beats against the song's beats, each beside its value on shifted music (see `evaluation.beats`).
All motions are at 20 frames/s; generated ones are measured as a user gets them, with foot locking.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from engine.audio.beats import STYLE_TEMPO, track_beats
from engine.audio.decode import load_audio
from engine.audio.librosa_features import SAMPLE_RATE
from engine.checkpoints import FRAME_RATE, load_own_checkpoint
from engine.evaluation.beats import foot_beats, score_beats
from engine.evaluation.metrics import foot_skate, jerk, motion_statistics, penetration
from engine.generate import Dance, GenerateRequest, generate
from engine.models.kinematics import joints_in_heading_frame
from engine.motion import representation
from engine.training.windows import StyledMotion, at_rate
from smpl_rig.motion import Motion


@dataclass(frozen=True)
class Row:
    """Figures of one motion: `source` is real, reconstructed, generated, ...; error_mm only where a truth exists.

    m2d / d2m: beat alignment music to dance and dance to music, with their values on shifted music. skate: share of
    frames. sink_mm: mean depth of the soles below the floor. jerk: m/s^3. speed: mean joint speed, m/s.
    """

    source: str
    clip: str
    style: str
    seed: int
    figures: dict[str, float]
    statistics: np.ndarray
    error_mm: float | None = None


@dataclass(frozen=True)
class Subject:
    """A clip to evaluate on: its true motion and its song, if it has one."""

    clip: StyledMotion
    audio: Path | None


def evaluate(
    subjects: Sequence[Subject], checkpoint_name: str, seeds: Sequence[int], device: str, said: Callable[[str], None]
) -> list[Row]:
    """Rows for every subject: real and reconstructed once, generated (also with the music masked) per seed."""
    checkpoint = load_own_checkpoint(checkpoint_name)
    rows: list[Row] = []
    for subject in subjects:
        clip = subject.clip
        motion = at_rate(clip.motion)
        motion = motion.cut(0, len(motion) // checkpoint.vqvae.config.stride * checkpoint.vqvae.config.stride)
        beats = _beats(subject)
        rows.append(_row("real", clip, 0, motion, beats))
        features = representation.encode(motion)
        with torch.inference_mode():
            target = torch.from_numpy(features)[None]
            rebuilt = checkpoint.vqvae.decode(checkpoint.vqvae.encode(target))
            gap = joints_in_heading_frame(rebuilt) - joints_in_heading_frame(target)
        decoded = representation.decode(rebuilt[0].numpy(), FRAME_RATE)
        row = _row("reconstructed", clip, 0, decoded, beats)
        rows.append(replace(row, error_mm=float(gap.norm(dim=-1).mean() * 1000)))
        if subject.audio is not None:
            for seed in seeds:
                dance = _dance(subject, checkpoint_name, seed, device)
                rows.append(_row("generated", clip, seed, dance.motion, beats))
                raw = representation.decode(_decode(checkpoint.vqvae, dance.tokens), FRAME_RATE)
                rows.append(_row("generated, feet unlocked", clip, seed, raw.cut(0, len(dance.motion)), beats))
        said(f"{clip.name}: {len(rows)} rows")
    return rows


def _decode(vqvae: torch.nn.Module, tokens: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return vqvae.decode(torch.from_numpy(tokens)[None])[0].numpy()  # type: ignore[operator]


def _dance(subject: Subject, checkpoint: str, seed: int, device: str) -> Dance:
    request = GenerateRequest(
        audio=str(subject.audio), seed=seed, style=subject.clip.style, checkpoint=checkpoint, device=device
    )
    return generate(request, lambda *_: None, lambda: False)


def _beats(subject: Subject) -> np.ndarray | None:
    if subject.audio is None:
        return None
    audio = load_audio(subject.audio, SAMPLE_RATE)
    return track_beats(audio, SAMPLE_RATE, STYLE_TEMPO.get(subject.clip.style)).times


def _row(source: str, clip: StyledMotion, seed: int, motion: Motion, beats: np.ndarray | None) -> Row:
    joints = motion.joints()
    figures = {
        "skate": foot_skate(joints, motion.fps),
        "sink_mm": 1000 * penetration(joints).mean,
        "jerk": jerk(joints, motion.fps),
        "speed": float(np.linalg.norm(np.diff(joints, axis=0), axis=-1).mean() * motion.fps),
    }
    if beats is not None and len(beats) > 1:
        score = score_beats(foot_beats(joints, motion.fps), beats)
        figures |= {
            "m2d": score.music_to_motion,
            "m2d_shifted": score.shifted_music_to_motion,
            "d2m": score.motion_to_music,
            "d2m_shifted": score.shifted_motion_to_music,
        }
    return Row(source, clip.name, clip.style, seed, figures, motion_statistics(joints, motion.fps))


def table(rows: Sequence[Row]) -> str:
    """A Markdown table: a line per source and style (and all styles together), means over clips and seeds."""
    sources = list(dict.fromkeys(row.source for row in rows))
    styles = ["all", *dict.fromkeys(row.style for row in rows)]
    lines = [
        "| dances | style | clips | error mm | music→dance (shifted, gain) | dance→music (shifted, gain) "
        "| skate | below floor mm | jerk m/s³ | speed m/s |",
        "|" + "---|" * 10,
    ]
    for source in sources:
        for style in styles:
            chosen = [row for row in rows if row.source == source and style in ("all", row.style)]
            if chosen:
                lines.append(_line(source, style, chosen))
    return "\n".join(lines)


def _line(source: str, style: str, rows: Sequence[Row]) -> str:
    def mean(name: str) -> float | None:
        values = [row.figures[name] for row in rows if name in row.figures]
        return float(np.mean(values)) if values else None

    def beat(name: str) -> str:
        score, shifted = mean(name), mean(f"{name}_shifted")
        return "–" if score is None or shifted is None else f"{score:.3f} ({shifted:.3f}, {score - shifted:+.3f})"

    errors = [row.error_mm for row in rows if row.error_mm is not None]
    cells = [
        source,
        style,
        str(len({row.clip for row in rows})),
        f"{np.mean(errors):.1f}" if errors else "–",
        beat("m2d"),
        beat("d2m"),
        f"{mean('skate'):.3f}",
        f"{mean('sink_mm'):.1f}",
        f"{mean('jerk'):.0f}",
        f"{mean('speed'):.2f}",
    ]
    return "| " + " | ".join(cells) + " |"
