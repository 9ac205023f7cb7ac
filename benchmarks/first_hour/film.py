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
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.window.desk import RECORDED_RATE

if TYPE_CHECKING:
    from PIL import Image

RATE = 8
"""Pictures a second: as many as the way takes steps of three frames in a second of the dance."""
MOST_BYTES = 2_000_000
QUALITIES = (26, 30, 34, 38)
"""x264's, from good to small; the first is taken with which the film is small enough."""
WAITING = 0.04
"""What a tenth of a second in which nothing changes counts, against one in which something does."""
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


@dataclass(frozen=True)
class Shot:
    """A picture of the film: which of the recording's it is, and what is written below."""

    picture: Path
    title: str


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.first_hour.film")
    parser.add_argument("recorded", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    options = parser.parse_args()
    figures = json.loads((options.recorded / "figures.json").read_text())
    shots = shots_of(figures["chapters"], sorted((options.recorded / "screen").glob("*.jpg")))
    film = options.out / "first_hour.mp4"
    for quality in QUALITIES:
        write(shots, film, quality)
        if film.stat().st_size <= MOST_BYTES:
            break
    write_poster([shot for shot in shots if shot.title == CHAPTERS[POSTER][0]][-1], film.with_suffix(".jpg"))
    print(f"{film}: {len(shots) / RATE:.1f} s, {film.stat().st_size} bytes")
    return 0 if film.stat().st_size <= MOST_BYTES else 1


def shots_of(chapters: Sequence[dict[str, Any]], pictures: Sequence[Path]) -> list[Shot]:
    """The pictures of the film: of each chapter as many as it has seconds, most of them where something changes.

    pictures: NUMBER.jpg, RECORDED_RATE of them a second, without those on which nothing has changed.
    """
    numbers = np.array([int(picture.stem) for picture in pictures])
    shots = []
    for chapter in chapters:
        if chapter["name"] not in CHAPTERS:
            continue
        title, seconds = CHAPTERS[chapter["name"]]
        begin, end = (chapter[name] * RECORDED_RATE for name in ("begin", "end"))
        # from what is seen as it begins
        first, last = np.searchsorted(numbers, begin, side="right") - 1, np.searchsorted(numbers, end)
        shown = numbers[first:last]
        weights = (1 + WAITING * np.diff(shown, append=shown[-1] + 1)).cumsum()
        wanted = np.linspace(0, weights[-1], round(seconds * RATE), endpoint=False)
        places = np.searchsorted(weights, wanted, side="right")
        shots += [Shot(pictures[int(first + place)], title) for place in places]
    return shots


def write(shots: Sequence[Shot], film: Path, quality: int) -> None:
    """Write the film. quality: x264's constant rate factor."""
    from PIL import Image

    width, height = Image.open(shots[0].picture).size
    raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(RATE), "-i", "-")
    coded = ("-c:v", "libx264", "-preset", "slow", "-tune", "animation", "-crf", str(quality))
    shown = ("-pix_fmt", "yuv420p", "-movflags", "+faststart", str(film))
    command = ("ffmpeg", "-y", "-loglevel", "error", *raw, *coded, *shown)
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for shot in shots:
            process.stdin.write(titled(shot).tobytes())


def titled(shot: Shot) -> Image.Image:
    """A picture of the film, with its title over the lower edge."""
    from matplotlib.font_manager import findfont
    from PIL import Image, ImageDraw, ImageFont

    image = Image.open(shot.picture).convert("RGB")
    pen = ImageDraw.Draw(image)
    width, height = image.size
    pen.rectangle((0, height - TITLE_HEIGHT, width, height), fill=(20, 20, 20))
    font = ImageFont.truetype(findfont("DejaVu Sans"), TITLE_POINTS)
    pen.text((width // 2, height - TITLE_HEIGHT // 2), shot.title, fill=(240, 240, 240), font=font, anchor="mm")
    return image


def write_poster(shot: Shot, file: Path) -> None:
    """One picture of the film, with a triangle that says that it can be played."""
    from PIL import ImageDraw

    image = titled(shot).resize((960, 540))
    pen = ImageDraw.Draw(image, "RGBA")
    x, y = (size // 2 for size in image.size)
    pen.ellipse((x - 50, y - 50, x + 50, y + 50), fill=(0, 0, 0, 150))
    pen.polygon(((x - 18, y - 28), (x - 18, y + 28), (x + 32, y)), fill=(255, 255, 255, 230))
    image.save(file, quality=85)


if __name__ == "__main__":
    sys.exit(main())
