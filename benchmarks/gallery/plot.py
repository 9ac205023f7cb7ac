"""A still picture of a clip's time: the song's loudness and beats, and under them every dancer's foot beats."""

from __future__ import annotations

from html import escape

import numpy as np
from numpy.typing import NDArray

from benchmarks.gallery.scenes import Scene, envelope_height
from demo.pictures import loudness_of
from engine.motion.foot_beats import ENVELOPE_RATE

ROW_SECONDS = 15.0
_SCALE = 76
"""Pixels a second."""
_LEFT, _WAVE, _LANE, _GAP = 104, 34, 40, 34
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #3c404a } .time { font-size: 10px; fill: #8a8f9c }
.title { font-size: 15px; font-weight: 600; fill: #1b1d22 } .wave { fill: #b4c0cf } .envelope { fill: #c9d3e0 }
.beat { stroke: #8a8f9c; stroke-width: 1 } .on { fill: #d98e04 } .off { fill: #fff; stroke: #777d8a }
.base { stroke: #d5d8de }
"""


def plot(scene: Scene) -> str:
    """The SVG of a scene: rows of 15 s, beats as lines through all lanes, foot beats as dots, full on the beat."""
    row_height = _WAVE + _LANE * len(scene.dancers) + _GAP
    rows = max(1, int(np.ceil(scene.seconds / ROW_SECONDS)))
    width, height = _LEFT + round(ROW_SECONDS * _SCALE) + 16, 66 + rows * row_height
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
        f'<style>{_STYLE}</style><rect width="100%" height="100%" fill="#fff"/>',
        f'<text class="title" x="16" y="26">{escape(scene.style)} · {escape(scene.name)}</text>',
        '<text x="16" y="46">lines: beats of the song · grey: how much the feet brake and rest · dots: foot beats, '
        "full where they score at least half (expected a little before the beat)</text>",
    ]
    loudness = loudness_of(scene.song, scene.seconds, max(round(scene.seconds * 20), 1))
    for row in range(rows):
        parts += _row(scene, loudness, row * ROW_SECONDS, 66 + row * row_height)
    return "\n".join([*parts, "</svg>\n"])


def _row(scene: Scene, loudness: NDArray[np.float32], start: float, top: float) -> list[str]:
    stop = min(start + ROW_SECONDS, scene.seconds)

    def x(seconds: float) -> str:
        return f"{_LEFT + (seconds - start) * _SCALE:.1f}"

    def area(css: str, levels: NDArray[np.floating], rate: float, height: float, base: float) -> str:
        chosen = range(int(start * rate), min(int(np.ceil(stop * rate)), len(levels)))
        line = " ".join(f"{x(k / rate)},{base - levels[k] * height:.1f}" for k in chosen)
        return f'<polygon class="{css}" points="{x(start)},{base:.1f} {line} {x(stop)},{base:.1f}"/>'

    bottom = top + _WAVE + _LANE * len(scene.dancers)
    parts = [area("wave", loudness, len(loudness) / scene.seconds, _WAVE - 8, top + _WAVE - 2)]
    parts.append(f'<text x="16" y="{top + _WAVE - 8}">Song</text>')
    for number, dancer in enumerate(scene.dancers):
        base = top + _WAVE + _LANE * (number + 1)
        levels = np.minimum(dancer.envelope / envelope_height(dancer), 1)
        parts.append(area("envelope", levels, ENVELOPE_RATE, _LANE - 8, base))
        parts.append(f'<text x="16" y="{base - 12}">{escape(dancer.label)}</text>')
        parts.append(f'<line class="base" x1="{x(start)}" x2="{x(stop)}" y1="{base}" y2="{base}"/>')
    for beat in scene.beats[(scene.beats >= start) & (scene.beats < stop)]:
        parts.append(f'<line class="beat" x1="{x(beat)}" x2="{x(beat)}" y1="{top}" y2="{bottom}"/>')
    for number, dancer in enumerate(scene.dancers):
        base = top + _WAVE + _LANE * (number + 1)
        for beat, on_beat in zip(dancer.foot_beats, dancer.on_beat, strict=True):
            if start <= beat < stop:
                parts.append(f'<circle class="{"on" if on_beat else "off"}" cx="{x(beat)}" cy="{base - 6}" r="4"/>')
    for second in range(int(np.ceil(start)), int(stop) + 1):
        parts.append(f'<text class="time" x="{x(second)}" y="{bottom + 14}" text-anchor="middle">{second} s</text>')
    return parts
