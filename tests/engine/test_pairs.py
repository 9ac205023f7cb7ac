"""The decoder's training data: dances re-timed onto songs, without their idle parts, and medleys."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from style_table import TABLE
from tiny_engine import SMALL_DECODER, STYLES, stepping, tiny_networks

from engine.audio.beats import BeatTrack
from engine.audio.composing.demo_song import write_demo_song
from engine.audio.music_features import MUSIC_FEATURES
from engine.data import retime
from engine.data.clips import StyledMotion, at_rate
from engine.data.idle_parts import moving_parts
from engine.data.songs import RecordedDance, SongFile
from engine.motion.foot_beats import foot_beats, score_beats
from engine.training.decoder import AFTER_JOIN, PairWindows
from engine.training.medleys import medleys
from engine.training.pair_maker import PairMaker
from engine.training.pairs import PairSource
from smpl_rig.motion import Motion
from smpl_rig.skeleton import JOINT_INDEX

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
    if bpm != song_bpm:  # a dance at another tempo drifts through all phases
        assert gain(motion.joints(), clicks(song_bpm, 29.0, 1.0).times) < 0.15


def test_the_tempo_of_steps_is_found() -> None:
    for bpm in (86.0, 100.0, 118.0):
        assert retime.steady_tempo(stepping(20.0, bpm), 100.0) == pytest.approx(bpm, rel=0.02)


@pytest.mark.parametrize("song_bpm", [70, 108, 150])
def test_no_part_is_hurried_or_slowed_beyond_the_bounds(song_bpm: float) -> None:
    motion = at_rate(stepping(20.0, 100.0))
    motion = replace(
        motion, trans=np.arange(len(motion))[:, None] / 20 * np.ones(3, np.float32)
    )  # the path tells the time
    times = np.arange(len(motion)) / 20
    warped, _ = retime.warp(motion, times * 100 / 60, retime.song_count(clicks(song_bpm, 30.0), times))
    rates = np.diff(warped.trans[:, 0]) * 20
    assert rates.min() > retime.SLOWEST - 1e-3 and rates.max() < retime.FASTEST + 1e-3


def test_a_dance_that_is_in_time_already_hardly_changes() -> None:
    motion = at_rate(stepping(20.0, 100.0))
    times = np.arange(len(motion)) / 20
    # the feet of `stepping` come to rest on the beats 0, 1, 2 ..., their foot beats a little before, as dancers' do
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
    lines: list[str] = []
    dances = [
        RecordedDance(StyledMotion(f"{bpm}", "rumba", stepping(8.0, bpm)), SongFile(silent, TABLE)) for bpm in (90, 96)
    ]
    made = PairMaker(codec, STYLES, 1).make(dances, [SongFile(silent, TABLE)], lines.append)
    assert {pair.kind for pair in made} == {"silent"} and len(lines) == 3  # two clips, and the medleys


def joined(*motions: Motion) -> Motion:
    """The motions one after the other, each where it is."""
    return replace(
        motions[0],
        poses=np.concatenate([each.poses for each in motions]),
        trans=np.concatenate([each.trans for each in motions]),
    )


def test_idle_parts_before_between_and_after_dancing_are_left_out() -> None:
    dance = stepping(9.0, 92.0)
    still = Motion(dance.poses[:1].repeat(60, 0), dance.trans[:1].repeat(60, 0), dance.fps)
    whole = joined(still, dance, still, dance, still)
    parts = moving_parts(whole)
    assert len(parts) == 2
    assert all(dance.seconds - 0.7 < part.seconds < dance.seconds + 0.7 for part in parts)
    assert moving_parts(still) == []
    moment = still.cut(0, 4)  # shorter than an idle part
    assert [round(part.seconds) for part in moving_parts(joined(dance, moment, dance))] == [18]
    kinds = [
        [
            timed.motion.seconds
            for timed in PairSource(0).timed(RecordedDance(StyledMotion("a", "rumba", motion), None, 92.0), [])
        ]
        for motion in (whole, still)
    ]
    assert len(kinds[0]) == 2 and max(kinds[0]) < dance.seconds + 1 and not kinds[1]


def test_pairs_come_mirrored_and_as_long_as_their_music(song: Path) -> None:
    codec, _ = tiny_networks()
    dances = [RecordedDance(StyledMotion("a", "rumba", stepping(9.0, 92.0)), SongFile(song, TABLE))]
    other = SongFile(song.with_name("other.wav"), TABLE)
    write_demo_song(other.path, "rumba", 14.0, 95.0)
    made = PairMaker(codec, STYLES, 1).make(dances, [dances[0].song, other], lambda _: None)
    assert [pair.kind for pair in made] == ["silent"] * 2 + ["real"] * 2 + ["rhythm"] * 2
    for pair in made:
        assert pair.music is None or pair.music.shape == (2 * len(pair.codes), MUSIC_FEATURES)
        assert pair.style == 0 and len(pair.codes) >= 40
    assert not np.array_equal(made[0].codes, made[1].codes)


# -- medleys --------------------------------------------------------------------------------------------------------


def short_dances() -> list[RecordedDance]:
    """Short dances of two styles without music: rumba has a usual tempo, modern dance has none."""
    tempi = {"rumba": (88.0, 92.0, 96.0), "modern": (84.0, 89.0, 97.0)}
    return [
        RecordedDance(StyledMotion(f"{style}{bpm:.0f}", style, stepping(6.0, bpm)), None, TABLE.tempo(style))
        for style, each in tempi.items()
        for bpm in each
    ]


def demo_songs(folder: Path) -> list[SongFile]:
    songs = []
    for bpm in (90.0, 94.0):
        path = folder / f"{bpm:.0f}.wav"
        write_demo_song(path, "rumba", 30.0, bpm)
        songs.append(SongFile(path, TABLE))
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
        features, track = song.music(parts[0].style)
        assert parts[-1].first + len(parts[-1].motion) <= len(features)
        for part in parts[1:]:  # each part is in time by itself
            beats = track.times - part.first / retime.RATE
            beats = beats[(beats > 0.3) & (beats < part.motion.seconds - 0.3)]
            assert len(beats) > 2 and gain(part.motion.joints(), beats) > 0.1


def marked(motion: Motion, number: int) -> Motion:
    """The motion with a foot and a collar, which `stepping` does not move, turned by an angle that is its mark."""
    poses = motion.poses.reshape(len(motion), -1, 3).copy()
    poses[:, [JOINT_INDEX["L_foot"], JOINT_INDEX["L_collar"]], 0] = number / 10
    return replace(motion, poses=poses.reshape(len(motion), -1))


@pytest.mark.slow
def test_dances_of_a_scarce_style_also_get_the_upper_bodies_of_others(tmp_path: Path) -> None:
    dances = [
        replace(dance, clip=replace(dance.clip, motion=marked(dance.clip.motion, number)))
        for number, dance in enumerate(short_dances())
        if dance.clip.style == "modern"
    ]
    made = [part for parts in medleys(dances, demo_songs(tmp_path), 30, 2, np.random.default_rng(0)) for part in parts]
    mixed = 0
    for part in made:
        marks = part.motion.poses.reshape(len(part.motion), -1, 3)[:, :, 0]
        below, above = marks[:, JOINT_INDEX["L_foot"]], marks[:, JOINT_INDEX["L_collar"]]
        assert np.ptp(below) < 1e-4 and np.ptp(above) < 1e-4  # one dance above the pelvis, one below
        mixed += abs(below[0] - above[0]) > 0.05
        assert part.song or below[0] == above[0]
    to_songs = sum(part.song is not None for part in made)
    assert 0.1 * to_songs < mixed < 0.5 * to_songs  # half of them are mixed, a third of those with themselves
    plenty = [dance for _ in range(15) for dance in dances]
    on_the_floor = [replace(dance, clip=replace(dance.clip, floor_work=True)) for dance in dances]
    for unmixed in (plenty, on_the_floor):
        parts = [
            part for each in medleys(unmixed, demo_songs(tmp_path), 1, 2, np.random.default_rng(0)) for part in each
        ]
        for part in parts:
            marks = part.motion.poses.reshape(len(part.motion), -1, 3)[0, :, 0]
            assert marks[JOINT_INDEX["L_foot"]] == pytest.approx(marks[JOINT_INDEX["L_collar"]], abs=1e-4)


@pytest.mark.slow
def test_medleys_use_the_songs_of_rare_styles_as_often_as_others() -> None:
    music = np.zeros((1200, MUSIC_FEATURES), np.float32), clicks(90.0, 60.0)

    def song(name: str) -> SongFile:
        return SongFile(Path(name), TABLE, {"modern": music})

    clip = StyledMotion("a", "waltz", stepping(1.0, 90.0))
    with_songs = [RecordedDance(clip, song(f"waltz {number}")) for number in range(19)]
    with_songs.append(RecordedDance(replace(clip, style="cha-cha"), song("cha-cha")))
    short = [dance for dance in short_dances() if dance.clip.style == "modern"]
    songs = [dance.song for dance in with_songs if dance.song]
    made = medleys([*with_songs, *short], songs, 100, 2, np.random.default_rng(0))
    names = [parts[0].song.path.name for parts in made if parts[0].song]
    assert 0.35 < names.count("cha-cha") / len(names) < 0.65


def test_a_style_without_a_usual_tempo_is_paired_with_songs_of_any_tempo(tmp_path: Path) -> None:
    """The song is twice as fast as the steps, which then fall on every other beat: too fast for a usual tempo."""
    music = np.zeros((600, MUSIC_FEATURES), np.float32), clicks(150.0, 30.0)
    fast = SongFile(tmp_path / "never read.wav", TABLE, {"rumba": music, "modern": music})
    kinds = {}
    for style in ("rumba", "modern"):
        dance = RecordedDance(StyledMotion("a", style, stepping(9.0, 75.0)), None, TABLE.tempo(style))
        kinds[style] = [timed.kind for timed in PairSource(1).timed(dance, [fast])]
    assert kinds == {"rumba": ["silent"], "modern": ["silent", "rhythm"]}


def test_a_medley_is_one_pair_with_its_joins_left_out_of_the_loss(tmp_path: Path) -> None:
    codec, _ = tiny_networks()
    songs = demo_songs(tmp_path)
    dances = [dance for dance in short_dances() if dance.clip.style == "rumba"]
    made = PairMaker(codec, STYLES, 2).make(dances, songs, lambda _: None)
    joined = [pair for pair in made if pair.joins]
    assert {pair.kind for pair in joined} == {"silent", "rhythm"}
    for pair in joined:
        assert pair.music is None or len(pair.music) == 2 * len(pair.codes)
        assert list(pair.joins) == sorted(set(pair.joins)) and pair.joins[0] > 0 and pair.joins[-1] < len(pair.codes)
        # a pair shorter than a window: the window begins with the pair
        short = replace(pair, codes=pair.codes[:100], joins=tuple(join for join in pair.joins if join < 100))
        real = PairWindows([replace(short, music=None)], SMALL_DECODER).batch(np.random.default_rng(0), 1).real[0]
        expected = np.arange(len(real)) < 100
        for join in short.joins:
            expected[join : join + AFTER_JOIN] = False
        assert short.joins
        np.testing.assert_array_equal(real.numpy(), expected)
