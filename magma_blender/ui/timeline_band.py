"""The dance as a band along the bottom of the sequencer: its spans coloured by style, what is locked, and the beats."""

from __future__ import annotations

import colorsys
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import bpy

from smpl_rig.blender.context import region_of, ui_scale

from ..media import strips
from ..scene import beat_markers
from ..scene.dancer import seen_or_none
from ..scene.review_list import changed_ranges, review_of
from ..scene.selection import dancer_or_none
from ..scene.span_list import shown_spans, spans_of
from ..translations.texts import translated
from .draw import name_text, never_raises
from .music_panel import heard_song

CHANGED_COLOR = (1.0, 0.85, 0.2, 1.0)
CHANGED_LINE = 3
"""Pixels at a scale of 1 of the line along what an edit in review has changed."""
BOTTOM, HEIGHT, TICK, BAR_TICK = 24, 18, 5, 10
"""Pixels at a scale of 1: the band above the region's lower edge, which has a scroll bar, and ticks on top of it."""
HATCH = 7
TEXT_SIZE = 11
GAP = 1.0
NARROW = 14
"""Pixels at a scale of 1 that no style's name fits into."""
LOCK_COLOR = (1.0, 1.0, 1.0, 0.75)
TICK_COLOR = (1.0, 1.0, 1.0, 0.7)
STRENGTHS, WEAKEST = 4, 0.15
"""How many strengths of a beat are told apart, and the opacity of the weakest."""
TEXT_COLOR = (1.0, 1.0, 1.0, 0.9)
_handlers: list[object] = []

Point = tuple[float, float]
Color = tuple[float, float, float, float]


@dataclass(frozen=True)
class Bar:
    """A span in pixels from left to right, its colour, whether it is locked, and the text on it."""

    left: float
    right: float
    color: Color
    locked: bool
    text: str


@dataclass(frozen=True)
class Tick:
    """A beat at a pixel. strength: how clearly it is heard, 0 to STRENGTHS - 1."""

    x: float
    is_bar: bool
    strength: int


def strength_step(strength: float) -> int:
    """A beat's strength, 0..1, as one of the few that are drawn: lines of one colour are drawn at once."""
    return min(max(round(strength * (STRENGTHS - 1)), 0), STRENGTHS - 1)


def color_of(style: str) -> Color:
    """A style's colour; the same everywhere."""
    # the four bits of the checksum that give the styles of the bundled checkpoint the most different colours
    hue = (zlib.crc32(style.encode()) >> 10) % 16 / 16
    return (*colorsys.hsv_to_rgb(hue, 0.6, 0.7), 0.85)


def bars(armature: bpy.types.Object, to_pixel: Callable[[float], float]) -> list[Bar]:
    """The spans of an armature. to_pixel: scene frame -> pixel."""
    shown = spans_of(armature)
    found = []
    for span in shown_spans(armature):
        left, right = (
            to_pixel(shown.frame_start + position * shown.frames_per_position) for position in (span.start, span.stop)
        )
        variant = f" {span.variant}/{span.variants}" if span.variants > 1 else ""
        title = translated(name_text(span.style_title or span.style.title()))
        found.append(Bar(left, right - GAP, color_of(span.style), span.locked, f"{title}{variant}"))
    return found


def changed_parts(armature: bpy.types.Object, to_pixel: Callable[[float], float]) -> list[tuple[float, float]]:
    """From which pixel to which an edit in review has changed the dance."""
    review, shown = review_of(armature), spans_of(armature)
    if review is None:
        return []
    places = [(shown.frame_start + at * shown.frames_per_position) for part in changed_ranges(review) for at in part]
    return [(to_pixel(start), to_pixel(stop)) for start, stop in zip(places[::2], places[1::2], strict=True)]


def hatching(bar: Bar, bottom: float, height: float, gap: float) -> list[Point]:
    """Both ends of slanted lines inside a bar, `gap` pixels apart, and of one along its upper edge."""
    points = [(bar.left, bottom + height), (bar.right, bottom + height)]
    start = bar.left - height
    while start < bar.right:
        first, last = max(start, bar.left), min(start + height, bar.right)
        points += [(first, bottom + first - start), (last, bottom + last - start)]
        start += gap
    return points


def draw() -> None:
    """The sequencer's draw handler."""
    with never_raises():
        _draw()


