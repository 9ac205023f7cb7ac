"""BVH: our own files are restored exactly, motions of other skeletons become the same dance."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from other_skeletons import (
    MIXAMO,
    Y_UP,
    arms_lowered,
    bones_along_x,
    bvh_text,
    dance,
    joined,
    naming,
    random_frames,
    same_body,
    t_pose,
    write_bvh_text,
)

from engine.data.dataset import DanceDataset
from engine.errors import DataError
from engine.motion.files import bvh_format
from engine.motion.files.bvh_format import parse_bvh
from engine.motion.files.bvh_read import read_bvh
from engine.motion.files.bvh_write import write_bvh
from smpl_rig import rotations as rot
from smpl_rig.kinematics import global_rotations
from smpl_rig.motion import Motion
from smpl_rig.skeleton import JOINT_INDEX

Array = NDArray[np.floating[Any]]

BIPED = naming(
    "Bip01 {side} {part}", "L", "R", "Bip01", "Bip01 Spine", "Bip01 Spine1", "Bip01 Spine2", "Bip01 Neck", "Bip01 Head",
    "Clavicle", "UpperArm", "Forearm", "Hand", "Thigh", "Calf", "Foot", "Toe0",
)  # fmt: skip
UNREAL = naming(
    "{part}_{side}", "l", "r", "pelvis", "spine_01", "spine_02", "spine_03", "neck_01", "head",
    "clavicle", "upperarm", "lowerarm", "hand", "thigh", "calf", "foot", "ball",
)  # fmt: skip
UPS = {
    "y": Y_UP,
    "z": np.eye(3),
    "x": np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]]),
    "-y": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
    "-z": np.diag([1.0, -1, -1]),
}
"""Rotations (3, 3) from Z up to worlds in which another axis is up."""


def read_text(folder: Path, text: str) -> Motion:
    return read_bvh(write_bvh_text(folder / "other.bvh", text))


@pytest.mark.parametrize("unit", [0.01, 1.0])
def test_our_own_files_are_restored(tmp_path: Path, unit: float) -> None:
    motion = dance()
    write_bvh(tmp_path / "a.bvh", motion, unit)
    back = read_bvh(tmp_path / "a.bvh")
    assert back.fps == 30 and len(back) == len(motion)
    np.testing.assert_allclose(back.rotations(), motion.rotations(), atol=1e-6)
    np.testing.assert_allclose(back.trans, motion.trans, atol=2e-6)


def test_gimbal_lock_is_written_without_loss(tmp_path: Path) -> None:
    motion = dance(4)
    motion.poses.reshape(-1, 24, 3)[:, 16] = [np.pi / 2, 0, 0]
    motion.poses.reshape(-1, 24, 3)[2, 17] = [-np.pi / 2, 0, 0]
    write_bvh(tmp_path / "a.bvh", motion)
    np.testing.assert_allclose(read_bvh(tmp_path / "a.bvh").rotations(), motion.rotations(), atol=2e-6)


def test_angles_do_not_jump_by_full_turns(tmp_path: Path) -> None:
    write_bvh(tmp_path / "a.bvh", dance(200))
    values = parse_bvh(tmp_path / "a.bvh").values
    assert np.abs(np.diff(values[:, 3:], axis=0)).max() < 180


@pytest.mark.parametrize(
    ("names", "scale", "frames", "axes"),
    [(MIXAMO, 100, None, Y_UP), (BIPED, 39.37, None, np.eye(3)), (UNREAL, 1, arms_lowered(0.8), Y_UP)],
    ids=["mixamo", "biped in inches, z up", "unreal, a-pose"],
)
def test_motions_of_other_skeletons_are_the_same(
    tmp_path: Path, names: dict[str, str], scale: float, frames: Array | None, axes: Array
) -> None:
    """With the names, unit, axes and rest pose of another program, the joints are restored."""
    motion = dance()
    back = read_text(tmp_path, bvh_text(motion, names, scale, frames, axes))
    assert same_body(motion, back, 2e-3)
    lower = back.joints()[:, [JOINT_INDEX["L_foot"], JOINT_INDEX["R_foot"]], 2].min(axis=1)
    assert np.percentile(lower, 2) == pytest.approx(0.02, abs=1e-3)


@pytest.mark.parametrize("up", UPS)
@pytest.mark.parametrize("frames", [None, bones_along_x(), random_frames(1), random_frames(2)], ids=str)
def test_the_joints_own_axes_and_the_worlds_do_not_matter(tmp_path: Path, frames: Array | None, up: str) -> None:
    """As Rokoko, LAFAN1 and Bandai-Namco write: with all rotations zero the body is in no pose at all."""
    motion = dance()
    back = read_text(tmp_path, bvh_text(motion, frames=frames, axes=UPS[up]))
    assert same_body(motion, back, 2e-3)
    turned = np.swapaxes(global_rotations(motion.rotations()), -1, -2) @ global_rotations(back.rotations())
    off = np.degrees(np.arccos(np.clip((np.trace(turned, axis1=-2, axis2=-1) - 1) / 2, -1, 1)))
    assert off[:, [0, 9]].max() < 1 and off.mean() < 20  # the twist of limbs can only be guessed


@given(st.integers(0, 2**31 - 1))
@settings(max_examples=25)
def test_a_t_pose_says_how_limbs_are_twisted(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    motion = dance(120, seed=seed)
    recording = joined(t_pose(1, motion.fps, (0, 0, 0.95)), motion)
    back = read_text(tmp_path_factory.mktemp("bvh"), bvh_text(recording, frames=random_frames(seed)))
    np.testing.assert_allclose(back.rotations()[:, :20], motion.rotations()[:, :20], atol=5e-3)


@pytest.mark.parametrize("frames", [None, bones_along_x()], ids=["zero is a t-pose", "any axes"])
@pytest.mark.parametrize("held", [1, 5])
@pytest.mark.parametrize("place", [(0, 0, 0), (0, 0, 0.95)], ids=["origin", "floor"])
def test_a_reference_pose_does_not_flash_in_the_dance(
    tmp_path: Path, frames: Array | None, held: int, place: tuple[float, float, float]
) -> None:
    """As CMU's release for MotionBuilder has it at the start, and others at the end."""
    motion, still = dance(), t_pose(held, at=place)
    for recording in (joined(still, motion), joined(motion, still), joined(still, motion, still)):
        assert same_body(motion, read_text(tmp_path, bvh_text(recording, frames=frames)), 2e-3)


