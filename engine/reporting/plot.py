"""The whole dance as a picture (SVG): song and beats, spans, feet, speed. Rows of some seconds each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.motion.energy import speeds
from engine.reporting.body import COLOURS
from engine.reporting.scene import LOUDNESS_RATE, Scene
from smpl_rig.feet import foot_contacts

ROW_SECONDS = 20.0
LEFT, RIGHT, WIDTH = 76.0, 10.0, 1200.0
"""Pixels: margins of a row, the left one for labels, and the width of the picture."""
_SONG, _SPANS, _FOOT, _SPEED, _RULER, _GAP = 34.0, 22.0, 13.0, 44.0, 16.0, 12.0
"""Heights of the lanes, of which there are two for the feet."""
_ROW = _SONG + _SPANS + 2 * _FOOT + _SPEED + _RULER + _GAP
_SPAN_COLOURS = ("#3b4a63", "#4a3f63", "#3f5a52", "#63503b", "#5a3f4c")
_LEFT_FOOT, _RIGHT_FOOT = ((0, 2), (1, 3))
"""Columns of the contacts: ankle and foot."""


@dataclass(frozen=True)
class ShownSpan:
    """A span of the choreography, start..stop in seconds. text: its style. about: the rest, in a sentence."""

    start: float
    stop: float
    text: str
    about: str
    locked: bool


def plot(scene: Scene, bars: NDArray[np.float64], spans: Sequence[ShownSpan]) -> str:
    """The SVG of a scene with one dancer. bars: seconds of the beats that begin a bar."""
    dancer = scene.dancers[0]
    joints, fps = dancer.motion.joints(), dancer.motion.fps
    contacts = foot_contacts(joints, fps)
    raw = np.linalg.norm(np.diff(joints, axis=0), axis=-1).mean(-1) * fps if len(joints) > 1 else np.zeros(1)
    even = speeds(dancer.motion).astype(np.float64)
    most = max(float(raw.max(initial=0)), 0.1)
    length = min(ROW_SECONDS, scene.seconds)
    starts = np.arange(0, scene.seconds, length)
    parts = []
    for number, start in enumerate(starts.tolist()):
        row = _Row(number * _ROW, start, min(start + length, scene.seconds), (WIDTH - LEFT - RIGHT) / length)
        top = 0.0
        parts += row.curve("song", scene.loudness, LOUDNESS_RATE, top + _SONG - 3, _SONG - 8, True)
        parts += row.label("Song", top + 20)
        top += _SONG
        parts += _spans(row, spans, top)
        top += _SPANS
        for name, columns, side in (("Left", _LEFT_FOOT, "left"), ("Right", _RIGHT_FOOT, "right")):
            parts += row.label(f"{name} foot", top + 10)
            down = np.asarray(contacts[:, list(columns)].any(axis=1))
            colour = "#{:02x}{:02x}{:02x}".format(*COLOURS[side])
            parts += row.runs(side, down, fps, top + 2, _FOOT - 4, colour)
            top += _FOOT
        parts += row.curve("speed", raw / most, fps, top + _SPEED - 2, _SPEED - 6, False)
        parts += row.curve("energy", even / most, fps, top + _SPEED - 2, _SPEED - 6, False)
        parts += row.label("Speed", top + 16) + row.label(f"{most:.1f} m/s", top + 30)
        top += _SPEED
        marks = dict.fromkeys(np.round(bars, 3).tolist())
        for beat in row.inside(scene.beats):
            kind = "bar" if round(beat, 3) in marks else "beat"
            parts.append(_line(kind, row.x(beat), row.top, row.top + top))
        dots = zip(dancer.foot_beats.tolist(), np.where(dancer.on_beat, "hit", "miss").tolist(), strict=True)
        parts += [
            f'<circle class="{kind}" cx="{row.x(time):.1f}" cy="{row.top + top - _SPEED:.1f}" r="4"/>'
            for time, kind in dots
            if row.start <= time < row.stop
        ]
        parts += row.ruler(top + 12)
    height = len(starts) * _ROW
    return (
        f'<svg id="plot" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {height:g}" role="img" '
        f'aria-label="The whole dance">{"".join(parts)}</svg>'
    )


@dataclass(frozen=True)
class _Row:
    """Seconds start..stop, drawn below `top` (pixels) at `scale` pixels a second."""

    top: float
    start: float
    stop: float
    scale: float

    def x(self, seconds: float) -> float:
        return LEFT + (seconds - self.start) * self.scale

    def inside(self, times: NDArray[np.float64]) -> Iterable[float]:
        return times[(times >= self.start) & (times < self.stop)].tolist()

    def label(self, words: str, y: float) -> list[str]:
        return [f'<text x="4" y="{self.top + y:g}">{escape(words)}</text>']

    def ruler(self, y: float) -> list[str]:
        return [
            f'<text class="second" x="{self.x(second):.1f}" y="{self.top + y:g}">{second} s</text>'
            for second in range(int(np.ceil(self.start)), int(self.stop) + 1, 2)
        ]

    def curve(
        self, name: str, levels: NDArray[np.floating[Any]], rate: float, base: float, height: float, filled: bool
    ) -> list[str]:
        """Levels 0..1 from the base line up."""
        first, last = int(self.start * rate), min(int(np.ceil(self.stop * rate)) + 1, len(levels))
        if last - first < 2:
            return []
        step = max(1, int(rate / self.scale))  # not finer than a pixel
        points = [(k / rate, float(levels[k])) for k in range(first, last, step)]
        path = " ".join(f"{self.x(time):.1f},{self.top + base - height * level:.1f}" for time, level in points)
        if filled:
            ends = [f"{self.x(points[k][0]):.1f},{self.top + base:.1f}" for k in (0, -1)]
            return [f'<polygon class="{name}" points="{ends[0]} {path} {ends[1]}"/>']
        return [f'<polyline class="{name}" points="{path}"/>']

    def runs(self, name: str, down: NDArray[np.bool_], fps: float, y: float, height: float, colour: str) -> list[str]:
        """A bar where a foot stands."""
        first, last = int(self.start * fps), min(round(self.stop * fps), len(down))
        edges = np.flatnonzero(np.diff(np.pad(down[first:last].astype(np.int8), 1)))
        return [
            f'<rect class="foot {name}" x="{self.x((first + begin) / fps):.1f}" y="{self.top + y:g}" '
            f'width="{(stop - begin) / fps * self.scale:.1f}" height="{height:g}" fill="{colour}"/>'
            for begin, stop in edges.reshape(-1, 2).tolist()
        ]


def _spans(row: _Row, spans: Sequence[ShownSpan], top: float) -> list[str]:
    """Boxes with the styles; a locked one has a thick border."""
    parts = []
    for number, span in enumerate(spans):
        start, stop = max(span.start, row.start), min(span.stop, row.stop)
        if stop <= start:
            continue
        kind = "span locked" if span.locked else "span"
        x, width = row.x(start), (stop - start) * row.scale
        parts.append(
            f'<g class="{kind}"><title>{escape(span.about)}</title><rect x="{x:.1f}" y="{row.top + top + 2:g}" '
            f'width="{width:.1f}" height="{_SPANS - 6:g}" rx="3" '
            f'fill="{_SPAN_COLOURS[number % len(_SPAN_COLOURS)]}"/>'
        )
        if width > 7 * len(span.text):
            parts.append(f'<text x="{x + 6:.1f}" y="{row.top + top + 14:g}">{escape(span.text)}</text>')
        parts.append("</g>")
    return [*row.label("Spans", top + 14), *parts] if spans else []


def _line(kind: str, x: float, top: float, bottom: float) -> str:
    return f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{top:g}" y2="{bottom:g}"/>'
