"""Measures a GPU, and trains a decoder on it, for as long as one is at hand.

    python -m engine train-decoder --data DATA --vqvae CODEC --out RUN --only-prepare     (anywhere, minutes)
    python -m benchmarks.gpu RUN --minutes 10 --keep FOLDER                               (on the GPU)
    python -m engine pack --vqvae CODEC --decoder FOLDER -o checkpoints/mine              (anywhere)

The first command leaves all that training needs in RUN, small enough (tens of MiB) to be carried to a machine without
data. There the second one measures tokens/s of the full-size network of the paper with random weights, seconds for the
default checkpoint's dance to a minute of music, and training steps/s of codec and decoder; then it trains until the
minutes are over (what is left of them after measuring), and keeps the averaged weights in FOLDER. If it is stopped, the
same command goes on from RUN. `--device cpu-torch --minutes 0.2` tries it without a GPU.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.measure import measure_tokens
from engine.audio.composing.demo_song import write_demo_song
from engine.errors import EngineError
from engine.models.own.config import VQVAEConfig
from engine.models.torch.checkpoint import in_half
from engine.models.torch.vqvae import MotionVQVAE
from engine.pipeline.generate import generate
from engine.pipeline.request import GenerateRequest
from engine.runtime.device import choose_device
from engine.training.decoder import PairWindows, decoder_losses, train_decoder
from engine.training.decoder_run import PreparedRun, read_run
from engine.training.loop import Losses, TrainOptions, mixed_precision
from engine.training.run_folders import STYLES_FILE
from engine.training.run_sources import SOURCES_FILE
from engine.training.vqvae import WINDOW, weighted_losses

CODEC = VQVAEConfig(levels=12, coarse=6, quick=3)
WARM_UP, TIMED = 5, 20
"""Training steps before and in a measurement."""
SPARE = 0.9
"""Share of the time that is left in which steps are planned; validation and saving take the rest."""


def main() -> int:
    """Measure, train and print; 0, or 1 after an error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--keep", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--learning-rate", type=float, default=6e-4)
    parser.add_argument("--seconds", type=float, default=60.0, help="of music, in the measurements of networks")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    begin = time.monotonic()
    try:
        chosen = choose_device(options.device).name
        device = "cpu" if chosen.startswith("cpu") else chosen
        print(
            torch.cuda.get_device_name() if device.startswith("cuda") else f"no CUDA device, but {device}", flush=True
        )
        run = read_run(options.run)
        print(f"full-size network of the paper, tokens/s: {full_size(options.seconds, device):.1f}", flush=True)
        taken = dance_seconds(options.seconds, chosen)
        print(f"default, seconds for a dance of {options.seconds:g} s: {taken:.2f}", flush=True)
        print(f"codec, training steps/s, {options.batch} windows: {codec_steps(options.batch, device):.2f}", flush=True)
        rate = decoder_steps(run, options.batch, device)
        print(f"decoder, training steps/s, {options.batch} windows: {rate:.2f}", flush=True)
        left = 60 * options.minutes - (time.monotonic() - begin)
        train(options, run, max(int(SPARE * left * rate), 1), device)
    except EngineError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def full_size(seconds: float, device: str) -> float:
    """Tokens/s of the full-size network with random weights."""
    precision = "float16" if device.startswith("cuda") else "float32"
    found = measure_tokens(Namespace(seconds=seconds, precision=precision, device=device, repeats=2))
    return float(found["tokens"] / found["seconds"])


def dance_seconds(seconds: float, device: str) -> float:
    """Seconds from the song to the dance of the default checkpoint, the second time."""
    with tempfile.TemporaryDirectory() as folder:
        song = Path(folder) / "song.wav"
        write_demo_song(song, seconds=seconds)
        taken = 0.0
        for _ in range(2):
            begin = time.perf_counter()
            generate(GenerateRequest(audio=str(song), device=device), lambda *_: None, lambda: False)
            taken = time.perf_counter() - begin
    return taken


def codec_steps(batch: int, device: str) -> float:
    """Training steps/s of a codec, on random motion."""
    codec = MotionVQVAE(CODEC).to(device)
    codec.quantizer.codebook.normal_()
    target = 0.1 * torch.randn(batch, WINDOW, CODEC.features, device=device)

    def losses() -> Losses:
        with mixed_precision(device):
            latent = codec.latent(target)
        quantized, commitment, _ = codec.quantizer(latent)
        with mixed_precision(device):
            predicted = codec.synthesize(quantized)
        return weighted_losses(predicted, target, codec.std, lambda *_: {"commit": commitment})

    return steps_per_second(codec, losses, device)


def decoder_steps(run: PreparedRun, batch: int, device: str) -> float:
    """Training steps/s of the run's decoder, drawing of batches included; the run's decoder is left as it is."""
    windows, generator = PairWindows(run.pairs, run.model.config), np.random.default_rng(0)
    model = type(run.model)(run.model.config)
    model.load_state_dict(run.model.state_dict())
    model.to(device)

    def losses() -> Losses:
        with mixed_precision(device):
            return decoder_losses(model, windows.batch(generator, batch).to(device))

    return steps_per_second(model, losses, device)


def steps_per_second(network: nn.Module, losses: Callable[[], Losses], device: str) -> float:
    """Optimiser steps a second, after some to warm up."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-5)
    begin = 0.0
    for step in range(WARM_UP + TIMED):
        if step == WARM_UP:
            _wait(device)
            begin = time.perf_counter()
        loss = losses()["loss"]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    _wait(device)
    return TIMED / (time.perf_counter() - begin)


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def train(options: Namespace, run: PreparedRun, steps: int, device: str) -> None:
    """Train `steps` more, and keep the averaged weights, in half precision, with what `pack` needs beside them."""
    done = _steps_done(options.run)
    settings = TrainOptions(options.run, done + steps, options.learning_rate, options.batch, device)
    trained = train_decoder(run.pairs, run.held_out, run.model, settings)
    options.keep.mkdir(parents=True, exist_ok=True)
    halves = {name: in_half(value) for name, value in trained.cpu().state_dict().items()}
    torch.save({"averaged": halves}, options.keep / "state.pt")
    for name in (STYLES_FILE, SOURCES_FILE):
        if options.keep.resolve() != options.run.resolve():
            shutil.copy(options.run / name, options.keep / name)
    print(f"{settings.steps} steps; weights in {options.keep}")


def _steps_done(run: Path) -> int:
    state = run / "state.pt"
    return int(torch.load(state, map_location="cpu", weights_only=True)["step"]) if state.is_file() else 0


if __name__ == "__main__":
    sys.exit(main())
