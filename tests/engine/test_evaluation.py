"""The evaluation: on dances with known answers, and as a command with a tiny checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from style_table import TABLE
from test_metrics import FPS, standing
from tiny_engine import stepping

from engine.__main__ import main
from engine.audio.composing.demo_song import write_demo_song
from engine.data.clips import at_rate
from engine.data.dataset import DanceDataset
from engine.data.songs import SongFile
from engine.evaluation import tables
from engine.evaluation.codec import perplexity
from engine.evaluation.dances import OURS, REAL, REQUESTS, DanceMaker, EvaluatedDance, Subject, borrow_songs
from engine.evaluation.evaluate import subjects_of
from engine.evaluation.measure import DanceMeasurer, MeasuredDance, set_windows
from engine.evaluation.metrics import geometric
from engine.evaluation.metrics import physical as em
from engine.evaluation.metrics.novelty import TrainingWindows
from engine.evaluation.metrics.song_match import SongBeats, match_song
from engine.evaluation.metrics.style_classifier import REJECTED, fit_styles
from engine.evaluation.summary import ALL, WITH_SONG, summarise
from engine.models.loading import load_own_checkpoint
from engine.motion import measures
from engine.motion.body_frame import in_body_frame, mirror_body
from smpl_rig import rotations as rot
from smpl_rig.motion import save_npz
from smpl_rig.skeleton import JOINT_INDEX

WRIST = JOINT_INDEX["R_wrist"]
KNEE, ANKLE, FOOT = (JOINT_INDEX[f"R_{name}"] for name in ("knee", "ankle", "foot"))


def holding(joints: np.ndarray) -> set[str]:
    """Names of the relations that hold in every frame."""
    relations = geometric.geometric_relations(joints, FPS)
    return {name for name, column in zip(geometric.NAMES, relations.T, strict=True) if column.all()}


def moving(joint: int, velocity: tuple[float, float, float]) -> np.ndarray:
    joints = standing(0.2)
    joints[:, joint] += np.arange(len(joints))[:, None] / FPS * np.array(velocity)
    return joints


# -- geometric features ---------------------------------------------------------------------------------------------


def test_geometric_relations_of_a_t_pose() -> None:
    assert holding(standing(1.0)) == {"right upper arm raised", "left upper arm raised", "hands far apart"}


def test_geometric_relations_of_one_leg_and_one_hand() -> None:
    raised = standing(1.0)
    raised[:, KNEE] = raised[:, 2] + [0, -0.38, 0]  # the thigh forward, the shin down
    raised[:, ANKLE] = raised[:, KNEE] + [0, 0, -0.4]
    raised[:, FOOT] = raised[:, ANKLE] + [0, -0.12, -0.06]
    assert holding(raised) - holding(standing(1.0)) == {
        "right foot raised",
        "right foot in front of other leg",
        "right knee bent",
        "right thigh raised",
    }
    behind = standing(1.0)
    behind[:, [ANKLE, FOOT], 1] += 0.5
    assert holding(behind) - holding(standing(1.0)) == {"left foot in front of other leg"}
    up = standing(1.0)
    up[:, WRIST, 2] += 0.2
    assert "right hand above neck" in holding(up) and "left hand above neck" not in holding(up)


@pytest.mark.parametrize(
    ("velocity", "relation"),
    [
        ((0, -1, 0), "right hand moves forward of neck and hips"),
        ((0, 0, 1), "right hand rises from chest"),
        ((-1, 0, 0), "right hand moves away from pelvis"),
        ((1, 0, 0), "hands approach"),
    ],
)
def test_geometric_relations_of_a_moving_hand(velocity: tuple[float, float, float], relation: str) -> None:
    new = holding(moving(WRIST, velocity)) - holding(standing(0.2))
    assert relation in new and "right hand fast" in new
    assert not any(name.startswith("left") for name in new)
    slow = tuple(0.3 * v for v in velocity)
    assert holding(moving(WRIST, slow)) == holding(standing(0.2))  # type: ignore[arg-type]


def test_geometric_features_lie_down_turn_and_mirror() -> None:
    lying = standing(1.0) @ np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])
    assert "trunk lies" in holding(lying)
    dance = stepping(4.0, 100.0).joints()
    turned = dance @ rot.yaw(np.float64(1.0)).T + [3, 4, 0]
    features = geometric.geometric_features(dance, 30.0)
    np.testing.assert_allclose(geometric.geometric_features(turned, 30.0), features, atol=0.02)
    sides = len(geometric.SIDED)
    swapped = np.r_[features[sides : 2 * sides], features[:sides], features[2 * sides :]]
    np.testing.assert_allclose(geometric.geometric_features(mirror_body(dance), 30.0), swapped, atol=1e-9)
    with pytest.raises(ValueError, match="too short"):
        geometric.geometric_features(dance[:1], 30.0)


# -- freezing and drift ---------------------------------------------------------------------------------------------


def test_freezing_counts_still_seconds() -> None:
    walk = standing(4.0) + np.arange(240)[:, None, None] / FPS * np.array([1.0, 0, 0])
    assert measures.freezing(standing(4.0), FPS) == 1 and measures.freezing(walk, FPS) == 0
    half = np.concatenate([walk[:121], np.repeat(walk[120:121], 120, axis=0)])
    assert measures.freezing(half, FPS) == pytest.approx(0.5)
    assert measures.freezing(standing(0.5), FPS) == 0


def test_drift_of_a_straight_walk_and_of_there_and_back() -> None:
    away = np.arange(601)[:, None, None] / FPS * np.array([0.3, 0.4, 0])
    walk = standing(601 / FPS) + away
    assert measures.drift(walk, FPS).farthest == pytest.approx(5.0)
    assert measures.drift(walk, FPS).per_minute == pytest.approx(30.0)
    back = np.concatenate([walk, walk[::-1]])
    assert measures.drift(back, FPS).farthest == pytest.approx(5.0)
    assert measures.drift(back, FPS).per_minute == pytest.approx(0.0)


def test_a_feature_that_hardly_varies_does_not_decide_a_distance() -> None:
    real = np.random.default_rng(0).standard_normal((200, 2)) * [1, 1e-6]
    other = real + np.array([0, 0.1])
    assert em.frechet_distance(real, other) > 1e6
    assert em.frechet_distance(real, other, least_spread=0.1) == pytest.approx(1, rel=0.01)
    assert em.diversity(other, real, least_spread=0.1) < 3


# -- novelty and style ----------------------------------------------------------------------------------------------


def body(bpm: float, arms: float = 0.0, seconds: float = 8.0) -> np.ndarray:
    """A stepping dance at 20 frames/s in the body's frame, the wrists `arms` metres higher."""
    joints = in_body_frame(stepping(seconds, bpm, 20.0).joints())
    joints[:, 20:, 2] += arms
    return joints


