"""Folders of dance data in their three layouts, AIST++ motions, and heads that are levelled."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from style_table import TABLE

from engine.data.aist import load_aist
from engine.data.clips import at_rate
from engine.data.dataset import UNKNOWN_STYLE, DanceDataset
from engine.data.head_level import face_pitch, level_head
from engine.data.songs import all_songs, with_songs
from engine.data.sources import attributions
from engine.errors import DataError
from engine.motion.files.bvh_write import write_bvh
from engine.training.run_sources import card_with_sources, licence_of, merged
from smpl_rig.motion import Motion, save_npz
from smpl_rig.rotations import axis_angle_to_matrix, matrix_to_axis_angle, yaw
from smpl_rig.skeleton import BODY_TO_WORLD, JOINT_INDEX


def motion(frames: int = 12) -> Motion:
    poses = np.zeros((frames, 72), np.float32)
    poses[:, :3] = matrix_to_axis_angle(BODY_TO_WORLD)
    return Motion(poses, np.tile(np.array([0, 0, 0.95], np.float32), (frames, 1)), 30.0)


def own_layout(folder: Path) -> Path:
    for name in ("motions", "wavs", "splits"):
        (folder / name).mkdir()
    entries = []
    for name, style, split, music in (("a", "Waltz", "train", True), ("b", "salsa", "test", False)):
        save_npz(folder / "motions" / f"{name}.npz", motion())
        bpm = 87.0 if music else None
        entries.append({"name": name, "style": style, "split": split, "has_music": music, "bpm": bpm})
    (folder / "wavs" / "a.ogg").touch()
    (folder / "index.json").write_text(json.dumps({"clips": entries}))
    return folder


def aist_pickle(path: Path, frames: int = 30, **changes: object) -> Path:
    """A body that stands upright, a quarter turn about the vertical (y), and moves along z, 94 units a metre."""
    poses = np.zeros((frames, 72))
    poses[:, 1] = np.pi / 2
    trans = np.zeros((frames, 3))
    trans[:, 1] = 94.0
    trans[:, 2] = np.linspace(0, 188, frames)
    content = {"smpl_poses": poses, "smpl_trans": trans, "smpl_scaling": np.array([94.0]), **changes}
    path.write_bytes(pickle.dumps({key: value for key, value in content.items() if value is not None}))
    return path


def test_own_layout(tmp_path: Path) -> None:
    data = DanceDataset(own_layout(tmp_path))
    assert [clip.name for clip in data] == ["a", "b"] and data.styles == ("salsa", "waltz")
    a, b = data
    assert a.audio_path == tmp_path / "wavs" / "a.ogg" and a.bpm == 87 and a.split == "train"
    assert b.audio_path is None and data.split("test") == (b,) and data.split("val") == ()
    assert len(a.motion()) == 12
    with pytest.raises(DataError, match="no split"):
        data.split("tset")


def test_split_files_override_the_index(tmp_path: Path) -> None:
    folder = own_layout(tmp_path)
    (folder / "splits" / "val.txt").write_text("a\n")
    assert [clip.name for clip in DanceDataset(folder).split("val")] == ["a"]
    (folder / "splits" / "test.txt").write_text("a\nb\n")
    with pytest.raises(DataError, match=r"a is also in val\.txt"):
        DanceDataset(folder)


def test_broken_indexes_are_refused(tmp_path: Path) -> None:
    folder = own_layout(tmp_path)
    index = json.loads((folder / "index.json").read_text())

    def check(change: dict, words: str) -> None:
        clips = [{**index["clips"][0], **change}]
        (folder / "index.json").write_text(json.dumps({"clips": clips}))
        with pytest.raises(DataError, match=words):
            DanceDataset(folder)

    check({"name": "../a"}, "leads out")
    check({"name": "c"}, r"c\.npz is missing")
    check({"name": "b"}, "wavs/ holds none")
    (folder / "index.json").write_text('{"clips": [')
    with pytest.raises(DataError, match="not a usable index"):
        DanceDataset(folder)
    (folder / "index.json").write_text('{"clips": []}')
    with pytest.raises(DataError, match="lists no clips"):
        DanceDataset(folder)


def test_only_what_is_marked_commercial_is_used_for_a_commercial_checkpoint(tmp_path: Path) -> None:
    """Clips and songs that are for research, or do not say what they are for, are left out of a checkpoint's data."""
    folder = own_layout(tmp_path)
    index = json.loads((folder / "index.json").read_text())
    entries = []
    for name, licence in (("a", "research"), ("b", "commercial"), ("c", None), ("d", "commercial")):
        (folder / "motions" / f"{name}.npz").write_bytes((folder / "motions" / "b.npz").read_bytes())
        entry = {**index["clips"][1], "name": name, "split": "train", "source": f"studio {name}", "floor_work": True}
        entries.append(entry | ({} if licence is None else {"licence": licence, "attribution": f"by {name}"}))
    (folder / "index.json").write_text(json.dumps({"clips": entries}))
    (tmp_path / "songs" / "wavs").mkdir(parents=True)
    tracks = []
    for name, commercial in (("free", True), ("bought", False)):
        (tmp_path / "songs" / "wavs" / f"{name}.ogg").touch()
        track = {"name": name, "title": name, "author": "A", "licence": "CC", "commercial": commercial, "source": "S"}
        tracks.append(track)
    (tmp_path / "songs" / "index.json").write_text(json.dumps({"tracks": tracks}))
    (tmp_path / "unknown").mkdir()
    (tmp_path / "unknown" / "x.ogg").touch()

    clips = DanceDataset(folder, licence="commercial").split("train")
    assert [clip.name for clip in clips] == ["b", "d"] and all(clip.floor_work for clip in clips)
    assert [clip.name for clip in DanceDataset(folder)] == ["a", "b", "c", "d"]
    songs = all_songs(with_songs(clips, TABLE), [tmp_path / "songs"], TABLE, "commercial")
    assert [song.path.stem for song in songs] == ["free"]
    assert len(all_songs([], [tmp_path / "songs", tmp_path / "unknown"], TABLE)) == 3
    with pytest.raises(DataError, match="holds no songs that are marked 'commercial'"):
        all_songs([], [tmp_path / "unknown"], TABLE, "commercial")

    free = attributions([clip.provenance for clip in clips] + [song.provenance for song in songs])
    assert [each["source"] for each in free] == ["S", "studio b", "studio d"] and licence_of(free) == "commercial"
    everything = attributions([clip.provenance for clip in DanceDataset(folder)])
    assert licence_of(everything) == licence_of(merged([free, everything])) == "research" == licence_of([])
    card = card_with_sources("# Card\n\n## Sources\n\nold\n\n## Limits\n\nnone\n", free)
    assert "by b" in card and "old" not in card and card.endswith("## Limits\n\nnone\n")
    assert card_with_sources(card, free) == card
    (folder / "index.json").write_text(json.dumps({"clips": [{**entries[0], "licence": "mine"}]}))
    with pytest.raises(DataError, match="licence 'mine'"):
        DanceDataset(folder)


