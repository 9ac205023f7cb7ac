"""The decoders that ours is compared with: what each can and cannot distinguish, and their training data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from style_table import TABLE
from tiny_engine import SMALL_DECODER, STYLES, stepping, tiny_networks

from benchmarks.trained_ablations import networks
from benchmarks.trained_ablations.learning import VARIANTS, AsRecorded, train
from benchmarks.trained_ablations.networks import BagOfFrames, Sinusoids, generate_codes
from engine.audio.composing.demo_song import write_demo_song
from engine.data.clips import StyledMotion, at_rate
from engine.data.songs import RecordedDance, SongFile
from engine.models.own.config import Sampling
from engine.models.own.sampling import Conditions, encode_context
from engine.models.torch.decoder import MotionDecoder
from engine.models.torch.kv_cache import DecoderCache
from engine.models.torch.networks import TorchDecoder
from engine.training.decoder import Batch
from engine.training.pair_maker import PairMaker
from engine.training.pairs import Pair, PairSource

CONFIG = replace(SMALL_DECODER, levels=1)
KINDS = (MotionDecoder, BagOfFrames, Sinusoids)


def shaken(kind: type[MotionDecoder]) -> MotionDecoder:
    """A network with random weights, large enough for every part to have an effect."""
    torch.manual_seed(0)
    network = kind(CONFIG).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    return network


def music(frames: int) -> torch.Tensor:
    return torch.randn(frames, CONFIG.music_features, generator=torch.Generator().manual_seed(1))


def batch(rows: int = 2, positions: int = 40) -> Batch:
    codes = torch.randint(CONFIG.codes, (rows, positions, 1), generator=torch.Generator().manual_seed(2))
    nothing = torch.zeros(rows, positions, dtype=torch.bool)
    songs = torch.stack([music(2 * positions)] * rows)
    styles, energy = torch.zeros(rows, dtype=torch.int64), torch.full((rows, positions), torch.nan)
    return Batch(codes, codes, songs, nothing, styles, nothing[:, 0] < 1, energy, ~nothing)


@torch.no_grad()
def logits(network: MotionDecoder, b: Batch) -> torch.Tensor:
    return network(b.codes, b.history, b.music, b.locked, b.style, b.has_music)[0]


def pairs() -> list[Pair]:
    codes = np.random.RandomState(0).randint(CONFIG.codes, size=(160, 1))
    return [Pair(codes, music(320).numpy(), 0, "real"), Pair(codes[::-1].copy(), None, 1, "silent")]


def differs(one: torch.Tensor, two: torch.Tensor) -> torch.Tensor:
    return (one - two).abs().amax(-1) > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_only_a_bag_of_frames_ignores_their_order(kind: type[MotionDecoder]) -> None:
    network, right = shaken(kind), batch()
    shuffled = replace(right, music=right.music[:, torch.randperm(80, generator=torch.Generator().manual_seed(3))])
    other = replace(right, music=right.music + 1)
    assert differs(logits(network, shuffled), logits(network, right)).any() == (kind is not BagOfFrames)
    assert differs(logits(network, other), logits(network, right)).all()  # but the music has an effect
    no_music = torch.zeros_like(right.has_music)
    without = logits(network, replace(right, has_music=no_music))
    torch.testing.assert_close(logits(network, replace(other, has_music=no_music)), without)
    assert differs(without, logits(network, right)).all()


def test_the_padding_of_a_short_window_is_not_in_the_bag() -> None:
    network, short = shaken(BagOfFrames), batch()
    short.music[:, 60:] = 0
    cut = replace(short, music=short.music.roll(20, 1))  # the padding before the music
    torch.testing.assert_close(logits(network, cut), logits(network, short))
    short.music[:, 60:] = 1e-3
    assert differs(logits(network, short), logits(network, cut)).any()


@torch.no_grad()
def test_sinusoids_tell_where_a_dance_is_and_distances_do_not() -> None:
    """Positions far from the start, in the same surroundings: ours does not distinguish them."""
    count = 120
    even = Conditions(np.tile(music(2).numpy(), (count, 1)), 0, np.ones((count, 1), np.int64), np.ones(count, bool))
    for kind, distinguished in ((MotionDecoder, False), (Sinusoids, True)):
        memory = torch.from_numpy(encode_context(TorchDecoder(shaken(kind)), even, [True], [True])[0])
        assert bool(differs(memory[50], memory[60])) == distinguished
    placed = shaken(Sinusoids)
    assert not placed.context.slopes(torch.device("cpu")).any()
    # where the context is encoded in chunks, the second does not begin at position 0 again
    second = torch.from_numpy(encode_context(TorchDecoder(placed), even, [True], [True])[0])
    assert differs(second[0], memory[60])


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_generation_step_by_step_equals_the_training_pass(kind: type[MotionDecoder]) -> None:
    network, right = shaken(kind), batch()
    whole = logits(network, right)
    cache = DecoderCache(network, network.memory(right.music, right.codes, right.locked, right.style, right.has_music))
    cache = cache.repeated(2)
    for n in range(40):
        state = cache.step(right.codes[:, n - 1].repeat_interleave(2, 0) if n else None)
        step = network.heads[0](state)
        torch.testing.assert_close(step, whole[:, n].repeat_interleave(2, 0), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_dances_are_as_long_as_their_music(kind: type[MotionDecoder], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "POSITIONS", 20)
    network = shaken(kind)
    for count in (9, 20, 47):
        codes = generate_codes(network, music(2 * count).numpy(), 1, Sampling(), [0, 1])
        assert codes.shape == (2, count, 1) and not np.array_equal(codes[0], codes[1])
        assert np.array_equal(codes[1:], generate_codes(network, music(2 * count).numpy(), 1, Sampling(), [1]))
    if kind is BagOfFrames:  # generated again in every window: no two are alike
        assert not np.array_equal(codes[0, 20:30], codes[0, 30:40])
        louder = music(94).numpy()
        louder[80:] += 5
        changed = generate_codes(network, louder, 1, Sampling(), [0])[0] != codes[0]
        assert changed.any() and not changed[:30].any()  # no window that is generated there contains second 4


def test_recorded_pairs_keep_their_time_and_re_timed_ones_do_not(tmp_path: Path) -> None:
    song, motion = SongFile(tmp_path / "song.wav", TABLE), at_rate(stepping(12.0, 88.0))
    write_demo_song(song.path, "rumba", 12.0, 95.0)
    dance = RecordedDance(StyledMotion("a", "rumba", motion), song)
    recorded, timed = (list(source.timed(dance, [song])) for source in (AsRecorded(0), PairSource(0)))
    assert [pair.kind for pair in recorded] == [pair.kind for pair in timed] == ["silent", "real"]
    assert np.array_equal(recorded[1].motion.poses, motion.poses) and recorded[1].first == 0
    assert not np.array_equal(timed[1].motion.poses[:100], motion.poses[:100])

    maker = PairMaker(tiny_networks()[0], STYLES, 0)
    maker.source = AsRecorded(0)
    silent, _, real, _ = maker.make([dance], [], lambda _: None)
    assert np.array_equal(real.codes, silent.codes[: len(real.codes)])
    assert real.music is not None and np.array_equal(real.music, song.music("rumba")[0][: len(real.music)])


def test_all_variants_learn_and_a_finished_one_is_left_alone(tmp_path: Path) -> None:
    learned = {variant.pairs: pairs() for variant in VARIANTS}
    books = torch.randn(1, CONFIG.codes, 8)
    first = train(learned, pairs()[:1], CONFIG, books, tmp_path, 2)
    assert {type(network) for network in first.values()} == set(KINDS)
    assert len(list(tmp_path.glob("*/state.pt"))) == len(VARIANTS)
    again = train(learned, pairs()[:1], CONFIG, books, tmp_path, 2)
    for variant, network in first.items():
        found = again[variant].state_dict()
        assert all(torch.equal(value, found[name]) for name, value in network.state_dict().items())
