"""Generate Dance: the operator and the job behind it; and Cancel and New Seed."""

from __future__ import annotations

import random
from collections.abc import Callable

import bpy

from engine.choreography import from_json
from engine.protocol import GENERATE
from smpl_rig.blender.context import scene_of

from ..engine_host import engine_setup
from ..engine_host.answers import DanceAnswer
from ..engine_host.checkpoint_list import check_can_dance, title_of
from ..engine_host.engine_setup import EngineSetup
from ..engine_host.notices import Notice
from ..engine_host.session import Job, session
from ..media import strips
from ..scene import build_dance, generation_plan, selection
from ..scene.armature_reference import ArmatureReference
from ..scene.dancer import load
from ..scene.generated_dance import read_generated
from ..scene.generation_plan import DancePlan
from ..scene.scene_settings import settings_of
from ..scene.target import new_target
from .job_operator import JobOperator
from .results import FINISHED, Result

LARGEST_SEED = 2**31 - 1


def start_dance(context: bpy.types.Context) -> Job:
    """Ask the engine to dance to the selected strip. Raises MagmaError, with nothing begun."""
    engine_setup.check_numpy()
    setup = session.setup()
    strip_scene, strip = strips.pick(context)
    scene = scene_of(context)
    target = selection.chosen_target(scene)
    dance_plan = generation_plan.for_strip(scene, strip_scene, strip, setup)
    return start_plan(dance_plan, target, setup)


def start_plan(
    dance_plan: DancePlan,
    armature: bpy.types.Object | None,
    setup: EngineSetup,
    furnish: Callable[[bpy.types.Object], None] = lambda _armature: None,
) -> Job:
    """Ask the engine for a planned dance. armature: the target object, or None for a new one. furnish: what is done to
    the scene once that dances. Raises MagmaError."""
    session.check_idle()
    if armature is not None:
        new_target(armature, dance_plan.frame_start).check()
    check_can_dance(dance_plan.checkpoint, setup)
    build_dance.check_body(dance_plan)
    target = ArmatureReference(armature) if armature is not None else None

    def finish(context: bpy.types.Context, answer: DanceAnswer) -> bpy.types.Object:
        made = build_dance.build(context, dance_plan, answer, target)
        furnish(made)
        return made

    def tell(made: bpy.types.Object, _answer: DanceAnswer, seconds: float) -> Notice:
        return _tell(made, dance_plan, seconds)

    def ahead(answer: DanceAnswer) -> Callable[[], object]:
        assert target is not None
        document = from_json(answer.document)  # its style may have hands of its own
        work = new_target(target.find(), dance_plan.frame_start, document).work_ahead()
        return lambda: work(read_generated(answer).motion, True)

    title = f'Dancing to "{dance_plan.name}"'
    params = dance_plan.request(setup.device)
    beside = ahead if target is not None else None
    return session.begin_job(GENERATE, params, setup, title, finish, tell, target, dance_plan.preview, beside)


def _tell(armature: bpy.types.Object, dance_plan: DancePlan, seconds: float) -> Notice:
    document = load(armature).document
    if document.style:
        title = title_of(document.checkpoint.name, document.style)
        told = f'"{armature.name}" dances {title} to "{dance_plan.name}", made in {seconds:.0f} s.'
    else:
        told = f'"{armature.name}" dances to "{dance_plan.name}", made in {seconds:.0f} s.'
    if dance_plan.candidates > 1:
        best = f"The best of {dance_plan.candidates} candidates has seed {document.seed}."
        return Notice(f"{told} {best}")
    return Notice(told)


class MAGMA_OT_generate_dance(JobOperator):
    """Generate a dance to the selected song strip and key it on an armature"""

    bl_idname = "magma.generate_dance"
    bl_label = "Generate Dance"
    # without REGISTER there is no redo panel, which would run the engine again at every change of a setting
    bl_options = {"UNDO"}

    def start(self, context: bpy.types.Context) -> None:
        """Ask the engine."""
        start_dance(context)


class MAGMA_OT_cancel(bpy.types.Operator):
    """Stop what the engine is doing, or its installation; the scene stays as it is"""

    bl_idname = "magma.cancel"
    bl_label = "Cancel"
    bl_options = set()

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only while something is going on."""
        return session.occupied

    def execute(self, context: bpy.types.Context) -> Result:
        """Ask for the end."""
        session.cancel_job()
        session.cancel_task()
        if session.installation is not None:
            session.installation.cancel()
        return FINISHED


class MAGMA_OT_new_seed(bpy.types.Operator):
    """Draw another seed, for another dance to the same song"""

    bl_idname = "magma.new_seed"
    bl_label = "New Seed"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> Result:
        """Draw it."""
        settings_of(scene_of(context)).seed = random.randint(0, LARGEST_SEED)
        return FINISHED


CLASSES = (MAGMA_OT_generate_dance, MAGMA_OT_cancel, MAGMA_OT_new_seed)