def test_heads_are_levelled_in_the_source_that_does_not_see_them(tmp_path: Path) -> None:
    folder = own_layout(tmp_path)
    looks_up = motion()
    looks_up.poses[:, 3 * JOINT_INDEX["head"]] = -1.0
    save_npz(folder / "motions" / "a.npz", looks_up)
    entries = json.loads((folder / "index.json").read_text())["clips"]
    for source, pitch in (("Dance with Melody (Tang et al. 2018)", 0.0), ("another", 1.0)):
        (folder / "index.json").write_text(json.dumps({"clips": [{**entries[0], "source": source}]}))
        (clip,) = DanceDataset(folder)
        assert np.median(face_pitch(clip.motion().rotations())) == pytest.approx(pitch, abs=0.02)


@pytest.mark.parametrize("hertz", [1.0, 5.0, 7.0])
def test_quick_movements_keep_their_strength_at_another_frame_rate(hertz: float) -> None:
    """An arm that swings: sampled from 30 to 20 frames a second it swings as far as before."""
    moving = motion(301)
    moving.poses[:, 3 * JOINT_INDEX["L_shoulder"]] = 0.2 * np.sin(2 * np.pi * hertz * np.arange(301) / 30)
    arm = at_rate(moving).poses[:, 3 * JOINT_INDEX["L_shoulder"]]
    assert arm.std() > {1.0: 0.99, 5.0: 0.95, 7.0: 0.85}[hertz] * 0.2 / np.sqrt(2)


@pytest.mark.parametrize(("nod", "found"), [(-1.2, 0.0), (-0.7, 0.0), (-0.1, 0.1), (0.5, -0.5)])
def test_a_head_that_looks_up_all_the_time_is_levelled_and_nods_as_it_did(nod: float, found: float) -> None:
    poses = np.tile(np.zeros(72), (30, 1))
    poses[:, :3] = matrix_to_axis_angle(BODY_TO_WORLD)
    lateral = 3 * JOINT_INDEX["head"]
    poses[:, lateral] = nod + 0.2 * np.sin(np.arange(30))
    before = Motion(poses.astype(np.float32), np.zeros((30, 3), np.float32), 20.0)
    after = level_head(before)
    pitches = [face_pitch(motion.rotations()) for motion in (before, after)]
    assert np.median(pitches[1]) == pytest.approx(found, abs=0.02)
    np.testing.assert_allclose(np.diff(pitches[1]), np.diff(pitches[0]), atol=1e-5)
    others = [joint for joint in range(24) if joint not in (JOINT_INDEX["neck"], JOINT_INDEX["head"])]
    np.testing.assert_allclose(after.rotations()[:, others], before.rotations()[:, others], atol=1e-6)


