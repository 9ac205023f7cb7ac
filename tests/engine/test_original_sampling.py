"""Sampling with the original's decoder: single draws, windows over long music, gaps before locked tokens."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import original_reference as reference
import pytest
import torch
from original_files import VARIANTS, make

from engine.errors import CancelledError, RequestError
from engine.models.original.checkpoint import OriginalCheckpoint
from engine.models.original.config import OriginalSampling
from engine.models.original.decoder import OriginalDecoder
from engine.models.original.sampling import SongPass, choose_tokens, fill, generate_tokens

CODES = 32
GREEDY = OriginalSampling(temperature=0, window=20, overlap=5)
Checkpoints = dict[str, OriginalCheckpoint]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Checkpoints:
    folder = tmp_path_factory.mktemp("original")
    vqvae = reference.random_vqvae(depth=(1, 1))
    return {variant: make(folder / variant, variant, vqvae, reference.random_decoder(variant)) for variant in VARIANTS}


def song(variant: str, frames: int) -> tuple[torch.Tensor, torch.Tensor | None]:
    generator = torch.Generator().manual_seed(frames)
    music = torch.randn(frames, reference.MUSIC[variant], generator=generator)
    return music, torch.randn(512, generator=generator) if variant == "encodec_style" else None


def sample(
    decoder: OriginalDecoder, variant: str, length: int, settings: OriginalSampling, seed: int = 0
) -> torch.Tensor:
    return torch.cat(list(generate_tokens(decoder, *song(variant, length), length, settings, seed, lambda: False)))


def window_start(target: int, length: int, settings: OriginalSampling) -> int:
    """The first window that contains `target`, by plain search."""
    window, start = min(settings.window, length), 0
    while target >= start + window:
        start += window - settings.overlap
    return min(start, length - window)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("view", ["whole", "prefix"])
def test_tokens_within_one_window_equal_those_of_the_whole_network(
    checkpoints: Checkpoints, variant: str, view: str
) -> None:
    decoder, length = checkpoints[variant].decoder, 20
    tokens = sample(decoder, variant, length, replace(GREEDY, music_view=view))
    music, style = song(variant, length)
    logits = decoder(tokens[None], music[None], None if style is None else style[None], view)[0, :, :CODES]
    assert torch.equal(tokens[1:], logits[:-1].argmax(-1))


@pytest.mark.parametrize("length", [21, 35, 36, 50, 63])
def test_a_sinusoids_positions_start_at_0_in_every_window(checkpoints: Checkpoints, length: int) -> None:
    decoder = checkpoints["encodec_sine"].decoder
    tokens = sample(decoder, "encodec_sine", length, GREEDY)
    music, _ = song("encodec_sine", length)
    for target in range(1, length):
        start = window_start(target, length, GREEDY)
        logits = decoder(tokens[None, start:target], music[None, start : start + 20])[0, -1, :CODES]
        assert tokens[target] == logits.argmax()


@pytest.mark.parametrize("length", [21, 36, 63])
def test_alibi_keeps_its_past_while_the_music_window_moves(checkpoints: Checkpoints, length: int) -> None:
    decoder, (music, _) = checkpoints["encodec"].decoder, song("encodec", length)
    pass_ = SongPass(decoder, music, None, length, GREEDY)
    seen = []
    for target in range(1, length):
        pass_.draw(torch.zeros(1, CODES))
        seen.append((pass_.cache.first, pass_.cache.last))
        assert pass_.cache.first == window_start(target, length, GREEDY)
        for (keys, values), (whole_keys, whole_values) in zip(
            pass_.cache.music_keys_values,
            decoder.music_keys_values(music[None, pass_.cache.first : pass_.cache.last]),
            strict=True,
        ):
            torch.testing.assert_close(keys, whole_keys)
            torch.testing.assert_close(values, whole_values)
    assert seen[-1][1] == length and all(last - first == 20 for first, last in seen)
    assert pass_.cache.position == length - 1  # never restarted
    assert pass_.cache.kv_cache.kept.shape[4] < 40


@pytest.mark.parametrize("variant", VARIANTS)
def test_tokens_depend_on_the_seed(checkpoints: Checkpoints, variant: str) -> None:
    decoder, settings = checkpoints[variant].decoder, OriginalSampling(top_k=0, window=20, overlap=5)
    first, again, other = (sample(decoder, variant, 50, settings, seed) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert first.min() >= 0 and first.max() < CODES and len(first) == 50


def test_the_first_token_is_uniform(checkpoints: Checkpoints) -> None:
    decoder = checkpoints["librosa"].decoder
    first = torch.stack([sample(decoder, "librosa", 1, OriginalSampling(), seed)[0] for seed in range(640)])
    counts = torch.bincount(first, minlength=CODES)
    assert counts.min() > 5 and counts.max() < 45  # 20 each


def test_draws_follow_the_probabilities() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(35, generator=generator) * 2
    logits[33] = 9.0  # not a motion token, but it counts for top-k
    noise = -torch.empty(40_000, CODES).exponential_(generator=generator).log()
    for top_k, temperature in ((0, 1.0), (6, 1.0), (6, 0.5), (1, 1.0), (35, 2.0)):
        drawn = choose_tokens(logits.expand(40_000, -1), noise, OriginalSampling(temperature=temperature, top_k=top_k))
        kept = logits.topk(top_k or 35).indices
        chances = torch.full((35,), -torch.inf)
        chances[kept] = logits[kept] / temperature
        chances = chances[:CODES]
        if top_k == 1:  # only the special token was kept: the best motion token replaces it
            chances[logits[:CODES].argmax()] = 0.0
        found = torch.bincount(drawn, minlength=CODES) / 40_000
        torch.testing.assert_close(found, chances.softmax(0), atol=0.012, rtol=0)


def test_a_temperature_near_zero_is_greedy() -> None:
    logits = torch.tensor([[1.0, 1.001, 0.5, 9.0, 9.0, 9.0]])
    for temperature in (0.0, 1e-300, 1e-7):
        assert choose_tokens(logits, torch.randn(1, 3), OriginalSampling(temperature=temperature)).tolist() == [1]


def test_tokens_are_yielded_in_blocks_and_a_cancel_ends_them(checkpoints: Checkpoints) -> None:
    decoder, (music, style) = checkpoints["encodec"].decoder, song("encodec", 50)
    stop = []
    blocks = generate_tokens(decoder, music, style, 50, OriginalSampling(), 0, lambda: bool(stop))
    assert len(next(blocks)) == 20
    stop.append(True)
    with pytest.raises(CancelledError):
        next(blocks)


def test_music_that_is_too_short_is_refused(checkpoints: Checkpoints) -> None:
    with pytest.raises(RequestError, match="50"):
        SongPass(checkpoints["encodec"].decoder, song("encodec", 49)[0], None, 50, OriginalSampling())


def likelihood(decoder: OriginalDecoder, tokens: torch.Tensor, music: torch.Tensor, judged: slice) -> float:
    chances = decoder(tokens[None], music[None])[0].log_softmax(-1)[:-1]
    return float(chances.gather(-1, tokens[1:, None])[judged.start - 1 : judged.stop - 1].sum())


@pytest.mark.parametrize("variant", ["encodec", "encodec_sine"])
def test_a_gap_is_filled_to_fit_what_follows(checkpoints: Checkpoints, variant: str) -> None:
    decoder, length = checkpoints[variant].decoder, 48
    music, _ = song(variant, length)
    settings = OriginalSampling(top_k=0, window=48)
    tokens = torch.randint(CODES, (length,), generator=torch.Generator().manual_seed(3))
    locked = torch.ones(length, dtype=torch.bool)
    locked[:4] = locked[10:20] = locked[40:] = False
    filled = {
        count: [fill(decoder, music, None, tokens, locked, settings, seed, lambda: False, count) for seed in range(6)]
        for count in (1, 12)
    }
    for result in filled[1] + filled[12]:
        assert torch.equal(result[locked], tokens[locked])
        assert len(result) == length and result.max() < CODES
    scores = {n: np.mean([likelihood(decoder, t, music, slice(20, 40)) for t in runs]) for n, runs in filled.items()}
    assert scores[12] > scores[1] + 1
    again = fill(decoder, music, None, tokens, locked, settings, 2, lambda: False, 12)
    assert torch.equal(again, filled[12][2])


def test_the_most_likely_candidate_is_kept(checkpoints: Checkpoints) -> None:
    """More candidates are never worse: they include those of smaller numbers."""
    decoder, music = checkpoints["encodec"].decoder, song("encodec", 30)[0]
    pass_ = SongPass(decoder, music, None, 30, OriginalSampling(top_k=0))
    pass_.choose([0] * 5)
    generator = torch.Generator().manual_seed(0)
    for _ in range(12):
        pass_.draw(-torch.empty(5, CODES).exponential_(generator=generator).log())
    after = torch.arange(18) % CODES
    begun = pass_.tokens[:, :12].clone()
    assert len(begun.unique(dim=0)) == 5
    chances = pass_.append(after)
    for row, chance in zip(begun, chances, strict=True):
        expected = likelihood(decoder, torch.cat([row, after]), music, slice(12, 30))
        assert float(chance) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("pattern", ["none", "all", "start", "end", "last", "first"])
def test_any_pattern_of_locks_is_kept(checkpoints: Checkpoints, variant: str, pattern: str) -> None:
    decoder, length = checkpoints[variant].decoder, 45
    locked = torch.zeros(length, dtype=torch.bool)
    locked[
        {"none": slice(0), "all": slice(None), "start": slice(30), "end": slice(30, None)}.get(pattern, slice(0))
    ] = True
    if pattern in ("last", "first"):
        locked[-1 if pattern == "last" else 0] = True
    tokens = torch.arange(length) % CODES
    music, style = song(variant, length)
    settings = OriginalSampling(window=20, overlap=5)
    filled = fill(decoder, music, style, tokens, locked, settings, 0, lambda: False, 3)
    assert torch.equal(filled[locked], tokens[locked]) and len(filled) == length