def test_copies_are_not_novel_even_mirrored_or_turned() -> None:
    index = TrainingWindows([body(90.0), body(120.0, 0.3)], 20.0)
    dance = stepping(8.0, 90.0, 20.0).joints()[7:]
    copy = index.nearest(in_body_frame(dance @ rot.yaw(np.float64(2.0)).T + [1, 2, 0]))
    np.testing.assert_allclose(copy.distances, 0, atol=1e-5)
    assert copy.clips.tolist() == [0] * 4
    mirrored = index.nearest(mirror_body(body(120.0, 0.3)[5:]))
    np.testing.assert_allclose(mirrored.distances, 0, atol=1e-5)
    assert set(mirrored.clips) == {1}
    left_out = index.nearest(body(120.0, 0.3), leave_out=1)
    assert set(left_out.clips) == {0} and (left_out.distances > 0.01).all()


def test_novelty_is_the_mean_distance_of_the_joints() -> None:
    index = TrainingWindows([body(90.0)], 20.0)
    found = index.nearest(body(90.0) + np.array([0, 0, 0.05], np.float32))
    np.testing.assert_allclose(found.distances, 0.05, atol=1e-4)
    assert len(index.nearest(body(90.0)[:20]).distances) == 0
    assert len(TrainingWindows([], 20.0).nearest(body(90.0)).distances) == 0