def a_pose(frames: int = 1) -> Motion:
    """Our rest pose with lowered arms, held at the origin."""
    still = t_pose(frames)
    poses = still.poses.reshape(frames, 24, 3).copy()
    poses[:, [JOINT_INDEX["L_shoulder"], JOINT_INDEX["R_shoulder"]], 2] = [-0.8, 0.8]
    return replace(still, poses=poses.reshape(frames, 72))


def unsteady(still: Motion) -> Motion:
    """A held pose of somebody who stands in it: two degrees off, and never quite still."""
    random = np.random.default_rng(5)
    off = random.normal(0, np.radians(2), (1, 72)) + random.normal(0, np.radians(0.2), still.poses.shape)
    return replace(still, poses=(still.poses + off.clip(-0.06, 0.06)).astype(np.float32))


@pytest.mark.parametrize("frames", [None, bones_along_x()], ids=["zero is a t-pose", "any axes"])
def test_several_reference_poses_and_those_of_people_do_not_flash_either(tmp_path: Path, frames: Array | None) -> None:
    """As captures have it: a T-pose, an A-pose, then the dance, and the T-pose again; the dance may be short."""
    for motion in (dance(), dance(120).cut(10, 16), dance(120).cut(0, 88)):
        for before in (t_pose(1), t_pose(2), a_pose(3), joined(t_pose(2), a_pose(3)), joined(a_pose(1), t_pose(1)),
                       joined(unsteady(t_pose(3)), unsteady(a_pose(2)))):  # fmt: skip
            for recording in (joined(before, motion), joined(before, motion, t_pose(1)), joined(motion, before)):
                back = read_text(tmp_path, bvh_text(recording, frames=frames))
                assert len(back) == len(motion)
                ours, theirs = motion.joints(), back.joints()
                assert np.abs((ours - ours[:, :1]) - (theirs - theirs[:, :1]))[:, :22].max() < 0.06


