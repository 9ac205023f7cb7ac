"""A dance by a checkpoint of ours: the features that it hears, its tokens, shown while they are written, its motion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.audio.beats import BeatTrack, choose_style
from engine.audio.librosa_features import HOP, SAMPLE_RATE
from engine.audio.music_features import music_features
from engine.models.base import Performance, Stage
from engine.models.checkpoints import FRAME_RATE, Checkpoint
from engine.models.torch.codec_stream import CodecStream
from engine.models.torch.sampling import Conditions, Sampling, write_span
from engine.motion import representation
from engine.pipeline.ranking import best_first, judge
from engine.runtime.cancellable import cancellable
from smpl_rig.motion import Motion

SHOWN_POSITIONS = 30
"""Token positions written between two showings after the first: each decodes its surroundings again."""


def perform(checkpoint: Checkpoint, stage: Stage) -> Performance:
    """Codes and motion by a checkpoint of ours. Raises EngineError."""
    watch, stride = stage.watch, checkpoint.vqvae.config.stride
    positions = math.ceil((math.ceil(stage.length * FRAME_RATE) + 1) / stride)
    stage.advance("features", 0.05, "Listening to the music")
    with watch("features"):
        style, music, beats = cancellable(
            lambda: hear(stage.audio, stage.style, checkpoint.styles, positions * stride), stage.cancelled
        )
    conditions = _conditions(checkpoint, music, style, positions, stage.device.name)
    with watch("tokens"):
        takes, first_motion = _write(checkpoint, conditions, style, stage)
    report: dict[str, Any] = {} if first_motion is None else {"first_motion_seconds": first_motion}
    best = 0
    if len(takes) > 1:
        judged = []
        with watch("ranking"):
            for number, codes in enumerate(takes):
                message = f"Choosing among {len(takes)} dances"
                stage.advance("motion", 0.93 + 0.02 * number / len(takes), message)  # stops here when cancelled
                judged.append(judge(checkpoint.decoder, conditions, codes, _decoded(checkpoint, codes), beats))
        order = best_first(judged)
        best = order[0]
        report["takes"] = [{"seed": stage.seeds[index], **asdict(judged[index])} for index in order]
    stage.advance("motion", 0.95, "Decoding the motion")
    with watch("motion"):
        motion = _decoded(checkpoint, takes[best])
    return Performance(motion, takes[best].cpu().numpy(), stage.seeds[best], style, beats, report)


@torch.inference_mode()
def _decoded(checkpoint: Checkpoint, codes: Tensor) -> Motion:
    return representation.decode(checkpoint.vqvae.decode(codes[None])[0].cpu().numpy(), FRAME_RATE)


def _conditions(
    checkpoint: Checkpoint, music: NDArray[np.float32], style: str, positions: int, device: str
) -> Conditions:
    return Conditions(
        torch.from_numpy(music).to(device),
        checkpoint.styles.index(style),
        codes=torch.zeros(positions, checkpoint.vqvae.config.levels, dtype=torch.int64, device=device),
        locked=torch.zeros(positions, dtype=torch.bool, device=device),
    )


def _write(checkpoint: Checkpoint, conditions: Conditions, style: str, stage: Stage) -> tuple[Tensor, float | None]:
    """Codes (V, N, K) of the takes, and the seconds after which the first frames were shown, if anybody watches.

    What is shown is the first take.
    """
    positions, takes = len(conditions.codes), len(stage.seeds)
    times = f", {takes} times," if takes > 1 else ""
    message = f"Writing {positions} tokens{times} on the {stage.device.name.upper()}"

    stream, moving = CodecStream(checkpoint.vqvae), representation.RunningDecoder(FRAME_RATE)
    shown, first_motion = 0, None

    def written(all_codes: Tensor) -> None:
        nonlocal shown, first_motion
        codes = all_codes[0]
        stage.advance("tokens", 0.1 + 0.83 * len(codes) / positions, message)
        ended = len(codes) == positions
        # what has been decoded ends a reach before what had been written then
        waiting = len(codes) - stream.done - checkpoint.vqvae.config.reach if stream.done else SHOWN_POSITIONS
        if stage.show is None or (waiting < SHOWN_POSITIONS and not ended):
            return
        features = stream.extend(codes, ended).cpu().numpy()
        if len(features):
            first_motion = first_motion or stage.watch.elapsed()
            stage.show(shown, moving.extend(features))
            shown += len(features)

    sampling = _sampling(stage, checkpoint.sampling_of(style))
    span = 0, positions
    codes = write_span(checkpoint.decoder, conditions, span, sampling, stage.seeds, written, stage.cancelled)
    return codes, first_motion


def hear(
    audio: NDArray[np.float32], wanted: str | None, styles: Sequence[str], frames: int
) -> tuple[str, NDArray[np.float32], BeatTrack]:
    """The style, `wanted` or by the song's tempo, and exactly `frames` frames of features; silence follows the song."""
    style = wanted or choose_style(audio, SAMPLE_RATE, styles)
    features, beats = music_features(np.pad(audio, (0, max(0, frames * HOP - len(audio)))), style)
    return style, features[:frames], beats


def _sampling(stage: Stage, default: Sampling) -> Sampling:
    guidance = default.guidance if stage.guidance is None else stage.guidance
    temperature = default.temperature if stage.temperature is None else stage.temperature
    return replace(default, guidance=guidance, temperature=temperature)
