"""Sampling of codes: locked ones stay, free ones follow the seed, and pieces equal the whole."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tiny_engine import SMALL_DECODER, tiny_networks

from engine.errors import CancelledError
from engine.models.torch import sampling as module
from engine.models.torch.decoder import MotionDecoder
from engine.models.torch.sampling import Conditions, Sampling, draw, encode_context, generate_codes, generate_span

COUNT = 70
SETTINGS = Sampling(temperature=1.0, top_k=0, guidance=2.0, style_guidance=1.5)


@pytest.fixture(scope="module")
def decoder() -> MotionDecoder:
    return tiny_networks()[1]


def conditions(locked: slice = slice(0, 0), count: int = COUNT) -> Conditions:
    generator = torch.Generator().manual_seed(7)
    mask = torch.zeros(count, dtype=torch.bool)
    mask[locked] = True
    return Conditions(
        torch.randn(2 * count, SMALL_DECODER.music_features, generator=generator),
        1,
        torch.randint(SMALL_DECODER.codes, (count, SMALL_DECODER.levels), generator=generator),
        mask,
    )


def sample(decoder: MotionDecoder, wanted: Conditions, settings: Sampling = SETTINGS, seed: int = 0) -> torch.Tensor:
    return generate_codes(decoder, wanted, settings, seed, lambda _: None, lambda: False)


@pytest.mark.parametrize("locked", [slice(0, 10), slice(20, 40), slice(60, COUNT), slice(0, COUNT), slice(3, None, 7)])
def test_locked_codes_stay_and_free_ones_follow_the_seed(decoder: MotionDecoder, locked: slice) -> None:
    wanted = conditions(locked)
    given = wanted.codes.clone()
    one, same, other = (sample(decoder, wanted, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one[wanted.locked], given[wanted.locked])
    assert torch.equal(one, same)
    if not wanted.locked.all():
        assert (one != other)[~wanted.locked].float().mean() > 0.3
    assert torch.equal(wanted.codes, given)  # the request is not changed


def test_codes_under_a_free_position_are_not_read(decoder: MotionDecoder) -> None:
    wanted = conditions(slice(20, 40))
    codes = torch.where(wanted.locked[:, None], wanted.codes, 0)
    assert torch.equal(sample(decoder, wanted), sample(decoder, replace(wanted, codes=codes)))


def test_codes_before_locked_ones_depend_on_them(decoder: MotionDecoder) -> None:
    wanted = conditions(slice(30, 40))
    other = replace(wanted, codes=(wanted.codes + 1) % SMALL_DECODER.codes)
    draws = [
        [sample(decoder, request, replace(SETTINGS, temperature=0.5), seed)[22:30] for seed in range(4)]
        for request in (wanted, other)
    ]
    assert any(not torch.equal(one, two) for one, two in zip(*draws, strict=True))


@pytest.mark.parametrize("chunk", [1, 7, 32, COUNT - 1, COUNT])
@torch.inference_mode()
def test_context_in_chunks_equals_the_whole(
    decoder: MotionDecoder, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    wanted = conditions(slice(20, 40))
    flags = [True, False, True], [True, True, False]
    whole = encode_context(decoder, wanted, *flags)
    monkeypatch.setattr(module, "CHUNK", chunk)
    torch.testing.assert_close(encode_context(decoder, wanted, *flags), whole, atol=5e-5, rtol=1e-4)


def test_a_prefix_does_not_depend_on_what_comes_much_later(decoder: MotionDecoder) -> None:
    """The past is sampled before the future, and the context has a bounded reach."""
    long, short = conditions(count=COUNT), conditions(count=COUNT)
    cut = COUNT - 20
    short = Conditions(short.music[: 2 * cut], 1, short.codes[:cut], short.locked[:cut])
    reach = decoder.context.reach + SMALL_DECODER.around
    assert torch.equal(sample(decoder, long)[: cut - reach], sample(decoder, short)[: cut - reach])


def span(decoder: MotionDecoder, wanted: Conditions, part: tuple[int, int], seeds: list[int]) -> torch.Tensor:
    return generate_span(decoder, wanted, part, SETTINGS, seeds, lambda _: None, lambda: False)


@pytest.mark.parametrize("part", [(0, 12), (1, 9), (30, 45), (60, COUNT)])
def test_candidates_generated_together_equal_each_alone(decoder: MotionDecoder, part: tuple[int, int]) -> None:
    wanted = conditions(slice(40, 50))
    together = span(decoder, wanted, part, [4, 5, 6])
    assert together.shape == (3, part[1] - part[0], SMALL_DECODER.levels)
    for row, seed in zip(together, [4, 5, 6], strict=True):
        assert torch.equal(row, span(decoder, wanted, part, [seed])[0])
    locked = wanted.locked[part[0] : part[1]]
    assert torch.equal(together[0][locked], wanted.codes[part[0] : part[1]][locked])
    assert not torch.equal(together[0], together[1])


@pytest.mark.parametrize("start", [1, 8, 20])
def test_a_span_continues_its_past_as_the_whole_pass_does(decoder: MotionDecoder, start: int) -> None:
    """The whole past is within one window of attention."""
    wanted = conditions(slice(0, start))
    assert torch.equal(
        span(decoder, wanted, (start, start + 4), [1])[0], sample(decoder, wanted, seed=1)[start : start + 4]
    )


def test_a_changing_style_is_followed_at_every_position(decoder: MotionDecoder) -> None:
    wanted = conditions()
    same = replace(wanted, style=torch.full((COUNT,), 1))
    assert torch.equal(sample(decoder, same), sample(decoder, wanted))
    strengths = torch.full((COUNT,), SETTINGS.style_guidance)
    assert torch.equal(sample(decoder, replace(same, style_guidance=strengths)), sample(decoder, wanted))
    assert same.style is not None
    other = same.style.clone()
    other[60:] = 2
    reach = decoder.context.reach + SMALL_DECODER.around
    changed = sample(decoder, replace(same, style=other)) != sample(decoder, wanted)
    assert changed[60:].any() and not changed[: 60 - reach].any()


@pytest.mark.parametrize("settings", [replace(SETTINGS, temperature=0.0), replace(SETTINGS, top_k=1)])
def test_settings_that_allow_only_the_best_code(decoder: MotionDecoder, settings: Sampling) -> None:
    wanted = conditions()
    greedy = sample(decoder, wanted, replace(SETTINGS, temperature=1e-9))
    assert all(torch.equal(sample(decoder, wanted, settings, seed), greedy) for seed in (1, 2))


def test_draw_respects_top_k_and_top_p() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.tensor([0.0, 3.0, 1.0, 2.0, -1.0])

    def drawn(settings: Sampling) -> set[int]:
        noise = torch.rand(400, generator=generator)
        return set(draw(logits.expand(400, -1), settings, noise, settings.temperature).tolist())

    everything = Sampling(temperature=2.0, top_k=0)
    assert drawn(everything) == {0, 1, 2, 3, 4}
    assert drawn(replace(everything, top_k=3)) == {1, 2, 3}
    assert drawn(replace(everything, top_k=99)) == {0, 1, 2, 3, 4}
    assert drawn(replace(everything, top_k=1)) == drawn(replace(everything, temperature=0.0)) == {1}
    assert drawn(replace(everything, temperature=1.0, top_p=0.8)) == {1, 3}  # 0.64 + 0.23
    for top_p in (0.0, 1e-9, 0.1):
        assert drawn(replace(everything, top_p=top_p)) == {1}


def test_draws_follow_the_softmax() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.tensor([0.0, 1.0, 2.0])
    settings = Sampling(temperature=0.5, top_k=0)
    picks = draw(logits.expand(4000, -1), settings, torch.rand(4000, generator=generator), settings.temperature)
    share = torch.bincount(picks, minlength=3) / 4000
    torch.testing.assert_close(share, (logits / 0.5).softmax(0), atol=0.03, rtol=0)


def test_fine_levels_are_sampled_at_a_lower_temperature() -> None:
    torch.manual_seed(0)
    decoder = MotionDecoder(replace(SMALL_DECODER, levels=module.LAST_COARSE + 2)).eval()
    for parameter in decoder.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    nothing = torch.zeros(40, decoder.config.levels, dtype=torch.int64)
    wanted = replace(conditions(count=40), codes=nothing)
    hot = replace(SETTINGS, temperature=3.0)
    warm, cool = (sample(decoder, wanted, replace(hot, cooling=cooling)) for cooling in (1.0, 1e-9))
    coarse = slice(module.LAST_COARSE + 1)
    assert torch.equal(warm[0, coarse], cool[0, coarse]) and not torch.equal(warm[0], cool[0])
    greedy = sample(decoder, wanted, replace(hot, temperature=0.0))
    assert not torch.equal(cool[:, coarse], greedy[:, coarse])


def test_guidance_1_is_no_guidance(decoder: MotionDecoder, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[int] = []
    real = module.encode_context

    def count_rows(*args: object) -> torch.Tensor:
        memory = real(*args)
        rows.append(len(memory))
        return memory

    monkeypatch.setattr(module, "encode_context", count_rows)
    wanted = conditions()
    plain = sample(decoder, wanted, replace(SETTINGS, guidance=1.0, style_guidance=1.0))
    nearly = sample(decoder, wanted, replace(SETTINGS, guidance=1.0 + 1e-9, style_guidance=1.0 + 1e-9))
    assert rows == [1, 3]
    assert torch.equal(plain, nearly)
    # without a condition there is no guidance
    sample(decoder, replace(wanted, music=None, style=None))
    assert rows[-1] == 1


def test_guidance_changes_the_codes(decoder: MotionDecoder) -> None:
    wanted = conditions()
    plain = replace(SETTINGS, guidance=1.0, style_guidance=1.0)
    assert not torch.equal(sample(decoder, wanted, plain), sample(decoder, wanted, replace(plain, guidance=4.0)))
    assert not torch.equal(sample(decoder, wanted, plain), sample(decoder, wanted, replace(plain, style_guidance=4.0)))


def test_a_cancel_stops_before_the_next_position(decoder: MotionDecoder) -> None:
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 23

    with pytest.raises(CancelledError):
        generate_codes(decoder, conditions(), SETTINGS, 0, lambda _: None, cancelled)
    assert asked == 24