def test_a_dance_that_moves_on_from_a_t_pose_keeps_its_first_frames(tmp_path: Path) -> None:
    motion = dance(60)
    share = np.clip(np.arange(60) / 40, 0, 1)
    still = t_pose(60, at=(0.0, 1.0, 0.93))
    quaternions = [rot.axis_angle_to_quaternion(m.poses.reshape(60, 24, 3).astype(float)) for m in (still, motion)]
    mixed = rot.quaternion_to_axis_angle(rot.slerp(*quaternions, np.repeat(share[:, None], 24, axis=1)))
    trans = still.trans + (motion.trans - still.trans) * share[:, None]
    smooth = Motion(mixed.reshape(60, 72).astype(np.float32), trans.astype(np.float32), 30.0)
    for recording in (smooth, joined(t_pose(20, at=(0.0, 1.0, 0.93)), smooth)):
        assert same_body(recording, read_text(tmp_path, bvh_text(recording)), 2e-3)


def test_clips_of_a_data_set_stay_in_time_with_their_songs(tmp_path: Path) -> None:
    motion = dance()
    write_bvh_text(tmp_path / "a.bvh", bvh_text(joined(t_pose(10), motion)))
    (clip,) = DanceDataset(tmp_path)
    held = clip.motion()
    assert len(held) == 50 and np.array_equal(held.poses[:10], np.repeat(held.poses[10:11], 10, axis=0))


@pytest.mark.parametrize("scale", [0.5, 1, 7.3, 100, 1000])
def test_a_skeletons_unit_does_not_matter(tmp_path: Path, scale: float) -> None:
    assert same_body(dance(), read_text(tmp_path, bvh_text(dance(), scale=scale)), 2e-3)


def test_places_in_another_unit_than_the_skeletons_are_found_or_refused(tmp_path: Path) -> None:
    motion = dance()
    far = replace(motion, trans=motion.trans * 100)
    assert same_body(motion, read_text(tmp_path, bvh_text(far, scale=1)), 2e-3)
    with pytest.raises(DataError, match="not in metres"):
        read_text(tmp_path, bvh_text(replace(motion, trans=motion.trans * 7000), scale=1))


def test_a_lying_body_stays_lying(tmp_path: Path) -> None:
    poses = np.zeros((30, 72), np.float32)
    poses[:, 2] = np.linspace(0, 0.3, 30)
    lying = Motion(poses, np.tile(np.array([1, 0, 0.1], np.float32), (30, 1)), 30.0)
    back = read_text(tmp_path, bvh_text(lying))
    assert same_body(lying, back, 2e-3) and -0.05 < back.joints()[..., 2].min() < 0.1


@pytest.mark.parametrize("frames", [None, random_frames(4)], ids=["t-pose", "any axes"])
def test_mirrored_bodies_are_refused(tmp_path: Path, frames: Array | None) -> None:
    with pytest.raises(DataError, match="left and right are exchanged"):
        read_text(tmp_path, bvh_text(dance(), frames=frames, mirrored=True))
    sides = {"L": "R", "R": "L"}
    swapped = {ours: MIXAMO[sides.get(ours[0], ours[0]) + ours[1:] if ours[1] == "_" else ours] for ours in MIXAMO}
    with pytest.raises(DataError, match="left and right are exchanged"):
        read_text(tmp_path, bvh_text(dance(), swapped, frames=frames))


