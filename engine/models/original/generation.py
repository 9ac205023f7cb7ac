"""A dance by an imported checkpoint: the features that it hears, its tokens, its motion while they are written."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.audio.beats import BeatTrack, choose_style, track_beats
from engine.audio.librosa_features import HOP, SAMPLE_RATE, librosa_features
from engine.models.base import Performance, Show, Stage
from engine.models.original.checkpoint import OriginalCheckpoint
from engine.models.original.config import FRAME_RATE, OriginalSampling
from engine.models.original.kv_cache import OriginalCodecStream
from engine.models.original.sampling import Cancelled, write_tokens
from engine.runtime.cancellable import cancellable
from engine.runtime.threads import one_thread

MOTION_MEMORY = 3600
"""Frames (three minutes) that the motion decoder remembers, which then takes 180 MB at the published size. The original
remembers all; in a longer dance a frame forgets what is further back."""

PREVIEW_OVERLAP = 20
"""Frames before those that are shown which are solved with them, so that limbs go on turning as they did."""
_NOT_NORMALISED = (
    "This checkpoint was imported without its mean and std, so its motion is no motion of a body: "
    "import it again with --mean and --std."
)
_NO_GUIDANCE = "Imported checkpoints have no guidance: the setting is not used."


def perform(checkpoint: OriginalCheckpoint, stage: Stage) -> Performance:
    """Tokens and motion for a whole piece. Raises EngineError; CancelledError between two tokens."""
    checkpoint.require_styles()
    count = math.ceil(stage.length * FRAME_RATE) + 1
    watch, advance = stage.watch, stage.advance
    advance("features", 0.05, "Listening to the music")
    with watch("features"):
        style, beats = cancellable(lambda: _style_and_beats(checkpoint, stage), stage.cancelled)
        music = cancellable(lambda: music_features(checkpoint, stage, count), stage.cancelled)
    settings = checkpoint.sampling
    if stage.temperature is not None:
        settings = replace(settings, temperature=stage.temperature)
    if stage.music_view is not None:
        settings = replace(settings, music_view=stage.music_view)
    message = f"Writing {count} tokens on the {stage.device.name.upper()}"
    blocks = write_motion(checkpoint, music, style, settings, stage.seeds[0], stage.cancelled)
    tokens: list[NDArray[np.int64]] = []
    frames: list[NDArray[np.float32]] = []
    first_second = 0.0
    with watch("tokens"):
        for written, moved in blocks:
            tokens.append(written)
            frames.append(moved)
            if stage.show is not None:
                _show(checkpoint, np.concatenate(frames), len(moved), stage.show)
            first_second = first_second or watch.elapsed()
            advance("tokens", 0.1 + 0.83 * sum(map(len, tokens)) / count, message)
    advance("motion", 0.93, "Solving for the joints' rotations")
    with watch("motion"):
        motion, error = cancellable(lambda: checkpoint.to_motion(np.concatenate(frames)), stage.cancelled)
    notices = [] if checkpoint.normalised else [_NOT_NORMALISED]
    notices += [_NO_GUIDANCE] if stage.guidance not in (None, 1.0) else []
    report = {
        "notices": notices,
        "precision": checkpoint.precision,
        "first_motion_seconds": first_second,
        "solve_error_mm": round(error, 2),
    }
    return Performance(motion, np.concatenate(tokens)[:, None], stage.seeds[0], style or "", beats, report)


def _show(checkpoint: OriginalCheckpoint, features: NDArray[np.float32], new: int, show: Show) -> None:
    """Show the last `new` frames of normalised motion (T, 263)."""
    begin = len(features) - new
    first = max(0, begin - PREVIEW_OVERLAP)
    motion = checkpoint.preview(features, first)
    show(begin, motion.cut(begin - first, len(motion)))


def _style_and_beats(checkpoint: OriginalCheckpoint, stage: Stage) -> tuple[str | None, BeatTrack]:
    style = stage.style
    if style is None and checkpoint.styles:
        style = choose_style(stage.audio, SAMPLE_RATE, checkpoint.styles)
    return style, track_beats(stage.audio, SAMPLE_RATE)


def music_features(checkpoint: OriginalCheckpoint, stage: Stage, count: int) -> NDArray[np.float32]:
    """(count, C) features at 20 Hz of the kind the checkpoint hears; silence follows the song."""
    if checkpoint.decoder.config.variant == "librosa":
        return librosa_features(_padded(stage.audio, count * HOP))[:count]
    from engine.audio import encodec_features as encodec

    hop = round(encodec.SAMPLE_RATE / FRAME_RATE)
    audio = _padded(stage.listen(encodec.SAMPLE_RATE), count * hop)

    def heard(part: float) -> None:
        stage.advance("features", 0.05 + 0.05 * part, "Listening to the music with EnCodec")

    return encodec.encodec_features(audio, stage.device.name, heard)[:count]


@torch.inference_mode()
def write_motion(
    checkpoint: OriginalCheckpoint,
    music: NDArray[np.float32],
    style: str | None,
    settings: OriginalSampling,
    seed: int,
    cancelled: Cancelled,
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Yield up to a second of tokens (n,) and their normalised motion (n, F) at a time, as soon as they are written.

    music: (N, C); N tokens are written. style: one of its styles, None for variants without. Every block goes on from
    the caches of the one before, so there are no seams.
    """
    device = checkpoint.vqvae.codebook.device
    vector: Tensor | None = None
    if style is not None:
        vector = torch.from_numpy(checkpoint.style_vectors[style]).to(device)
    stream = OriginalCodecStream(checkpoint.vqvae, min(len(music), MOTION_MEMORY))
    heard = torch.from_numpy(music).to(device)
    for block in write_tokens(checkpoint.decoder, heard, vector, len(music), settings, seed, cancelled):
        with one_thread():
            moved = stream.extend(block[None])[0]
        yield block.cpu().numpy(), moved.cpu().numpy()


def _padded(audio: NDArray[np.float32], samples: int) -> NDArray[np.float32]:
    return np.pad(audio, (0, max(0, samples - len(audio))))
