"""The demo: its pictures, and its messages when it cannot be made."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

import demo.__main__ as demo
from demo import gif, pictures
from engine.audio.composing.demo_song import write_demo_song


@pytest.fixture
def song(tmp_path: Path) -> Path:
    file = tmp_path / "song.wav"
    write_demo_song(file, "waltz", 3.0)
    return file


def picture(seed: int, height: int = 90, width: int = 160) -> np.ndarray:
    smooth = np.linspace(0, 255, width, dtype=np.uint8)[None, :, None]
    return np.broadcast_to(np.roll(smooth, seed * 10, axis=1), (height, width, 3)).copy()


def noise(seed: int, colours: int, height: int = 90, width: int = 160) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (colours, 3), np.uint8)[random.integers(0, colours, (height, width))]


def decoded(file: Path) -> list[np.ndarray]:
    with av.open(str(file)) as images:
        return [frame.to_ndarray(format="rgb24") for frame in images.decode(video=0)]


@pytest.mark.parametrize("image", [picture(3), noise(1, 300)], ids=["smooth", "noisy"])
def test_a_png_holds_the_pixels(image: np.ndarray, tmp_path: Path) -> None:
    pictures.write_png(tmp_path / "a.png", image)
    assert np.array_equal(decoded(tmp_path / "a.png")[0], image)


def test_a_gif_moves_at_its_speed(tmp_path: Path) -> None:
    images = [picture(number) for number in range(15)]
    gif.write_gif(tmp_path / "a.gif", images, 2 / 15)
    for shown, image in zip(decoded(tmp_path / "a.gif"), images, strict=True):
        assert np.abs(shown.astype(int) - image).max() <= 4
    with av.open(str(tmp_path / "a.gif")) as file:
        times = [frame.time for frame in file.decode(video=0)]
    assert times == pytest.approx(np.arange(15) * 2 / 15, abs=0.006)


@pytest.mark.parametrize("colours", [1, 2, 100, 5000])
def test_a_gif_has_the_nearest_colours_that_fit_into_its_palette(colours: int, tmp_path: Path) -> None:
    images = [noise(1, colours), noise(2, 1), noise(1, colours)]  # noise fills the table of codes again and again
    gif.write_gif(tmp_path / "a.gif", images, 0.1)
    shown = decoded(tmp_path / "a.gif")
    assert len(shown) == 3
    error = 4 if colours <= 100 else 50
    assert max(np.abs(a.astype(int) - b).mean() for a, b in zip(shown, images, strict=True)) < error
    assert np.array_equal(shown[0], shown[2])


def test_a_beat_at_a_cells_time_is_ticked_under_the_cells_middle(song: Path) -> None:
    cells = [picture(number) for number in range(12)]
    middle_of_ninth = 8.5 * 3.0 / 12
    sheet = pictures.contact_sheet(cells, song, [middle_of_ninth], 3.0)
    ticks = np.argwhere((sheet == pictures.BEAT).all(axis=2))
    assert ticks[:, 0].min() > sheet.shape[0] - pictures.BAR_HEIGHT
    assert abs(ticks[:, 1].mean() - 2.5 * 160) < 3


def test_the_mark_passes_a_beat_when_it_sounds(song: Path) -> None:
    bars = list(pictures.moving_bars(640, song, [1.0], 3.0, 45, 15.0))
    assert len(bars) == 45
    marks = [np.flatnonzero((bar[0] == pictures.MARK).all(axis=1)) for bar in bars]
    beat = np.flatnonzero((bars[0][-1] == pictures.BEAT).all(axis=1))
    assert set(beat) <= set(marks[15])
    assert all(first.min() <= second.min() for first, second in pairwise(marks))


def test_without_bpy_one_sentence_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bpy.py").write_text("raise ImportError('libSM.so.6: cannot open shared object file')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert demo.main(["--out", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert "cannot import bpy" in error and "libSM.so.6" in error and "make demo" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_without_a_checkpoint_the_engines_sentence_is_the_only_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bpy.py").write_text("class app: version_string = '4.5.0'")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert demo.main(["--out", str(tmp_path), "--checkpoint", "nosuch", "--seconds", "2"]) == 1
    (error,) = (line for line in capfd.readouterr().err.splitlines() if "error" in line)
    assert "nosuch" in error


def test_where_blender_cannot_render_the_message_says_what_is_missing(tmp_path: Path) -> None:
    commands = [["render", "no file", "no folder"]]  # this Python has no bpy
    with pytest.raises(demo.DemoError, match=r"could not render the scene \(.*bpy.*\)\. Rendering needs OpenGL; .*apt"):
        demo._run_bpy("demo.scene", tmp_path, commands)


@pytest.mark.parametrize("seconds", ["0", "nan", "1000"])
def test_lengths_that_make_no_demo_are_refused(seconds: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        demo.main(["--seconds", seconds])
