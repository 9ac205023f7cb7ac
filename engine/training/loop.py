"""The training loop of all stages: resumable, logged, with a moving average of the weights.

A run is a folder with `state.pt` (everything needed to resume, written atomically) and `log.jsonl` (one line per
report). A run that was killed at any moment resumes from its last save with the same command.
"""

from __future__ import annotations

import copy
import json
import math
import os
import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from engine.errors import DataError

Losses = dict[str, Tensor]
"""Named losses, with the one to minimise under "loss"."""


def one_line(error: Exception) -> str:
    """The first line of an error's text; some of torch's errors span many lines."""
    return str(error).strip().partition("\n")[0][:200] or type(error).__name__


def mixed_precision(device: str) -> torch.autocast:
    """Autocast to bfloat16 where the device supports it; on other CPUs it is forty times slower than float32."""
    kind = device.split(":", maxsplit=1)[0]
    native = kind != "cpu" or any(there for name, there in torch.cpu.get_capabilities().items() if "bf16" in name)
    return torch.autocast(kind, torch.bfloat16, enabled=native)


@dataclass(frozen=True)
class TrainOptions:
    """Settings of a run. out: its folder. steps: in all, with warm-up and cosine decay of the learning rate. average:
    decay of the moving average of the weights."""

    out: Path
    steps: int
    learning_rate: float
    batch: int
    device: str = "cpu"
    seed: int = 0
    warmup: int = 100
    weight_decay: float = 0.01
    average: float = 0.998
    report_every: int = 50
    validate_every: int = 500
    save_every: int = 100


def learning_rate(options: TrainOptions, step: int) -> float:
    """Learning rate of a step: linear warm-up, then a cosine from the full rate down to 5 % of it."""
    if step < options.warmup:
        return options.learning_rate * (step + 1) / options.warmup
    progress = (step - options.warmup) / max(1, options.steps - options.warmup)
    return options.learning_rate * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


class Stateful(Protocol):
    """What is kept with a run so that it can be resumed."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> object: ...


class Run:
    """One training run in `options.out`: the model, its averaged copy, the optimiser and the step count; and the
    `opponent` that the losses train beside it, if there is one."""

    def __init__(self, model: nn.Module, options: TrainOptions, opponent: Stateful | None = None):
        self.options, self.opponent = options, opponent
        self.model = model.to(options.device)
        self.averaged = copy.deepcopy(self.model).eval().requires_grad_(False)
        decay = [p for p in self.model.parameters() if p.ndim >= 2]
        plain = [p for p in self.model.parameters() if p.ndim < 2]
        groups = [{"params": decay, "weight_decay": options.weight_decay}, {"params": plain, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=options.learning_rate, betas=(0.9, 0.95))
        self.step = 0
        options.out.mkdir(parents=True, exist_ok=True)
        if self.state_file.exists():
            self._resume()

    @property
    def state_file(self) -> Path:
        return self.options.out / "state.pt"

    def _resume(self) -> None:
        try:
            state = torch.load(self.state_file, map_location=self.options.device, weights_only=True)
            self.model.load_state_dict(state["model"])
            self.averaged.load_state_dict(state["averaged"])
            self.optimizer.load_state_dict(state["optimizer"])
            if self.opponent is not None:
                self.opponent.load_state_dict(state["opponent"])
            self.step = state["step"]
        except (OSError, RuntimeError, KeyError, ValueError, TypeError, EOFError, pickle.UnpicklingError) as error:
            raise DataError(
                f"{self.state_file} is damaged or does not fit this run ({one_line(error)}). "
                "Use the same settings, or another --out."
            ) from error

    def save(self) -> None:
        """Write `state.pt` atomically."""
        state = {
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
        }
        if self.opponent is not None:
            state["opponent"] = self.opponent.state_dict()
        partial = self.state_file.with_suffix(".partial")
        torch.save(state, partial)
        os.replace(partial, self.state_file)  # noqa: PTH105 - os.replace is the atomic one on every platform

    def log(self, **values: float | str) -> None:
        """Append a line to `log.jsonl` and print it."""
        line = {"step": self.step, **values}
        with (self.options.out / "log.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        print("  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in line.items()), flush=True)

    def train(
        self, losses: Callable[[nn.Module, int], Losses], validate: Callable[[nn.Module], dict[str, float]]
    ) -> None:
        """Train to `options.steps`. losses: called with the model and the step; draws a batch. validate: called with
        the averaged model; returns named figures for the log."""
        sums: dict[str, float] = {}
        count, since = 0, time.monotonic()
        while self.step < self.options.steps:
            # one seed per step: a resumed run has the same batches as an uninterrupted one
            torch.manual_seed(self.options.seed * 1_000_003 + self.step)
            for group in self.optimizer.param_groups:
                group["lr"] = learning_rate(self.options, self.step)
            values = losses(self.model, self.step)
            self.optimizer.zero_grad(set_to_none=True)
            values["loss"].backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.step += 1
            self._average()
            count += 1
            for name, value in values.items():
                sums[name] = sums.get(name, 0.0) + value.item()
            if self.step % self.options.report_every == 0:
                seconds = (time.monotonic() - since) / count
                self.log(**{name: value / count for name, value in sums.items()}, seconds_per_step=seconds)
                sums, count, since = {}, 0, time.monotonic()
            if self.step % self.options.validate_every == 0 or self.step == self.options.steps:
                self.log(**{f"val_{name}": value for name, value in validate(self.averaged).items()})
                since = time.monotonic()
            if self.step % self.options.save_every == 0 or self.step == self.options.steps:
                self.save()

    @torch.no_grad()
    def _average(self) -> None:
        # a faster average in the first steps, which forgets the random start
        decay = min(self.options.average, (1 + self.step) / (10 + self.step))
        for mean, value in zip(self.averaged.parameters(), self.model.parameters(), strict=True):
            mean.lerp_(value, 1 - decay)
        for copied, buffer in zip(self.averaged.buffers(), self.model.buffers(), strict=True):
            copied.copy_(buffer)