def test_a_damaged_motion_is_a_data_error(tmp_path: Path) -> None:
    folder = own_layout(tmp_path)
    (folder / "motions" / "a.npz").write_bytes(b"PK nonsense")
    with pytest.raises(DataError, match=r"a\.npz"):
        DanceDataset(folder).clips[0].motion()


def test_folder_without_dances(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no dances"):
        DanceDataset(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        DanceDataset(tmp_path / "gone")


def test_aist_layout(tmp_path: Path) -> None:
    (tmp_path / "motions").mkdir()
    (tmp_path / "wavs").mkdir()
    aist_pickle(tmp_path / "motions" / "gBR_sBM_cAll_d04_mBR0_ch01.pkl")
    aist_pickle(tmp_path / "motions" / "gWA_sFM_cAll_d25_mWA1_ch05.pkl")
    aist_pickle(tmp_path / "motions" / "mine.pkl")
    (tmp_path / "wavs" / "mBR0.wav").touch()
    (tmp_path / "wavs" / "gWA_sFM_cAll_d25_mWA1_ch05.mp3").touch()
    first, second, third = DanceDataset(tmp_path)
    assert (first.style, first.audio_path) == ("break", tmp_path / "wavs" / "mBR0.wav")
    assert (second.style, second.audio_path.suffix if second.audio_path else "") == ("waack", ".mp3")
    assert (third.style, third.audio_path, third.split) == (UNKNOWN_STYLE, None, "train")
    assert len(first.motion()) == 30


def test_aist_motion_becomes_metres_and_z_up(tmp_path: Path) -> None:
    found = load_aist(aist_pickle(tmp_path / "a.pkl"))
    assert found.fps == 60
    moved = found.trans[-1] - found.trans[0]
    np.testing.assert_allclose(moved, [0, -2, 0], atol=1e-4)  # z of a Y-up body is -y of the world
    # a quarter turn to the left about the vertical, from a body that faces -y
    np.testing.assert_allclose(found.rotations()[0, 0], yaw(np.array(np.pi / 2)) @ BODY_TO_WORLD, atol=1e-5)
    joints = found.joints()
    assert joints[:, [10, 11], 2].min() == pytest.approx(0.02, abs=1e-3)
    assert joints[:, 15, 2].min() > 1.3
    assert np.allclose(axis_angle_to_matrix(found.poses[0, 3:6]), np.eye(3), atol=1e-6)


def test_unusable_aist_motions_are_refused(tmp_path: Path) -> None:
    for change, words in (
        ({"smpl_trans": None}, "no smpl_trans"),
        ({"smpl_trans": np.zeros((3, 3))}, "do not fit"),
        ({"smpl_poses": np.full((30, 72), np.nan)}, "NaN"),
        ({"smpl_scaling": np.array([0.0])}, "scale"),
        ({"smpl_poses": "many"}, "no numbers"),
    ):
        with pytest.raises(DataError, match=words):
            load_aist(aist_pickle(tmp_path / "a.pkl", **change))
    (tmp_path / "text.pkl").write_text("la la la")
    with pytest.raises(DataError, match=r"text\.pkl"):
        load_aist(tmp_path / "text.pkl")
    with pytest.raises(DataError, match="cannot be read"):
        load_aist(tmp_path / "gone.pkl")


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "ran",))

    path = tmp_path / "evil.pkl"
    path.write_bytes(pickle.dumps({"smpl_poses": Evil()}))
    with pytest.raises(DataError, match=r"evil\.pkl"):
        load_aist(path)
    assert not (tmp_path / "ran").exists()


def test_bvh_folder(tmp_path: Path) -> None:
    (tmp_path / "Waltz").mkdir()
    write_bvh(tmp_path / "Waltz" / "one.bvh", motion())
    write_bvh(tmp_path / "two.BVH", motion())
    (tmp_path / "Waltz" / "one.wav").touch()
    one, two = DanceDataset(tmp_path)
    assert (one.name, one.style) == ("Waltz/one", "waltz") and one.audio_path == tmp_path / "Waltz" / "one.wav"
    assert (two.name, two.style, two.audio_path) == ("two", UNKNOWN_STYLE, None)
    assert len(one.motion()) == len(two.motion()) == 12


def test_the_bundled_data(dance_data: Path) -> None:
    data = DanceDataset(dance_data)
    assert len(data) == 137 and sum(clip.audio_path is not None for clip in data) == 42
    assert [len(data.split(name)) for name in ("train", "val", "test")] == [117, 6, 14]


def test_clips_are_chosen_by_a_pattern_of_names(tmp_path: Path) -> None:
    folder = own_layout(tmp_path)
    assert [clip.name for clip in DanceDataset(folder, "[b-z]*")] == ["b"]
    with pytest.raises(DataError, match=r"none of its 2 clips .*'nobody\*'"):
        DanceDataset(folder, "nobody*")
