"""The last stage of the demo, in Blender: its rendered frames as a video with sound, a contact sheet and a small GIF.

Run through `python -m demo`:

    python -m demo.film video FOLDER SONG.wav REPORT.json OUT.mp4 --video-fps 15
    python -m demo.film stills FOLDER SONG.wav REPORT.json OUT.png OUT.gif --video-fps 15

FOLDER has the pictures that demo.scene renders. Blender's sequencer shows the frames above their time bars and encodes
them with the song.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import cast

import bpy
import numpy as np

from demo.gif import write_gif
from demo.pictures import BAR_HEIGHT, Image, contact_sheet, moving_bars, write_png
from demo.report import Report
from demo.scene import VIDEO_SIZE
from magma_blender.media import strips
from smpl_rig.blender.context import scene_of

GIF_SIZE = (320, 240)
GIF_SECONDS = 6.0
SOUND_RATE = 44_100


def write_video(file: Path, frames: Sequence[Path], fps: float, song: Path, report: Report) -> None:
    """Write frames and the song as .mp4 (H.264 and AAC) with a time bar below, which is drawn beside the frames."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = scene_of(bpy.context)
    width, height = VIDEO_SIZE
    bars = [frame.with_name(f"bar_{frame.name}") for frame in frames]
    seconds = report["frames"] / report["fps"]
    images = moving_bars(width, song, report["beats"], seconds, len(bars), fps)
    for bar, image in zip(bars, images, strict=True):
        write_png(bar, image)
    rate = Fraction(fps).limit_denominator(1000)
    scene.render.fps, scene.render.fps_base = rate.numerator, float(rate.denominator)
    scene.frame_start, scene.frame_end = 1, len(frames)
    scene.render.resolution_x, scene.render.resolution_y = width, height + BAR_HEIGHT
    scene.render.resolution_percentage = 100
    _add_images(scene, frames, 1, BAR_HEIGHT / 2)
    _add_images(scene, bars, 2, -height / 2)
    strips.add_sound(scene, song.name, song.absolute(), 3, 1)
    assert scene.view_settings is not None
    scene.view_settings.view_transform = "Standard"  # type: ignore[assignment]  # which there are depends on a file
    _set_encoding(scene.render)
    scene.render.filepath = str(file.absolute())
    bpy.ops.render.render(animation=True)


def _add_images(scene: bpy.types.Scene, files: Sequence[Path], channel: int, offset: float) -> None:
    """A strip of pictures, one a frame, as large as they are. offset: pixels from the middle upwards."""
    editor = scene.sequence_editor or scene.sequence_editor_create()
    first = str(files[0].absolute())
    strip = editor.strips.new_image(f"Pictures {channel}", first, channel, 1, fit_method="ORIGINAL")
    assert isinstance(strip, bpy.types.ImageStrip) and strip.transform is not None
    for file in files[1:]:
        strip.elements.append(file.name)
    strip.blend_type = "ALPHA_OVER"
    strip.transform.offset_y = offset


def _set_encoding(render: bpy.types.RenderSettings) -> None:
    if hasattr(render.image_settings, "media_type"):  # since 5.0, which offers videos only after this
        render.image_settings.media_type = "VIDEO"
    render.image_settings.file_format = "FFMPEG"
    encoding = render.ffmpeg
    assert encoding is not None
    encoding.format, encoding.codec = "MPEG4", "H264"
    encoding.constant_rate_factor, encoding.ffmpeg_preset = "HIGH", "GOOD"
    encoding.gopsize = 150
    encoding.audio_codec, encoding.audio_bitrate = "AAC", 128
    encoding.audio_mixrate, encoding.audio_channels = SOUND_RATE, "STEREO"


def write_stills(sheet: Path, gif: Path, folder: Path, fps: float, song: Path, report: Report) -> None:
    """Write the contact sheet, and the dance's first seconds, small: every second frame."""
    cells = [read_image(file) for file in sorted(folder.glob("cell_*.png"))]
    write_png(sheet, contact_sheet(cells, song, report["beats"], report["frames"] / report["fps"]))
    frames = _frames(folder)[: round(GIF_SECONDS * fps) : 2]
    width, height = GIF_SIZE
    small = [read_image(file, height) for file in frames]
    left = (small[0].shape[1] - width) // 2  # the dancer is in the middle
    write_gif(gif, [image[:, left : left + width] for image in small], 2 / fps)


def read_image(file: Path, height: int | None = None) -> Image:
    """The pixels of a picture without transparency, scaled to a height if one is given."""
    image = bpy.data.images.load(str(file.absolute()))
    if height is not None:
        image.scale(round(image.size[0] * height / image.size[1]), height)
    values = np.empty(image.size[0] * image.size[1] * 4, np.float32)
    cast("bpy.types.bpy_prop_array[float]", image.pixels).foreach_get(values)
    pixels = values.reshape(image.size[1], image.size[0], 4)[::-1, :, :3]  # Blender's first row is the lowest
    bpy.data.images.remove(image)
    return np.round(pixels * 255).astype(np.uint8)


def _frames(folder: Path) -> list[Path]:
    return sorted(folder.glob("video_*.png"))


def main() -> int:
    """What `python -m demo` asks for."""
    parser = argparse.ArgumentParser(description="Make the demo's video and pictures (called by python -m demo).")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, outputs in (("video", ("video",)), ("stills", ("sheet", "gif"))):
        command = commands.add_parser(name)
        for argument in ("folder", "song", "report", *outputs):
            command.add_argument(argument, type=Path)
        command.add_argument("--video-fps", type=float, required=True)
    options = parser.parse_args()
    report: Report = json.loads(options.report.read_text(encoding="utf-8"))
    if options.command == "video":
        write_video(options.video, _frames(options.folder), options.video_fps, options.song, report)
    else:
        write_stills(options.sheet, options.gif, options.folder, options.video_fps, options.song, report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
