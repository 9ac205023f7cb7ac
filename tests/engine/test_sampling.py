"""Sampling of codes: locked ones stay, free ones follow the seed, and pieces equal the whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_engine import SMALL_DECODER, tiny_networks, weights_of

from engine.errors import CancelledError
from engine.models.numpy.decoder import NumpyDecoder
from engine.models.own import sampling as module
from engine.models.own.config import Sampling
from engine.models.own.networks import Decoder
from engine.models.own.noise import gumbel_noise
from engine.models.own.sampling import SHARED, Conditions, draw, encode_context, generate_codes, generate_span
from engine.models.torch.decoder import MotionDecoder
from engine.models.torch.networks import TorchDecoder

COUNT = 70
SETTINGS = Sampling(temperature=1.0, top_k=0, guidance=2.0, style_guidance=1.5)


@pytest.fixture(scope="module", params=["numpy", "torch"])
def decoder(request: pytest.FixtureRequest) -> Decoder:
    network = tiny_networks()[1]
    return TorchDecoder(network) if request.param == "torch" else NumpyDecoder(network.config, weights_of(network))


def conditions(locked: slice = slice(0, 0), count: int = COUNT) -> Conditions:
    generator = np.random.default_rng(7)
    mask = np.zeros(count, bool)
    mask[locked] = True
    return Conditions(
        generator.normal(size=(2 * count, SMALL_DECODER.music_features)).astype(np.float32),
        1,
        generator.integers(SMALL_DECODER.codes, size=(count, SMALL_DECODER.levels)),
        mask,
    )


def sample(decoder: Decoder, wanted: Conditions, settings: Sampling = SETTINGS, seed: int = 0) -> np.ndarray:
    return generate_codes(decoder, wanted, settings, seed, lambda _: None, lambda: False)


@pytest.mark.parametrize("locked", [slice(0, 10), slice(20, 40), slice(60, COUNT), slice(0, COUNT), slice(3, None, 7)])
def test_locked_codes_stay_and_free_ones_follow_the_seed(decoder: Decoder, locked: slice) -> None:
    wanted = conditions(locked)
    given = wanted.codes.copy()
    one, same, other = (sample(decoder, wanted, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one[wanted.locked], given[wanted.locked])
    assert np.array_equal(one, same)
    if not wanted.locked.all():
        assert (one != other)[~wanted.locked].mean() > 0.3
    assert np.array_equal(wanted.codes, given)  # the request is not changed


def test_codes_under_a_free_position_are_not_read(decoder: Decoder) -> None:
    wanted = conditions(slice(20, 40))
    codes = np.where(wanted.locked[:, None], wanted.codes, 0)
    assert np.array_equal(sample(decoder, wanted), sample(decoder, replace(wanted, codes=codes)))


def test_codes_before_locked_ones_depend_on_them(decoder: Decoder) -> None:
    wanted = conditions(slice(30, 40))
    other = replace(wanted, codes=(wanted.codes + 1) % SMALL_DECODER.codes)
    draws = [
        [sample(decoder, request, replace(SETTINGS, temperature=0.05), seed)[22:30] for seed in range(4)]
        for request in (wanted, other)
    ]
    assert any(not np.array_equal(one, two) for one, two in zip(*draws, strict=True))


@pytest.mark.parametrize("chunk", [1, 7, 32, COUNT - 1, COUNT])
def test_context_in_chunks_equals_the_whole(decoder: Decoder, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    wanted = conditions(slice(20, 40))
    flags = [True, False, True], [True, True, False]
    whole = encode_context(decoder, wanted, *flags)
    monkeypatch.setattr(module, "CHUNK", chunk)
    np.testing.assert_allclose(encode_context(decoder, wanted, *flags), whole, atol=5e-5, rtol=1e-4)


def test_a_prefix_does_not_depend_on_what_comes_much_later(decoder: Decoder) -> None:
    """The past is sampled before the future, and the context has a bounded reach."""
    long, short = conditions(count=COUNT), conditions(count=COUNT)
    cut = COUNT - 20
    short = Conditions(short.music[: 2 * cut], 1, short.codes[:cut], short.locked[:cut])
    reach = decoder.reach + SMALL_DECODER.around
    assert np.array_equal(sample(decoder, long)[: cut - reach], sample(decoder, short)[: cut - reach])


def span(decoder: Decoder, wanted: Conditions, part: tuple[int, int], seeds: list[int]) -> np.ndarray:
    return generate_span(decoder, wanted, part, SETTINGS, seeds, lambda _: None, lambda: False)


@pytest.mark.parametrize(
    ("part", "count"),
    [((0, 12), 3), ((1, 9), 3), ((30, 45), SHARED + 1), ((60, COUNT), 3)],  # so many are shared by threads
)
def test_candidates_generated_together_equal_each_alone(decoder: Decoder, part: tuple[int, int], count: int) -> None:
    wanted, seeds, reports = conditions(slice(40, 50)), list(range(4, 4 + count)), list[np.ndarray]()
    together = generate_span(decoder, wanted, part, SETTINGS, seeds, reports.append, lambda: False)
    assert together.shape == (count, part[1] - part[0], SMALL_DECODER.levels)
    assert [len(codes) for codes in reports] == sorted({*range(10, part[1] - part[0], 10), part[1] - part[0]})
    assert all(np.array_equal(codes, together[0, : len(codes)]) for codes in reports)
    for row, seed in zip(together, seeds, strict=True):
        assert np.array_equal(row, span(decoder, wanted, part, [seed])[0])
    locked = wanted.locked[part[0] : part[1]]
    assert np.array_equal(together[0][locked], wanted.codes[part[0] : part[1]][locked])
    assert not np.array_equal(together[0], together[1])


@pytest.mark.parametrize("start", [1, 8, 20])
def test_a_span_continues_its_past_as_the_whole_pass_does(decoder: Decoder, start: int) -> None:
    """The whole past is within one window of attention."""
    wanted = conditions(slice(0, start))
    assert np.array_equal(
        span(decoder, wanted, (start, start + 4), [1])[0], sample(decoder, wanted, seed=1)[start : start + 4]
    )


def test_a_changing_style_is_followed_at_every_position(decoder: Decoder) -> None:
    wanted = conditions()
    sharp = replace(SETTINGS, temperature=0.05)  # where little decides
    same = replace(wanted, style=np.full(COUNT, 1))
    assert np.array_equal(sample(decoder, same), sample(decoder, wanted))
    strengths = np.full(COUNT, SETTINGS.style_guidance, np.float32)
    assert np.array_equal(sample(decoder, replace(same, style_guidance=strengths)), sample(decoder, wanted))
    assert same.style is not None
    other = same.style.copy()
    other[60:] = 2
    reach = decoder.reach + SMALL_DECODER.around
    changed = sample(decoder, replace(same, style=other), sharp) != sample(decoder, wanted, sharp)
    assert changed[60:].any() and not changed[: 60 - reach].any()


@pytest.mark.parametrize("settings", [replace(SETTINGS, temperature=0.0), replace(SETTINGS, top_k=1)])
def test_settings_that_allow_only_the_best_code(decoder: Decoder, settings: Sampling) -> None:
    wanted = conditions()
    greedy = sample(decoder, wanted, replace(SETTINGS, temperature=1e-9))
    assert all(np.array_equal(sample(decoder, wanted, settings, seed), greedy) for seed in (1, 2))


def test_draw_respects_top_k_and_top_p() -> None:
    generator = np.random.default_rng(0)
    logits = np.tile(np.array([0.0, 3.0, 1.0, 2.0, -1.0], np.float32), (400, 1))

    def drawn(settings: Sampling) -> set[int]:
        noise = generator.gumbel(size=logits.shape).astype(np.float32)
        return set(draw(logits, settings, noise, settings.temperature).tolist())

    everything = Sampling(temperature=2.0, top_k=0)
    assert drawn(everything) == {0, 1, 2, 3, 4}
    assert drawn(replace(everything, top_k=3)) == {1, 2, 3}
    assert drawn(replace(everything, top_k=99)) == {0, 1, 2, 3, 4}
    assert drawn(replace(everything, top_k=1)) == drawn(replace(everything, temperature=0.0)) == {1}
    assert drawn(replace(everything, temperature=1.0, top_p=0.8)) == {1, 3}  # 0.64 + 0.23
    for top_p in (0.0, 1e-9, 0.1):
        assert drawn(replace(everything, top_p=top_p)) == {1}


def test_draws_follow_the_softmax() -> None:
    logits = np.array([0.0, 1.0, 2.0], np.float32)
    settings = Sampling(temperature=0.5, top_k=0)
    noise = next(gumbel_noise(5, (4000, 3)))
    picks = draw(np.tile(logits, (4000, 1)), settings, noise, settings.temperature)
    share = np.bincount(picks, minlength=3) / 4000
    np.testing.assert_allclose(share, np.exp(logits / 0.5) / np.exp(logits / 0.5).sum(), atol=0.03, rtol=0)


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1, 2**32 + 5, 2**63 - 1])
def test_noise_is_gumbels_and_follows_the_seed(seed: int) -> None:
    first, second = (np.stack([next(noise) for _ in range(100)]) for noise in [gumbel_noise(seed, (4, 50))] * 2)
    again = np.stack([row for row, _ in zip(gumbel_noise(seed, (4, 50)), range(100), strict=False)])
    assert np.array_equal(first, again) and not np.isin(first, second).all() and first.dtype == np.float32
    for noise in (first, second):
        assert np.isfinite(noise).all() and -3.0 < noise.min() < noise.max() < 17.0
        assert noise.mean() == pytest.approx(np.euler_gamma, abs=0.04)
        assert noise.var() == pytest.approx(np.pi**2 / 6, abs=0.1)
    other = next(gumbel_noise(seed + 1, (4, 50)))
    assert abs(np.corrcoef(first[0].ravel(), other.ravel())[0, 1]) < 0.3


def test_both_back_ends_generate_the_same_dances() -> None:
    network = tiny_networks()[1]
    back_ends = TorchDecoder(network), NumpyDecoder(network.config, weights_of(network))
    wanted = conditions(slice(30, 40))
    one, two = (span(decoder, wanted, (0, COUNT), list(range(20))) for decoder in back_ends)
    assert (one == two).mean() > 0.999
    for start in (1, 25, 45):
        one, two = (span(decoder, wanted, (start, start + 20), list(range(8))) for decoder in back_ends)
        assert (one == two).mean() > 0.999


def test_fine_levels_are_sampled_at_a_lower_temperature() -> None:
    torch.manual_seed(0)
    network = MotionDecoder(replace(SMALL_DECODER, levels=module.LAST_COARSE + 2)).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    decoder = NumpyDecoder(network.config, weights_of(network))
    nothing = np.zeros((40, decoder.config.levels), np.int64)
    wanted = replace(conditions(count=40), codes=nothing)
    hot = replace(SETTINGS, temperature=3.0)
    warm, cool = (sample(decoder, wanted, replace(hot, cooling=cooling)) for cooling in (1.0, 1e-9))
    coarse = slice(module.LAST_COARSE + 1)
    assert np.array_equal(warm[0, coarse], cool[0, coarse]) and not np.array_equal(warm[0], cool[0])
    greedy = sample(decoder, wanted, replace(hot, temperature=0.0))
    assert not np.array_equal(cool[:, coarse], greedy[:, coarse])


def test_guidance_1_is_no_guidance(decoder: Decoder, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[int] = []
    real = module.encode_context

    def count_rows(*args: object) -> np.ndarray:
        memory = real(*args)
        rows.append(len(memory))
        return memory

    monkeypatch.setattr(module, "encode_context", count_rows)
    wanted = conditions()
    plain = sample(decoder, wanted, replace(SETTINGS, guidance=1.0, style_guidance=1.0))
    nearly = sample(decoder, wanted, replace(SETTINGS, guidance=1.0 + 1e-9, style_guidance=1.0 + 1e-9))
    assert rows == [1, 3]
    assert np.array_equal(plain, nearly)
    # without a condition there is no guidance
    sample(decoder, replace(wanted, music=None, style=None))
    assert rows[-1] == 1


def test_guidance_changes_the_codes(decoder: Decoder) -> None:
    wanted = conditions()
    plain = replace(SETTINGS, guidance=1.0, style_guidance=1.0)
    assert not np.array_equal(sample(decoder, wanted, plain), sample(decoder, wanted, replace(plain, guidance=4.0)))
    assert not np.array_equal(
        sample(decoder, wanted, plain), sample(decoder, wanted, replace(plain, style_guidance=4.0))
    )


def test_guidance_leads_away_from_what_is_off_the_beat_only_where_it_differs(decoder: Decoder) -> None:
    wanted, strong = conditions(), replace(SETTINGS, guidance=4.0)
    assert wanted.music is not None
    same = sample(decoder, replace(wanted, off_beat=wanted.music), strong)
    assert np.array_equal(same, sample(decoder, wanted, replace(strong, guidance=1.0)))
    late = np.roll(wanted.music, 3, axis=0)
    led = sample(decoder, replace(wanted, off_beat=late), strong)
    assert not np.array_equal(led, same) and not np.array_equal(led, sample(decoder, wanted, strong))


def test_a_cancel_stops_before_the_next_position(decoder: Decoder) -> None:
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 23

    with pytest.raises(CancelledError):
        generate_codes(decoder, conditions(), SETTINGS, 0, lambda _: None, cancelled)
    assert asked == 24
