"""Training of both stages: it learns, goes on where it was stopped to the bit, and reads every kind of data folder."""

from __future__ import annotations

import json
import pickle
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_engine import SMALL_CODEC, SMALL_DECODER, STYLES, kill_at_step, own_folder, stepping, tiny_networks

from engine.audio.beats import BeatTrack
from engine.audio.demo_song import write_demo_song
from engine.audio.music import MUSIC_FEATURES
from engine.cli import main
from engine.errors import DataError
from engine.evaluation.beats import foot_beats, score_beats
from engine.models.decoder import MotionDecoder
from engine.models.vqvae import MotionVQVAE
from engine.motion import representation
from engine.motion.bvh import write_bvh
from engine.training import retime
from engine.training import vqvae as codec_training
from engine.training.decoder import AFTER_JOIN, PairWindows, random_locks, train_decoder
from engine.training.harden import exchanged, harden_vqvae, nearest_codes
from engine.training.loop import TrainOptions, learning_rate
from engine.training.medleys import medleys
from engine.training.pair_maker import PairMaker
from engine.training.pairs import Dance, Pair, PairSource, Song
from engine.training.vqvae import train_vqvae
from engine.training.waiting import moving_parts
from engine.training.windows import StyledMotion, at_rate, style_weights
from smpl_rig import rotations as rot
from smpl_rig.motion import Motion
from smpl_rig.skeleton import BODY_TO_WORLD, JOINT_INDEX


def options(out: Path, steps: int, **changes: object) -> TrainOptions:
    settings = TrainOptions(out, steps, 2e-3, batch=4, warmup=2, report_every=5, validate_every=4, save_every=4)
    return replace(settings, **changes)


def clips() -> list[StyledMotion]:
    return [StyledMotion(f"clip{bpm}", style, stepping(8.0, bpm)) for bpm, style in ((90, "rumba"), (120, "salsa"))]


def pairs() -> list[Pair]:
    """Code and music have the same period, so that there is something to learn."""
    count = 160
    beat = np.arange(2 * count) % 16
    music = np.eye(16, dtype=np.float32)[beat]
    music = np.concatenate([music, np.zeros((2 * count, MUSIC_FEATURES - 16), np.float32)], axis=1)
    codes = np.stack([beat[::2], 31 - beat[::2]], axis=1).astype(np.int64)
    return [Pair(codes, music, 0, "real"), Pair(codes[::-1].copy(), None, 1, "silent"), Pair(codes, music, 2, "rhythm")]


def train_codec(settings: TrainOptions) -> MotionVQVAE:
    return train_vqvae(clips(), clips()[:1], SMALL_CODEC, settings)


def train_writer(settings: TrainOptions) -> MotionDecoder:
    return train_decoder(pairs(), pairs()[:1], SMALL_DECODER, settings)


STAGES = {"vqvae": train_codec, "decoder": train_writer}


@pytest.fixture(params=STAGES)
def stage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(codec_training, "UNQUANTIZED_STEPS", 3)  # so that a few steps see the codebooks move
    return request.param


def state(folder: Path) -> dict:
    return torch.load(folder / "state.pt", weights_only=True)


