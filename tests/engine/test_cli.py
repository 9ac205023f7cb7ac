"""The command line: what it writes and prints, its exit codes, and one clear sentence for each bad input."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tiny_engine import stepping

from engine import VERSION
from engine.motion.files.bvh_read import read_bvh
from engine.service.cli import main
from engine.service.terminal import TerminalProgress
from smpl_rig.motion import load_npz, save_npz

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def arguments(song: Path, tiny: Path, tmp_path: Path) -> list[str]:
    return ["generate", str(song), "-o", str(tmp_path / "dance.npz"), "--checkpoint", str(tiny), "--device", "cpu"]


def write_wav(path: Path, samples: np.ndarray, rate: int = 16_000) -> Path:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(np.round(samples * 32_767).astype("<i2").tobytes())
    return path


def write_float_wav(path: Path, samples: np.ndarray, rate: int = 16_000) -> Path:
    data = samples.astype("<f4").tobytes()
    head = b"fmt " + np.array([16], "<u4").tobytes() + np.array([3, 1], "<u2").tobytes()
    head += np.array([rate, rate * 4], "<u4").tobytes() + np.array([4, 32], "<u2").tobytes()
    body = b"WAVE" + head + b"data" + np.array([len(data)], "<u4").tobytes() + data
    path.write_bytes(b"RIFF" + np.array([len(body)], "<u4").tobytes() + body)
    return path


def noise(seconds: float, rate: int = 16_000) -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.3, 0.3, round(seconds * rate))


def broken(seconds: float) -> np.ndarray:
    samples = noise(seconds)
    samples[len(samples) // 2] = np.nan
    return samples


def hour(path: Path) -> Path:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(1)
        out.setframerate(1_000)
        out.writeframes(bytes(3_600_000))
    return path


def text(path: Path) -> Path:
    path.write_text("This is a shopping list, not a song.\n" * 30)
    return path


BAD_SONGS: dict[str, tuple[Callable[[Path], object], str]] = {
    "an hour": (lambda folder: hour(folder / "bad.wav"), "60 minutes"),
    "a moment": (lambda folder: write_wav(folder / "bad.wav", noise(0.2)), r"0\.20 s"),
    "silence": (lambda folder: write_wav(folder / "bad.wav", np.zeros(80_000)), "silent"),
    "NaN": (lambda folder: write_float_wav(folder / "bad.wav", broken(4.0)), "not a number"),
    "text named mp3": (lambda folder: text(folder / "bad.mp3"), "cannot be read as audio"),
    "missing": (lambda folder: None, "no such file"),
    "a folder": (lambda folder: (folder / "bad.wav").mkdir(), "folder"),
    "empty": (lambda folder: (folder / "bad.wav").touch(), "bad.wav"),
}


def the_error(captured: pytest.CaptureResult[str]) -> str:
    """The one line with the error; lines of progress can come before it."""
    lines = captured.err.splitlines()
    assert [line.startswith("error: ") for line in lines].count(True) == 1
    assert lines[-1].startswith("error: ") and lines[-1].endswith(".") and "Traceback" not in captured.err
    assert captured.out == ""
    return lines[-1]


@pytest.mark.parametrize("bad", BAD_SONGS)
@pytest.mark.parametrize("existing", [None, b"", b"an older dance"])
def test_a_bad_song_gives_one_sentence_and_touches_no_file(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], bad: str, existing: bytes | None
) -> None:
    make, words = BAD_SONGS[bad]
    make(tmp_path)
    out = tmp_path / "dance.npz"
    if existing is not None:
        out.write_bytes(existing)
    before = sorted(tmp_path.iterdir())
    arguments[1] = str(tmp_path / ("bad.mp3" if bad.endswith("mp3") else "bad.wav"))
    assert main(arguments) == 1
    assert re.search(words, the_error(capsys.readouterr()))
    assert sorted(tmp_path.iterdir()) == before
    assert existing is None or out.read_bytes() == existing


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--style", "polka"], "polka"),
        (["--checkpoint", "nowhere"], "nowhere"),
        (["--temperature", "-1"], "temperature"),
        (["--guidance", "nan"], "guidance"),
        (["--beat-snap", "2"], "beat_snap"),
        (["--fps", "0"], "fps"),
        (["--seconds", "0"], "seconds"),
        (["--start", "nan"], "start"),
        (["--start", "1000"], "1000"),
        (["--seed", "-3"], "seed"),
        (["-o", "no/such/folder/dance.npz"], "no/such/folder"),
        (["-o", "dance.fbx"], r"\.npz or \.bvh"),
        (["-o", "dance"], r"\.npz or \.bvh"),
    ],
)
def test_wrong_settings(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], change: list[str], words: str
) -> None:
    assert main([*arguments, *change]) == 1
    assert re.search(words, the_error(capsys.readouterr()))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_to(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        # root may write to a locked folder, but not to the kernel's
        folder = Path("/sys") if os.access(locked, os.W_OK) else locked
        if not folder.is_dir():
            pytest.skip("this user may write everywhere")
        assert main([*arguments, "-o", str(folder / "dance.npz")]) == 1
        assert f"{folder / 'dance.npz'}: cannot be written" in the_error(capsys.readouterr())
        assert not list(locked.iterdir())
    finally:
        locked.chmod(stat.S_IRWXU)


def test_a_truncated_checkpoint_gives_one_sentence_and_touches_no_file(
    arguments: list[str], tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torn = Path(shutil.copytree(tiny, tmp_path / "torn"))
    weights = torn / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5_000])
    assert main([*arguments, "--checkpoint", str(torn)]) == 1
    assert "The weights of checkpoint 'torn' cannot be read" in the_error(capsys.readouterr())
    assert [path.name for path in tmp_path.iterdir()] == ["torn"] and weights.stat().st_size == 5_000


def test_an_old_python_gets_a_sentence_that_names_the_one_needed() -> None:
    code = "import runpy, sys; sys.version_info = (3, 9, 2); sys.argv[1:] = ['serve']; "
    code += "runpy.run_module('engine', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert re.fullmatch(r"error: .* is Python 3\.9, but the engine needs 3\.10 or later\. .*\n", done.stderr)


def test_an_output_that_is_a_folder(arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "dance.npz").mkdir()
    assert main(arguments) == 1
    assert "is a folder" in the_error(capsys.readouterr())
    assert (tmp_path / "dance.npz").is_dir()


def test_generate_writes_the_dance_and_says_so(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--seconds", "3", "--fps", "24", "--seed", "5", "--style", "waltz"]) == 0
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 1 and "3.0 s of waltz" in printed.out and "seed 5" in printed.out
    stages = printed.err.splitlines()
    assert len(stages) == len(set(stages)) == 7  # without a terminal: plain lines, one per stage
    with np.load(tmp_path / "dance.npz") as data:
        assert data["poses"].shape == (72, 72) and data["seed"] == 5 and data["mocap_framerate"] == 24
    assert [path.name for path in tmp_path.iterdir()] == ["dance.npz"]


def test_generate_again_over_an_older_dance_gives_the_same_bytes(arguments: list[str], tmp_path: Path) -> None:
    out = tmp_path / "dance.npz"
    assert main([*arguments, "--seconds", "2"]) == 0
    first = out.read_bytes()
    assert main([*arguments, "--seconds", "2"]) == 0
    assert out.read_bytes() == first


def test_generate_reports_as_json(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*arguments, "--seconds", "2", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["frames"] == 40 and report["device"] == "cpu" and report["output"].endswith("dance.npz")
    assert report["total_seconds"] > 0


def test_generate_writes_bvh(arguments: list[str], tmp_path: Path) -> None:
    assert main([*arguments, "--seconds", "2"]) == 0
    assert main([*arguments, "--seconds", "2", "-o", str(tmp_path / "dance.bvh")]) == 0
    npz, bvh = load_npz(tmp_path / "dance.npz"), read_bvh(tmp_path / "dance.bvh")
    assert len(bvh) == len(npz) == 40 and bvh.fps == pytest.approx(20)
    np.testing.assert_allclose(bvh.joints(), npz.joints(), atol=1e-3)


def test_an_interruption_leaves_the_older_dance(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from engine.pipeline.generate import Dance

    out = tmp_path / "dance.npz"
    out.write_bytes(b"older")

    def interrupted(self: Dance, file: Path) -> None:
        file.write_bytes(b"half a da")
        raise KeyboardInterrupt

    monkeypatch.setattr(Dance, "write", interrupted)
    assert main([*arguments, "--seconds", "2"]) == 130
    assert out.read_bytes() == b"older" and [path.name for path in tmp_path.iterdir()] == ["dance.npz"]
    assert capsys.readouterr().err.splitlines()[-1] == "interrupted"


def test_a_full_disk_leaves_the_older_dance(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from engine.pipeline.generate import Dance

    out = tmp_path / "dance.npz"
    out.write_bytes(b"older")

    def full(self: Dance, file: Path) -> None:
        file.write_bytes(b"half a da")
        raise OSError(28, "No space left on device", str(file))

    monkeypatch.setattr(Dance, "write", full)
    assert main([*arguments, "--seconds", "2"]) == 1
    assert f"{out}: there is no space left on the disk" in the_error(capsys.readouterr())
    assert out.read_bytes() == b"older" and [path.name for path in tmp_path.iterdir()] == ["dance.npz"]


def test_the_progress_bar_of_a_terminal_ends_before_an_error_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with pytest.raises(ValueError, match="x"), TerminalProgress() as progress:
        progress("tokens", 0.5, "Writing")
        raise ValueError("x")
    drawn = capsys.readouterr().err
    assert drawn.startswith("\r[###############...............]  50% Writing") and drawn.endswith("\n")
    with TerminalProgress() as progress:
        progress("done", 1.0, "Done")
    assert capsys.readouterr().err.count("\n") == 1


@pytest.fixture
def motion_file(tmp_path: Path) -> Path:
    path = tmp_path / "steps.npz"
    save_npz(path, stepping(4.0, 100.0))
    return path


def test_tokenize_and_decode(motion_file: Path, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = ["--checkpoint", str(tiny), "--device", "cpu"]
    assert main(["tokenize", str(motion_file), *checkpoint]) == 0
    assert "40 token positions, mean joint error" in capsys.readouterr().out
    tokens = tmp_path / "steps.tokens.npz"
    with np.load(tokens) as data:
        assert data["tokens"].shape == (40, 3) and data["token_rate"] == 10 and data["checkpoint"] == "tiny"
    for name in ("back.npz", "back.bvh"):
        assert main(["decode", str(tokens), "-o", str(tmp_path / name), *checkpoint]) == 0
        assert "4.0 s" in capsys.readouterr().out
    assert len(load_npz(tmp_path / "back.npz")) == len(read_bvh(tmp_path / "back.bvh")) == 80


def test_a_bvh_can_be_tokenized_and_the_tokens_of_a_dance_decoded(
    arguments: list[str], tiny: Path, tmp_path: Path
) -> None:
    checkpoint = ["--checkpoint", str(tiny)]
    assert main([*arguments, "--seconds", "2"]) == 0
    assert main([*arguments, "--seconds", "2", "-o", str(tmp_path / "dance.bvh")]) == 0
    assert main(["tokenize", str(tmp_path / "dance.bvh"), "-o", str(tmp_path / "t.npz"), *checkpoint]) == 0
    assert main(["decode", str(tmp_path / "dance.npz"), "-o", str(tmp_path / "back.npz"), *checkpoint]) == 0
    with np.load(tmp_path / "dance.npz") as data:
        assert len(load_npz(tmp_path / "back.npz")) == 2 * len(data["tokens"])


def damaged_archives(good: bytes) -> dict[str, bytes]:
    scrambled = bytearray(good)
    scrambled[200:400] = bytes(200)
    array = b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }" + b" " * 60 + b"\n"
    return {
        "empty": b"",
        "text": b"no archive\n" * 20,
        "half": good[: len(good) // 2],
        "scrambled": bytes(scrambled),
        "one array": array + bytes(12),
    }


@pytest.mark.parametrize("damage", ["empty", "text", "half", "scrambled", "one array"])
def test_damaged_motions_and_tokens_are_refused(
    motion_file: Path, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    motion_file.write_bytes(damaged_archives(motion_file.read_bytes())[damage])
    checkpoint = ["--checkpoint", str(tiny)]
    assert main(["tokenize", str(motion_file), *checkpoint]) == 1
    the_error(capsys.readouterr())
    assert main(["decode", str(motion_file), "-o", str(tmp_path / "back.npz"), *checkpoint]) == 1
    the_error(capsys.readouterr())
    assert [path.name for path in tmp_path.iterdir()] == ["steps.npz"]


@pytest.mark.parametrize(
    "tokens",
    [
        np.zeros((0, 3), np.int64),
        np.zeros((5, 2), np.int64),
        np.full((5, 3), 32),
        np.full((5, 3), -1),
        np.zeros((5, 3)),
        np.zeros(5, np.int64),
        np.array([["a", "b"]]),
    ],
)
def test_tokens_of_another_checkpoint_are_refused(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], tokens: np.ndarray
) -> None:
    path = tmp_path / "tokens.npz"
    np.savez(path, tokens=tokens)
    assert main(["decode", str(path), "-o", str(tmp_path / "back.npz"), "--checkpoint", str(tiny)]) == 1
    assert "3 levels of 32 codes" in the_error(capsys.readouterr())


def test_a_motion_that_is_too_short_or_not_there(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_npz(tmp_path / "short.npz", stepping(0.04, 100.0))
    for name, words in (("short.npz", "too short"), ("gone.npz", "no such file")):
        assert main(["tokenize", str(tmp_path / name), "--checkpoint", str(tiny)]) == 1
        assert words in the_error(capsys.readouterr())


def test_doctor_finds_the_checkpoints(
    known_tiny: str, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["doctor", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert code == (1 if found["problems"] else 0)
    entry = next(entry for entry in found["checkpoints"] if entry["name"] == known_tiny)
    assert "error" not in entry and found["engine"] == VERSION and found["device"] in ("cpu", "cuda", "mps")
    assert all(found["libraries"].values())

    damaged = Path(shutil.copytree(tiny, tmp_path / "damaged"))
    (damaged / "model.safetensors").write_bytes(b"nothing")
    monkeypatch.setenv("MAGMA_CHECKPOINTS", str(tmp_path))
    assert main(["doctor"]) == 1
    printed = capsys.readouterr()
    assert "problem: The weights of checkpoint 'damaged'" in printed.out
    assert printed.err.splitlines()[-1].startswith("error: ")


@pytest.mark.parametrize("wrong", [[], ["dance"], ["generate"], ["generate", "song.wav"]])
def test_wrong_arguments_exit_with_2(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(wrong)
    assert caught.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_it_runs_as_a_module(tiny: Path, song: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "engine"]
    version = subprocess.run([*command, "--version"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert version.stdout.strip().endswith(VERSION)
    missing = [*command, "generate", "gone.wav", "-o", str(tmp_path / "x.npz"), "--checkpoint", str(tiny)]
    failed = subprocess.run(missing, cwd=ROOT, capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1].startswith("error: gone.wav: there is no such file")
    assert not list(tmp_path.iterdir())


def test_a_choreography_is_written_edited_and_edited_again(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def pair(name: str) -> list[str]:
        return ["-o", str(tmp_path / f"{name}.npz"), "--choreography", str(tmp_path / f"{name}.json")]

    assert main([*arguments, "--seconds", "6", "--fps", "25", "--choreography", str(tmp_path / "dance.json")]) == 0
    edit = ["edit", str(tmp_path / "dance.json")]
    assert main([*edit, "--lock", "1.0s:2.0s", "--lock", "40:50", "--regenerate", "--seed", "7", *pair("two")]) == 0
    assert "path moved by" in capsys.readouterr().out
    three = [
        "edit",
        str(tmp_path / "two.json"),
        "--replace",
        "2s:3s",
        "--variants",
        "2",
        "--style",
        "3s:4s=salsa*2",
        "--transition",
        "2s",
    ]
    assert main([*three, "--mirror", "5s:6s", "--json", *pair("three")]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["fills"][0]["start"] == 20 and report["output"].endswith("three.npz")
    dances = [np.load(tmp_path / f"{name}.npz") for name in ("dance", "two", "three")]
    for start, stop in ((25, 50), (100, 125)):
        for other in dances[1:]:
            for key in ("poses", "trans"):
                assert np.array_equal(dances[0][key][start:stop], other[key][start:stop])
    assert not np.array_equal(dances[0]["poses"][55:95], dances[1]["poses"][55:95])
    parts = [str(tmp_path / name) for name in ("two.json", "three.json")]
    assert main(["chain", *parts, "--seconds", "1", *pair("both")]) == 0
    with np.load(tmp_path / "both.npz") as both:
        assert np.array_equal(both["poses"][:150], dances[1]["poses"])
    saved = json.loads((tmp_path / "three.json").read_text())
    assert [span["style"] for span in saved["spans"] if span["start"] == 30] == ["salsa"]
    assert saved["motion"]["name"] == "three.npz"
    assert not [path for path in tmp_path.iterdir() if "partial" in path.name]


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ([], "No operation was given"),
        (["--lock", "5"], "'5' is not a range"),
        (["--lock", "as:bs"], "'a' is not a number"),
        (["--lock", "0s:99s"], "0:990 is not a range"),
        (["--choose", "0=first"], "'first' is not a number"),
        (["--insert-motion", "gone.npz@1s"], "gone.npz: there is no such file"),
        (["--insert-motion", "gone.npz"], "is not a number"),
        (["--regenerate", "--variants", "0"], "variants is 0"),
    ],
)
def test_impossible_edits_are_one_sentence(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], extra: list[str], words: str
) -> None:
    document, out = tmp_path / "dance.json", tmp_path / "two.npz"
    assert main([*arguments, "--seconds", "2", "--choreography", str(document)]) == 0
    capsys.readouterr()
    assert main(["edit", str(document), "-o", str(out), "--choreography", str(tmp_path / "two.json"), *extra]) == 1
    assert words in the_error(capsys.readouterr())
    assert not out.exists() and not (tmp_path / "two.json").exists()


def test_a_choreography_without_its_motion_is_refused(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document, motion = tmp_path / "dance.json", tmp_path / "dance.npz"
    two = ["-o", str(tmp_path / "two.npz"), "--choreography", str(tmp_path / "two.json")]
    assert main([*arguments, "--seconds", "2", "--choreography", str(tmp_path / "two.npz")]) == 1
    assert "End the name with .json" in the_error(capsys.readouterr())
    assert main([*arguments, "--seconds", "2", "--choreography", str(document)]) == 0
    good = motion.read_bytes()
    for change, words in (
        (lambda: motion.write_bytes(good + b"x"), "is not the motion that dance.json was written with"),
        (motion.unlink, "cannot be read (No such file or directory). Put it back"),
        (lambda: document.write_text("{}"), "not a choreography"),
        (document.unlink, "No such file"),
    ):
        change()
        capsys.readouterr()
        assert main(["edit", str(document), "--regenerate", *two]) == 1
        assert words in the_error(capsys.readouterr())


def test_an_edit_in_place_and_none_over_the_motion_of_a_dance_that_stays(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document, motion, other = tmp_path / "dance.json", tmp_path / "dance.npz", tmp_path / "other.json"
    assert main([*arguments, "--seconds", "4", "--choreography", str(document)]) == 0
    before, edit = motion.read_bytes(), ["edit", str(document), "-o", str(motion)]
    capsys.readouterr()
    assert main([*edit, "--lock", "0:5", "--choreography", str(other)]) == 1
    assert "which would lose it" in the_error(capsys.readouterr())
    assert motion.read_bytes() == before and not other.exists()
    assert main([*edit, "--lock", "0:5", "--choreography", str(document)]) == 0
    assert main([*edit, "--mirror", "10:20", "--choreography", str(document)]) == 0
    assert sorted(file.name for file in tmp_path.iterdir()) == ["dance.json", "dance.npz"]
    assert json.loads(document.read_text())["motion"]["name"] == "dance.npz" and motion.read_bytes() != before
    lone = ["chain", str(document), str(document), "-o", str(motion), "--choreography", str(other)]
    assert main(lone) == 1
    assert "which would lose it" in capsys.readouterr().err