def test_styles_are_told_apart_and_noise_is_rejected() -> None:
    clips = [
        (name, body(bpm, arms)) for name, arms in (("low", 0), ("high", 0.5)) for bpm in (70.0, 90.0, 100.0, 120.0)
    ]
    classifier = fit_styles(clips, 20.0)
    for style, arms in (("low", 0.0), ("high", 0.5)):
        assert set(classifier.classify(classifier.training.nearest(body(95.0, arms)))) == {style}
    noise = body(95.0) + np.random.default_rng(0).normal(0, 0.3, (160, 24, 3))
    assert set(classifier.classify(classifier.training.nearest(noise))) == {REJECTED}


# -- the own song ---------------------------------------------------------------------------------------------------


def songs() -> list[SongBeats]:
    return [SongBeats(np.arange(0.3, 60, period), 60.0) for period in (0.66, 0.61, 0.71, 0.75)]


def test_a_dance_made_on_the_beat_leads_on_its_own_song() -> None:
    for index, own in enumerate(songs()):
        feet = own.beats - 0.15 * np.gradient(own.beats)
        match = match_song(feet, 60.0, own, songs()[:index] + songs()[index + 1 :])
        assert match is not None and match.leads and match.leads_all
        assert match.own > 0.7 and abs(match.others) < 0.1


def test_random_feet_lead_about_half_of_the_time() -> None:
    random = np.random.default_rng(0)
    found = []
    for _ in range(60):
        feet = np.cumsum(random.uniform(0.3, 1.1, 80))
        found.append(match_song(feet[feet < 60], 60.0, songs()[0], songs()[1:]))
    assert 0.3 < np.mean([match.leads for match in found if match]) < 0.7
    assert 0.1 < np.mean([match.leads_all for match in found if match]) < 0.45


def test_songs_are_compared_over_the_length_both_have() -> None:
    own, short = songs()[0], SongBeats(songs()[1].beats[:20], 12.0)
    feet = np.concatenate([own.beats[own.beats < 30] - 0.1, np.arange(30, 60, 0.37)])
    alone = match_song(feet[feet < 12], 12.0, own, [short])
    assert match_song(feet, 60.0, own, [short]) == alone
    assert match_song(feet, 60.0, own, [SongBeats(own.beats[:1], 60.0)]) is None


# -- summing up -----------------------------------------------------------------------------------------------------


def measured(row: str, clip: str, seed: int, value: float, has_song: bool = True) -> MeasuredDance:
    sets = set_windows(stepping(13.0, 90.0 + 10 * seed, 20.0).joints())
    windows = sets | {"novelty_mm": np.array([1.0, 2.0, 30.0])}
    return MeasuredDance(row, clip, "rumba", seed, has_song, {"skate": value, "sink_worst_mm": value}, windows)


def test_spread_is_of_the_seeds_means() -> None:
    dances = [
        measured(OURS, clip, seed, value) for clip, seed, value in (("a", 0, 1), ("b", 0, 3), ("a", 1, 5), ("b", 1, 7))
    ]
    rows = summarise([measured(REAL, "a", 0, 2.0), measured(REAL, "c", 0, 4.0, has_song=False), *dances], {})
    skate = rows[OURS]["rumba"].figures["skate"]
    assert skate.mean == 4 and skate.spread == pytest.approx(np.std([2, 6], ddof=1))
    assert rows[OURS]["rumba"].figures["sink_worst_mm"].mean == 5  # of 3 and 7
    assert rows[OURS]["rumba"].figures["novelty_mm"].mean == 2
    assert rows[OURS]["rumba"].clips == 2 and rows[OURS]["rumba"].windows == 6
    assert rows[REAL]["rumba"].figures["skate"].spread is None
    assert set(rows[REAL]) == {"rumba", WITH_SONG, ALL} and set(rows[OURS]) == {"rumba", WITH_SONG}
    assert rows[REAL][WITH_SONG].figures["skate"].mean == 2 and rows[REAL][ALL].figures["skate"].mean == 3


