"""Generation of a whole dance's tokens by networks of our family, with a preview while they are generated."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from engine.audio.music_features import half_a_beat_late
from engine.models.base import Generated, GenerationTask
from engine.models.own.asked_energy import asked_energy
from engine.models.own.codec_stream import CodecStream
from engine.models.own.config import Sampling
from engine.models.own.likelihood import whole_likelihood
from engine.models.own.networks import Codec, Codes, Decoder
from engine.models.own.sampling import Conditions, generate_span
from engine.motion import representation

SHOWN_POSITIONS = 30
"""Token positions generated between two updates of the preview after the first: each decodes its surroundings again."""


def generate(
    codec: Codec,
    decoder: Decoder,
    style: int,
    sampling: Sampling,
    frame_rate: float,
    device: str,
    task: GenerationTask,
) -> Generated:
    """The tokens of every candidate. style: the decoder's index. device: as users read it. Raises CancelledError
    between two positions."""
    conditions = Conditions(
        task.music.features,
        style,
        codes=np.zeros((task.positions, codec.config.levels), np.int64),
        locked=np.zeros(task.positions, bool),
        energy=asked_energy(
            np.full(task.positions, task.energy), task.song_energy, task.music.features, codec.config.stride
        ),
        off_beat=half_a_beat_late(task.music.features) if sampling.off_beat else None,
    )
    preview = _Preview(codec, frame_rate, device, task)
    with task.watch("tokens"):
        codes = generate_span(
            decoder,
            conditions,
            (0, task.positions),
            _sampling(task, sampling),
            task.seeds,
            preview.update,
            task.cancelled,
        )
    report: dict[str, Any] = {}
    if preview.first_motion is not None:
        report["first_motion_seconds"] = preview.first_motion

    def likelihood(candidate: int) -> float:
        return whole_likelihood(decoder, conditions, codes[candidate])

    return Generated(codes, None, likelihood, report)


class _Preview:
    """The progress of a generation, and the frames of its first candidate if the task wants them shown.

    first_motion: seconds after which the first frames were shown.
    """

    def __init__(self, codec: Codec, frame_rate: float, device: str, task: GenerationTask) -> None:
        self.task, self.reach = task, codec.config.reach
        self.stream, self.motion = CodecStream(codec), representation.RunningDecoder(frame_rate)
        self.shown = 0
        self.first_motion: float | None = None
        times = f", {len(task.seeds)} times," if len(task.seeds) > 1 else ""
        self.message = f"Generating {task.positions} tokens{times} on the {device}"

    def update(self, codes: Codes) -> None:
        """Report progress and show new frames, given the codes (n, K) so far."""
        task = self.task
        task.advance("tokens", 0.1 + 0.83 * len(codes) / task.positions, self.message)
        ended = len(codes) == task.positions
        # what has been decoded ends one reach before what had been generated at that time
        new = len(codes) - self.stream.done - self.reach if self.stream.done else SHOWN_POSITIONS
        if task.show is None or (new < SHOWN_POSITIONS and not ended):
            return
        features = self.stream.extend(codes, ended)
        if len(features):
            self.first_motion = self.first_motion or task.watch.elapsed()
            task.show(self.shown, self.motion.extend(features))
            self.shown += len(features)


def _sampling(task: GenerationTask, default: Sampling) -> Sampling:
    guidance = default.guidance if task.guidance is None else task.guidance
    temperature = default.temperature if task.temperature is None else task.temperature
    return replace(default, guidance=guidance, temperature=temperature)
