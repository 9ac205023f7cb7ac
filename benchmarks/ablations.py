"""Ablations of the checkpoint that need no other training: guidance, residual levels, the foot lock.

    python -m benchmarks.ablations --data DATA [--checkpoint default] [--split val] [--seeds 3]

Two tables. Codec: error of real dances reconstructed from the first levels only. Generated dances, measured as by
`engine evaluate`: with other strengths of music guidance (1 is none), without the music, decoded from the first levels
only, and without the foot lock.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from engine.data.dataset import DanceDataset
from engine.data.styles import StyleTable
from engine.data.torch_kinematics import joints_in_heading_frame
from engine.evaluation.dances import REAL, EvaluatedDance, Subject, dance_without_music
from engine.evaluation.evaluate import subjects_of
from engine.evaluation.measure import DanceMeasurer, set_windows
from engine.evaluation.summary import WITH_SONG, Group, Sets, summarise
from engine.models.loading import load_own_checkpoint
from engine.models.torch.checkpoint import TorchCheckpoint
from engine.motion import representation
from engine.pipeline.generate import generate
from engine.pipeline.request import GenerateRequest
from smpl_rig.feet import lock_feet

GUIDANCE = (1.0, 1.5, 2.0, 2.5, 3.0)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--checkpoint", default="default")
    parser.add_argument("--split", default="val", choices=["val", "test"])
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    checkpoint = load_own_checkpoint(options.checkpoint)
    data = DanceDataset(options.data)
    styles = StyleTable(checkpoint.style_music)
    subjects = [subject.danceable() for subject in subjects_of(data.split(options.split), styles)]
    print("| levels | mm over frames |\n|---|---|")
    for levels in range(1, checkpoint.vqvae.config.levels + 1):
        print(f"| {levels} | {codec_error(checkpoint, subjects, levels):.1f} |", flush=True)

    with_song = [subject for subject in subjects if subject.song is not None]
    rows = (row for subject in with_song for row in dances(checkpoint, subject, options.seeds))
    print(f"\n{dance_table(subjects, subjects_of(data.split('train'), styles), rows)}")


def dance_table(subjects: Sequence[Subject], known: Sequence[Subject], dances: Iterable[EvaluatedDance]) -> str:
    """A Markdown table of dances, real ones among them, of a split's subjects; `known` are the training clips."""
    measurer = DanceMeasurer(subjects, known)
    training: dict[str, list[Sets]] = {}
    for clip in known:
        training.setdefault(clip.style, []).append(set_windows(clip.motion.joints()))
    summary = summarise([measurer.measure(dance) for dance in dances], training)
    real = summary[REAL][WITH_SONG]
    lines = [
        "| dances | beat gain | own song above others | style right | jerk over real | skate | Fréchet to training |",
        "|---|---|---|---|---|---|---|",
        *(f"| {row} | {line(groups[WITH_SONG], real)} |" for row, groups in summary.items()),
    ]
    return "\n".join(lines)


@torch.inference_mode()
def codec_error(checkpoint: TorchCheckpoint, subjects: list[Subject], levels: int) -> float:
    """Mean joint error over all frames, millimetres, of dances reconstructed from the first levels."""
    stride, errors = checkpoint.vqvae.config.stride, []
    for subject in subjects:
        motion = subject.motion.cut(0, len(subject.motion) // stride * stride)
        target = torch.from_numpy(representation.encode(motion))[None]
        rebuilt = checkpoint.vqvae.decode(checkpoint.vqvae.encode(target)[..., :levels])
        gap = joints_in_heading_frame(rebuilt) - joints_in_heading_frame(target)
        errors.append(gap[0].norm(dim=-1).mean(-1).numpy())
    return 1000 * float(np.concatenate(errors).mean())


def dances(checkpoint: TorchCheckpoint, subject: Subject, seeds: int) -> Iterator[EvaluatedDance]:
    """The real dance and every variant of the generated one."""
    yield EvaluatedDance(REAL, subject, 0, subject.motion)
    assert subject.song is not None
    for seed in range(seeds):
        for guidance in GUIDANCE:
            request = GenerateRequest(
                str(subject.song.path),
                seed=seed,
                style=subject.style,
                checkpoint=str(checkpoint.folder),
                guidance=guidance,
            )
            dance = generate(request, lambda *_: None, lambda: False)
            yield EvaluatedDance(f"guidance {guidance:g}", subject, seed, dance.motion)
            if guidance != checkpoint.sampling.guidance:
                continue
            frames = len(dance.motion)
            for levels in range(1, checkpoint.vqvae.config.coarse):
                motion = lock_feet(checkpoint.decode(dance.tokens[:, :levels]).cut(0, frames))
                yield EvaluatedDance(
                    f"guidance {guidance:g}, first {levels} of the generated levels", subject, seed, motion
                )
            yield EvaluatedDance(
                f"guidance {guidance:g}, feet unlocked", subject, seed, checkpoint.decode(dance.tokens)
            )
            yield EvaluatedDance(
                "music masked", subject, seed, dance_without_music(checkpoint, subject.style, frames // 2, seed)
            )


def line(group: Group, real: Group) -> str:
    """The cells of a row after its name."""

    def mean(group: Group, name: str) -> float:
        return group.figures[name].mean if name in group.figures else float("nan")

    cells = [
        f"{mean(group, 'feet_m2d_gain'):+.3f} / {mean(group, 'feet_d2m_gain'):+.3f}",
        f"{mean(group, 'leads'):.2f}",
        f"{mean(group, 'style_right'):.2f}",
        f"{mean(group, 'jerk') / mean(real, 'jerk'):.2f}",
        f"{mean(group, 'skate'):.3f}",
        f"{mean(group, 'statistics_to_train'):.1f}",
    ]
    return " | ".join(cells)


if __name__ == "__main__":
    main()