def test_a_file_whose_rotations_do_not_turn_its_bones_is_refused(tmp_path: Path) -> None:
    """Some programs write the motion as positions of every joint alone."""
    with pytest.raises(DataError, match=r"its skeleton cannot be read: the .* would be \d+ degrees off"):
        read_text(tmp_path, bvh_text(dance(), everywhere=True, turning=False))


def test_a_body_that_jumps_through_the_room_is_refused(tmp_path: Path) -> None:
    motion = dance()
    motion.trans[20:, 0] += 3
    with pytest.raises(DataError, match=r"jumps by 2.8 m between frames 20 and 21"):
        read_text(tmp_path, bvh_text(motion))


def rows(text: str, change: Callable[[str], str]) -> str:
    """The text with every row of values changed."""
    head, line, values = text.partition("\nFrame Time: 0.033333\n")
    return head + line + "".join(change(row) + "\n" for row in values.splitlines())


SPELLINGS: dict[str, Callable[[str], str | bytes]] = {
    "ZPosition": lambda text: text.replace("Zposition", "ZPosition").replace("Xrotation", "XROTATION"),
    "lower case": str.lower,
    "one frame more announced": lambda text: text.replace("Frames: 40", "Frames: 41"),
    "one frame less announced": lambda text: text.replace("Frames: 40", "Frames: 39"),
    "spaces before colons": lambda text: text.replace("Frames:", "Frames :").replace("Frame Time:", "Frame Time :"),
    "windows": lambda text: text.replace("\n", "\r\n"),
    "old mac": lambda text: text.replace("\n", "\r"),
    "tabs": lambda text: text.replace(" ", "\t").replace("Frame\tTime", "Frame Time").replace("End\tSite", "End Site"),
    "braces on the line": lambda text: text.replace("\n{", " {"),
    "braces without spaces": lambda text: text.replace("\n{", "{"),
    "blank lines": lambda text: "\n\n" + text.replace("\n", "\n\n") + "\n\n",
    "comments": lambda text: rows(
        "# a dance\n" + text.replace("\nMOTION", "\n// motion\nMOTION"), lambda r: r + " # x"
    ),
    "commas between": lambda text: rows(text, lambda row: row.replace(" ", ", ")),
    "decimal commas": lambda text: text.replace(".", ","),
    "scientific": lambda text: rows(text, lambda row: " ".join(f"{float(word):.7E}" for word in row.split())),
    "one line": lambda text: rows(text, lambda row: row + " ").replace(" \n", " "),
    "comments in the head": lambda text: text.replace("MOTION\n", "MOTION\n# 40\n\n; of them\n").replace(
        "\nFrame Time", "\n// 30 a second\nFrame Time"
    ),
    "motion behind a brace": lambda text: text.replace("}\nMOTION", "} MOTION"),
    "a joint that is called motion": lambda text: text.replace("mixamorig:Hips", "Motion"),
    "byte order mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-16 without a mark": lambda text: text.encode("utf-16-le"),
    "utf-16 big": lambda text: text.encode("utf-16-be"),
    "latin-1 comment": lambda text: "# d\xe9mo\n".encode("latin-1") + text.encode(),
    "end site with a name": lambda text: text.replace("End Site", "End Site tip"),
    "translation": lambda text: text.replace("position", "translation"),
    "underscores": lambda text: text.replace("rotation", "_rotation"),
    "rot and pos": lambda text: text.replace("rotation", "rot").replace("position", "pos"),
    "axes last": lambda text: re.sub(r"\b([XYZ])(rotation|position)", r"\2\1", text),
    "commas between channels": lambda text: text.replace("CHANNELS 3 ", "CHANNELS 3, ").replace(
        "rotation", "rotation,"
    ),
    "colons in the hierarchy": lambda text: re.sub(r"(CHANNELS|OFFSET)", r"\1:", text),
    "a frame time in seconds": lambda text: text.replace("0.033333", "0.033333s"),
    "a frame time with its rate": lambda text: text.replace("0.033333", "0.033333 (30 fps)"),
    "a frame time in milliseconds": lambda text: text.replace("0.033333", "33.333 ms"),
    "a frame time as a fraction": lambda text: text.replace("0.033333", "1/30"),
    "a frame rate": lambda text: text.replace("Frame Time: 0.033333", "Frame Rate: 30"),
    "semicolons": lambda text: rows(text, lambda row: row + ";"),
    "end": lambda text: text + "END\n",
    "a closed motion": lambda text: text + "}",
    "no hierarchy line": lambda text: text.replace("HIERARCHY\n", ""),
    "a prop behind": lambda text: rows(
        text.replace("MOTION", "ROOT prop\n{\nOFFSET 0 0 0\nCHANNELS 3 Xposition Yposition Zposition\n}\nMOTION"),
        lambda row: row + " 1 2 3",
    ),
    "a prop before": lambda text: rows(
        text.replace("ROOT", "ROOT prop\n{\nOFFSET 0 0 0\nCHANNELS 1 Xposition\nEnd Site\n{\n}\n}\nROOT"),
        lambda row: "1 " + row,
    ),
    "scale channels": lambda text: rows(
        text.replace("CHANNELS 6 ", "CHANNELS 9 Xscale Yscale Zscale "), lambda row: "1 1 1 " + row
    ),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_spellings_of_other_programs_are_read(tmp_path: Path, spelling: str) -> None:
    spelt = SPELLINGS[spelling](bvh_text(dance()))
    path = tmp_path / "spelt.bvh"
    path.write_bytes(spelt if isinstance(spelt, bytes) else spelt.encode())
    assert same_body(dance(), read_bvh(path), 2e-3)


def test_positions_on_every_joint_and_joints_without_channels_are_read(tmp_path: Path) -> None:
    motion = dance()
    text = bvh_text(motion, everywhere=True)
    assert same_body(motion, read_text(tmp_path, text), 2e-3)
    nothing = text.replace("HIERARCHY", "HIERARCHY", 1).replace(
        "End Site\n{\nOFFSET 0 1 0\n}", "JOINT tip\n{\nOFFSET 0 1 0\nEnd Site\n{\nOFFSET 0 1 0\n}\n}"
    )
    assert same_body(motion, read_text(tmp_path, nothing), 2e-3)


def test_a_last_row_that_is_cut_off_is_left_out(tmp_path: Path) -> None:
    back = read_text(tmp_path, bvh_text(dance())[:-300])
    assert len(back) == 39


@pytest.mark.parametrize("word", ["0x1F", "1_000", "abc"])
@pytest.mark.parametrize("end", ["", "\n"], ids=["at the end", "in a line"])
def test_words_that_only_look_like_numbers_are_refused(tmp_path: Path, word: str, end: str) -> None:
    text = bvh_text(dance()).rstrip().rsplit(" ", 1)[0]
    with pytest.raises(DataError, match=rf"'{word}' is no number, in frame 40"):
        read_text(tmp_path, f"{text} {word}{end}")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("Frames: 40", "Frames: 45", "should have 45 frames of 69 values, but has 2760 values"),
        ("Frames: 40", "Frames: -3", "-3 frames"),
        ("Frames: 40", "Frames: 999999999999", "999999999999 frames"),
        ("Frames: 40", "Frames: many", "damaged"),
        ("Frame Time: 0.033333", "Frame Time: 0", "no frame rate"),
        ("Frame Time: 0.033333", "Frame Time: 30", "no frame rate"),
        ("Frame Time: 0.033333", "Frame Time: 1e-9", "no frame rate"),
        ("Frame Time: 0.033333", "Frame Time: nan", "no frame rate"),
        ("CHANNELS 3", "CHANNELS 1000000000", "channels"),
        ("CHANNELS 3", "CHANNELS -1", "channels"),
        ("CHANNELS 3", "CHANNELS", "channels"),
        ("OFFSET 0.00000000 0.00000000 0.00000000", "OFFSET nan 0 0", "no length"),
        ("OFFSET 0.00000000 0.00000000 0.00000000", "OFFSET 1e300 0 0", "no length"),
        ("OFFSET 0.00000000 0.00000000 0.00000000", "OFFSET 0 0", "damaged"),
        ("HIERARCHY", "HIERARCHY }", "closes a joint"),
        ("HIERARCHY", "HIERARCHY OFFSET 1 2 3", "outside of a joint"),
        ("HIERARCHY\nROOT", "HIERARCHY\nJOINT", "outside of ROOT"),
        ("mixamorig:Hips\n{", "mixamorig:Hips", "damaged"),
    ],
)
def test_damage_is_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    text = bvh_text(dance())
    assert old in text
    with pytest.raises(DataError, match=words):
        read_text(tmp_path, text.replace(old, new, 1))


