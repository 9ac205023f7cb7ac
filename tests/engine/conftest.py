"""A tiny checkpoint with random weights, and a song: enough for the whole way from music to dance in a second."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # two busy-waiting programs would slow each other down

from pathlib import Path

import pytest
import torch
from tiny_engine import STYLE_MUSIC, STYLES, tiny_networks

from engine import checkpoint_index
from engine.audio.composing.demo_song import write_demo_song
from engine.models.own.config import Sampling
from engine.models.torch.checkpoint import save_checkpoint

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny checkpoint with random weights."""
    folder = tmp_path_factory.mktemp("checkpoints") / "tiny"
    description = {"name": "tiny", "styles": STYLES, "style_music": STYLE_MUSIC, "description": "random"}
    save_checkpoint(folder, *tiny_networks(), description, Sampling(), 20.0)
    return folder


@pytest.fixture
def known_tiny(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name under which the tiny checkpoint can be asked for."""
    monkeypatch.setenv(checkpoint_index.FOLDERS_VARIABLE, str(tiny.parent))
    return tiny.name


@pytest.fixture(scope="session")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds of rumba at 92 beats per minute."""
    path = tmp_path_factory.mktemp("song") / "song.wav"
    write_demo_song(path, "rumba", 10.0)
    return path
