"""The dance that is being generated, drawn as a stick figure in the 3D viewports while the engine still works on it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import bpy

from engine.protocol import GarbageError, unpack_arrays
from smpl_rig.blender.context import scene_of, units_a_metre

from ..engine_host.answers import read_frames
from ..engine_host.client_request import Request
from ..engine_host.plain_text import shown
from ..engine_host.session import session
from ..errors import AnswerError, MagmaError
from ..scene.target import new_target
from .draw import never_raises

if TYPE_CHECKING:
    import numpy as np
    from mathutils import Matrix
    from numpy.typing import NDArray

    Joints = NDArray[np.float32]

COLOR = (1.0, 0.55, 0.1, 1.0)
WIDTH = 4.0
_handlers: list[object] = []


class Figure:
    """The joints of one request's frames as they come, and which of them to show now."""

    def __init__(self) -> None:
        self.request: Request | None = None
        self.parts: list[Joints] = []
        self.rate = 1.0
        self.begun = 0.0

    def add(self, request: Request) -> None:
        """Add what has come for `request`; another request than before starts another figure."""
        if request is not self.request:
            self.request, self.parts = request, []
        while request.frames:
            self._append(request.frames.pop(0))

    def _append(self, params: object) -> None:
        import numpy as np

        from smpl_rig.motion import Motion

        try:
            frames = read_frames(params)
            arrays = unpack_arrays(frames.npz)
            poses, trans = arrays["poses"].astype(np.float32), arrays["trans"].astype(np.float32)
            joints = Motion(poses, trans, frames.frame_rate).joints()
        except (AnswerError, GarbageError, KeyError, ValueError, IndexError, TypeError, MemoryError) as error:
            # a preview only: what counts is the answer, which is checked by itself
            print(f"MAGMA: frames that cannot be shown ({shown(error)})", flush=True)
            return
        if frames.first_frame == 0:  # the first, or begun again on another device
            self.parts, self.rate, self.begun = [], frames.frame_rate, time.monotonic()
        self.parts.append(joints)

    def joints(self, now: float) -> Joints | None:
        """(24, 3) joints in the Z-up world to show at time.monotonic() `now`; None before the first frame.

        The frames that have come play at the dance's own speed, over and over."""
        count = sum(len(part) for part in self.parts)
        if not count:
            return None
        frame = int(max(0.0, now - self.begun) * self.rate) % count
        for part in self.parts:
            if frame < len(part):
                shown: Joints = part[frame]
                return shown
            frame -= len(part)
        return None


figure = Figure()


def lines(joints: Joints) -> list[tuple[float, float, float]]:
    """Both ends of every bone, in the scene's world: where the target of the dance stands, else around the origin."""
    from mathutils import Vector

    from smpl_rig.skeleton import PARENTS

    place = _place()
    points = [place @ Vector(point.tolist()) for point in joints]
    ends = [points[end] for joint in range(1, len(points)) for end in (PARENTS[joint], joint)]
    return [(end.x, end.y, end.z) for end in ends]


def _place() -> Matrix:
    job = session.job
    if job is None or job.target is None:
        return _in_the_scene()
    try:
        armature = job.target.find()
        if _stage.of is not job:
            _stage.of, _stage.matrix = job, _stage_of(armature)
    except MagmaError:  # deleted meanwhile, or being edited
        return _in_the_scene()
    return armature.matrix_world @ _stage.matrix


def _stage_of(armature: bpy.types.Object) -> Matrix:
    from mathutils import Matrix

    return Matrix(new_target(armature).stage().tolist())


class _Stage:
    """Where the target dances, in its own space: worked out once for a job."""

    of: object = None
    matrix: Matrix


_stage = _Stage()


def _in_the_scene() -> Matrix:
    from mathutils import Matrix

    return Matrix.Scale(units_a_metre(scene_of(bpy.context)), 4)


def draw() -> None:
    """The viewport's draw handler."""
    with never_raises():
        _draw()


def _draw() -> None:
    job = session.job
    if job is None or not job.preview:
        return
    figure.add(job.request)
    joints = figure.joints(time.monotonic())
    if joints is None:
        return
    import gpu
    from gpu_extras.batch import batch_for_shader

    # made here, since a shader cannot be made without a window
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    batch = batch_for_shader(shader, "LINES", {"pos": lines(joints)})
    gpu.state.line_width_set(WIDTH)
    shader.bind()
    shader.uniform_float("color", COLOR)
    batch.draw(shader)
    gpu.state.line_width_set(1.0)


def register() -> None:
    """Draw in all 3D viewports."""
    _handlers.append(bpy.types.SpaceView3D.draw_handler_add(draw, (), "WINDOW", "POST_VIEW"))


def unregister() -> None:
    """Stop drawing."""
    while _handlers:
        bpy.types.SpaceView3D.draw_handler_remove(_handlers.pop(), "WINDOW")
