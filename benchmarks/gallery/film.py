"""A video per style: its clips one after another, real and generated side by side above their beats.

A plain renderer of our own: limbs as shaded capsules, drawn from far to near, over a floor of half-metre squares.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from benchmarks.gallery import body
from benchmarks.gallery.canvas import Colour, Pixels, capsule, text
from benchmarks.gallery.scenes import Dancer, Scene, envelope_height
from demo.pictures import SOUND_RATE, Image, loudness_of, write_film
from engine.audio.decode import load_audio
from engine.motion.foot_beats import ENVELOPE_RATE
from smpl_rig.motion import sample

FPS = 25.0
WIDTH, HEIGHT = 1280, 720
CLIP_SECONDS = 20.0
"""Of every clip, from its start."""

_TITLE, _WAVE, _LANE = 44, 34, 34
_GROUND: Colour = (24, 26, 31)
_FLOOR: Colour = (47, 51, 60)
_GRID: Colour = (76, 82, 95)
_WORDS: Colour = (226, 229, 235)
_QUIET: Colour = (128, 136, 150)
_BEAT: Colour = (96, 103, 117)
_NOW: Colour = (255, 255, 255)
_ON_BEAT: Colour = (247, 201, 72)
_OFF_BEAT: Colour = (134, 128, 112)
COLOURS: dict[str, Colour] = {"left": (70, 150, 225), "right": (240, 130, 60), "middle": (214, 218, 226)}
"""Of the body's sides; the page has the same."""
_TRACE_SECONDS = 2.0
_DISTANCE, _EYE_HEIGHT, _AIM_HEIGHT = 4.6, 1.7, 0.9
_FOLLOW_SECONDS = 0.6
"""Standard deviation over which the dancer's path is smoothed into the camera's."""


def write_videos(scenes: Sequence[Scene], folder: Path) -> dict[str, Path]:
    """{style: file}: an .mp4 for every style of the scenes, with the real dancer and the first of every other kind."""
    files = {}
    for style in dict.fromkeys(scene.style for scene in scenes):
        chosen = [scene for scene in scenes if scene.style == style]
        files[style] = folder / f"{style}.mp4"
        write_film(files[style], _pictures(chosen), FPS, _sound(chosen))
    return files


def shown(scene: Scene) -> list[Dancer]:
    """The dancers of a video: of those that differ by the seed alone, the first."""
    kinds = {dancer.label.partition(",")[0]: dancer for dancer in reversed(scene.dancers)}
    return [dancer for dancer in scene.dancers if dancer in kinds.values()]


def _frames_of(scene: Scene) -> int:
    return round(min(scene.seconds, CLIP_SECONDS) * FPS)


def _pictures(scenes: Sequence[Scene]) -> Iterator[Image]:
    for scene in scenes:
        dancers, count = shown(scene), _frames_of(scene)
        strip = _strip(scene, dancers, count / FPS)
        edges = np.linspace(0, WIDTH, len(dancers) + 1).astype(int)
        height = HEIGHT - _TITLE - len(strip)
        views = [
            _View(dancer, right - left, height, count)
            for dancer, left, right in zip(dancers, edges, edges[1:], strict=False)
        ]
        title = np.full((_TITLE, WIDTH, 3), _GROUND, np.float32)
        end = text(title, scene.style, 20, 14, 16, _WORDS)
        text(title, scene.name, end + 16, 14, 16, _QUIET)
        for frame in range(count):
            picture = np.empty((HEIGHT, WIDTH, 3), np.float32)
            picture[:_TITLE] = title
            for view, left, right in zip(views, edges, edges[1:], strict=False):
                picture[_TITLE : -len(strip), left:right] = view.draw(frame)
                picture[_TITLE : -len(strip), max(left - 1, 0) : left + 1] = _GROUND
            picture[-len(strip) :] = strip
            now = round(frame / count * WIDTH)
            picture[-len(strip) :, max(now - 1, 0) : now + 1] = _NOW
            yield np.clip(picture, 0, 255).astype(np.uint8)