@pytest.mark.parametrize("spelt", ["nan", "NaN", "-nan(ind)", "1.#QNAN", "-1.#IND", "inf", "1e999"])
def test_a_value_that_is_no_number_is_named_with_its_frame(tmp_path: Path, spelt: str) -> None:
    text = bvh_text(dance())
    lines = text.splitlines()
    words = lines[-3].split()
    words[7] = spelt
    lines[-3] = " ".join(words)
    with pytest.raises(DataError, match=r"the value (nan|inf) in frame 38 of 40 \(mixamorig:LeftUpLeg yrotation\)"):
        read_text(tmp_path, "\n".join(lines))
    with pytest.raises(DataError, match=r"'abc' is no number, in frame 38"):
        read_text(tmp_path, "\n".join(lines).replace(spelt, "abc"))


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        (0, "1e200", "the value 1e\\+200 in frame 38 of 40 .*Hips xposition.*no length"),
        (2, "-2e8", "the value -2e\\+08 in frame 38 of 40 .*Hips zposition.*no length"),
        (7, "1e8", "the value 1e\\+08 in frame 38 of 40 .*LeftUpLeg yrotation.*no angle in degrees"),
        (-1, "1e200", "the value 1e\\+200 in frame 38 of 40 .*no angle in degrees"),
        (-1, "1e308", "the value 1e\\+308 in frame 38 of 40 .*no angle in degrees"),
    ],
)
def test_a_number_that_is_no_angle_or_place_is_named_with_its_frame(
    tmp_path: Path, column: int, value: str, words: str
) -> None:
    lines = bvh_text(dance()).splitlines()
    row = lines[-3].split()
    row[column] = value
    lines[-3] = " ".join(row)
    with pytest.raises(DataError, match=words):
        read_text(tmp_path, "\n".join(lines))