def _draw() -> None:
    context = bpy.context
    armature = dancer_or_none(context)
    dancer = seen_or_none(armature)
    beats = beat_markers.beats_of(dancer) if dancer is not None else _beats_of_song(context)
    if armature is None and not beats:
        return
    region, scale = region_of(context), ui_scale(context)
    view, width = region.view2d, region.width
    first, last = (view.region_to_view(x, 0)[0] for x in (0, width))

    def to_pixel(frame: float) -> float:
        return (frame - first) / (last - first) * width

    found = bars(armature, to_pixel) if armature is not None else []
    shown = [bar for bar in found if bar.right > 0 and bar.left < width]
    # hatching far outside the region would be drawn for nothing
    shown = [Bar(max(b.left, -width), min(b.right, 2 * width), b.color, b.locked, b.text) for b in shown]
    ticks = [Tick(to_pixel(beat.frame), beat.beat == 1, strength_step(beat.strength)) for beat in beats]
    changed = changed_parts(armature, to_pixel) if armature is not None else []
    _paint(shown, [tick for tick in ticks if 0 <= tick.x <= width], changed, scale)


def _beats_of_song(context: bpy.types.Context) -> list[beat_markers.Beat]:
    """The beats of the selected song, if it was heard."""
    found = heard_song(context)
    if found is None:
        return []
    source, known = found
    return beat_markers.beats_heard(known.rhythm, source, strips.frame_rate(strips.sequencer_scene(context)))


def _paint(shown: list[Bar], ticks: list[Tick], changed: list[tuple[float, float]], scale: float) -> None:
    import blf
    import gpu
    from gpu_extras.batch import batch_for_shader

    # made here, since a shader cannot be made without a window
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    shader.bind()
    bottom, height = BOTTOM * scale, HEIGHT * scale
    top = bottom + height

    def paint(kind: str, points: list[Point], color: Color) -> None:
        if points:
            shader.uniform_float("color", color)
            batch_for_shader(shader, kind, {"pos": points}).draw(shader)

    gpu.state.blend_set("ALPHA")
    # what has one colour is painted at once: each call costs more than what it paints
    faces: dict[Color, list[Point]] = {}
    for bar in shown:
        a, b, c, d = (bar.left, bottom), (bar.right, bottom), (bar.right, top), (bar.left, top)
        faces.setdefault(bar.color, []).extend((a, b, c, a, c, d))
    for color, corners in faces.items():
        paint("TRIS", corners, color)
    edge = top - CHANGED_LINE * scale
    corners = [
        corner
        for left, right in changed
        for corner in ((left, edge), (right, edge), (right, top), (left, edge), (right, top), (left, top))
    ]
    paint("TRIS", corners, CHANGED_COLOR)
    locked = [hatching(bar, bottom, height, HATCH * scale) for bar in shown if bar.locked]
    paint("LINES", [point for lines in locked for point in lines], LOCK_COLOR)
    low = top if shown else bottom
    for strength in range(STRENGTHS):
        marks = [
            ((tick.x, low), (tick.x, top + (BAR_TICK if tick.is_bar else TICK) * scale))
            for tick in ticks
            if tick.strength == strength
        ]
        color = (*TICK_COLOR[:3], WEAKEST + (TICK_COLOR[3] - WEAKEST) * strength / (STRENGTHS - 1))
        paint("LINES", [point for mark in marks for point in mark], color)
    gpu.state.blend_set("NONE")
    blf.size(0, *((TEXT_SIZE * scale,) if bpy.app.version >= (4, 0, 0) else (round(TEXT_SIZE * scale), 72)))
    blf.color(0, *TEXT_COLOR)
    for bar in shown:
        left = max(bar.left, 0) + 4 * scale
        if bar.right - left < NARROW * scale:
            continue
        if left + blf.dimensions(0, bar.text)[0] < bar.right:
            blf.position(0, left, bottom + 5 * scale, 0)
            blf.draw(0, bar.text)


def register() -> None:
    """Draw in all sequencers."""
    space = bpy.types.SpaceSequenceEditor
    _handlers.append(space.draw_handler_add(draw, (), "WINDOW", "POST_PIXEL"))


def unregister() -> None:
    """Stop drawing."""
    while _handlers:
        bpy.types.SpaceSequenceEditor.draw_handler_remove(_handlers.pop(), "WINDOW")
