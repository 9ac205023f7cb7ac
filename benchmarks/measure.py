"""One measurement in a process of its own, result as JSON on stdout: `python -m benchmarks.measure NAME ...`.

Peak memory, threads and times of first calls are then those of this measurement alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks import uncached
from benchmarks.networks import random_decoder, random_music, random_vqvae, write_random_checkpoint
from engine.models.original.config import FRAME_RATE, OriginalSampling
from engine.models.original.kv_cache import OriginalCodecStream, OriginalDecoderCache
from engine.models.original.sampling import generate_tokens

CHUNK = 200
"""Frames that the original decodes at once."""
PREFIX_STRIDE = 10


def measure_uncached(options: argparse.Namespace) -> dict[str, Any]:
    """The original's loop: 5 s of music whole, and steps at every tenth prefix of a window, then at longer ones."""
    decoder, longest = random_decoder(), options.longest
    music = random_music(max(longest, uncached.WINDOW))
    prefixes = [*range(1, uncached.WINDOW, PREFIX_STRIDE), uncached.WINDOW]
    prefixes += [n for n in (400, 600, 900, 1200, 1800, 2600, 3600) if n <= longest]
    seconds = uncached.step_seconds(decoder, music, prefixes)
    begin = time.perf_counter()
    uncached.generate_uncached(decoder, music, 100)
    return {"prefixes": prefixes, "seconds": seconds, "whole_100": time.perf_counter() - begin}


def measure_tokens(options: argparse.Namespace) -> dict[str, Any]:
    """Our generation of tokens, full size: the best of `repeats`."""
    length = round(options.seconds * FRAME_RATE)
    music = random_music(length).to(options.device)
    decoder = random_decoder(options.precision, options.device)
    _generate(decoder, music[:40])
    before = _resident()
    _forget_peak()
    times = []
    for _ in range(options.repeats):
        begin = time.perf_counter()
        _generate(decoder, music)
        times.append(time.perf_counter() - begin)
    return {"seconds": min(times), "tokens": length, "before": before, "peak": _peak()}


def _generate(decoder: Any, music: torch.Tensor) -> None:
    for block in generate_tokens(decoder, music, None, len(music), OriginalSampling(), 0, lambda: False):
        block.cpu()  # waits for the device


def measure_greedy(options: argparse.Namespace) -> dict[str, Any]:
    """Rounded weights against float32, given the same past: share of equal likeliest tokens, error of the logits."""
    exact, rounded = random_decoder(), random_decoder(options.precision)
    tokens = torch.randint(0, exact.config.codes, (1, uncached.WINDOW))
    music = random_music(uncached.WINDOW)[None]
    with torch.inference_mode():
        expected = exact(tokens, music)[0]
        cache = OriginalDecoderCache(rounded, music, None, uncached.WINDOW)
        found = torch.cat([cache.extend(token) for token in torch.split(tokens, 1, 1)], 1)[0]
    equal = (expected.argmax(-1) == found.argmax(-1)).float().mean()
    return {"equal": float(equal), "error": float((found - expected).norm() / expected.norm())}


@torch.inference_mode()
def measure_seams(options: argparse.Namespace) -> dict[str, Any]:
    """Motion decoded incrementally, a second at a time, against one pass and against separate chunks of 200 frames."""
    vqvae, frames = random_vqvae(), options.frames
    tokens = torch.randint(0, vqvae.config.codes, (1, frames))
    stream = OriginalCodecStream(vqvae, frames)
    streamed = torch.cat([stream.extend(block) for block in torch.split(tokens, round(FRAME_RATE), 1)], 1)
    whole = vqvae.decode(tokens)
    chunks = torch.cat([vqvae.decode(block) for block in torch.split(tokens, CHUNK, 1)], 1)
    return {
        "frames": frames,
        "difference": float((streamed - whole).abs().max() / whole.abs().max()),
        "streamed": _border_jerk(streamed[0]),
        "chunks": _border_jerk(chunks[0]),
    }


def _border_jerk(motion: torch.Tensor) -> float:
    """Mean norm of third differences across the borders of chunks over that elsewhere. motion: (T, F)."""
    jerk = motion.diff(n=3, dim=0).norm(dim=-1)
    last = torch.arange(len(jerk)) + 3  # a third difference spans four frames
    across = (last % CHUNK < 3) & (last >= CHUNK)
    return float(jerk[across].mean() / jerk[~across].mean())


def write_checkpoint(options: argparse.Namespace) -> dict[str, Any]:
    """Write a full-size checkpoint folder for the engine process to load."""
    write_random_checkpoint(options.folder, options.precision)
    return {}


def describe(options: argparse.Namespace) -> dict[str, Any]:
    """What PyTorch tells about the machine."""
    cuda = torch.cuda.is_available()
    return {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "gpu": torch.cuda.get_device_name() if cuda else None,
    }


def _status(key: str) -> float | None:
    """A value of /proc/self/status in megabytes; None where there is no such file."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next(float(line.split()[1]) / 1000 for line in lines if line.startswith(f"{key}:"))


def _resident() -> float | None:
    return _status("VmRSS")


def _peak() -> float | None:
    return _status("VmHWM")


def _forget_peak() -> None:
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5")


def main() -> None:
    """Run the named measurement."""
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)

    def add(name: str, run: Callable[[argparse.Namespace], dict[str, Any]]) -> argparse.ArgumentParser:
        command = commands.add_parser(name)
        command.set_defaults(run=run)
        return command

    add("describe", describe)
    add("uncached", measure_uncached).add_argument("--longest", type=int, required=True)
    tokens = add("tokens", measure_tokens)
    tokens.add_argument("--precision", default="float32")
    tokens.add_argument("--device", default="cpu")
    tokens.add_argument("--seconds", type=float, required=True)
    tokens.add_argument("--repeats", type=int, required=True)
    add("greedy", measure_greedy).add_argument("--precision", required=True)
    add("seams", measure_seams).add_argument("--frames", type=int, required=True)
    checkpoint = add("checkpoint", write_checkpoint)
    checkpoint.add_argument("--folder", type=Path, required=True)
    checkpoint.add_argument("--precision", default="float32")
    options = parser.parse_args()
    print(json.dumps(options.run(options)))


if __name__ == "__main__":
    main()
