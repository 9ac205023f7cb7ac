"""The error of int8 in a trained decoder: `python benchmarks/int8_quality.py --data DATA [--minutes 18]`.

Random weights tell little about it, because their logits are nearly all the same. So a full-size decoder of the variant
`librosa` is trained for some minutes on real dances with music. Their tokens are the nearest of 1024 typical poses
(k-means of the positions among the 263 motion features), one a frame, as in the original. Measured on songs that it was
not trained on: how often the likeliest token is the same in int8 as in float32, step by step, given the same past.
"""

from __future__ import annotations

import argparse
import copy
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from sklearn.cluster import MiniBatchKMeans  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from engine.audio.files.decode import load_audio  # noqa: E402
from engine.audio.original.librosa_features import librosa_features  # noqa: E402
from engine.audio.rates import SAMPLE_RATE  # noqa: E402
from engine.data.dataset import DanceDataset  # noqa: E402
from engine.models.original.config import FRAME_RATE, OriginalDecoderConfig  # noqa: E402
from engine.models.original.decoder import OriginalDecoder  # noqa: E402
from engine.models.original.kv_cache import OriginalDecoderCache  # noqa: E402
from engine.models.original.quantize import round_weights  # noqa: E402
from engine.motion import humanml3d  # noqa: E402
from engine.training.loop import mixed_precision  # noqa: E402
from smpl_rig.motion import resample  # noqa: E402

POSE = slice(0, 67)
"""Root and joint positions among the motion features."""
LENGTH, ROWS, RATE, WARM = 96, 4, 3e-4, 50
WINDOW = 300
Song = tuple[torch.Tensor, torch.Tensor]
"""Tokens (T,) and music (T, 35)."""


def main() -> None:
    """Train, compare, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=18.0)
    options = parser.parse_args()
    torch.manual_seed(0)
    songs = read(options.data)
    decoder = train(songs["train"], options.minutes * 60)
    print("on songs of the test split:", compare(decoder, songs["test"]))


def read(folder: Path) -> dict[str, list[Song]]:
    """Tokens and music of every dance that has music, by split."""
    raw: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for clip in DanceDataset(folder):
        if clip.audio_path is not None:
            motion = humanml3d.encode(resample(clip.motion(), FRAME_RATE).joints())
            music = librosa_features(load_audio(clip.audio_path, SAMPLE_RATE))
            count = min(len(motion), len(music))
            raw.setdefault(clip.split, []).append((motion[:count], music[:count]))
    mean, std = humanml3d.statistics(np.concatenate([motion for motion, _ in raw["train"]]))
    features = np.concatenate([music for _, music in raw["train"]])

    def pose(motion: np.ndarray) -> np.ndarray:
        return humanml3d.normalise(motion, mean, std)[:, POSE]

    codes = MiniBatchKMeans(OriginalDecoderConfig().codes, batch_size=4096, n_init=1, max_iter=30, random_state=0)
    codes.fit(np.concatenate([pose(motion) for motion, _ in raw["train"]]))
    songs: dict[str, list[Song]] = {}
    for split, pairs in raw.items():
        for motion, music in pairs:
            scaled = ((music - features.mean(0)) / (features.std(0) + 1e-6)).astype(np.float32)
            tokens = codes.predict(pose(motion)).astype(np.int64)
            songs.setdefault(split, []).append((torch.from_numpy(tokens), torch.from_numpy(scaled)))
    return songs


def train(songs: list[Song], seconds: float) -> OriginalDecoder:
    """A full-size decoder, trained for that time on pieces of five seconds."""
    decoder = OriginalDecoder(OriginalDecoderConfig(variant="librosa"))
    for value in decoder.parameters():
        if value.ndim == 2:
            torch.nn.init.normal_(value, 0, 0.02)
    optimiser = torch.optim.AdamW(decoder.parameters(), lr=RATE, betas=(0.9, 0.95), weight_decay=0.05)
    random, begin, step = np.random.default_rng(0), time.monotonic(), 0
    while (left := 1 - (time.monotonic() - begin) / seconds) > 0:
        pieces = []
        for _ in range(ROWS):
            tokens, music = songs[random.integers(len(songs))]
            first = random.integers(len(tokens) - LENGTH)
            pieces.append((tokens[first : first + LENGTH + 1], music[first : first + LENGTH]))
        tokens, music = torch.stack([t for t, _ in pieces]), torch.stack([m for _, m in pieces])
        for group in optimiser.param_groups:
            group["lr"] = RATE * min((step + 1) / WARM, 4 * left, 1)
        with mixed_precision("cpu"):
            logits = decoder(tokens[:, :-1], music)
        loss = F.cross_entropy(logits.float().flatten(0, 1), tokens[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
        optimiser.step()
        step += 1
        if step % 50 == 0:
            print(f"step {step}, loss {loss.item():.2f}", flush=True)
    return decoder.eval().requires_grad_(False)


@torch.inference_mode()
def compare(decoder: OriginalDecoder, songs: list[Song]) -> str:
    """Int8 compared with float32 over windows of 300 tokens, in words."""
    rounded = copy.deepcopy(decoder)
    round_weights(rounded, "int8")
    right, equal, errors, probabilities = [], [], [], []
    for tokens, music in songs:
        for first in range(0, len(tokens) - WINDOW, 2 * WINDOW):
            past, window = tokens[None, first : first + WINDOW], music[None, first : first + WINDOW]
            expected = decoder(past, window)[0]
            cache = OriginalDecoderCache(rounded, window, None, WINDOW)
            found = torch.cat([cache.extend(token) for token in torch.split(past, 1, 1)], 1)[0]
            best = expected.argmax(-1)
            right.append((best == tokens[first + 1 : first + WINDOW + 1]).float())
            equal.append((best == found.argmax(-1)).float())
            probabilities.append(expected.softmax(-1).amax(-1))
            errors.append((found - expected).norm() / expected.norm())
    return (
        f"{torch.cat(right).mean():.1%} of the next tokens predicted, mean probability of the likeliest "
        f"{torch.cat(probabilities).mean():.2f}; int8: {torch.cat(equal).mean():.1%} equal likeliest tokens of "
        f"{len(torch.cat(equal))}, relative error of the logits {torch.stack(errors).mean():.2%}"
    )


if __name__ == "__main__":
    main()
