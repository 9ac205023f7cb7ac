"""Whether numpy and PyTorch generate the same dances: equal tokens over seeds and songs, logits, decoded joints.

    python -m benchmarks.equal_back_ends write REFERENCE.npz SONG SONG SONG     with PyTorch, which reads songs
    python -m benchmarks.equal_back_ends compare REFERENCE.npz                   in any Python with numpy

The first computes music features once and dances of PyTorch on the CPU, the styles of the checkpoint in turns; the
second generates the same dances with the numpy that it finds. Rounding differs in the last bits, so a token whose two
best draws are that close could differ; logits and joints are compared over PyTorch's tokens.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.models.loading import load_checkpoint
from engine.models.own.checkpoint import OwnCheckpoint
from engine.models.own.sampling import Conditions, encode_context, generate_span
from engine.runtime.device import CPU, CPU_TORCH

ROWS = ((True, True), (False, True), (True, False))
"""Rows of guidance: whether each is given the music, and the style."""


def main() -> None:
    """Write or compare."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.equal_back_ends", description=__doc__)
    commands = parser.add_subparsers(required=True)
    write = commands.add_parser("write")
    write.add_argument("reference", type=Path)
    write.add_argument("songs", type=Path, nargs="+")
    write.add_argument("--checkpoint", default="default")
    write.add_argument("--seconds", type=float, default=60.0)
    write.add_argument("--seeds", type=int, default=20)
    write.set_defaults(run=_write)
    compare = commands.add_parser("compare")
    compare.add_argument("reference", type=Path)
    compare.set_defaults(run=_compare)
    options = parser.parse_args()
    options.run(options)


def _write(options: argparse.Namespace) -> None:
    from engine.pipeline.song import read_song

    checkpoint = _loaded(options.checkpoint, CPU_TORCH)
    found: dict[str, Any] = {"checkpoint": options.checkpoint, "seeds": options.seeds}
    positions = int(options.seconds * checkpoint.token_rate)
    for number, path in enumerate(options.songs):
        style = checkpoint.styles[number % len(checkpoint.styles)]
        song = read_song(path, 0.0, options.seconds, 1.0)
        features = checkpoint.music(song, style, positions, lambda _: None).features
        dances = _dances(checkpoint, features, style, options.seeds)
        found |= {f"features{number}": features, f"style{number}": style, f"tokens{number}": dances}
        found |= {f"logits{number}": _logits(checkpoint, features, style, dances[0])}
        found |= {f"joints{number}": np.stack([checkpoint.decode(tokens).joints() for tokens in dances])}
        print(f"{path.name}, {style}: {options.seeds} dances of {positions} positions", flush=True)
    np.savez(options.reference, **found)


def _compare(options: argparse.Namespace) -> None:
    with np.load(options.reference) as reference:
        checkpoint = _loaded(str(reference["checkpoint"]), CPU)
        seeds = int(reference["seeds"])
        print(f"numpy {np.__version__}, checkpoint {checkpoint.name}")
        for number in range(sum(name.startswith("tokens") for name in reference)):
            features, style = reference[f"features{number}"], str(reference[f"style{number}"])
            theirs, their_logits = reference[f"tokens{number}"], reference[f"logits{number}"]
            ours = _dances(checkpoint, features, style, seeds)
            logits = _logits(checkpoint, features, style, theirs[0])
            joints = np.stack([checkpoint.decode(tokens).joints() for tokens in theirs])
            print(
                f"{style}: {(ours == theirs).mean():.2%} of tokens equal, "
                f"{(ours == theirs).all((1, 2)).sum()} of {seeds} dances; "
                f"logits {np.abs(logits - their_logits).max() / np.abs(their_logits).max():.1e} relative, "
                f"joints {np.abs(joints - reference[f'joints{number}']).max() * 1000:.4f} mm",
                flush=True,
            )


def _loaded(name: str, device: str) -> OwnCheckpoint:
    checkpoint = load_checkpoint(name, device)
    assert isinstance(checkpoint, OwnCheckpoint), f"{name} is an imported checkpoint, which numpy does not compute"
    return checkpoint


def _conditions(checkpoint: OwnCheckpoint, features: NDArray[np.float32], style: str) -> Conditions:
    count = len(features) // checkpoint.stride
    codes = np.zeros((count, checkpoint.levels), np.int64)
    return Conditions(features, checkpoint.styles.index(style), codes, np.zeros(count, bool))


def _dances(checkpoint: OwnCheckpoint, features: NDArray[np.float32], style: str, seeds: int) -> NDArray[np.int64]:
    """Tokens (seeds, N, K) of dances with seeds from 0 on."""
    conditions = _conditions(checkpoint, features, style)
    sampling, span = checkpoint.sampling_of(style), (0, len(conditions.codes))
    return generate_span(
        checkpoint.decoder, conditions, span, sampling, list(range(seeds)), lambda _: None, lambda: False
    )


def _logits(
    checkpoint: OwnCheckpoint, features: NDArray[np.float32], style: str, tokens: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Logits (K, 3, N, codes) of tokens (N, K) after those before them, with the three rows of guidance."""
    decoder = checkpoint.decoder
    memory = encode_context(
        decoder, _conditions(checkpoint, features, style), [row[0] for row in ROWS], [row[1] for row in ROWS]
    )
    before = tokens[np.maximum(np.arange(-1, len(tokens) - 1), 0)]
    states = decoder.writer(memory).prefill(np.repeat(before[None], len(ROWS), 0), begins=True)
    own = np.repeat(tokens[None], len(ROWS), 0)
    return np.stack([decoder.logits(states, own[..., :level]) for level in range(decoder.config.levels)])


if __name__ == "__main__":
    main()