def test_a_dancer_who_turned_a_thousand_times_is_read(tmp_path: Path) -> None:
    text = rows(bvh_text(dance()), lambda row: row.rsplit(" ", 1)[0] + " 360000")
    assert len(read_text(tmp_path, text)) == 40


def test_absurd_sizes_are_refused_before_memory_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bvh_format, "_MAX_VALUES", 10_000)
    deep = "HIERARCHY\nROOT a\n{\n" + "JOINT b\n{\n" * 50_000 + "}" * 50_001 + "\nMOTION\nFrames: 1\nFrame Time: 0.1\n0"
    with pytest.raises(DataError, match="more than 2000 joints"):
        read_text(tmp_path, deep)
    with pytest.raises(DataError, match=r"more than .* values"):
        read_text(tmp_path, bvh_text(dance()) + "0 " * 10_000)
    with (tmp_path / "hole.bvh").open("wb") as file:
        file.truncate(1 << 40)
    for path, words in (
        (tmp_path / "hole.bvh", "MB"),
        (tmp_path, "is a folder"),
        (Path(os.devnull), "no.* file|device"),
    ):
        with pytest.raises(DataError, match=words):
            read_bvh(path)


@pytest.mark.parametrize(
    "text",
    [
        "HIERARCHY }MOTION " + "; " * 60 + "\n",
        "HIERARCHY " + "MOTION # " * 100_000,
        "HIERARCHY " + "MOTION # \n " * 100_000,
        "HIERARCHY MOTION " + "# \n" * 200_000,
        "HIERARCHY\nMOTION\nFrames" + " " * 300_000,
        "HIERARCHY\nMOTION\nFrames: 1\nFrame Time" + "\n" * 300_000,
    ],
    ids=["comments in comments", "one line", "many lines", "comments", "spaces", "lines"],
)
def test_a_text_of_comments_and_spaces_is_refused_at_once(tmp_path: Path, text: str) -> None:
    """Not after minutes, or never: the time of each was exponential or quadratic in its length."""
    with pytest.raises(DataError, match=r"not a BVH file|damaged"):
        read_text(tmp_path, text)