def test_sets_are_compared_with_the_split_and_with_the_training_split() -> None:
    real, ours = measured(REAL, "a", 0, 0.0), measured(OURS, "a", 0, 0.0)
    rows = summarise([real, ours], {"rumba": [set_windows(stepping(13.0, 120.0, 20.0).joints())]})
    assert rows[OURS]["rumba"].figures["kinetic_to_split"].mean == pytest.approx(0, abs=1e-6)
    assert rows[OURS]["rumba"].figures["kinetic_to_train"].mean > 1
    assert "kinetic_to_split" not in rows[REAL]["rumba"].figures
    assert rows[REAL]["rumba"].figures["kinetic_to_train"].mean > 1


def test_perplexity() -> None:
    assert perplexity(np.arange(8)) == pytest.approx(8)
    assert perplexity(np.zeros(8, np.int64)) == 1


def test_a_dance_is_measured_where_its_song_is(tmp_path: Path) -> None:
    """A dance that begins later in the song scores as the same dance measured from the song's start."""
    write_demo_song(tmp_path / "a.wav", "rumba", 20.0, 92.0)
    subject = Subject("a", "rumba", at_rate(stepping(20.0, 92.0)), SongFile(tmp_path / "a.wav", TABLE))
    measurer = DanceMeasurer([subject], [subject])
    whole = measurer.measure(EvaluatedDance(REAL, subject, 0, subject.motion))
    late = measurer.measure(EvaluatedDance(REAL, subject, 0, subject.motion.cut(60, 400), start=3.0))
    wrong = measurer.measure(EvaluatedDance(REAL, subject, 0, subject.motion.cut(60, 400), start=3.0 + 0.5 * 60 / 92))
    gain = "feet_m2d_gain"
    assert late.figures[gain] == pytest.approx(whole.figures[gain], abs=0.1)
    assert wrong.figures[gain] < late.figures[gain] - 0.15
    assert "own_song" not in whole.figures  # there is no other song
    assert whole.windows["novelty_mm"] == pytest.approx(0, abs=0.01)


def test_styles_without_songs_borrow_them_by_tempo_and_not_twice(tmp_path: Path) -> None:
    for name, bpm in (("slow", 80.0), ("mid", 100.0), ("fast", 124.0)):
        write_demo_song(tmp_path / f"{name}.wav", "rumba", 20.0, bpm)
    songs = [SongFile(tmp_path / f"{name}.wav", TABLE) for name in ("fast", "mid", "slow")]
    own = Subject("r1", "rumba", at_rate(stepping(20.0, 92.0)), songs[1])
    without = Subject("r2", "rumba", at_rate(stepping(20.0, 92.0)), None)
    modern = [Subject(f"m{i}", "modern", at_rate(stepping(20.0, 82.0)), None) for i in range(4)]
    borrowing = borrow_songs([own, without, *modern], songs)
    assert borrowing[:2] == [own, without]  # rumba has a song
    names = [subject.song.path.stem for subject in borrowing[2:] if subject.song]
    assert sorted(names[:3]) == ["fast", "mid", "slow"]  # no song twice while there is another
    assert names[3] == names[0]  # then the nearest in tempo again
    assert all(subject.borrowed for subject in borrowing[2:])
    assert [subject.with_own_song for subject in borrowing[2:]] == modern
    assert borrow_songs(modern, []) == modern


# -- the command ----------------------------------------------------------------------------------------------------


