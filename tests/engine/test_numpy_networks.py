"""The networks in numpy equal those that torch trains, and known positions at once equal one after the other."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tiny_engine import tiny_networks, weights_of

from engine.models.loading import load_checkpoint
from engine.models.numpy.codec import NumpyCodec
from engine.models.numpy.decoder import NumpyDecoder
from engine.models.numpy.layers import gelu
from engine.models.own.checkpoint import OwnCheckpoint
from engine.models.own.config import DecoderConfig, VQVAEConfig
from engine.models.own.sampling import Conditions, draw, encode_context, generate_codes
from engine.models.own.weight_shapes import codec_shapes, decoder_shapes
from engine.models.torch.decoder import MotionDecoder
from engine.models.torch.networks import TorchCodec, TorchDecoder
from engine.models.torch.vqvae import MotionVQVAE

SIZES = [
    DecoderConfig(codes=20, levels=3, music_features=5, width=32, heads=4, past=12, around=6),
    DecoderConfig(
        codes=9, levels=1, music_features=3, music_stride=3, width=24, heads=2, encoder_layers=1, decoder_layers=1,
        past=1, around=1, energy=True,
    ),
]  # fmt: skip
CODECS = [
    VQVAEConfig(frame_width=16, token_width=24, token_blocks=2, code_dim=8, codes=16, levels=3, coarse=2),
    VQVAEConfig(features=7, frame_width=8, token_width=9, frame_blocks=3, token_blocks=1, code_dim=5, codes=6, levels=2,
                coarse=2, stride=3),
    VQVAEConfig(frame_width=16, token_width=24, token_blocks=2, code_dim=8, codes=16, levels=8, coarse=4, quick=3),
    VQVAEConfig(features=7, frame_width=8, token_width=9, frame_blocks=3, token_blocks=1, code_dim=5, codes=6, levels=3,
                coarse=1, quick=2),
]  # fmt: skip
COUNT = 60


def shaken(network: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    for value in network.state_dict().values():
        value.normal_(std=0.2)
    for name in ("std", "context.music_std"):
        if name in network.state_dict():
            network.state_dict()[name].uniform_(0.5, 2)
    return network.eval()


def both(config: DecoderConfig) -> tuple[MotionDecoder, NumpyDecoder]:
    network = shaken(MotionDecoder(config))
    assert isinstance(network, MotionDecoder)
    return network, NumpyDecoder(config, weights_of(network))


def context(config: DecoderConfig, count: int = COUNT, changing: bool = False) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(count)
    styles = generator.integers(config.styles + 1, size=(3, count) if changing else 3)
    return {
        "music": generator.normal(size=(3, count * config.music_stride, config.music_features)).astype(np.float32),
        "codes": generator.integers(config.codes, size=(3, count, config.levels)),
        "locked": generator.random((3, count)) < 0.3,
        "style": styles,
        "has_music": np.array([True, False, True]),
        "energy": np.where(generator.random((3, count)) < 0.5, generator.normal(size=(3, count)), np.nan).astype("f4"),
    }


def tensors(arrays: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def assert_near(found: np.ndarray, expected: torch.Tensor) -> None:
    assert found.dtype == np.float32 and found.shape == expected.shape
    wanted = expected.numpy()
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-4 * np.abs(wanted).max())


@pytest.mark.parametrize("config", SIZES)
def test_names_and_shapes_of_the_weights_are_those_of_the_modules(config: DecoderConfig) -> None:
    state = MotionDecoder(config).state_dict()
    assert {name: tuple(value.shape) for name, value in state.items()} == decoder_shapes(config)
    for codec in CODECS:
        state = MotionVQVAE(codec).state_dict()
        found = {name: tuple(value.shape) for name, value in state.items()}
        assert found == {
            **codec_shapes(codec),
            "quantizer.usage": (codec.levels, codec.codes),
            "quantizer.total": (codec.levels, codec.codes, codec.code_dim),
        }


def test_gelu_is_exact() -> None:
    x = np.concatenate([np.linspace(-12, 12, 50_001), [-1e4, 1e4, 0.0]]).astype(np.float32)
    exact = np.array([value * 0.5 * math.erfc(-value / math.sqrt(2)) for value in x.astype(np.float64)])
    found = gelu(x.reshape(-1, 2))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.reshape(-1), exact, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("config", SIZES)
@pytest.mark.parametrize("count", [1, 5, 7, COUNT])
@pytest.mark.parametrize("changing", [False, True])
@torch.no_grad()
def test_the_memory_equals_torchs(config: DecoderConfig, count: int, changing: bool) -> None:
    network, ours = both(config)
    given = context(config, count, changing)
    assert_near(ours.memory(**given), network.memory(**tensors(given)))
    assert ours.reach == network.context.reach


@pytest.mark.parametrize("config", SIZES)
@torch.no_grad()
def test_the_logits_of_every_step_equal_those_of_torchs_whole_pass(config: DecoderConfig) -> None:
    network, ours = both(config)
    given = context(config)
    codes = given["codes"]
    whole = network(history=torch.from_numpy(codes), **tensors(given))
    writer = ours.writer(ours.memory(**given))
    for n in range(COUNT):  # many more than the window of the past, and than the buffer is longer than that
        state = writer.step(codes[:, n - 1] if n else None)
        for level, logits in enumerate(whole):
            assert_near(ours.logits(state, codes[:, n, :level]), logits[:, n])


@pytest.mark.parametrize("parts", [(COUNT,), (1, COUNT - 1), (5, 12, 43), (13, 1, 46), (50, 10), (3, 40, 17)])
def test_known_positions_at_once_equal_one_after_the_other(parts: tuple[int, ...]) -> None:
    """Also in parts, and with steps in between, from a position in the middle of a memory, too."""
    config = SIZES[0]
    ours, given = both(config)[1], context(config, COUNT + 9)
    codes, memory = given["codes"], ours.memory(**given)
    for begin in (0, 9):
        writer = ours.writer(memory, begin)
        steps = [writer.step(codes[:, n - 1] if n else None) for n in range(begin, begin + COUNT)]
        expected = torch.from_numpy(np.stack(steps, 1))
        before = np.concatenate([codes[:, :1], codes[:, :-1]], 1)
        for single in (False, True):
            writer, states, first = ours.writer(memory, begin), [], begin
            for index, count in enumerate(parts):
                if single and index % 2:
                    states += [writer.step(codes[:, n - 1])[:, None] for n in range(first, first + count)]
                else:
                    states.append(writer.prefill(before[:, first : first + count], begins=first == 0))
                first += count
            assert_near(np.concatenate(states, 1), expected)


@pytest.mark.parametrize("known", [0, 3, 20])
@torch.no_grad()
def test_repeated_rows_continue_as_those_of_a_repeated_memory(known: int) -> None:
    """With numpy and with torch, by steps and by many positions at once, in any order."""
    network, ours = both(SIZES[0])
    given = context(SIZES[0])
    codes, memory = given["codes"], ours.memory(**given)
    later = np.random.default_rng(0).integers(20, size=(4, COUNT, 3))  # fewer rows than the batch has: repeated
    whole = ours.writer(np.repeat(memory, 4, 0))
    before = np.concatenate([np.repeat(codes[:, :known], 4, 0), np.tile(later, (3, 1, 1))], 1)[:, :COUNT]
    expected = torch.from_numpy(whole.prefill(before, begins=True)[:, known:])
    for parts in ([1] * (COUNT - known), [COUNT - known], [1, 1, 4, 1, 20, 1]):
        for begun in (ours.writer(memory), TorchDecoder(network).writer(memory)):
            if known:
                assert begun.prefill(codes[:, :known], begins=True, last=0).shape == (3, 0, 32)
            # two go on from the same place, as threads do, neither in the other's way
            both_go_on = begun.repeated(4), begun.repeated(4)
            first = 0
            for count in parts:
                begins, part = known + first == 0, later[:, first : first + count]
                for writer in both_go_on:
                    if count == 1:
                        state = writer.step(None if begins else part[:, 0])
                        assert_near(state, expected[:, first])
                    else:
                        states = writer.prefill(part, begins, last=3)
                        assert_near(states, expected[:, first + count - 3 : first + count])
                first += count


@pytest.mark.parametrize("config", CODECS)
@pytest.mark.parametrize("count", [1, 2, 9, 50])
@torch.no_grad()
def test_the_codec_equals_torchs(config: VQVAEConfig, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    network = shaken(MotionVQVAE(config))
    assert isinstance(network, MotionVQVAE)
    generator = np.random.default_rng(count)
    features = generator.normal(size=(2, count * config.stride, config.features)).astype(np.float32)
    codes = generator.integers(config.codes, size=(2, count, config.levels))
    ours = NumpyCodec(config, weights_of(network))
    for piece in (1024, 7):  # also in pieces, which longer motions are decoded in
        monkeypatch.setattr("engine.models.numpy.codec._PIECE", piece)
        assert_near(ours.decode(codes), network.decode(torch.from_numpy(codes)))
        coarse = codes[..., : config.coarse]
        assert_near(ours.decode(coarse), network.decode(torch.from_numpy(coarse)))
        assert np.array_equal(ours.encode(features), network.encode(torch.from_numpy(features)).numpy())
        for begin, end in ((0, (count + 1) // 2), (count // 2, count), (count // 3, count // 3 + 1)):
            part = network.decode(torch.from_numpy(codes))[:, begin * config.stride : end * config.stride]
            for codec in (ours, TorchCodec(network)):
                assert_near(codec.decode(codes, begin, end), part)


def test_the_tiny_networks_are_as_torchs() -> None:
    codec, decoder = tiny_networks()
    codes = np.random.default_rng(0).integers(32, size=(1, 40, 3))
    with torch.no_grad():
        expected = codec.decode(torch.from_numpy(codes))
    assert_near(NumpyCodec(codec.config, weights_of(codec)).decode(codes), expected)
    assert NumpyDecoder(decoder.config, weights_of(decoder)).config == decoder.config


@pytest.fixture(scope="module")
def pair() -> tuple[OwnCheckpoint, OwnCheckpoint]:
    """The default checkpoint with both back ends, numpy first."""
    one, two = (load_checkpoint("default", device) for device in ("cpu", "cpu-torch"))
    assert isinstance(one, OwnCheckpoint) and isinstance(two, OwnCheckpoint)
    return one, two


@pytest.mark.parametrize("style", [0, 2, 4])
def test_the_default_checkpoint_dances_alike_with_both(pair: tuple[OwnCheckpoint, OwnCheckpoint], style: int) -> None:
    """Over a dance of 30 s, given the same past: logits, draws of 20 seeds, motion, and tokens of the motion."""
    count, generator = 300, np.random.default_rng(style)
    context = pair[1].decoder.network.context  # type: ignore[attr-defined]
    mean, std = context.music_mean.numpy(), context.music_std.numpy()
    waves = np.sin(np.arange(2 * count)[:, None] * generator.uniform(0.05, 1.5, len(mean)) + np.arange(len(mean)))
    music = (mean + std * waves).astype(np.float32)
    nothing = np.zeros((count, pair[0].levels), np.int64)
    dance = Conditions(music, style, nothing, np.zeros(count, bool))
    sampling = pair[0].sampling
    codes = generate_codes(pair[1].decoder, dance, sampling, style, lambda _: None, lambda: False)
    found = []
    for checkpoint in pair:
        memory = encode_context(checkpoint.decoder, dance, [True, False, True], [True, True, False])
        before = np.repeat(codes[None, np.maximum(np.arange(-1, count - 1), 0)], 3, 0)
        states = checkpoint.decoder.writer(memory).prefill(before, begins=True)
        levels = range(pair[0].decoder.config.levels)
        found.append(np.stack([checkpoint.decoder.logits(states, codes[None, :, :k].repeat(3, 0)) for k in levels]))
    assert_near(found[0], torch.from_numpy(found[1]))
    logits = [rows[:, 0] + (rows[:, 0] - rows[:, 1] + rows[:, 0] - rows[:, 2]) / 2 for rows in found]
    noise = generator.gumbel(size=(20, *logits[0].shape)).astype(np.float32)
    drawn = [[[draw(k, sampling, u, 1.0) for k, u in zip(each, v, strict=True)] for v in noise] for each in logits]
    assert np.mean(np.equal(*drawn)) > 0.999

    motions = [checkpoint.decode(codes) for checkpoint in pair]
    np.testing.assert_allclose(motions[0].joints(), motions[1].joints(), rtol=0, atol=1e-4)  # 0.1 mm
    assert np.array_equal(*(checkpoint.encode(motions[0]) for checkpoint in pair))