def test_damaged_and_foreign_files_are_refused(tmp_path: Path) -> None:
    write_bvh(tmp_path / "good.bvh", dance(5))
    text = (tmp_path / "good.bvh").read_text()
    for name, content, words in (
        ("text", "la la la", "not a BVH file"),
        ("cut", text[: len(text) - 1200], "should have 5 frames"),
        ("open", text.replace("}\nMOTION", "\nMOTION"), "damaged"),
        ("word", text.replace("OFFSET", "OFSET", 1), "damaged"),
        ("nan", text.rsplit(" ", 1)[0] + " nan\n", r"the value nan in frame 5 of 5 \(R_hand yrotation\)"),
        ("fps", text.replace("Frame Time: 0.0", "Frame Time: -0.0"), "damaged"),
        ("dog", text.replace("L_knee", "paw"), "L_knee"),
    ):
        path = tmp_path / f"{name}.bvh"
        path.write_text(content)
        with pytest.raises(DataError, match=words):
            read_bvh(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_bvh(tmp_path / "gone.bvh")


@pytest.mark.parametrize(("step", "fps"), [("0.033333", 30), ("0.0333667", 29.97), ("0.0083333", 120), ("0.04", 25)])
def test_frame_times_as_programs_write_them(tmp_path: Path, step: str, fps: float) -> None:
    write_bvh(tmp_path / "a.bvh", dance(3))
    text = (tmp_path / "a.bvh").read_text()
    line = next(part for part in text.splitlines() if part.startswith("Frame Time"))
    (tmp_path / "a.bvh").write_text(text.replace(line, f"Frame Time: {step}"))
    assert parse_bvh(tmp_path / "a.bvh").fps == pytest.approx(fps, abs=1e-3)


def test_a_real_dance_is_restored(tmp_path: Path, dance_data: Path) -> None:
    from smpl_rig.motion import load_npz

    motion = load_npz(dance_data / "motions" / "cmu_05_05.npz")
    write_bvh(tmp_path / "a.bvh", motion)
    np.testing.assert_allclose(read_bvh(tmp_path / "a.bvh").joints(), motion.joints(), atol=1e-5)


def test_our_files_of_a_lying_body_are_restored_lying(tmp_path: Path) -> None:
    poses = np.zeros((4, 72), np.float32)
    poses[:, 2] = 0.3
    lying = Motion(poses, np.tile(np.array([0, 0, 0.2], np.float32), (4, 1)), 20.0)
    write_bvh(tmp_path / "lying.bvh", lying)
    np.testing.assert_allclose(read_bvh(tmp_path / "lying.bvh").joints(), lying.joints(), atol=1e-4)
