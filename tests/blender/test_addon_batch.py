"""The batch command, started as a user would: exit codes, one line on stderr, several songs, nothing left behind."""

from __future__ import annotations

from pathlib import Path

import blenders
import pytest

pytest.importorskip("bpy")
import bpy
import installed
import skips
from characters import hero_file

from magma_blender.batch import parse
from magma_blender.scene.dancer import load

BATCH = installed.FOLDER / "batch.py"


def batch(home, *arguments):
    done = blenders.this_one().run(BATCH, *arguments, home=home)
    errors = [line for line in done.stderr.splitlines() if line.startswith("magma: error: ")]
    return done.returncode, errors, done


def with_engine(home, mode="ok"):
    return "--engine-python", blenders.fake_engine(home, mode)


def test_two_songs_follow_each_other_in_one_file(tmp_path):
    first, second = blenders.song(tmp_path, 2.0, "one.wav"), blenders.song(tmp_path, 3.0, "zwei ü.wav")
    out = tmp_path / "dance.blend"
    code, errors, done = batch(
        tmp_path, "--audio", first, "--audio", second, "--out", out, "--seed", 7, "--fps", 30, "--beat-snap", 0.5,
        *with_engine(tmp_path),
    )  # fmt: skip
    assert code == 0 and not errors, done.stdout + done.stderr
    bpy.ops.wm.open_mainfile(filepath=str(out))
    actions = {action.name: tuple(action.frame_range) for action in bpy.data.actions}
    length = 60 if bpy.app.build_options.audaspace else 120  # without a strip the fake engine dances for 4 s
    assert actions["one.wav"] == (1, length)
    assert actions["zwei ü.wav"][0] == length + 1
    dancers = [obj for obj in bpy.data.objects if obj.type == "ARMATURE"]
    assert sorted(round(obj.location.x) for obj in dancers) == [0, 2]
    assert [load(dancer).beat_snap for dancer in dancers] == [0.5, 0.5]
    scene = bpy.context.scene
    assert scene.frame_end == actions["zwei ü.wav"][1] and scene.render.fps == 30


def test_a_limit_in_seconds_and_an_uneven_frame_rate(tmp_path):
    out = tmp_path / "dance.blend"
    code, _, done = batch(
        tmp_path,
        "--audio",
        blenders.song(tmp_path),
        "--out",
        out,
        "--seconds",
        1,
        "--fps",
        29.97,
        *with_engine(tmp_path),
    )
    assert code == 0, done.stdout + done.stderr
    bpy.ops.wm.open_mainfile(filepath=str(out))
    render = bpy.context.scene.render
    assert render.fps / render.fps_base == pytest.approx(29.97, abs=1e-3)
    if bpy.app.build_options.audaspace:
        assert bpy.data.actions["song.wav"].frame_range[1] == 29


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("--out dance.txt", "give the name of a .blend file"),
        ("--out dance.blend --seed -1", "--seed is -1"),
        ("--out dance.blend --seconds 0", "--seconds is 0"),
        ("--out dance.blend --fps nan", "--fps is nan"),
        ("--out dance.blend --beat-snap 1.5", "--beat-snap is 1.5"),
        ("--out dance.blend --character a.glb --character b.glb", "2 --character for 1"),
    ],
)
def test_wrong_arguments_are_one_line(given, sentence, capsys):
    with pytest.raises(SystemExit) as ended:
        parse(["--audio", "song.wav", *given.split()])
    error = capsys.readouterr().err
    assert ended.value.code == 2 and error.startswith("magma: error: ") and error.count("\n") == 1 and sentence in error