def folder(path: Path) -> Path:
    """Three training clips and four test clips: two with a song, a salsa without one, and one in an unknown style."""
    for name in ("motions", "wavs"):
        (path / name).mkdir(parents=True)
    entries = []
    for name, style, bpm, split in (
        ("r1", "rumba", 92.0, "train"),
        ("r2", "rumba", 95.0, "train"),
        ("s1", "salsa", 175.0, "train"),
        ("r3", "rumba", 94.0, "test"),
        ("r4", "rumba", 90.0, "test"),
        ("s2", "salsa", 180.0, "test"),
        ("m1", "modern", 80.0, "test"),
    ):
        has_music = name not in ("s2", "m1")
        save_npz(path / "motions" / f"{name}.npz", stepping(9.0, bpm))
        if has_music:
            write_demo_song(path / "wavs" / f"{name}.wav", style, 9.0, bpm)
        entries.append({"name": name, "style": style, "split": split, "has_music": has_music})
    (path / "index.json").write_text(json.dumps({"clips": entries}))
    return path


@pytest.mark.slow
def test_the_command_prints_every_row(tmp_path: Path, tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = folder(tmp_path / "data"), tmp_path / "figures.json"
    arguments = ["evaluate", "--checkpoint", str(tiny), "--data", str(data), "--seeds", "2", "--device", "cpu"]
    assert main([*arguments, "--json", str(out), "--paper", str(tiny)]) == 0
    printed = capsys.readouterr().out
    assert "nan" not in printed and "| real | salsa | 1 |" in printed and "modern" not in printed
    figures = json.loads(out.read_text())
    assert set(figures["rows"]["real"]) == {"rumba", "salsa", WITH_SONG, ALL}
    seeded = ["retrieved training clip, warped", OURS, "ours, feet unlocked", "ours, music masked", *REQUESTS]
    for row in (*seeded, "random tokens, feet unlocked"):
        found = figures["rows"][row]
        assert set(found) == {"rumba", "salsa", WITH_SONG, ALL} and found[WITH_SONG]["clips"] == 2
        assert found["rumba"]["figures"]["skate"]["spread"] is not None
    real, ours = figures["rows"]["real"]["salsa"]["figures"], figures["rows"][OURS]["salsa"]["figures"]
    assert "feet_m2d_gain" in ours and "feet_m2d_gain" not in real  # generated to a borrowed song
    ours, masked, warped = (figures["rows"][row]["rumba"]["figures"] for row in (OURS, "ours, music masked", seeded[0]))
    assert ours != masked
    assert warped["feet_m2d_gain"]["mean"] > 0.3 > ours["feet_m2d_gain"]["mean"]
    assert warped["novelty_mm"]["mean"] < 20 < ours["novelty_mm"]["mean"]
    assert figures["rows"]["the other checkpoint"] == figures["rows"][OURS]  # it is the same one here
    assert set(figures["codec"]) == {"rumba", "salsa", ALL} and len(figures["codec"][ALL]["perplexity"]) == 3
    assert figures["codec"][ALL]["coarse_mm_over_frames"] != figures["codec"][ALL]["mm_over_frames"]
    assert tables.NOTHING in printed


def test_the_same_seeds_give_the_same_dances_in_every_row(tmp_path: Path, tiny: Path) -> None:
    data = DanceDataset(folder(tmp_path / "data"))
    checkpoint, known = load_own_checkpoint(str(tiny)), subjects_of(data.split("train"), TABLE)
    subject = next(subject for subject in subjects_of(data.split("test"), TABLE) if subject.name == "r3")
    one, again, other = (
        {dance.row: dance.motion.poses for dance in DanceMaker(checkpoint, known, "cpu").dances(subject, [seed])}
        for seed in (3, 3, 4)
    )
    assert list(one) == list(again) == list(other) and len(one) > 6
    assert all(np.array_equal(one[row], again[row]) for row in one)
    assert not np.array_equal(one[OURS], other[OURS])


def test_what_cannot_be_evaluated_is_an_error(tmp_path: Path, tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = folder(tmp_path / "data")
    arguments = ["evaluate", "--checkpoint", str(tiny), "--data", str(data)]
    assert main([*arguments, "--seeds", "0"]) == 1
    assert "--seeds" in capsys.readouterr().err
    assert main([*arguments, "--split", "val"]) == 1
    assert "val split" in capsys.readouterr().err
