"""Pictures of a clip's time: the song's loudness and beats, and below them a lane of foot beats per dancer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from benchmarks.gallery.scenes import Scene
from engine.motion.foot_beats import ENVELOPE_RATE
from engine.reporting.scene import LOUDNESS_RATE, Dancer

ROW_SECONDS = 15.0
LEFT, RIGHT = 148, 16
"""Margins of the lanes, pixels; the labels are in the left one."""
_PIXELS_A_SECOND = 76
_HEAD, _SONG, _LANE, _RULER = 66, 34, 40, 20
"""Heights of a plot's title, of the song's lane, of a dancer's lane and of the ruler below them, pixels."""
_DOTS_PER_INCH = 72
"""At which a point, matplotlib's unit of fonts and lines, is a pixel."""
_SETTINGS: Any = {"svg.fonttype": "none", "svg.hashsalt": "gallery", "text.parse_math": False}
"""Text stays text, the same scene gives the same file, and a "$" in a clip's name is no formula."""


@dataclass(frozen=True)
class Ink:
    """Colours: of the ground, titles, labels, seconds, filled curves, lines, and of foot beats on and off the beat."""

    ground: str
    title: str
    label: str
    second: str
    loudness: str
    envelope: str
    beat: str
    base: str
    on_beat: str
    off_beat: str
    off_beat_edge: str


PAPER = Ink(
    ground="#ffffff",
    title="#1b1d22",
    label="#3c404a",
    second="#8a8f9c",
    loudness="#b4c0cf",
    envelope="#c9d3e0",
    beat="#8a8f9c",
    base="#d5d8de",
    on_beat="#d98e04",
    off_beat="#ffffff",
    off_beat_edge="#777d8a",
)
SCREEN = Ink(
    ground="#181a1f",
    title="#e2e5eb",
    label="#b4bac6",
    second="#808896",
    loudness="#4e5c70",
    envelope="#3a4250",
    beat="#606775",
    base="#30353f",
    on_beat="#f7c948",
    off_beat="#181a1f",
    off_beat_edge="#868070",
)


def write_plot(file: Path, scene: Scene) -> None:
    """Write an SVG of the whole clip: rows of 15 s, beats as lines through all lanes, foot beats as dots, filled where
    they are on the beat."""
    starts = np.arange(0, scene.seconds, ROW_SECONDS)
    row_height = _height(scene.dancers) + 14
    width = LEFT + round(ROW_SECONDS * _PIXELS_A_SECOND) + RIGHT
    with matplotlib.rc_context(_SETTINGS):
        figure = _figure(width, _HEAD + len(starts) * row_height, PAPER)
        _write(figure, 16, 26, f"{scene.style} · {scene.name}", 15, PAPER.title, "bold")
        key = "lines: beats of the song · grey: how much the feet brake and rest · dots: foot beats, filled where they "
        _write(figure, 16, 46, f"{key}score at least half (expected a little before the beat)", 12, PAPER.label)
        for row, start in enumerate(starts):
            stop = min(start + ROW_SECONDS, scene.seconds)
            right = LEFT + (stop - start) * _PIXELS_A_SECOND
            _draw_lanes(figure, _HEAD + row * row_height, right, scene, scene.dancers, (start, stop), PAPER)
        figure.savefig(file, format="svg", metadata={"Date": None})


def time_strip(scene: Scene, dancers: Sequence[Dancer], seconds: float, width: int) -> Image.Image:
    """The first `seconds` of the same, for some of the scene's dancers, in one row of `width` pixels for a video."""
    with matplotlib.rc_context(_SETTINGS):
        figure = _figure(width, _height(dancers), SCREEN)
        _draw_lanes(figure, 0, width - RIGHT, scene, dancers, (0.0, seconds), SCREEN)
        canvas: Any = FigureCanvasAgg(figure)
        canvas.draw()
        return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def _height(dancers: Sequence[Dancer]) -> int:
    """Pixels of a row of lanes."""
    return _SONG + _LANE * len(dancers) + _RULER


def _figure(width: int, height: int, ink: Ink) -> Figure:
    return Figure((width / _DOTS_PER_INCH, height / _DOTS_PER_INCH), dpi=_DOTS_PER_INCH, facecolor=ink.ground)


def _write(figure: Figure, x: float, y: float, words: str, size: float, colour: str, weight: str = "normal") -> None:
    """Write words at a place in pixels from the top left: x is where they begin, y where their line is."""
    width, height = figure.get_size_inches() * _DOTS_PER_INCH
    figure.text(x / width, 1 - y / height, words, size=size, color=colour, weight=weight)


def _draw_lanes(
    figure: Figure,
    top: float,
    right: float,
    scene: Scene,
    dancers: Sequence[Dancer],
    span: tuple[float, float],
    ink: Ink,
) -> None:
    """Draw a span of time (seconds) between `LEFT` and `right`, below `top` (pixels from the top left)."""
    start, stop = span
    width, height = figure.get_size_inches() * _DOTS_PER_INCH
    bottom = _SONG + _LANE * len(dancers)
    axes = figure.add_axes((LEFT / width, 1 - (top + bottom) / height, (right - LEFT) / width, bottom / height))
    axes.set(xlim=span, ylim=(bottom, 0), facecolor=ink.ground)
    axes.spines[:].set_visible(False)

    def curve(levels: NDArray[np.floating], rate: float, lane_height: float, base: float, colour: str) -> None:
        times = np.arange(len(levels)) / rate
        inside = (times > start - 1 / rate) & (times < stop + 1 / rate)
        times, heights = times[inside], base - lane_height * levels[inside]
        axes.fill(np.pad(times, 1, "edge"), np.pad(heights, 1, constant_values=base), color=colour, linewidth=0)

    def chosen(times: NDArray[np.float64]) -> NDArray[np.bool_]:
        return (times >= start) & (times < stop)

    curve(scene.loudness, LOUDNESS_RATE, _SONG - 8, _SONG - 2, ink.loudness)
    _write(figure, 16, top + _SONG - 8, "Song", 12, ink.label)
    for number, dancer in enumerate(dancers):
        base = _SONG + _LANE * (number + 1)
        curve(dancer.envelope, ENVELOPE_RATE, _LANE - 8, base, ink.envelope)
        axes.hlines(base, start, stop, color=ink.base, linewidth=1, clip_on=False)
        _write(figure, 16, top + base - 12, dancer.label, 12, ink.label)
    beats = scene.beats[chosen(scene.beats)]
    axes.vlines(beats, 0, bottom, color=ink.beat, linewidth=1, clip_on=False, gid=f"beats {start:g}")
    for number, dancer in enumerate(dancers):
        height_of_dots = _SONG + _LANE * (number + 1) - 6
        for name, chosen_dots, face, edge in (
            ("on", dancer.on_beat, ink.on_beat, ink.on_beat),
            ("off", ~dancer.on_beat, ink.off_beat, ink.off_beat_edge),
        ):
            times = dancer.foot_beats[chosen(dancer.foot_beats) & chosen_dots]
            dots = axes.scatter(times, np.full(len(times), height_of_dots), 60, face, edgecolors=edge, zorder=3)
            dots.set(clip_on=False, linewidth=1, gid=f"{name} {number} {start:g}")
    axes.set_xticks(np.arange(np.ceil(start), stop + 1e-6), minor=False)
    axes.xaxis.set_major_formatter("{x:.0f} s")
    axes.tick_params(length=0, pad=4, labelsize=10, labelcolor=ink.second, left=False, labelleft=False)
