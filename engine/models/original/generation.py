"""Generation of a dance with an imported checkpoint: music features, tokens, and motion while they are generated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.audio.original.librosa_features import librosa_features
from engine.audio.rates import HOP
from engine.models.base import Generated, GenerationTask, Show, Song
from engine.models.original.config import FRAME_RATE, OriginalSampling
from engine.models.original.kv_cache import OriginalCodecStream
from engine.models.original.networks import OriginalNetworks
from engine.models.original.sampling import Cancelled, generate_tokens
from engine.runtime.cancellable import cancellable
from engine.runtime.threads import one_thread

MOTION_MEMORY = 3600
"""Frames (three minutes) in the KV cache of the VQ-VAE's decoder: 180 MB at the published size. The original keeps all;
in a longer dance a frame does not attend to older ones."""

PREVIEW_OVERLAP = 20
"""Frames before the shown ones that are solved with them, so that limbs continue to turn smoothly."""
_NOT_NORMALISED = (
    "This checkpoint was imported without its mean and std, so its motion does not fit a body: "
    "import it again with --mean and --std."
)
_NO_GUIDANCE = "Imported checkpoints have no guidance: the setting is not used."


def generate(networks: OriginalNetworks, task: GenerationTask) -> Generated:
    """Tokens and motion of a whole dance. Raises EngineError; CancelledError between two tokens."""
    count, watch, advance, style = task.positions, task.watch, task.advance, task.music.style
    settings = networks.sampling
    if task.temperature is not None:
        settings = replace(settings, temperature=task.temperature)
    if task.music_view is not None:
        settings = replace(settings, music_view=task.music_view)
    message = f"Generating {count} tokens on the {networks.device.type.upper()}"
    blocks = generate_motion(networks, task.music.features, style, settings, task.seeds[0], task.cancelled)
    tokens: list[NDArray[np.int64]] = []
    frames: list[NDArray[np.float32]] = []
    first_second = 0.0
    with watch("tokens"):
        for block_tokens, block_frames in blocks:
            tokens.append(block_tokens)
            frames.append(block_frames)
            if task.show is not None:
                _show(networks, np.concatenate(frames), len(block_frames), task.show)
            first_second = first_second or watch.elapsed()
            advance("tokens", 0.1 + 0.83 * sum(map(len, tokens)) / count, message)
    advance("motion", 0.93, "Solving for the joints' rotations")
    with watch("motion"):
        motion, error = cancellable(lambda: networks.to_motion(np.concatenate(frames)), task.cancelled)
    notices = [] if networks.normalised else [_NOT_NORMALISED]
    notices += [_NO_GUIDANCE] if task.guidance not in (None, 1.0) else []
    report = {
        "notices": notices,
        "precision": networks.precision,
        "first_motion_seconds": first_second,
        "solve_error_mm": round(error, 2),
    }
    return Generated(np.concatenate(tokens)[None, :, None], motion, None, report)


def _show(networks: OriginalNetworks, features: NDArray[np.float32], new: int, show: Show) -> None:
    """Show the last `new` frames of normalised motion (T, 263)."""
    begin = len(features) - new
    first = max(0, begin - PREVIEW_OVERLAP)
    motion = networks.preview(features, first)
    show(begin, motion.cut(begin - first, len(motion)))


def music_features(
    networks: OriginalNetworks, song: Song, count: int, progress: Callable[[float], None]
) -> NDArray[np.float32]:
    """The features (count, C) at 20 Hz that the checkpoint was trained with; silence follows the song."""
    if networks.decoder.config.variant == "librosa":
        return librosa_features(_padded(song.samples, count * HOP))[:count]
    from engine.audio.original import encodec_features as encodec

    hop = round(encodec.SAMPLE_RATE / FRAME_RATE)
    samples = _padded(song.resampled(encodec.SAMPLE_RATE), count * hop)
    return encodec.encodec_features(samples, str(networks.device), progress)[:count]


@torch.inference_mode()
def generate_motion(
    networks: OriginalNetworks,
    music: NDArray[np.float32],
    style: str | None,
    settings: OriginalSampling,
    seed: int,
    cancelled: Cancelled,
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Yield up to a second of tokens (n,) and their normalised motion (n, F) at a time, as soon as they are generated.

    music: (N, C) for N tokens. style: one of its styles, None for variants without. Every block continues with the
    KV caches of the one before, so there are no seams.
    """
    device = networks.device
    vector: Tensor | None = None
    if style is not None:
        vector = torch.from_numpy(networks.style_vectors[style]).to(device)
    stream = OriginalCodecStream(networks.vqvae, min(len(music), MOTION_MEMORY))
    features = torch.from_numpy(music).to(device)
    for block in generate_tokens(networks.decoder, features, vector, len(music), settings, seed, cancelled):
        with one_thread():
            motion = stream.extend(block[None])[0]
        yield block.cpu().numpy(), motion.cpu().numpy()


def _padded(audio: NDArray[np.float32], samples: int) -> NDArray[np.float32]:
    return np.pad(audio, (0, max(0, samples - len(audio))))
