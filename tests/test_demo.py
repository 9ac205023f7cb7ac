"""The demo: its pictures, and its messages when it cannot be made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

import demo.__main__ as demo
from demo import pictures
from demo.song import write_demo_song


@pytest.fixture
def song(tmp_path: Path) -> Path:
    file = tmp_path / "song.wav"
    write_demo_song(file, "waltz", 3.0)
    return file


def picture(seed: int, height: int = 90, width: int = 160) -> np.ndarray:
    smooth = np.linspace(0, 255, width, dtype=np.uint8)[None, :, None]
    return np.broadcast_to(np.roll(smooth, seed * 10, axis=1), (height, width, 3)).copy()


@pytest.fixture
def frames(tmp_path: Path) -> list[Path]:
    files = [tmp_path / f"video_{number:05d}.png" for number in range(45)]
    for number, file in enumerate(files):
        pictures.write_png(file, picture(number))
    return files


def test_a_png_comes_back_as_it_was(tmp_path: Path) -> None:
    pictures.write_png(tmp_path / "a.png", picture(3))
    assert np.array_equal(pictures.read_png(tmp_path / "a.png"), picture(3))


def test_video_has_every_frame_and_the_song(tmp_path: Path, song: Path, frames: list[Path]) -> None:
    pictures.write_video(tmp_path / "demo.mp4", frames, 15.0, song, [0.0, 0.7, 1.4], 3.0)
    with av.open(str(tmp_path / "demo.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) == 45
    with av.open(str(tmp_path / "demo.mp4")) as video:
        samples = np.concatenate([frame.to_ndarray() for frame in video.decode(audio=0)], axis=1)
    assert samples.shape[1] / 44100 == pytest.approx(3.0, abs=0.1)
    assert np.abs(samples).max() > 0.3


def test_gif_moves(tmp_path: Path, frames: list[Path]) -> None:
    pictures.write_gif(tmp_path / "demo.gif", frames, 15.0)
    with av.open(str(tmp_path / "demo.gif")) as gif:
        images = [frame.to_ndarray(format="rgb24") for frame in gif.decode(video=0)]
    assert len(images) == 23
    assert np.abs(images[0].astype(int) - images[-1]).mean() > 5


def test_a_beat_at_a_cells_time_is_ticked_under_the_cells_middle(song: Path) -> None:
    cells = [picture(number) for number in range(12)]
    middle_of_ninth = 8.5 * 3.0 / 12
    sheet = pictures.contact_sheet(cells, song, [middle_of_ninth], 3.0)
    ticks = np.argwhere((sheet == pictures.BEAT).all(axis=2))
    assert ticks[:, 0].min() > sheet.shape[0] - pictures.BAR_HEIGHT
    assert abs(ticks[:, 1].mean() - 2.5 * 160) < 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--bpy-python", "nowhere/python"], "no Python at nowhere/python"),
        (["--bpy-python", sys.executable], "cannot import bpy"),
    ],
)
def test_without_bpy_one_sentence_says_so(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo.main(["--out", str(tmp_path / "out"), *arguments]) == 1
    error = capsys.readouterr().err
    assert words in error and "make demo" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_without_a_checkpoint_the_engines_sentence_is_the_only_error(tmp_path: Path) -> None:
    stub = tmp_path / "python"  # looks like a Python with bpy, which the demo does not get to use
    stub.write_text("#!/bin/sh\necho 4.5.0\n")
    stub.chmod(0o755)
    command = [sys.executable, "-m", "demo", "--bpy-python", stub, "--out", tmp_path, "--checkpoint", "nosuch"]
    done = subprocess.run([*command, "--seconds", "2"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (error,) = (line for line in done.stderr.splitlines() if "error" in line)
    assert "nosuch" in error


@pytest.mark.parametrize("seconds", ["0", "nan", "1000"])
def test_lengths_that_make_no_demo_are_refused(seconds: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        demo.main(["--bpy-python", sys.executable, "--seconds", seconds])