@pytest.mark.skipif(bpy.app.version[:2] in skips.ELSEWHERE_IN, reason=skips.ELSEWHERE)
@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ((), 2, "--audio, --out"),
        (("--audio", "SONG", "--out", "OUT", "--character", "SONG"), 1, "is no file with a character"),
        (("--audio", "absent.ogg", "--out", "OUT"), 1, "absent.ogg is not there"),
        (("--audio", "SONG", "--out", "/proc/dance.blend"), 1, "/proc/dance.blend cannot be written"),
        (("--audio", "SONG", "--out", "OUT", "--engine-python", "nowhere/python"), 1, "is not there or cannot be run"),
        (("--audio", "SONG", "--out", "OUT", "--style", "polka"), 1, "There is no style 'polka'"),
        (("--audio", "SONG", "--out", "OUT", "--checkpoint", "other"), 1, "There is no checkpoint 'other'"),
        (("--audio", "SONG", "--out", "OUT", "--engine-python", "DIES"), 1, "song.wav: The engine"),
        (("--audio", "SONG", "--out", "OUT", "--engine-python", "FAILS"), 1, "The song is silent: choose another."),
        (("--audio", "SONG", "--out", "FOLDER.blend"), 1, "FOLDER.blend cannot be written"),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(arguments, code, sentence, tmp_path):
    if "/proc/dance.blend" in arguments and not Path("/proc").is_dir():
        pytest.skip("needs a folder that nobody can write to")
    values = {
        "SONG": blenders.song(tmp_path),
        "OUT": tmp_path / "dance.blend",
        "DIES": blenders.fake_engine(tmp_path, "die"),
        "FAILS": blenders.fake_engine(tmp_path, "fail"),
        "FOLDER.blend": tmp_path / "FOLDER.blend",
    }
    values["FOLDER.blend"].mkdir()
    given = [values.get(argument, argument) for argument in arguments]
    engine = () if "--engine-python" in arguments else with_engine(tmp_path)
    got, errors, done = batch(tmp_path, *given, *engine)
    assert got == code, done.stdout + done.stderr
    assert len(errors) == 1 and sentence in errors[0], done.stderr
    assert not list(tmp_path.glob("*dance*")), "something was left behind"


def test_songs_that_fail_are_named_and_the_others_are_kept(tmp_path):
    good = [blenders.song(tmp_path, 2.0, f"good {number}.wav") for number in range(3)]
    # songs of these names make the fake engine refuse them, or die of them
    refused, deadly = blenders.song(tmp_path, 2.0, "fail"), blenders.song(tmp_path, 2.0, "die")
    absent, out = tmp_path / "absent.wav", tmp_path / "dance.blend"
    songs = [good[0], refused, good[1], absent, deadly, good[2]]
    arguments = [argument for song in songs for argument in ("--audio", song)]
    code, errors, done = batch(tmp_path, *arguments, "--out", out, *with_engine(tmp_path))
    assert code == 3, done.stdout + done.stderr
    assert len(errors) == 3, errors
    assert str(refused) in errors[0] and "The song is silent" in errors[0]
    assert f"The song {absent} is not there" in errors[1]
    assert str(deadly) in errors[2]
    bpy.ops.wm.open_mainfile(filepath=str(out))
    dancers = sorted((obj for obj in bpy.data.objects if obj.type == "ARMATURE"), key=lambda obj: obj.name)
    assert [dancer.name for dancer in dancers] == [song.name for song in good]
    assert [round(dancer.location.x) for dancer in dancers] == [0, 2, 4]
    ranges = [tuple(bpy.data.actions[song.name].frame_range) for song in good]
    assert ranges[1][0] == ranges[0][1] + 1 and ranges[2][0] == ranges[1][1] + 1
    assert bpy.context.scene.frame_end == ranges[2][1]
    if bpy.app.build_options.audaspace:
        editor = bpy.context.scene.sequence_editor
        container = editor.strips if hasattr(editor, "strips") else editor.sequences
        assert sorted(strip.name for strip in container) == [song.name for song in good]


