"""Our networks: cached equals uncached, bounded reach, locks known on both sides, exact feature round trips."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data.torch_kinematics import joints_in_heading_frame
from engine.models.own.config import DecoderConfig, VQVAEConfig
from engine.models.torch.decoder import Attention, MotionDecoder, alibi_slopes, band_bias, distance_bias
from engine.models.torch.half_weights import HalfWeightLinear, read_in_half
from engine.models.torch.kv_cache import DecoderCache
from engine.models.torch.vqvae import MotionVQVAE
from engine.motion import representation as rep
from smpl_rig import motion as motions

SMALL = DecoderConfig(
    codes=20, levels=3, music_features=5, width=32, heads=4, encoder_layers=2, decoder_layers=2, past=12, around=6
)
SMALL_CODEC = VQVAEConfig(frame_width=16, token_width=24, token_blocks=2, code_dim=8, codes=16, levels=3, coarse=2)


def decoder_inputs(positions: int = 40, batch: int = 2) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(positions)
    codes = torch.randint(SMALL.codes, (batch, positions, SMALL.levels), generator=generator)
    return {
        "codes": codes,
        "music": torch.randn(batch, positions * 2, SMALL.music_features, generator=generator),
        "locked": torch.rand(batch, positions, generator=generator) < 0.3,
        "style": torch.tensor([0, 5])[:batch],
        "has_music": torch.tensor([True, False])[:batch],
    }


@pytest.fixture(scope="module")
def decoder() -> MotionDecoder:
    torch.manual_seed(0)
    network = MotionDecoder(SMALL).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    return network


@torch.no_grad()
def logits(network: MotionDecoder, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    return torch.stack(network(history=inputs["codes"], **inputs), 2)


def test_codes_that_are_near_in_the_codec_start_near_in_the_decoder() -> None:
    torch.manual_seed(0)
    books = torch.randn(SMALL.levels + 1, SMALL.codes, 8) * torch.tensor([1.0, 0.5, 0.3, 0.1])[:, None, None]
    network = MotionDecoder(replace(SMALL, width=128))
    network.start_from_codebooks(books)
    for level, book in enumerate(books[: SMALL.levels]):
        apart = torch.pdist(book)
        layers = [network.embeddings[level], network.heads[level].logits, *network.coarser[level : level + 1]]
        for layer in layers:
            assert torch.corrcoef(torch.stack([apart, torch.pdist(layer.weight)]))[0, 1] > 0.85
    spreads = [float(table.weight.std()) for table in network.embeddings]
    assert spreads[0] == pytest.approx(0.5, rel=0.1) and spreads[0] > spreads[1] > spreads[2]


@pytest.mark.parametrize("count", [1, 5, 6, 7, 12, 13, 40])
@torch.no_grad()
def test_attention_in_a_band_equals_attention_under_a_mask(count: int) -> None:
    torch.manual_seed(count)
    attention, x, around = Attention(16, 4), torch.randn(2, count, 16), 6
    places, slopes = torch.arange(count), alibi_slopes(4)
    masked = attention(x, *attention.keys_values(x), distance_bias(places, places, slopes, around, around))
    torch.testing.assert_close(attention.band(x, band_bias(count, slopes, around)), masked, atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_steps_with_the_cache_equal_the_forward_pass(decoder: MotionDecoder) -> None:
    inputs = decoder_inputs()
    whole = logits(decoder, inputs)
    cache = DecoderCache(decoder, decoder.memory(**inputs))
    for n in range(40):
        state = cache.step(inputs["codes"][:, n - 1] if n else None)
        step = torch.stack(decoder.all_levels(state[:, None], inputs["codes"][:, n : n + 1]), 2)[:, 0]
        torch.testing.assert_close(step, whole[:, n], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("parts", [(40,), (1, 39), (5, 12, 23), (13, 1, 26), (30, 10)])
@torch.no_grad()
def test_prefill_equals_steps(decoder: MotionDecoder, parts: tuple[int, ...]) -> None:
    """Also in parts, and with steps in between: the window of the past is 12 positions."""
    inputs = decoder_inputs()
    codes, memory = inputs["codes"], decoder.memory(**inputs)
    cache = DecoderCache(decoder, memory)
    steps = torch.stack([cache.step(codes[:, n - 1] if n else None) for n in range(40)], 1)
    before = torch.cat([codes[:, :1], codes[:, :-1]], 1)
    for single in (False, True):
        cache, states, begin = DecoderCache(decoder, memory), [], 0
        for index, count in enumerate(parts):
            if single and index % 2 and begin:
                states += [cache.step(codes[:, n - 1])[:, None] for n in range(begin, begin + count)]
            else:
                states.append(cache.prefill(before[:, begin : begin + count], begins=begin == 0))
            begin += count
        torch.testing.assert_close(torch.cat(states, 1), steps, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_repeated_rows_continue_as_the_row_would(decoder: MotionDecoder) -> None:
    inputs = decoder_inputs()
    memory, codes = decoder.memory(**inputs), inputs["codes"]
    one, many = DecoderCache(decoder, memory), DecoderCache(decoder, memory)
    for cache in (one, many):
        cache.prefill(codes[:, :20], begins=True)
    many = many.repeated(3)
    for n in range(20, 40):  # past the end of the memory's window, too
        torch.testing.assert_close(
            many.step(codes[:, n].repeat_interleave(3, 0)), one.step(codes[:, n]).repeat_interleave(3, 0)
        )


@torch.no_grad()
def test_a_style_at_every_position_equals_one_for_all(decoder: MotionDecoder) -> None:
    inputs = decoder_inputs()
    each = {**inputs, "style": inputs["style"][:, None].expand(-1, 40)}
    torch.testing.assert_close(decoder.memory(**each), decoder.memory(**inputs))
    each["style"] = each["style"].clone()
    each["style"][:, 30:] = 2
    changed = (decoder.memory(**each) - decoder.memory(**inputs)).abs().amax(-1)
    assert (changed[:, 30:] > 1e-3).all() and (changed[:, : 30 - decoder.context.reach] == 0).all()


@torch.no_grad()
def test_a_clip_alone_equals_the_same_clip_in_a_batch(decoder: MotionDecoder) -> None:
    inputs = decoder_inputs()
    alone = {name: value[:1] for name, value in inputs.items()}
    torch.testing.assert_close(logits(decoder, alone)[0], logits(decoder, inputs)[0], atol=5e-5, rtol=1e-4)


@torch.no_grad()
def test_free_codes_affect_only_the_future_and_locked_ones_both_sides(decoder: MotionDecoder) -> None:
    inputs = decoder_inputs()
    inputs["locked"][:] = False
    inputs["locked"][:, 25] = True
    before = logits(decoder, inputs)
    free = {**inputs, "codes": inputs["codes"].clone()}
    free["codes"][:, 24] = (free["codes"][:, 24] + 1) % SMALL.codes
    after = logits(decoder, free)
    torch.testing.assert_close(after[:, :24], before[:, :24])
    held = {**inputs, "codes": inputs["codes"].clone()}
    held["codes"][:, 25] = (held["codes"][:, 25] + 1) % SMALL.codes
    assert (logits(decoder, held)[:, 22] - before[:, 22]).abs().max() > 1e-3


@torch.no_grad()
def test_masked_music_has_no_effect(decoder: MotionDecoder) -> None:
    inputs = decoder_inputs()
    before = logits(decoder, inputs)
    after = logits(decoder, {**inputs, "music": inputs["music"] + 1.0})
    assert (after[0] - before[0]).abs().max() > 1e-3
    torch.testing.assert_close(after[1], before[1])


@torch.no_grad()
def test_a_token_changes_only_frames_within_reach() -> None:
    torch.manual_seed(1)
    codec = MotionVQVAE(SMALL_CODEC).eval()
    codec.quantizer.codebook.normal_()
    codes = torch.randint(16, (1, 80, 3))
    changed = codes.clone()
    changed[0, 40] = (changed[0, 40] + 1) % 16
    moved = ((codec.decode(codes) - codec.decode(changed)).abs().amax(-1)[0] > 0).nonzero()[:, 0]
    reach = SMALL_CODEC.reach * SMALL_CODEC.stride
    assert len(moved)
    assert moved.min() >= 80 - reach
    assert moved.max() <= 81 + reach


@given(st.integers(0, 10**6))
@settings(max_examples=10)
def test_features_round_trip(seed: int) -> None:
    generator = np.random.default_rng(seed)
    walk = np.cumsum(generator.normal(0, 0.1, (30, 72)), 0).astype(np.float32)
    walk[:, :3] = generator.normal(0, 0.4, 3) + walk[:, :3] * 0.3
    walk[:, [30, 31, 32, 33, 34, 35, *range(66, 72)]] = 0  # toes and hands are at rest in our features
    clip = motions.Motion(walk, np.cumsum(generator.normal(0, 0.05, (30, 3)), 0).astype(np.float32), 20.0)
    start = float(rep.heading(clip.rotations()[:, 0].astype(np.float64))[0])
    back = rep.decode(rep.encode(clip), 20.0, start, (clip.trans[0, 0], clip.trans[0, 1]))
    np.testing.assert_allclose(back.joints(), clip.joints(), atol=2e-4)
    mirrored = rep.decode(rep.mirror(rep.encode(clip)), 20.0)
    expected = rep.decode(rep.encode(motions.mirror(clip)), 20.0)
    np.testing.assert_allclose(mirrored.joints(), expected.joints(), atol=2e-3)


def test_torch_kinematics_agree_with_numpy() -> None:
    generator = np.random.default_rng(3)
    poses = generator.normal(0, 0.5, (9, 72)).astype(np.float32)
    poses[:, [30, 31, 32, 33, 34, 35, *range(66, 72)]] = 0
    clip = motions.Motion(poses, generator.normal(0, 1, (9, 3)).astype(np.float32), 20.0)
    features = rep.encode(clip)
    features[:, :3] = 0
    expected = rep.decode(features, 20.0).joints()
    found = joints_in_heading_frame(torch.from_numpy(features)[None])[0].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_weights_read_in_half_precision_give_the_same_result(decoder: MotionDecoder) -> None:
    inputs, half = decoder_inputs(), copy.deepcopy(decoder)
    for parameter in half.parameters():
        parameter.data = parameter.half().float()
    expected = logits(half, inputs)
    read_in_half(half)
    torch.testing.assert_close(logits(half, inputs), expected, atol=5e-5, rtol=1e-4)
    read = [module for module in half.modules() if isinstance(module, HalfWeightLinear)]
    assert bool(read) == ("fbgemm" in torch.backends.quantized.supported_engines)
    assert half.state_dict().keys() == decoder.state_dict().keys()

    whole = copy.deepcopy(decoder)
    read_in_half(whole)  # these weights need more than half precision: they stay
    assert torch.equal(logits(whole, inputs), logits(decoder, inputs))