def equal(one: dict, two: dict) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def log(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_codec_with_more_levels_starts_as_the_one_it_is_made_from(tmp_path: Path) -> None:
    torch.manual_seed(0)
    old = MotionVQVAE(SMALL_CODEC)
    old.quantizer.codebook.normal_()
    finer = replace(SMALL_CODEC, levels=SMALL_CODEC.levels + 2)
    new = MotionVQVAE(finer)
    codec_training.take_over(old, new)
    codes = torch.randint(SMALL_CODEC.codes, (1, 20, SMALL_CODEC.levels))
    torch.testing.assert_close(new.decode(codes), old.decode(codes))

    trained = train_vqvae(clips(), clips()[:1], finer, options(tmp_path, 3), old)
    books = trained.quantizer.codebook
    assert books.flatten(1).any(1).all()  # the codebooks it lacked have codes
    assert not books[finer.coarse :, 0].any() and books[: finer.coarse, 0].any()
    nothing_finer = codes.new_zeros(1, 20, finer.levels)
    nothing_finer[..., : finer.coarse] = codes[..., : finer.coarse]
    torch.testing.assert_close(trained.decode(nothing_finer), trained.decode(codes[..., : finer.coarse]))


def test_hardening_changes_only_what_comes_after_the_codebooks(tmp_path: Path) -> None:
    codec, before = tiny_networks()[0], tiny_networks()[0]
    hard = harden_vqvae(codec, clips(), clips()[:1], options(tmp_path, 4, learning_rate=1e-2))
    features = torch.from_numpy(representation.encode(stepping(4.0, 100.0, 20.0)))[None]
    codes = before.encode(features)
    assert torch.equal(hard.encode(features), codes)  # a decoder that was trained before still fits
    assert not torch.allclose(hard.decode(codes), before.decode(codes))
    assert {"val_mm", "val_coarse_mm"} <= set(log(tmp_path)[-1])


def test_exchanged_codes_lie_near_and_only_clips_without_fine_levels_have_them() -> None:
    torch.manual_seed(0)
    book, coarse, near = torch.randn(3, 32, 8), 2, 4
    codes = torch.randint(1, 32, (64, 30, 3))
    drawn = exchanged(codes, nearest_codes(book, near), coarse)
    whole = (drawn == codes).all(-1).all(-1)
    assert 0.2 < whole.float().mean() < 0.8  # some clips are as they were
    assert not drawn[~whole][..., coarse:].any() and (drawn[~whole][..., :coarse] != codes[~whole][..., :coarse]).any()
    rank = torch.cdist(book, book).argsort(-1).argsort(-1)
    for level in range(coarse):
        assert rank[level][codes[..., level], drawn[..., level]].max() == near
    assert nearest_codes(book, 99).shape == (3, 32, 31)


def test_a_run_that_was_killed_goes_on_to_the_same_weights(
    stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = STAGES[stage](options(tmp_path / "whole", 10))

    torch.manual_seed(99)  # the process that goes on has another past
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        kill_at_step(patch, 7)  # three steps after the save at four
        STAGES[stage](options(tmp_path / "parts", 10))
    assert state(tmp_path / "parts")["step"] == 4
    torch.manual_seed(123)
    resumed = STAGES[stage](options(tmp_path / "parts", 10))
    assert equal(whole.state_dict(), resumed.state_dict())
    one, two = state(tmp_path / "whole"), state(tmp_path / "parts")
    assert one["step"] == two["step"] == 10
    assert equal(one["model"], two["model"]) and equal(one["averaged"], two["averaged"])


def test_a_finished_run_is_left_alone(stage: str, tmp_path: Path) -> None:
    first = STAGES[stage](options(tmp_path, 4))
    again = STAGES[stage](options(tmp_path, 4))
    assert equal(first.state_dict(), again.state_dict())


def test_the_seed_decides(stage: str, tmp_path: Path) -> None:
    torch.manual_seed(5)
    one, two, other = (STAGES[stage](options(tmp_path / str(i), 2, seed=seed)) for i, seed in enumerate((7, 7, 8)))
    assert equal(one.state_dict(), two.state_dict())
    assert not equal(one.state_dict(), other.state_dict())


def test_the_loss_falls_and_the_log_tells(stage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    STAGES[stage](options(tmp_path, 40, report_every=10, validate_every=20, save_every=20, batch=8, learning_rate=5e-3))
    lines = log(tmp_path)
    losses = [line["loss"] for line in lines if "loss" in line]
    assert len(losses) == 4 and losses[-1] < 0.8 * losses[0]
    assert all(line["seconds_per_step"] > 0 for line in lines if "loss" in line)
    checked = [line for line in lines if any(name.startswith("val_") for name in line)]
    assert [line["step"] for line in checked] == [20, 40]
    assert all(np.isfinite(value) for line in checked for value in line.values())
    assert "step 40" in capsys.readouterr().out


class Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("damage", ["empty", "half", "text", "pickle", "another run", "a list", "no optimizer"])
def test_a_damaged_state_is_refused(stage: str, tmp_path: Path, damage: str) -> None:
    STAGES[stage](options(tmp_path, 2))
    file = tmp_path / "state.pt"
    content = {
        "empty": b"",
        "half": file.read_bytes()[: file.stat().st_size // 2],
        "text": b"not a state\n" * 40,
        "pickle": pickle.dumps(Trap(tmp_path / "trapped")),
    }.get(damage)
    if content is not None:
        file.write_bytes(content)
    elif damage == "another run":
        torch.save({**state(tmp_path), "model": {"other": torch.zeros(3)}}, file)
    elif damage == "a list":
        torch.save([1, 2], file)
    else:
        torch.save({**state(tmp_path), "optimizer": {"state": {}, "param_groups": []}}, file)
    before = file.read_bytes()
    with pytest.raises(DataError, match="damaged or does not fit") as caught:
        STAGES[stage](options(tmp_path, 4))
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")
    assert file.read_bytes() == before and not (tmp_path / "trapped").exists()


def test_learning_rate_rises_and_falls() -> None:
    settings = TrainOptions(Path(), 1000, 1e-3, batch=1)
    rates = [learning_rate(settings, step) for step in range(1000)]
    assert rates[0] == pytest.approx(1e-5) and max(rates) == pytest.approx(1e-3)
    assert np.all(np.diff(rates[:100]) > 0) and np.all(np.diff(rates[101:]) < 0)
    assert rates[-1] == pytest.approx(5e-5, rel=0.01)


def test_styles_are_drawn_more_evenly_than_they_are_long() -> None:
    weights = style_weights(["waltz", "waltz", "salsa"], [300, 100, 100])
    assert weights.sum() == pytest.approx(1)
    assert weights[0] == pytest.approx(3 * weights[1])  # within a style by length
    share = weights[:2].sum() / weights[2]
    assert share == pytest.approx(4**0.4)


def test_locks_leave_something_free_and_come_in_all_kinds() -> None:
    generator = np.random.default_rng(0)
    locks = [random_locks(generator, 128) for _ in range(300)]
    assert all(lock.shape == (128,) and not lock.all() for lock in locks)
    free = [lock for lock in locks if not lock.any()]
    gaps = [lock for lock in locks if lock[0] and lock[-1] and not lock.all()]
    assert 0.25 < len(free) / 300 < 0.6 and len(gaps) > 60
    for count in (1, 2, 5):
        assert all(len(random_locks(generator, count)) == count for _ in range(50))


def test_a_batch_of_short_and_silent_pairs() -> None:
    short = [
        Pair(pair.codes[:41], None if pair.music is None else pair.music[:82], pair.style, pair.kind)
        for pair in pairs()
    ]
    batch = PairWindows(short, SMALL_DECODER).batch(np.random.default_rng(0), 16)
    assert batch.real.sum(1).tolist() == [41] * 16
    assert not (batch.locked & ~batch.real).any()
    for row in range(16):
        assert bool(batch.has_music[row]) == bool(batch.music[row].any())
        assert not batch.music[row, 82:].any()


def test_no_pairs_or_no_music_is_told() -> None:
    with pytest.raises(DataError, match="No pairs"):
        PairWindows([], SMALL_DECODER)
    with pytest.raises(DataError, match="paired with music"):
        PairWindows(pairs()[1:2], SMALL_DECODER).music_statistics()


# -- re-timing ------------------------------------------------------------------------------------------------------


def clicks(bpm: float, seconds: float, first: float = 0.3) -> BeatTrack:
    return BeatTrack(np.arange(first, seconds, 60 / bpm), bpm, 5.0)


def gain(joints: np.ndarray, beats: np.ndarray) -> float:
    score = score_beats(foot_beats(joints, 20.0), beats)
    return score.gain_music_to_motion


@pytest.mark.parametrize(("bpm", "song_bpm"), [(100, 108), (100, 94), (120, 120)])
def test_feet_fall_on_the_beats_of_another_song(bpm: float, song_bpm: float) -> None:
    motion = at_rate(stepping(30.0, bpm))
    times = np.arange(len(motion)) / motion.fps
    count = retime.motion_count(motion, retime.steady_tempo(motion, bpm) / 60 * times)
    track = clicks(song_bpm, 40.0)
    song = retime.song_count(track, np.arange(800) / retime.RATE)
    warped, first = retime.warp(motion, count, song)
    beats = track.times - first / retime.RATE
    beats = beats[(beats > 1) & (beats < warped.seconds - 1)]
    assert gain(warped.joints(), beats) > 0.2
    assert warped.fps == 20 and warped.seconds == pytest.approx(30 * bpm / song_bpm, abs=1.5)
    if bpm != song_bpm:  # a dance in another tempo drifts through all phases
        assert gain(motion.joints(), clicks(song_bpm, 29.0, 1.0).times) < 0.15


def test_the_tempo_of_steps_is_found() -> None:
    for bpm in (86.0, 100.0, 118.0):
        assert retime.steady_tempo(stepping(20.0, bpm), 100.0) == pytest.approx(bpm, rel=0.02)


@pytest.mark.parametrize("song_bpm", [70, 108, 150])
def test_no_part_is_hurried_or_slowed_beyond_the_bounds(song_bpm: float) -> None:
    motion = at_rate(stepping(20.0, 100.0))
    motion = replace(motion, trans=np.arange(len(motion))[:, None] / 20 * np.ones(3, np.float32))  # a clock
    times = np.arange(len(motion)) / 20
    warped, _ = retime.warp(motion, times * 100 / 60, retime.song_count(clicks(song_bpm, 30.0), times))
    rates = np.diff(warped.trans[:, 0]) * 20
    assert rates.min() > retime.SLOWEST - 1e-3 and rates.max() < retime.FASTEST + 1e-3


def test_what_is_in_time_already_is_left_nearly_as_it_is() -> None:
    motion = at_rate(stepping(20.0, 100.0))
    times = np.arange(len(motion)) / 20
    # the feet of `stepping` come to rest on the beats 0, 1, 2 ..., a little before the beat as dancers' do
    track = clicks(100, 21.0, 0.0)
    rough = retime.song_count(track, times)
    count = retime.motion_count(motion, rough)
    warped, first = retime.warp(motion, count, retime.song_count(track, np.arange(420) / 20))
    assert len(motion) - len(warped) < 20
    offset = count - rough
    assert np.ptp(offset[40:-40]) < 0.1  # one constant shift, no wobble
    start = first + round(float(np.median(offset)) * 60 / 100 * 20)
    gap = np.abs(warped.joints()[30:-30] - motion.joints()[30 + start : 30 + start + len(warped) - 60])
    assert gap.mean() < 0.02


def test_a_song_without_beats_makes_no_pairs(tmp_path: Path) -> None:
    import wave

    silent = tmp_path / "silent.wav"
    with wave.open(str(silent), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(10_240)
        out.writeframes(bytes(2 * 10_240 * 12))
    codec, _ = tiny_networks()
    said: list[str] = []
    dances = [Dance(clip, Song(silent)) for clip in clips()]
    made = PairMaker(codec, STYLES, 1).make(dances, [Song(silent)], said.append)
    assert {pair.kind for pair in made} == {"silent"} and len(said) == 3  # two clips, and the medleys


def joined(*motions: Motion) -> Motion:
    """One after the other, where each begins."""
    return replace(
        motions[0],
        poses=np.concatenate([each.poses for each in motions]),
        trans=np.concatenate([each.trans for each in motions]),
    )


def test_waiting_before_between_and_after_dancing_is_not_learned() -> None:
    dance = stepping(9.0, 92.0)
    still = Motion(dance.poses[:1].repeat(60, 0), dance.trans[:1].repeat(60, 0), dance.fps)
    whole = joined(still, dance, still, dance, still)
    parts = moving_parts(whole)
    assert len(parts) == 2
    assert all(dance.seconds - 0.7 < part.seconds < dance.seconds + 0.7 for part in parts)
    assert moving_parts(still) == []
    moment = still.cut(0, 4)  # shorter than a wait
    assert [round(part.seconds) for part in moving_parts(joined(dance, moment, dance))] == [18]
    kinds = [
        [timed.motion.seconds for timed in PairSource(0).timed(Dance(StyledMotion("a", "rumba", motion), None), [])]
        for motion in (whole, still)
    ]
    assert len(kinds[0]) == 2 and max(kinds[0]) < dance.seconds + 1 and not kinds[1]


def test_pairs_come_mirrored_and_as_long_as_their_music(song: Path) -> None:
    codec, _ = tiny_networks()
    dances = [Dance(StyledMotion("a", "rumba", stepping(9.0, 92.0)), Song(song))]
    other = Song(song.with_name("other.wav"))
    write_demo_song(other.path, "rumba", 14.0, 95.0)
    made = PairMaker(codec, STYLES, 1).make(dances, [dances[0].song, other], lambda _: None)
    assert [pair.kind for pair in made] == ["silent"] * 2 + ["real"] * 2 + ["rhythm"] * 2
    for pair in made:
        assert pair.music is None or pair.music.shape == (2 * len(pair.codes), MUSIC_FEATURES)
        assert pair.style == 0 and len(pair.codes) >= 40
    assert not np.array_equal(made[0].codes, made[1].codes)


# -- medleys --------------------------------------------------------------------------------------------------------


def short_dances() -> list[Dance]:
    """Short dances of two styles without music: rumba has a usual tempo, modern dance has none."""
    tempi = {"rumba": (88.0, 92.0, 96.0), "modern": (84.0, 89.0, 97.0)}
    return [
        Dance(StyledMotion(f"{style}{bpm:.0f}", style, stepping(6.0, bpm)), None)
        for style, each in tempi.items()
        for bpm in each
    ]


def demo_songs(folder: Path) -> list[Song]:
    songs = []
    for bpm in (90.0, 94.0):
        path = folder / f"{bpm:.0f}.wav"
        write_demo_song(path, "rumba", 30.0, bpm)
        songs.append(Song(path))
    return songs


def test_short_dances_follow_each_other_on_the_beat(tmp_path: Path) -> None:
    songs = demo_songs(tmp_path)
    made = list(medleys(short_dances(), songs, 2, 2, np.random.default_rng(0)))
    silent = [parts for parts in made if parts[0].song is None]
    assert [len(parts) for parts in silent] == [3, 3]
    assert {parts[0].style for parts in made if parts[0].song} == {"rumba", "modern"}
    for parts in made:
        assert len({part.style for part in parts}) == 1 and len({part.kind for part in parts}) == 1
        for before, after in pairwise(parts):
            assert before.first + len(before.motion) == after.first
            assert len(before.motion) % 2 == 0 and len(before.motion) > 12
        song = parts[0].song
        if song is None:
            continue
        features, track = song.hear(parts[0].style)
        assert parts[-1].first + len(parts[-1].motion) <= len(features)
        for part in parts[1:]:  # each part is in time by itself
            beats = track.times - part.first / retime.RATE
            beats = beats[(beats > 0.3) & (beats < part.motion.seconds - 0.3)]
            assert len(beats) > 2 and gain(part.motion.joints(), beats) > 0.1


def marked(motion: Motion, number: int) -> Motion:
    """The motion with a sign of its own on a foot and one on a collar, which `stepping` does not move."""
    poses = motion.poses.reshape(len(motion), -1, 3).copy()
    poses[:, [JOINT_INDEX["L_foot"], JOINT_INDEX["L_collar"]], 0] = number / 10
    return replace(motion, poses=poses.reshape(len(motion), -1))


def test_a_scarce_style_also_dances_with_the_upper_bodies_of_others(tmp_path: Path) -> None:
    dances = [
        replace(dance, clip=replace(dance.clip, motion=marked(dance.clip.motion, number)))
        for number, dance in enumerate(short_dances())
        if dance.clip.style == "modern"
    ]
    made = [part for parts in medleys(dances, demo_songs(tmp_path), 30, 2, np.random.default_rng(0)) for part in parts]
    mixed = 0
    for part in made:
        signs = part.motion.poses.reshape(len(part.motion), -1, 3)[:, :, 0]
        below, above = signs[:, JOINT_INDEX["L_foot"]], signs[:, JOINT_INDEX["L_collar"]]
        assert np.ptp(below) < 1e-4 and np.ptp(above) < 1e-4  # one dance from head to waist, one below
        mixed += abs(below[0] - above[0]) > 0.05
        assert part.song or below[0] == above[0]
    heard = sum(part.song is not None for part in made)
    assert 0.1 * heard < mixed < 0.5 * heard  # of half of them, a third are the dance's own
    plenty = [dance for _ in range(15) for dance in dances]
    for parts in medleys(plenty, demo_songs(tmp_path), 1, 2, np.random.default_rng(0)):
        for part in parts:
            signs = part.motion.poses.reshape(len(part.motion), -1, 3)[0, :, 0]
            assert signs[JOINT_INDEX["L_foot"]] == pytest.approx(signs[JOINT_INDEX["L_collar"]], abs=1e-4)


def test_a_style_is_danced_to_the_songs_of_rare_styles_as_often_as_to_others() -> None:
    heard = np.zeros((1200, MUSIC_FEATURES), np.float32), clicks(90.0, 60.0)

    def song(name: str) -> Song:
        return Song(Path(name), {"modern": heard})

    clip = StyledMotion("a", "waltz", stepping(1.0, 90.0))
    with_songs = [Dance(clip, song(f"waltz {number}")) for number in range(19)]
    with_songs.append(Dance(replace(clip, style="cha-cha"), song("cha-cha")))
    short = [dance for dance in short_dances() if dance.clip.style == "modern"]
    songs = [dance.song for dance in with_songs if dance.song]
    made = medleys([*with_songs, *short], songs, 100, 2, np.random.default_rng(0))
    names = [parts[0].song.path.name for parts in made if parts[0].song]
    assert 0.35 < names.count("cha-cha") / len(names) < 0.65


def test_a_style_without_a_usual_tempo_dances_to_songs_of_any(tmp_path: Path) -> None:
    """Twice as quick as the steps, so that they fall on every other beat: too quick for what has a usual tempo."""
    heard = np.zeros((600, MUSIC_FEATURES), np.float32), clicks(150.0, 30.0)
    fast = Song(tmp_path / "never heard.wav", {"rumba": heard, "modern": heard})
    kinds = {}
    for style in ("rumba", "modern"):
        dance = Dance(StyledMotion("a", style, stepping(9.0, 75.0)), None)
        kinds[style] = [timed.kind for timed in PairSource(1).timed(dance, [fast])]
    assert kinds == {"rumba": ["silent"], "modern": ["silent", "rhythm"]}


def test_a_medley_is_one_pair_whose_joins_are_not_learned(tmp_path: Path) -> None:
    codec, _ = tiny_networks()
    songs = demo_songs(tmp_path)
    dances = [dance for dance in short_dances() if dance.clip.style == "rumba"]
    made = PairMaker(codec, STYLES, 2).make(dances, songs, lambda _: None)
    joined = [pair for pair in made if pair.joins]
    assert {pair.kind for pair in joined} == {"silent", "rhythm"}
    for pair in joined:
        assert pair.music is None or len(pair.music) == 2 * len(pair.codes)
        assert list(pair.joins) == sorted(set(pair.joins)) and pair.joins[0] > 0 and pair.joins[-1] < len(pair.codes)
        # as short as this, a window begins with the pair
        short = replace(pair, codes=pair.codes[:100], joins=tuple(join for join in pair.joins if join < 100))
        learned = PairWindows([replace(short, music=None)], SMALL_DECODER).batch(np.random.default_rng(0), 1).real[0]
        expected = np.arange(len(learned)) < 100
        for join in short.joins:
            expected[join : join + AFTER_JOIN] = False
        assert short.joins
        np.testing.assert_array_equal(learned.numpy(), expected)


# -- the commands ---------------------------------------------------------------------------------------------------


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


@pytest.mark.slow
def test_from_a_data_folder_to_a_dance(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, codec, decoder, made = own_folder(tmp_path / "data"), tmp_path / "vq", tmp_path / "dec", tmp_path / "mine"
    few = ["--steps", 2, "--batch", 2, "--device", "cpu"]
    assert run("train-vqvae", "--data", data, "--out", codec, "--levels", 3, "--coarse", 2, *few) == 0
    soft, codec = codec, tmp_path / "hard"
    assert run("harden-vqvae", "--data", data, "--vqvae", soft, "--out", codec, *few) == 0
    assert run("train-decoder", "--data", data, "--vqvae", codec, "--out", decoder, "--rhythm-pairs", 1, *few) == 0
    assert json.loads((decoder / "styles.json").read_text()) == ["rumba", "salsa"]
    assert run("pack", "--vqvae", codec, "--decoder", decoder, "-o", made, "--description", "two steps") == 0
    assert "MB" in capsys.readouterr().out

    song, dance = data / "wavs" / "r2.wav", tmp_path / "dance.npz"
    assert run("generate", song, "-o", dance, "--checkpoint", made, "--seconds", 4, "--device", "cpu") == 0
    with np.load(dance) as arrays:
        assert arrays["poses"].shape == (80, 72) and arrays["checkpoint"] == "mine"
    assert run("tokenize", data / "motions" / "r2.npz", "--checkpoint", made, "-o", tmp_path / "t.npz") == 0
    assert run("decode", tmp_path / "t.npz", "--checkpoint", made, "-o", tmp_path / "back.npz") == 0
    capsys.readouterr()

    assert run("evaluate", "--checkpoint", made, "--data", data, "--seeds", 1, "--device", "cpu") == 0
    table = capsys.readouterr().out
    assert "| ours | rumba | 1 |" in table and "nan" not in table
    assert run("evaluate", "--checkpoint", made, "--data", data, "--split", "val") == 1
    assert "val" in capsys.readouterr().err

    finer = tmp_path / "finer"
    assert run("train-vqvae", "--data", data, "--out", finer, "--coarse", 2, "--start-from", made, *few) == 0
    on, begun = tmp_path / "on", ["--rhythm-pairs", 1, "--start-from", made]
    assert run("train-decoder", "--data", data, "--vqvae", finer, "--out", on, *begun, *few) == 0
    assert run("train-decoder", "--data", data, "--vqvae", finer, "--out", on, "--start-from", "gone", *few) == 1
    assert "gone" in capsys.readouterr().err

    monkeypatch.setenv("MAGMA_CHECKPOINTS", str(tmp_path))
    run("doctor", "--json")
    found = json.loads(capsys.readouterr().out)["checkpoints"]
    entry = next(entry for entry in found if entry["name"] == "mine")
    assert entry["styles"] == ["rumba", "salsa"] and "error" not in entry


def aist_folder(folder: Path) -> Path:
    (folder / "motions").mkdir(parents=True)
    for index in range(2):
        motion = stepping(5.0, 110.0 + 10 * index, 60.0)
        poses = motion.poses.astype(np.float64)
        turn = BODY_TO_WORLD.T.astype(np.float64)
        poses[:, :3] = rot.matrix_to_axis_angle(turn @ rot.axis_angle_to_matrix(poses[:, :3]))
        content = {
            "smpl_poses": poses,
            "smpl_trans": motion.trans.astype(np.float64) @ turn.T * 94,
            "smpl_scaling": np.array([94.0]),
        }
        (folder / "motions" / f"gBR_sBM_cAll_d04_mBR{index}_ch01.pkl").write_bytes(pickle.dumps(content))
    return folder


def bvh_folder(folder: Path) -> Path:
    (folder / "salsa").mkdir(parents=True)
    for index in range(2):
        write_bvh(folder / "salsa" / f"{index}.bvh", stepping(5.0, 160.0 + 10 * index))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("make", [aist_folder, bvh_folder])
def test_the_codec_learns_from_other_layouts(tmp_path: Path, make: object) -> None:
    folder = make(tmp_path / "data")  # type: ignore[operator]
    few = ["--steps", 2, "--batch", 2, "--device", "cpu"]
    assert run("train-vqvae", "--data", folder, "--out", tmp_path / "vq", *few) == 0
    assert state(tmp_path / "vq")["step"] == 2
    figures = [line for line in log(tmp_path / "vq") if "val_mm" in line]
    assert len(figures) == 1 and figures[0]["val_mm"] > 0


def one_error(capsys: pytest.CaptureFixture[str]) -> str:
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ") and lines[0].endswith(".")
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train-vqvae", "--data", "gone", "--out", "OUT"], "no such folder"),
        (["train-vqvae", "--data", "EMPTY", "--out", "OUT"], "holds no dances"),
        (["train-vqvae", "--data", "DATA", "--out", "OUT", "--steps", 0], "at least 1"),
        (["train-vqvae", "--data", "DATA", "--out", "OUT", "--levels", 0], "--levels is 0"),
        (["train-vqvae", "--data", "DATA", "--out", "OUT", "--coarse", 9], "--coarse 9"),
        (["train-vqvae", "--data", "SHORT", "--out", "OUT", "--steps", 2], "long"),
        (["train-decoder", "--data", "DATA", "--vqvae", "EMPTY", "--out", "OUT"], "train-vqvae"),
        (["pack", "--vqvae", "EMPTY", "--decoder", "EMPTY", "-o", "OUT"], "train-vqvae"),
        (["evaluate", "--data", "gone"], "no such folder"),
    ],
)
def test_what_cannot_be_trained_is_told_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: Sequence[object], words: str
) -> None:
    places = {name: tmp_path / name.lower() for name in ("OUT", "EMPTY", "DATA", "SHORT")}
    places["EMPTY"].mkdir()
    own_folder(places["DATA"], 2.0)
    own_folder(places["SHORT"], 1.0)
    assert run(*[places.get(str(argument), argument) for argument in arguments]) == 1
    assert words in one_error(capsys)
    assert not (places["OUT"] / "state.pt").exists()


def test_damaged_runs_are_not_packed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "state.pt").write_bytes(pickle.dumps(Trap(tmp_path / "trapped")))
    assert run("pack", "--vqvae", tmp_path, "--decoder", tmp_path, "-o", tmp_path / "out") == 1
    assert "train-vqvae" in one_error(capsys)
    assert not (tmp_path / "trapped").exists() and not (tmp_path / "out").exists()
