"""A prepared run of a decoder: a folder with all that its training needs, without data, songs or codec.

Making the pairs takes minutes of music features; a run that is resumed, or trained on another machine, has them
already.
"""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from engine.errors import DataError
from engine.models.own.config import DecoderConfig
from engine.models.torch.checkpoint import in_half
from engine.models.torch.decoder import MotionDecoder
from engine.training.loop import one_line
from engine.training.pair_files import read_pairs, write_pairs
from engine.training.pairs import Pair

_PAIRS, _HELD_OUT, _START, _RUN = "pairs.npz", "held_out.npz", "start.pt", "decoder.json"


@dataclass(frozen=True)
class PreparedRun:
    """model: the decoder that training starts from. held_out: pairs for validation. made_with: what the pairs were made
    with, by the names of the command's options."""

    model: MotionDecoder
    pairs: Sequence[Pair]
    held_out: Sequence[Pair]
    made_with: Mapping[str, str]


def is_prepared(folder: Path) -> bool:
    """Whether a folder holds a prepared run."""
    return (folder / _RUN).is_file()


def write_run(folder: Path, run: PreparedRun) -> None:
    """Write a prepared run; a folder in which this was interrupted holds none."""
    folder.mkdir(parents=True, exist_ok=True)
    write_pairs(folder / _PAIRS, run.pairs)
    write_pairs(folder / _HELD_OUT, run.held_out)
    torch.save({name: in_half(value) for name, value in run.model.state_dict().items()}, folder / _START)
    partial = folder / f"{_RUN}.partial"
    partial.write_text(json.dumps({"config": asdict(run.model.config), "made_with": dict(run.made_with)}, indent=1))
    os.replace(partial, folder / _RUN)  # noqa: PTH105 - os.replace is the atomic one on every platform


def read_run(folder: Path) -> PreparedRun:
    """The prepared run in a folder. Raises DataError."""
    try:
        about = json.loads((folder / _RUN).read_text(encoding="utf-8"))
        model = MotionDecoder(DecoderConfig(**about["config"]))
        state = torch.load(folder / _START, map_location="cpu", weights_only=True)
        model.load_state_dict({name: value.float() for name, value in state.items()})
        made_with: dict[str, Any] = about["made_with"]
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, EOFError, pickle.UnpicklingError) as error:
        raise DataError(
            f"{folder} holds no prepared run of train-decoder ({one_line(error)}). Use another --out."
        ) from error
    return PreparedRun(model, read_pairs(folder / _PAIRS), read_pairs(folder / _HELD_OUT), made_with)