def _sound(scenes: Sequence[Scene]) -> Iterator[av.AudioFrame]:
    """The songs' parts, each as long as its pictures to the sample."""
    for scene in scenes:
        samples = np.zeros(round(_frames_of(scene) / FPS * SOUND_RATE), np.float32)
        heard = load_audio(scene.song, SOUND_RATE, 0.0, len(samples) / SOUND_RATE)[: len(samples)]
        samples[: len(heard)] = heard
        yield sound_frame(samples, SOUND_RATE)


def sound_frame(samples: NDArray[np.float32], rate: int) -> av.AudioFrame:
    """Mono samples (N,) as one frame for an encoder."""
    frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
    frame.sample_rate = rate
    return frame


@dataclass(frozen=True)
class _Camera:
    """Looks along +Y and a little down. All of it but the place over the floor stays, so that floors are cheap."""

    focal: float
    centre: tuple[float, float]

    @property
    def axes(self) -> NDArray[np.float32]:
        """(3, 3) rows: right, down, forward in the world."""
        pitch = np.arctan2(_EYE_HEIGHT - _AIM_HEIGHT, _DISTANCE)
        sine, cosine = np.sin(pitch), np.cos(pitch)
        return np.array([[1, 0, 0], [0, -sine, -cosine], [0, cosine, -sine]], np.float32)

    def project(self, points: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """(..., 3) metres, relative to the floor point that the camera follows -> (..., 2) pixels, (...) depths."""
        seen = (points - np.array([0, -_DISTANCE, _EYE_HEIGHT], np.float32)) @ self.axes.T
        return seen[..., :2] / seen[..., 2:] * self.focal + np.array(self.centre), seen[..., 2]


class _View:
    """One dancer seen by a camera that follows it."""

    def __init__(self, dancer: Dancer, width: int, height: int, frames: int) -> None:
        self._label = dancer.label
        self._points = body.points(sample(dancer.motion, np.arange(frames) / FPS))
        self._path = gaussian_filter1d(self._points[:, 0, :2], _FOLLOW_SECONDS * FPS, axis=0, mode="nearest")
        self._camera = _Camera(2.0 * height, (width / 2, height * 0.5))
        self._shape = height, width
        self._floor = self._see_floor()

    def _see_floor(self) -> tuple[NDArray[np.float32], ...]:
        """Of the lower pixels: x (rows, width) and y (rows, 1) on the floor, metres that a pixel covers in x and in y
        (rows, 1) each. The camera is level from left to right, so only x changes along a row."""
        height, width = self._shape
        across = (np.arange(width, dtype=np.float32) - self._camera.centre[0]) / self._camera.focal
        down = (np.arange(height, dtype=np.float32) - self._camera.centre[1]) / self._camera.focal
        rays = np.stack([np.zeros_like(down), down, np.ones_like(down)], axis=-1) @ self._camera.axes
        rays = rays[rays[:, 2] < -0.02]
        reach = (-_EYE_HEIGHT / rays[:, 2:]).astype(np.float32)
        blur = reach / self._camera.focal
        return (
            across * reach,
            rays[:, 1:2] * reach - np.float32(_DISTANCE),
            blur,
            blur * reach / np.float32(_EYE_HEIGHT),
        )

    def draw(self, frame: int) -> Pixels:
        """(height, width, 3)."""
        pixels = np.full((*self._shape, 3), _GROUND, np.float32)
        here = self._points[frame] - np.append(self._path[frame], 0)
        self._draw_floor(pixels, frame, here)
        self._draw_trace(pixels, frame)
        spots, depths = self._camera.project(here)
        ends = [(limb, body.POINT_INDEX[limb.start], body.POINT_INDEX[limb.stop]) for limb in body.LIMBS]
        for limb, start, stop in sorted(ends, key=lambda end: -(depths[end[1]] + depths[end[2]])):
            scale = self._camera.focal / depths[[start, stop]]
            radii = float(limb.start_radius * scale[0]), float(limb.stop_radius * scale[1])
            capsule(pixels, spots[start], spots[stop], radii, COLOURS[limb.side], solid=True)
        text(pixels, self._label, 20, 18, 15, _WORDS)
        return pixels

    def _draw_floor(self, pixels: Pixels, frame: int, here: NDArray[np.float32]) -> None:
        x, y, blur_x, blur_y = self._floor

        def lines(places: NDArray[np.float32], blur: NDArray[np.float32]) -> NDArray[np.float32]:
            away = np.abs(places * 2 - np.round(places * 2)) / 2
            return np.clip(0.008 / blur + 0.5 - away / blur, 0, 1)

        path = self._path[frame].astype(np.float32)
        grid = np.maximum(lines(x + path[0], blur_x), lines(y + path[1], blur_y)) * np.clip(0.12 / blur_y, 0, 1)
        shade = np.ones_like(grid)
        for name, radius, depth in (("pelvis", 0.34, 0.35), ("L_foot", 0.12, 0.4), ("R_foot", 0.12, 0.4)):
            spot = here[body.POINT_INDEX[name]]
            dark = depth if name == "pelvis" else depth * np.exp(-max(float(spot[2]), 0) / 0.12)
            bells = [np.exp(-((places - spot[k]) ** 2) / np.float32(2 * radius**2)) for k, places in enumerate((x, y))]
            shade *= 1 - bells[0] * (bells[1] * np.float32(dark))
        far = np.clip(blur_y / 0.05, 0, 1)
        shade *= 1 - far
        for channel, (floor, line, ground) in enumerate(zip(_FLOOR, _GRID, _GROUND, strict=True)):
            pixels[-len(grid) :, :, channel] = (floor + grid * (line - floor)) * shade + ground * far

    def _draw_trace(self, pixels: Pixels, frame: int) -> None:
        first = max(frame - round(_TRACE_SECONDS * FPS), 0)
        for name, side in (("L_foot", "left"), ("R_foot", "right")):
            steps = self._points[first : frame + 1, body.POINT_INDEX[name]] - np.append(self._path[frame], 0)
            heights = steps[:, 2].copy()
            steps[:, 2] = 0
            spots, depths = self._camera.project(steps)
            for k in range(len(steps) - 1):
                opacity = (k + 1) / len(steps) * float(np.exp(-max(heights[k] - 0.02, 0) / 0.08))
                thick = 0.012 * self._camera.focal / float(depths[k])
                capsule(pixels, spots[k], spots[k + 1], (thick, thick), COLOURS[side], 0.7 * opacity)


def _strip(scene: Scene, dancers: Sequence[Dancer], seconds: float) -> Pixels:
    """The time axis: the song's loudness, a lane per dancer with foot envelope and foot beats, beats through all."""
    strip = np.full((_WAVE + _LANE * len(dancers) + 12, WIDTH, 3), _GROUND, np.float32)
    loud = loudness_of(scene.song, seconds, WIDTH) * (_WAVE / 2 - 4)
    away = np.abs(np.arange(_WAVE) - _WAVE / 2)[:, None]
    strip[:_WAVE][away <= loud[None]] = (78, 92, 112)
    for beat in scene.beats[scene.beats < seconds]:
        column = round(beat / seconds * WIDTH)
        strip[4:-8, column : column + 1] = _BEAT
    for number, dancer in enumerate(dancers):
        bottom = _WAVE + _LANE * (number + 1)
        times = np.arange(WIDTH) / WIDTH * seconds
        level = np.interp(times, np.arange(len(dancer.envelope)) / ENVELOPE_RATE, dancer.envelope)
        rows = bottom - (np.minimum(level / envelope_height(dancer), 1) * (_LANE - 8))[None]
        lane = strip[bottom - _LANE + 4 : bottom]
        lane[np.arange(bottom - _LANE + 4, bottom)[:, None] >= rows] = (58, 66, 80)
        for beat, on_beat in zip(dancer.foot_beats, dancer.on_beat, strict=True):
            spot = np.array([beat / seconds * WIDTH, bottom - 5])
            capsule(strip, spot, spot, (4.2, 4.2), _ON_BEAT if on_beat else _OFF_BEAT)
        text(strip, dancer.label, 8, bottom - _LANE + 8, 9, _QUIET)
    return strip
