"""A video per style: its clips one after another, real and generated side by side above their beats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.gallery.encoding import write_film
from benchmarks.gallery.plot import LEFT, RIGHT, SCREEN, time_strip
from benchmarks.gallery.scenes import Scene, sound
from benchmarks.gallery.view import View
from demo.pictures import Image as Pixels
from engine.reporting.scene import Dancer

FPS = 25.0
WIDTH, HEIGHT = 1280, 720
CLIP_SECONDS = 20.0
"""Of every clip, from its start."""

_TITLE = 44
_NOW = "#ffffff"


def write_videos(scenes: Sequence[Scene], folder: Path) -> dict[str, Path]:
    """{style: file}: an .mp4 for every style of the scenes, with the real dancer and the first of every other kind."""
    files = {}
    for style in dict.fromkeys(scene.style for scene in scenes):
        chosen = [scene for scene in scenes if scene.style == style]
        files[style] = folder / f"{style}.mp4"
        write_film(files[style], _pictures(chosen), FPS, _sounds(chosen))
    return files


def shown(scene: Scene) -> list[Dancer]:
    """The dancers of a video: of those that differ by the seed alone, the first."""
    kinds = {dancer.label.partition(",")[0]: dancer for dancer in reversed(scene.dancers)}
    return [dancer for dancer in scene.dancers if dancer in kinds.values()]


def _frames_of(scene: Scene) -> int:
    return round(min(scene.seconds, CLIP_SECONDS) * FPS)


def _pictures(scenes: Sequence[Scene]) -> Iterator[Pixels]:
    font = ImageFont.load_default(22)
    for scene in scenes:
        dancers, count = shown(scene), _frames_of(scene)
        strip = time_strip(scene, dancers, count / FPS, WIDTH)
        top = HEIGHT - strip.height
        edges = [round(part * WIDTH / len(dancers)) for part in range(len(dancers) + 1)]
        views = [
            View(dancer, right - left, top - _TITLE, count, FPS)
            for dancer, (left, right) in zip(dancers, pairwise(edges), strict=True)
        ]
        still = Image.new("RGB", (WIDTH, HEIGHT), SCREEN.ground)
        still.paste(strip, (0, top))
        pen = ImageDraw.Draw(still)
        pen.text((20, 10), scene.style, SCREEN.title, font)
        pen.text((20 + font.getlength(f"{scene.style}  "), 10), scene.name, SCREEN.second, font)
        for frame in range(count):
            picture = still.copy()
            pen = ImageDraw.Draw(picture)
            for view, left in zip(views, edges, strict=False):
                picture.paste(view.draw(frame), (left, _TITLE))
                pen.rectangle((left - 1, _TITLE, left, top), SCREEN.ground)
            now = LEFT + frame / count * (WIDTH - LEFT - RIGHT)
            pen.rectangle((now - 1, top, now, HEIGHT), _NOW)
            yield np.asarray(picture)


def _sounds(scenes: Sequence[Scene]) -> Iterator[av.AudioFrame]:
    """The songs' parts, each as long as its pictures to the sample."""
    for scene in scenes:
        yield sound(scene, _frames_of(scene) / FPS)
