"""A character dances, as Generate Dance makes it."""

from __future__ import annotations

import time
from pathlib import Path

import bpy

from magma_blender.engine_host.answers import DanceAnswer
from magma_blender.media.strips import Excerpt
from magma_blender.scene import build_dance
from magma_blender.scene.armature_reference import ArmatureReference
from magma_blender.scene.generation_plan import DancePlan
from magma_blender.scene.scene_reference import SceneReference
from smpl_rig.blender.context import scene_of
from smpl_rig.motion import Motion, load_npz


def dance(character: bpy.types.Object, file: Path) -> tuple[Motion, float]:
    """Key a dance on a character as Generate Dance does; (its motion, the seconds that took)."""
    motion = load_npz(file)
    scene = scene_of(bpy.context)
    scene.render.fps, scene.render.fps_base = round(motion.fps), 1.0
    scene.frame_start, scene.frame_end = 1, len(motion)
    plan = DancePlan(
        scene=SceneReference(scene), name=file.stem, audio=file, excerpt=Excerpt(0.0, motion.seconds, 1.0),
        frame_start=1, fps=motion.fps, seed=0, style=None, checkpoint="default", guidance=None, beat_snap=0.0,
        use_body=False, body_file=None,
    )  # fmt: skip
    made = DanceAnswer(file.read_bytes(), file.with_suffix(".json").read_text(encoding="utf-8"), notices=(), fills=())
    begin = time.perf_counter()
    build_dance.build(bpy.context, plan, made, ArmatureReference(character))
    return motion, time.perf_counter() - begin
