"""Small networks with random weights, a stepping body, and a data set of it, to test the whole pipeline with."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from style_table import TABLE

from engine.audio.composing.demo_song import write_demo_song
from engine.models.own.config import DecoderConfig, VQVAEConfig
from engine.models.torch.decoder import MotionDecoder
from engine.models.torch.vqvae import MotionVQVAE
from engine.motion import representation
from smpl_rig.motion import Motion, save_npz

STYLES = ["rumba", "salsa", "waltz"]
STYLE_MUSIC = {style: asdict(TABLE.music[style]) for style in STYLES}
SMALL_CODEC = VQVAEConfig(frame_width=16, token_width=24, token_blocks=2, code_dim=16, codes=32, levels=3, coarse=2)
SMALL_DECODER = DecoderConfig(
    codes=32, levels=2, styles=3, width=32, heads=4, encoder_layers=1, decoder_layers=2, past=24, around=8
)


def tiny_networks(seed: int = 0, energy: bool = False) -> tuple[MotionVQVAE, MotionDecoder]:
    """Random networks whose dances move: normal codebooks, and weights large enough for every condition to count.

    energy: whether they can be told one.
    """
    torch.manual_seed(seed)
    codec, decoder = MotionVQVAE(SMALL_CODEC), MotionDecoder(replace(SMALL_DECODER, energy=energy))
    codec.quantizer.codebook.normal_()
    codec.quantizer.codebook[SMALL_CODEC.coarse :, 0] = 0  # as in training: code 0 of a fine level is the zero vector
    codec.mean.copy_(torch.from_numpy(representation.encode(stepping(4.0, 100.0, 20.0)).mean(0)))  # upright
    codec.std.fill_(0.1)
    codec.std[:3] = 0.02  # yaw and steps of a frame
    for parameter in decoder.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    return codec.eval(), decoder.eval()


def weights_of(network: torch.nn.Module) -> dict[str, np.ndarray]:
    """A module's tensors as arrays, which share its memory."""
    return {name: value.numpy() for name, value in network.state_dict().items()}


def stepping(seconds: float, bpm: float, fps: float = 30.0) -> Motion:
    """A body that steps from side to side: on every beat one foot comes to rest, left and right alternately."""
    times = np.arange(round(seconds * fps)) / fps
    count = times * bpm / 60
    poses = np.zeros((len(times), 24, 3), np.float64)
    poses[:, 0, 0] = np.pi / 2  # Y up to Z up
    for hip, knee, side in ((1, 4, 0), (2, 5, 1)):
        step, phase = np.divmod(count + side, 2)
        done = np.clip((phase - 0.3) / 0.7, 0, 1)  # the foot moves during the last 0.7 beats before it rests for one
        done = done * done * (3 - 2 * done)
        poses[:, hip, 2] = (1 - 2 * side) * 0.35 * np.where(step % 2 == 0, done, 1 - done)
        poses[:, hip, 0] = -0.15 * np.sin(np.pi * done)
        poses[:, knee, 0] = 0.3 * np.sin(np.pi * done)
    poses[:, 16, 2], poses[:, 17, 2] = -1.2, 1.2
    trans = np.stack([0.02 * np.sin(np.pi * count / 2), 0 * times, 0.93 + 0 * times], axis=1)
    return Motion(poses.reshape(len(times), 72).astype(np.float32), trans.astype(np.float32), fps)


def own_folder(folder: Path, seconds: float = 15.0) -> Path:
    """A folder of dance data in our layout: two training clips, each with a song, and one test clip."""
    for name in ("motions", "wavs"):
        (folder / name).mkdir(parents=True)
    entries = []
    for name, style, bpm, split in (
        ("r1", "rumba", 92.0, "train"),
        ("s1", "salsa", 175.0, "train"),
        ("r2", "rumba", 94.0, "test"),
    ):
        save_npz(folder / "motions" / f"{name}.npz", stepping(seconds, bpm))
        write_demo_song(folder / "wavs" / f"{name}.wav", style, seconds, bpm)
        entries.append({"name": name, "style": style, "split": split, "has_music": True, "bpm": bpm})
    (folder / "index.json").write_text(json.dumps({"clips": entries}))
    return folder


def kill_at_step(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Interrupt training before this step of the optimiser, as if it was killed."""
    original_step, count = torch.optim.AdamW.step, 0

    def killed(self: torch.optim.AdamW, *args: object) -> object:
        nonlocal count
        count += 1
        if count == step:
            raise KeyboardInterrupt
        return original_step(self, *args)

    monkeypatch.setattr(torch.optim.AdamW, "step", killed)