def test_a_file_that_is_there_is_replaced_whole_or_stays_as_it_was(tmp_path):
    song, out = blenders.song(tmp_path), tmp_path / "dance.blend"
    out.write_bytes(b"what somebody made")
    code, _, _ = batch(tmp_path, "--audio", song, "--out", out, *with_engine(tmp_path, "fail"))
    assert code == 1 and out.read_bytes() == b"what somebody made"
    link = tmp_path / "link.blend"
    link.symlink_to(out)
    before = sorted(tmp_path.iterdir())
    code, _, done = batch(tmp_path, "--audio", song, "--out", link, *with_engine(tmp_path))
    assert code == 0, done.stderr
    assert link.is_symlink() and sorted(tmp_path.glob("*dance*")) == [out] and set(before) <= set(tmp_path.iterdir())
    bpy.ops.wm.open_mainfile(filepath=str(out))
    assert "song.wav" in bpy.data.objects


def test_characters_of_the_users_dance_and_are_exported(tmp_path):
    file, first, second = hero_file(tmp_path), *(blenders.song(tmp_path, 2.0, name) for name in ("one.wav", "two.wav"))
    out = tmp_path / "dance.blend"
    code, errors, done = batch(
        tmp_path, "--audio", first, "--audio", second, "--out", out, "--character", f"{file}:Hero", "--fps", 30,
        "--export", "fbx:unity", "--export", "BVH", "--export", "BVH:BLENDER", "--travel", "in-place",
        *with_engine(tmp_path),
    )  # fmt: skip
    assert code == 0 and not errors, done.stdout + done.stderr
    assert sorted(path.name for path in tmp_path.glob("dance*")) == [
        "dance one bvh.bvh", "dance one bvh_blender.bvh", "dance one.fbx", "dance two bvh.bvh",
        "dance two bvh_blender.bvh", "dance two.fbx", "dance.blend",
    ]  # fmt: skip
    bpy.ops.wm.open_mainfile(filepath=str(out))
    dancers = sorted((obj for obj in bpy.data.objects if obj.type == "ARMATURE"), key=lambda obj: obj.location.x)
    assert [dancer.name for dancer in dancers] == ["Hero", "Hero.001"]
    assert [round(dancer.location.x) for dancer in dancers] == [0, 2]
    assert [dancer.animation_data.action.name for dancer in dancers] == ["one.wav", "two.wav"]
    assert sorted(obj.name for obj in bpy.data.objects if obj.type == "MESH" and obj.parent) == [
        "Hat", "Hat.001", "Hero Body", "Hero Body.001",
    ]  # fmt: skip
    assert "Lamp post" not in bpy.data.objects
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.fbx(filepath=str(tmp_path / "dance two.fbx"))
    assert "two.wav" in bpy.data.actions[0].name and "Hero.001" in bpy.data.objects


def test_the_help_names_the_exit_codes(tmp_path):
    code, _, done = batch(tmp_path, "--help")
    assert code == 0 and "3 some songs or exports failed" in " ".join(done.stdout.split())


def test_a_scene_given_is_kept_and_the_song_gets_a_free_channel(tmp_path):
    if blenders.this_one().is_wheel:
        pytest.skip("a wheel opens no file given on its command line")
    out, again = tmp_path / "one.blend", tmp_path / "two.blend"
    song = blenders.song(tmp_path)
    assert batch(tmp_path, "--audio", song, "--out", out, *with_engine(tmp_path))[0] == 0
    import os
    import subprocess

    command = [bpy.app.binary_path, "--background", "--factory-startup", str(out), "--python-exit-code", "1"]
    command += ["--python", str(BATCH), "--", "--audio", str(song), "--out", str(again)]
    done = subprocess.run(
        [*command, *map(str, with_engine(tmp_path))],
        env={**os.environ, **blenders.own_folders(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    bpy.ops.wm.open_mainfile(filepath=str(again))
    assert len([obj for obj in bpy.data.objects if obj.type == "ARMATURE"]) == 2
    editor = bpy.context.scene.sequence_editor
    container = editor.strips if hasattr(editor, "strips") else editor.sequences
    assert sorted(strip.channel for strip in container) == [1, 2]
