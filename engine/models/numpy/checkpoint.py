"""Loading of a checkpoint of our own family with its networks in numpy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.models.numpy.codec import NumpyCodec
from engine.models.numpy.decoder import NumpyDecoder
from engine.models.own.checkpoint import OwnCheckpoint, read_checkpoint


def load_numpy(folder: Path, config: Mapping[str, Any]) -> OwnCheckpoint:
    """Load a checkpoint's folder, given its parsed config. Raises CheckpointError."""
    description, codec, decoder = read_checkpoint(folder, config)
    return OwnCheckpoint(
        description, NumpyCodec(description.codec, codec), NumpyDecoder(description.decoder, decoder), "CPU"
    )
