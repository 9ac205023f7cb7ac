"""A film of half a minute of the recorded way: waiting is sped up, what is clicked is seen in full, each part has a
title.

    .venv/bin/python -m benchmarks.first_hour.film RECORDED_FOLDER [--out docs/images]

RECORDED_FOLDER is what `python -m benchmarks.first_hour` has written. Needs ffmpeg.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.window.desk import RECORDED_RATE, RECORDING

RATE = 8
"""Pictures a second: as many as the way takes steps of three frames in a second of the dance."""
SIZE = (1280, 720)
MOST_BYTES = 2_000_000
QUALITIES = (26, 30, 34, 38)
"""x264's, from good to small; the first is taken with which the film is small enough."""
WAITING = 0.04
"""What a picture of the recording that is as the one before counts, against one on which something has changed."""
CHANGED = 3
"""Brightness, 0..255, by which a pixel is another one."""
MOUSE = 40
"""Pixels of a picture of 480 x 270 that the mouse and a blinking cursor change at most."""
CHAPTERS = {
    "install the zip": ("Preferences, Add-ons, Install: the zip", 5.0),
    "a first dance": ("Try an Example", 4.0),
    "look at it": ("It dances", 6.0),
    "accept an edit": ("Replace Moves: look, Accept", 4.5),
    "reject an edit": ("Once more: Reject, and it is as before", 4.0),
    "back in history": ("History: back to the first version", 3.5),
    "export as FBX": ("Export", 3.0),
}
"""What is written below each chapter of the way, and the seconds that it lasts: 30 together."""
POSTER = "look at it"
TITLE_HEIGHT, TITLE_POINTS = 40, 20

Picture = NDArray[np.uint8]
"""(height, width, 3) RGB."""


@dataclass(frozen=True)
class Shot:
    """A picture of the film: which of the recording it is, and what is written below."""

    number: int
    title: str


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.first_hour.film")
    parser.add_argument("recorded", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    options = parser.parse_args()
    figures = json.loads((options.recorded / "figures.json").read_text())
    recording = options.recorded / RECORDING
    shots = shots_of(figures["chapters"], changes_in(recording))
    film = options.out / "first_hour.mp4"
    for quality in QUALITIES:
        write(recording, shots, film, quality)
        if film.stat().st_size <= MOST_BYTES:
            break
    poster = next(shot for shot in reversed(shots) if shot.title == CHAPTERS[POSTER][0])
    write_poster(recording, poster, film.with_suffix(".jpg"))
    print(f"{film}: {len(shots) / RATE:.1f} s, {film.stat().st_size} bytes")
    return 0 if film.stat().st_size <= MOST_BYTES else 1


def changes_in(recording: Path) -> NDArray[np.bool_]:
    """(pictures,) whether more than the mouse is otherwise than on the picture before."""
    changes = [True]
    before: NDArray[np.int16] | None = None
    for picture in pictures(recording, (480, 270)):
        grey = picture[:, :, 1].astype(np.int16)
        if before is not None:
            changes.append(bool((np.abs(grey - before) > CHANGED).sum() > MOUSE))
        before = grey
    return np.array(changes)


def shots_of(chapters: Sequence[dict[str, Any]], changes: NDArray[np.bool_]) -> list[Shot]:
    """The pictures of the film: of each chapter as many as it has seconds, most of them where something changes."""
    shots = []
    for chapter in chapters:
        if chapter["name"] not in CHAPTERS:
            continue
        title, seconds = CHAPTERS[chapter["name"]]
        first, last = (round(chapter[end] * RECORDED_RATE) for end in ("begin", "end"))
        weights = np.where(changes[first:last], 1.0, WAITING).cumsum()
        wanted = np.linspace(0, weights[-1], round(seconds * RATE), endpoint=False)
        shots += [Shot(first + int(number), title) for number in np.searchsorted(weights, wanted, side="right")]
    return shots


def pictures(recording: Path, size: tuple[int, int]) -> Iterator[Picture]:
    """All pictures of a recording, one after the other."""
    width, height = size
    scaled = ("-vf", f"scale={width}:{height}:flags=area", "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    even = ("-r", str(RECORDED_RATE))
    # it would complain when no more pictures are wanted
    command = ("ffmpeg", "-loglevel", "fatal", "-i", str(recording), *even, *scaled)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while len(data := process.stdout.read(width * height * 3)) == width * height * 3:
            yield np.frombuffer(data, np.uint8).reshape(height, width, 3)


def write(recording: Path, shots: Sequence[Shot], film: Path, quality: int) -> None:
    """Write the film. quality: x264's constant rate factor."""
    width, height = SIZE
    raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(RATE), "-i", "-")
    coded = ("-c:v", "libx264", "-preset", "veryslow", "-tune", "animation", "-crf", str(quality))
    shown = ("-pix_fmt", "yuv420p", "-movflags", "+faststart", str(film))
    command = ("ffmpeg", "-y", "-loglevel", "error", *raw, *coded, *shown)
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for picture in titled(recording, shots):
            process.stdin.write(picture.tobytes())


def titled(recording: Path, shots: Sequence[Shot]) -> Iterator[Picture]:
    """The pictures of the film, with their titles."""
    waiting = list(shots)
    for number, picture in enumerate(pictures(recording, SIZE)):
        while waiting and waiting[0].number == number:
            yield with_title(picture, waiting.pop(0).title)
        if not waiting:
            return


def with_title(picture: Picture, title: str) -> Picture:
    """A picture with a title over its lower edge."""
    from matplotlib.font_manager import findfont
    from PIL import Image, ImageDraw, ImageFont

    image = Image.fromarray(picture)
    pen = ImageDraw.Draw(image)
    width, height = image.size
    pen.rectangle((0, height - TITLE_HEIGHT, width, height), fill=(20, 20, 20))
    font = ImageFont.truetype(findfont("DejaVu Sans"), TITLE_POINTS)
    pen.text((width // 2, height - TITLE_HEIGHT // 2), title, fill=(240, 240, 240), font=font, anchor="mm")
    return np.asarray(image)


def write_poster(recording: Path, shot: Shot, file: Path) -> None:
    """One picture of the film, with a triangle that says that it can be played."""
    from PIL import Image, ImageDraw

    image = Image.fromarray(next(titled(recording, [shot]))).resize((960, 540))
    pen = ImageDraw.Draw(image, "RGBA")
    x, y = (size // 2 for size in image.size)
    pen.ellipse((x - 50, y - 50, x + 50, y + 50), fill=(0, 0, 0, 150))
    pen.polygon(((x - 18, y - 28), (x - 18, y + 28), (x + 32, y)), fill=(255, 255, 255, 230))
    image.save(file, quality=85)


if __name__ == "__main__":
    sys.exit(main())
