"""The paper's small model: it learns, resumes after an interruption, and becomes a working checkpoint."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_engine import kill_at_step, own_folder, stepping

from benchmarks.paper_model.__main__ import train
from benchmarks.paper_model.codec import TrainedVQVAE, reconstruction_figures, train_codec
from benchmarks.paper_model.vectors import VectorWindows, both_ways
from benchmarks.paper_model.writer import (
    Batch,
    TokenPair,
    TokenWindows,
    next_token_loss,
    train_writer,
    with_raw_music,
)
from engine.__main__ import main
from engine.data.clips import StyledMotion
from engine.errors import DataError
from engine.models.loading import load_checkpoint
from engine.models.original.checkpoint import OriginalCheckpoint
from engine.models.original.config import OriginalDecoderConfig, OriginalVQVAEConfig
from engine.models.original.decoder import OriginalDecoder
from engine.models.original.vqvae import OriginalVQVAE
from engine.training.loop import TrainOptions

CODEC = OriginalVQVAEConfig(codes=32, width=32, heads=2, forward_width=48, encoder_depth=1, decoder_depth=1)
WRITER = OriginalDecoderConfig("librosa", codes=32, width=32, heads=2, forward_width=48, depth=1)


def clips(seconds: float = 8.0) -> list[StyledMotion]:
    return [StyledMotion(f"clip{bpm}", style, stepping(seconds, bpm)) for bpm, style in ((90, "rumba"), (120, "salsa"))]


def pairs() -> list[TokenPair]:
    """Pairs of tokens that count up or down in a cycle, with noise as their music."""
    tokens = np.arange(400) % 16
    music = np.random.RandomState(0).standard_normal((400, 35)).astype(np.float32) * 3 + 5
    short = TokenPair(tokens[:90], music[:90], "salsa", "rhythm")
    return [TokenPair(tokens, music, "rumba", "real"), short, TokenPair(tokens[::-1].copy(), music, "rumba", "real")]


def options(out: Path, steps: int, **changes: object) -> TrainOptions:
    settings = TrainOptions(out, steps, 3e-3, 4, warmup=2, report_every=5, validate_every=4, save_every=4)
    return replace(settings, **changes)


def codec(settings: TrainOptions) -> OriginalVQVAE:
    return train_codec(VectorWindows(clips()), clips()[:1], CODEC, replace(settings, batch=256))


def writer(settings: TrainOptions) -> OriginalDecoder:
    return train_writer(pairs(), pairs()[:1], WRITER, settings)


STAGES = {"codec": codec, "writer": writer}


def log(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def equal(one: torch.nn.Module, two: torch.nn.Module) -> bool:
    a, b = one.state_dict(), two.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_codes_move_to_the_states_and_gradients_pass_them() -> None:
    torch.manual_seed(0)
    model = TrainedVQVAE(CODEC).train()
    motion = torch.randn(4, 64, 263)
    errors = []
    for _ in range(60):
        model.zero_grad()
        predicted, commit, tokens = model.reconstruct(motion, quantize=True)
        errors.append(commit.item())
    assert errors[-1] < 0.8 * errors[0]
    predicted.square().sum().backward()
    assert model.network.encoder.embed.weight.grad.abs().sum() > 0  # through the nearest code, straight
    network = model.eval().finished()
    with torch.no_grad():
        assert torch.equal(network.codebook, model.quantizer.codebook[0])
        assert float((network.encode(motion) == tokens[..., 0]).float().mean()) > 0.9  # autocast rounds some away
    assert len(tokens.unique()) > 5


@pytest.mark.parametrize("stage", STAGES)
def test_the_loss_falls(stage: str, tmp_path: Path) -> None:
    STAGES[stage](options(tmp_path, 48, report_every=12, validate_every=24))
    lines = log(tmp_path)
    losses = [line["loss"] for line in lines if "loss" in line]
    assert losses[-1] < 0.8 * losses[0]
    checked = [line for line in lines if any(name.startswith("val_") for name in line)]
    assert [line["step"] for line in checked] == [24, 48]
    assert all(np.isfinite(value) for line in checked for value in line.values())
    if stage == "codec":
        assert checked[-1]["val_mm"] < 150
        assert "perplexity" in lines[-2]


@pytest.mark.parametrize("stage", STAGES)
def test_a_run_that_was_killed_resumes_to_the_same_weights(
    stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = STAGES[stage](options(tmp_path / "whole", 10))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        kill_at_step(patch, 7)  # three steps after the save at four
        STAGES[stage](options(tmp_path / "parts", 10))
    assert torch.load(tmp_path / "parts" / "state.pt", weights_only=True)["step"] == 4
    torch.manual_seed(123)
    assert equal(whole, STAGES[stage](options(tmp_path / "parts", 10)))


def batch(rows: list[TokenPair]) -> Batch:
    return TokenWindows(rows).batch(np.random.default_rng(0), 6, np.zeros(35, np.float32), np.ones(35, np.float32))


def shaken(config: OriginalDecoderConfig) -> OriginalDecoder:
    torch.manual_seed(0)
    network = OriginalDecoder(config).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return network


@torch.no_grad()
def test_the_order_of_the_music_and_what_follows_its_end_do_not_count() -> None:
    network, short = shaken(WRITER), batch(pairs()[1:2])
    assert short.music_mask.sum(1).tolist() == [90] * 6
    loss = next_token_loss(network, short)
    order = torch.cat([torch.randperm(90), torch.arange(90, 300)])
    assert torch.allclose(next_token_loss(network, replace(short, music=short.music[:, order])), loss, atol=1e-5)
    louder = short.music.clone()
    louder[:, 90:] = 100.0
    assert torch.allclose(next_token_loss(network, replace(short, music=louder)), loss, atol=1e-5)
    louder[:, :90] *= 2
    assert abs(float(next_token_loss(network, replace(short, music=louder)) - loss)) > 1e-3


@torch.no_grad()
def test_the_loss_is_that_of_the_network_as_it_is_used() -> None:
    """`OriginalDecoder.forward` is given all the music and predicts the next token."""
    network, long = shaken(WRITER), batch(pairs()[:1])
    logits = network(long.tokens, long.music).log_softmax(-1)[:, :-1]
    expected = -logits.gather(-1, long.tokens[:, 1:, None]).mean()
    assert torch.allclose(next_token_loss(network, long), expected, rtol=1e-4)


@torch.no_grad()
def test_the_checkpoint_is_given_raw_music_and_normalises_it_as_in_training() -> None:
    network = shaken(WRITER)
    windows = TokenWindows(pairs())
    music, tokens = torch.from_numpy(pairs()[0].music)[None, :50], torch.arange(20)[None]
    normalised = (music - torch.from_numpy(windows.music_mean)) / torch.from_numpy(windows.music_std)
    expected = network(tokens, normalised)
    found = with_raw_music(network, windows.music_mean, windows.music_std)(tokens, music)
    assert torch.allclose(found, expected, atol=1e-3)
    assert not torch.allclose(network(tokens, music), expected, atol=1e-1)


def test_windows_have_the_lengths_that_clips_have() -> None:
    windows = VectorWindows(clips())  # 8 s: 160 frames, slowest 190
    shapes = {tuple(windows.batch(np.random.default_rng(seed), 640).shape) for seed in range(20)}
    assert shapes == {(10, 64, 263), (5, 128, 263)}
    everything = np.concatenate(windows.vectors)
    assert np.abs(everything.mean(0)).max() < 1e-2
    with pytest.raises(DataError, match="long"):
        VectorWindows(clips(2.0))


def test_reconstruction_figures_are_millimetres() -> None:
    target = both_ways(stepping(5.0, 100.0, 20.0))[0]
    raised = target.copy()
    raised[:, 3] += 0.01
    raised[:, 5:67:3] += 0.01
    figures = reconstruction_figures(raised, target)
    assert figures["mm"] == pytest.approx(10, abs=0.01)
    assert figures["speed_kept"] == pytest.approx(1, abs=1e-4)
    still = np.repeat(target[:1], len(target), axis=0)
    still[:, :3] = 0
    assert reconstruction_figures(still, target)["speed_kept"] == pytest.approx(0, abs=1e-4)


@pytest.mark.slow
def test_a_data_folder_becomes_a_checkpoint_that_dances(tmp_path: Path) -> None:
    data = own_folder(tmp_path / "data")
    folder = train(data, tmp_path / "run", None, 9, 2, CODEC, WRITER)
    checkpoint = load_checkpoint(str(folder))
    assert isinstance(checkpoint, OriginalCheckpoint) and checkpoint.normalised
    motion = stepping(5.0, 100.0, 20.0)
    assert len(checkpoint.decode(checkpoint.encode(motion))) == 99

    dance = tmp_path / "dance.npz"
    arguments = ["generate", data / "wavs" / "r2.wav", "-o", dance, "--checkpoint", folder, "--seconds", 3]
    assert main([str(argument) for argument in [*arguments, "--device", "cpu"]]) == 0
    with np.load(dance) as arrays:
        assert arrays["poses"].shape == (60, 72) and arrays["token_rate"] == 20

    before = (folder / "model.safetensors").read_bytes()
    train(data, tmp_path / "run", None, 9, 2, CODEC, WRITER)  # finished: nothing left to train
    assert (folder / "model.safetensors").read_bytes() == before
