"""A plot of the dance in the sequencer, above the band with its spans: the song's energy and the dance's speed as
curves, the beats as lines, and when which foot stands as bars. Without text, and off until it is turned on."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import bpy

from smpl_rig.blender.context import region_of, scene_of, ui_scale

from ..engine_host import engine_setup
from ..errors import MagmaError
from ..scene.dance_curves import DanceCurves, FramePair, curves_of
from ..scene.dancer import Dancer, seen_or_none
from ..scene.scene_settings import settings_of
from ..scene.selection import dancer_or_none
from ..scene.span_list import redraw_bands
from . import timeline_band
from .draw import never_raises

if TYPE_CHECKING:
    import gpu
    import numpy as np
    from numpy.typing import NDArray

    Points = NDArray[np.float32]

Color = tuple[float, float, float, float]
FOOT, GAP, CURVES = 4.0, 2.0, 40.0
"""Pixels at a scale of 1: height of a foot's bars, space between, height of the curves."""
GROUND: Color = (0.0, 0.0, 0.0, 0.35)
BEAT: Color = (1.0, 1.0, 1.0, 0.12)
BAR: Color = (1.0, 1.0, 1.0, 0.35)
ENERGY: Color = (0.95, 0.75, 0.25, 0.9)
SPEED: Color = (0.35, 0.85, 0.95, 0.9)
LEFT: Color = (0.93, 0.42, 0.25, 0.9)
RIGHT: Color = (0.24, 0.56, 0.86, 0.9)
WAIT = 0.1
"""Seconds between two looks at whether curves are worked out."""
_handlers: list[object] = []


@dataclass(frozen=True, eq=False)
class Part:
    """What is painted in one colour. kind: of primitives. points: (N, 2) scene frame, and height from 0 to 1 of its
    row. bottom, height: of the row, pixels at a scale of 1 above the plot's lower edge."""

    kind: str
    points: Points
    color: Color
    bottom: float
    height: float


FEET_HEIGHT = 2 * (FOOT + GAP)
TOTAL = FEET_HEIGHT + CURVES


def parts_of(curves: DanceCurves) -> list[Part]:
    """What is painted of a dance, from back to front; nothing of what has no points."""
    import numpy as np

    first, last = float(curves.frames[0]), float(curves.frames[-1])
    parts = [Part("TRIS", _boxes([(first, last)]), GROUND, 0.0, TOTAL)]
    bars = set(curves.bars)
    for color, beats in ((BEAT, [b for b in curves.beats if b not in bars]), (BAR, list(curves.bars))):
        lines = np.array([(beat, end) for beat in beats for end in (0.0, 1.0)], np.float32)
        parts.append(Part("LINES", lines, color, 0.0, TOTAL))
    parts.append(Part("TRIS", _boxes(curves.right), RIGHT, 0.0, FOOT))
    parts.append(Part("TRIS", _boxes(curves.left), LEFT, FOOT + GAP, FOOT))
    for color, values in ((ENERGY, curves.energy), (SPEED, curves.speed)):
        if values is not None:
            strip = np.stack([curves.frames, values], axis=1).astype(np.float32)
            parts.append(Part("LINE_STRIP", strip, color, FEET_HEIGHT, CURVES))
    return [part for part in parts if len(part.points) > 1]


def _boxes(runs: Sequence[FramePair]) -> Points:
    """Two triangles a run, from height 0 to 1."""
    import numpy as np

    corners = ((0, 0), (1, 0), (1, 1), (0, 0), (1, 1), (0, 1))
    return np.array([(run[x], y) for run in runs for x, y in corners], np.float32).reshape(-1, 2)


@dataclass(eq=False)
class _Plot:
    """One state of one dance. It is worked out beside the window, and its batches are made when it is first drawn."""

    dancer: Dancer
    parts: list[Part] | None = None
    batches: list[tuple[gpu.types.GPUBatch, Part]] = field(default_factory=list)
    thread: threading.Thread | None = None

    def work(self) -> None:
        try:
            engine_setup.check_numpy()
            self.parts = parts_of(curves_of(self.dancer))
        except MagmaError:  # no numpy, or a damaged motion: buttons say so
            self.parts = []


_plots: list[_Plot] = []
MOST = 4


def plot_of(dancer: Dancer) -> _Plot:
    """The plot of a dance as it is now; the same one until the dance changes."""
    for plot in _plots:
        if plot.dancer is dancer:
            return plot
    plot = _Plot(dancer)
    plot.thread = threading.Thread(target=plot.work, name="MAGMA plot", daemon=True)
    _plots.append(plot)
    del _plots[:-MOST]
    plot.thread.start()
    if not bpy.app.timers.is_registered(_look):
        bpy.app.timers.register(_look, first_interval=WAIT)
    return plot


def _look() -> float | None:
    if any(plot.thread is not None and plot.thread.is_alive() for plot in _plots):
        return WAIT
    redraw_bands()
    return None


def forget() -> None:
    """Nothing is kept."""
    for plot in _plots:
        if plot.thread is not None:
            plot.thread.join()
    _plots.clear()


def draw() -> None:
    """The sequencer's draw handler."""
    with never_raises():
        _draw()


def _draw() -> None:
    context = bpy.context
    if not settings_of(scene_of(context)).show_plot:
        return
    dancer = seen_or_none(dancer_or_none(context))
    if dancer is None:
        return
    plot = plot_of(dancer)
    if not plot.parts:
        return
    region, scale = region_of(context), ui_scale(context)
    first, last = (region.view2d.region_to_view(x, 0)[0] for x in (0, region.width))
    bottom = (timeline_band.BOTTOM + timeline_band.HEIGHT + timeline_band.BAR_TICK + GAP) * scale
    _paint(plot, first, region.width / (last - first), bottom, scale)


def _paint(plot: _Plot, first: float, pixels_a_frame: float, bottom: float, scale: float) -> None:
    import gpu
    from gpu_extras.batch import batch_for_shader

    # made here, since a shader cannot be made without a window
    shader: Any = gpu.shader.from_builtin("UNIFORM_COLOR")
    if not plot.batches:
        for part in plot.parts or []:
            points: Any = part.points  # 3.4 has no buffers among what it says that it takes, and takes them
            plot.batches.append((batch_for_shader(shader, part.kind, {"pos": points}), part))
    shader.bind()
    gpu.state.blend_set("ALPHA")
    matrix: Any = gpu.matrix
    for batch, part in plot.batches:
        with matrix.push_pop():
            matrix.translate((-first * pixels_a_frame, bottom + part.bottom * scale))
            matrix.scale((pixels_a_frame, part.height * scale))
            shader.uniform_float("color", part.color)
            batch.draw(shader)
    gpu.state.blend_set("NONE")


def register() -> None:
    """Draw in all sequencers."""
    space = bpy.types.SpaceSequenceEditor
    _handlers.append(space.draw_handler_add(draw, (), "WINDOW", "POST_PIXEL"))


def unregister() -> None:
    """Stop drawing."""
    while _handlers:
        bpy.types.SpaceSequenceEditor.draw_handler_remove(_handlers.pop(), "WINDOW")
    if bpy.app.timers.is_registered(_look):
        bpy.app.timers.unregister(_look)
    forget()
