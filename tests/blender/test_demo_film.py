"""The demo's video and pictures, made of rendered frames by Blender's sequencer and image reader."""

from __future__ import annotations

import wave
from pathlib import Path

import bpy
import numpy as np
import pytest

if bpy.app.version < (4, 4):
    pytest.skip("the demo brings a newer Blender of its own", allow_module_level=True)

from demo import film, pictures
from demo.scene import CELL_SIZE, VIDEO_SIZE

FPS = 15.0
COLOURS = [(200, 30, 40)] * 10 + [(20, 180, 60)] * 10 + [(40, 60, 190)] * 10
REPORT = {"frames": 60, "fps": 30.0, "beats": [0.5, 1.0, 1.5]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Frames of two seconds, each of one colour; two cells; a song of three seconds."""
    width, height = VIDEO_SIZE
    for number, colour in enumerate(COLOURS):
        pictures.write_png(tmp_path / f"video_{number:05d}.png", np.full((height, width, 3), colour, np.uint8))
    width, height = CELL_SIZE
    for number in range(2):
        pictures.write_png(tmp_path / f"cell_{number:02d}.png", np.full((height, width, 3), 100, np.uint8))
    with wave.open(str(tmp_path / "song.wav"), "wb") as song:
        song.setnchannels(1)
        song.setsampwidth(2)
        song.setframerate(44100)
        song.writeframes((np.sin(np.arange(3 * 44100) / 20) * 20000).astype("<i2").tobytes())
    return tmp_path


def test_a_picture_is_read_as_it_was_written(tmp_path: Path) -> None:
    image = np.random.default_rng(1).integers(0, 256, (30, 40, 3), np.uint8)
    pictures.write_png(tmp_path / "a.png", image)
    assert np.array_equal(film.read_image(tmp_path / "a.png"), image)
    assert film.read_image(tmp_path / "a.png", 15).shape == (15, 20, 3)


def test_the_video_has_the_frames_above_their_time_and_the_song(folder: Path) -> None:
    import aud

    video = folder / "demo.mp4"
    film.write_video(video, sorted(folder.glob("video_*.png")), FPS, folder / "song.wav", REPORT)
    sound = aud.Sound(str(video))
    rate = sound.specs[0]
    samples = sound.data()
    assert rate == 44100
    assert len(samples) / rate == pytest.approx(2.0, abs=0.1)
    assert np.abs(samples).max() > 0.4
    scene = bpy.context.scene
    scene.sequence_editor_clear()
    strip = scene.sequence_editor_create().strips.new_movie("video", str(video), 1, 1)
    assert (strip.frame_duration, strip.fps) == (len(COLOURS), FPS)
    if hasattr(scene.render.image_settings, "media_type"):
        scene.render.image_settings.media_type = "IMAGE"
    scene.render.image_settings.file_format = "PNG"
    scene.render.filepath = str(folder / "shown.png")
    for number in (0, 14, 29):
        scene.frame_set(number + 1)
        bpy.ops.render.render(write_still=True)
        shown = film.read_image(folder / "shown.png").astype(int)
        width, height = VIDEO_SIZE
        assert shown.shape == (height + pictures.BAR_HEIGHT, width, 3)
        assert np.abs(shown[: height - 4] - COLOURS[number]).max() < 12
        marked = (np.abs(shown[height + 4 : -4] - pictures.MARK).max(axis=2) < 60).mean(axis=0)
        assert abs(marked.argmax() - number / len(COLOURS) * width) <= 3


def test_the_sheet_has_every_cell_and_the_gif_its_size(folder: Path) -> None:
    film.write_stills(folder / "demo.png", folder / "demo.gif", folder, FPS, folder / "song.wav", REPORT)
    width, height = CELL_SIZE
    assert film.read_image(folder / "demo.png").shape == (height + pictures.BAR_HEIGHT, 2 * width, 3)
    data = (folder / "demo.gif").read_bytes()
    assert data[:6] == b"GIF89a"
    assert tuple(np.frombuffer(data[6:10], "<u2")) == film.GIF_SIZE
