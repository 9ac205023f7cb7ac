"""Pictures of one dancer, seen by a camera that follows it: a floor of half-metre squares, foot traces, a shaded body.

Drawn with Pillow at twice the size and reduced, for smooth edges; limbs are drawn from far to near.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter1d

from benchmarks.gallery.plot import SCREEN
from engine.reporting import body
from engine.reporting.scene import Dancer
from smpl_rig.motion import sample

_FLOOR = (47, 51, 60)
_LINES = (76, 82, 95)

_LARGER = 2
_DISTANCE, _EYE_HEIGHT, _AIM_HEIGHT = 4.6, 1.7, 0.9
_FOLLOW_SECONDS = 0.6
"""Standard deviation over which the dancer's path is smoothed into the camera's."""
_TILE, _LINE = 0.5, 0.016
"""Side of a floor square and width of the lines between squares, metres."""
_NEAR, _FAR = 3.5, 10.0
"""Metres from the camera, along the floor, between which the floor is drawn; it fades out towards the second."""
_TRACE_SECONDS = 2.0
_LIGHT = np.array([-0.6, -1.0])
"""Direction in the picture from which the body is lit."""
_SHADES = (
    (1.0, 0.0, 0.55),
    (0.93, 0.02, 0.78),
    (0.82, 0.06, 0.88),
    (0.66, 0.12, 0.94),
    (0.48, 0.18, 0.99),
    (0.28, 0.24, 1.03),
)
"""Layers of a limb from the rim inwards: size, shift towards the light in radii, brightness."""
_SHADOWS = (("pelvis", 0.34, 0.35), ("L_foot", 0.12, 0.4), ("R_foot", 0.12, 0.4))
"""Points that cast a shadow straight down, its standard deviation in metres, opacity in its middle."""
_SHADOW_LAYERS = 12
_CIRCLE = np.linspace(0, 2 * np.pi, 32, endpoint=False)


@dataclass(frozen=True)
class Camera:
    """Looks along +Y and a little down. focal: pixels. centre: the pixel in its middle, (x, y)."""

    focal: float
    centre: tuple[float, float]

    def project(self, points: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """(..., 3) metres, relative to the floor point that the camera follows -> (..., 2) pixels, (...) depths."""
        pitch = np.arctan2(_EYE_HEIGHT - _AIM_HEIGHT, _DISTANCE)
        sine, cosine = np.sin(pitch), np.cos(pitch)
        axes = np.array([[1, 0, 0], [0, -sine, -cosine], [0, cosine, -sine]])  # right, down, forward
        seen = (points - np.array([0, -_DISTANCE, _EYE_HEIGHT])) @ axes.T
        return seen[..., :2] / seen[..., 2:] * self.focal + np.array(self.centre), seen[..., 2]


class View:
    """Pictures of a dancer, `width` by `height` pixels, of so many frames at `fps`."""

    def __init__(self, dancer: Dancer, width: int, height: int, frames: int, fps: float) -> None:
        self._label, self._font = dancer.label, ImageFont.load_default(20)
        self._points = body.points(sample(dancer.motion, np.arange(frames) / fps))
        self._path = gaussian_filter1d(self._points[:, 0, :2], _FOLLOW_SECONDS * fps, axis=0, mode="nearest")
        self._trace_frames = round(_TRACE_SECONDS * fps)
        self._size = _LARGER * width, _LARGER * height
        self.camera = Camera(2.0 * self._size[1], (self._size[0] / 2, self._size[1] / 2))
        self._empty = Image.new("RGB", self._size, SCREEN.ground)
        self._fade = self._fade_mask()

    def draw(self, frame: int) -> Image.Image:
        """The picture of a frame."""
        image = self._empty.copy()
        pen = ImageDraw.Draw(image, "RGBA")  # colours with an opacity are blended with what is there
        points = self.relative(frame)
        self._draw_floor(pen, frame)
        image.paste(self._empty, mask=self._fade)
        self._draw_shadows(pen, points)
        self._draw_traces(pen, frame)
        self._draw_body(pen, points)
        image = image.reduce(_LARGER)
        ImageDraw.Draw(image).text((20, 14), self._label, SCREEN.title, self._font)
        return image

    def relative(self, frame: int) -> NDArray[np.float32]:
        """(P, 3) points of a frame, relative to the floor point that the camera follows."""
        return self._points[frame] - np.append(self._path[frame], 0)

    def _fade_mask(self) -> Image.Image:
        """Opacity of the background over every pixel, 0..255: full from the floor's far end upwards."""
        away = np.linspace(_NEAR, _FAR, 200)
        rows = self.camera.project(np.stack([0 * away, away - _DISTANCE, 0 * away], axis=-1))[0][:, 1]
        column = np.interp(np.arange(self._size[1]), rows[::-1], (away[::-1] / _FAR) ** 2, left=1.0)
        return Image.fromarray(np.round(255 * column).astype(np.uint8)[:, None]).resize(self._size)

    def _draw_floor(self, pen: ImageDraw.ImageDraw, frame: int) -> None:
        near, far = _NEAR - _DISTANCE, _FAR - _DISTANCE
        side = _FAR * self.camera.centre[0] / self.camera.focal + 1.0  # a little more than is seen of the floor's end
        self._rectangle(pen, (-side, near), (side, far), _FLOOR)
        for axis, low, high in ((0, -side, side), (1, near, far)):
            middle = float(self._path[frame, axis])
            for line in np.arange(np.ceil((middle + low) / _TILE), (middle + high) / _TILE) * _TILE - middle:
                corners = np.array([[-side, near], [side, far]])
                corners[:, axis] = line - _LINE / 2, line + _LINE / 2
                self._rectangle(pen, corners[0], corners[1], _LINES)

    def _rectangle(self, pen: ImageDraw.ImageDraw, low: Any, high: Any, colour: tuple[int, ...]) -> None:
        """Fill a rectangle of the floor between two corners (x, y) in metres."""
        corners = np.array([[low[0], low[1], 0], [high[0], low[1], 0], [high[0], high[1], 0], [low[0], high[1], 0]])
        pen.polygon(self._flat(corners), colour)

    def _flat(self, points: NDArray[Any]) -> list[float]:
        """(N, 3) metres -> [x, y, x, y, ...] pixels."""
        return self.camera.project(points)[0].ravel().tolist()

    def _draw_shadows(self, pen: ImageDraw.ImageDraw, points: NDArray[np.float32]) -> None:
        """Each is a stack of discs, so wide that their number falls off as a normal distribution does."""
        levels = (np.arange(_SHADOW_LAYERS) + 0.5) / _SHADOW_LAYERS
        circle = np.stack([np.cos(_CIRCLE), np.sin(_CIRCLE), 0 * _CIRCLE], axis=-1)
        for name, radius, darkness in _SHADOWS:
            spot = points[body.POINT_INDEX[name]]
            lifted = 1.0 if name == "pelvis" else float(np.exp(-max(spot[2], 0) / 0.12))
            black = 0, 0, 0, round(255 * darkness * lifted / _SHADOW_LAYERS)
            for reach in radius * np.sqrt(-2 * np.log(levels)):
                pen.polygon(self._flat(spot * np.array([1, 1, 0]) + reach * circle), black)

    def _draw_traces(self, pen: ImageDraw.ImageDraw, frame: int) -> None:
        """Paths of the feet in the last seconds, opaque where the foot was on the floor."""
        first = max(frame - self._trace_frames, 0)
        for name, side in (("L_foot", "left"), ("R_foot", "right")):
            steps = self._points[first : frame + 1, body.POINT_INDEX[name]] - np.append(self._path[frame], 0)
            heights = steps[:, 2].copy()
            steps[:, 2] = 0
            spots, depths = self.camera.project(steps)
            for k in range(len(steps) - 1):
                opacity = 0.7 * (k + 1) / len(steps) * float(np.exp(-max(heights[k] - 0.02, 0) / 0.08))
                width = round(0.024 * self.camera.focal / float(depths[k]))
                pen.line([*spots[k], *spots[k + 1]], (*body.COLOURS[side], round(255 * opacity)), width)

    def _draw_body(self, pen: ImageDraw.ImageDraw, points: NDArray[np.float32]) -> None:
        spots, depths = self.camera.project(points)
        ends = [(limb, [body.POINT_INDEX[limb.start], body.POINT_INDEX[limb.stop]]) for limb in body.LIMBS]
        for limb, both in sorted(ends, key=lambda end: -depths[end[1]].sum()):
            radii = np.array([limb.start_radius, limb.stop_radius]) * self.camera.focal / depths[both]
            centres, thick, outwards = capsule(spots[both], radii)
            for size, shift, brightness in _SHADES:
                outline = centres + thick[:, None] * (size * outwards + shift * _LIGHT)
                colour = tuple(min(round(brightness * part), 255) for part in body.COLOURS[limb.side])
                pen.polygon(outline.ravel().tolist(), colour)


def capsule(ends: NDArray[Any], radii: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Outline of two discs and of what lies between them, as points that are each `centre + radius * outwards`.

    ends: (2, 2) centres of the discs. Returns centres (N, 2), radii (N,) and unit vectors outwards (N, 2).
    """
    along = ends[1] - ends[0]
    length, direction = np.hypot(*along), np.arctan2(along[1], along[0])
    if length <= abs(radii[0] - radii[1]):  # one disc lies in the other
        which = np.full(len(_CIRCLE), np.argmax(radii))
        angles = _CIRCLE
    else:
        lean = np.arccos((radii[0] - radii[1]) / length)  # between the axis and where the straight sides touch
        half = len(_CIRCLE) // 2
        which = np.repeat([0, 1], half)
        angles = direction + np.concatenate([np.linspace(lean, 2 * np.pi - lean, half), np.linspace(-lean, lean, half)])
    return ends[which], radii[which], np.stack([np.cos(angles), np.sin(angles)], axis=-1)
