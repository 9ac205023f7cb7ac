"""The three clicks to a first dance, but for Generate Dance: Add Song, Use Active Armature; and Try an Example."""

# Blender reads properties from annotations that are calls, so these are neither types nor kept as text.
# mypy: disable-error-code=valid-type

from dataclasses import replace
from pathlib import Path

import bpy

from engine.protocol import COMPOSED_STYLES
from smpl_rig.blender.context import scene_of

from .. import paths
from ..engine_host import engine_setup
from ..engine_host.checkpoint_list import styles_of, title_of
from ..engine_host.session import session
from ..errors import SceneError
from ..media import derived_sounds, strips
from ..scene import example_stage, generation_plan, selection
from ..scene.scene_reference import SceneReference, check_scene
from ..scene.scene_settings import MagmaSettings, settings_of
from .generate import start_plan
from .job_operator import JobOperator
from .results import Result, do, refuse
from .song_browser import SongBrowser


class MAGMA_OT_add_song(SongBrowser, bpy.types.Operator):
    """Add a song to the sequencer at the playhead, as the one to dance to"""

    bl_idname = "magma.add_song"
    bl_label = "Add Song"
    bl_options = {"REGISTER", "UNDO"}

    filepath: bpy.props.StringProperty(
        name="File", description="A sound, or a video with sound", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    extend: bpy.props.BoolProperty(
        name="Extend Scene", description="The scene lasts at least to the end of the song", default=True
    )

    def execute(self, context: bpy.types.Context) -> Result:
        """Add it."""

        def work() -> str:
            if not self.filepath:
                raise SceneError("No song is given: choose a sound, or a video with sound.")
            scene, file = strips.sequencer_scene(context), Path(paths.absolute(self.filepath))
            check_scene(scene)
            unplayable = SceneError(f"Blender cannot play {file}: choose a sound, or a video with sound.")
            try:
                strip = strips.add_song(scene, file.stem, file, scene.frame_current)
            except RuntimeError as error:
                raise unplayable from error
            if strip.sound is None or not strip.sound.samplerate:
                strips.remove(scene, strip)
                raise unplayable
            if self.extend:
                scene.frame_end = max(scene.frame_end, strip.frame_final_end - 1)
            return f'"{strip.name}" is the song to dance to.'

        return do(self, work)


class MAGMA_OT_use_active(bpy.types.Operator):
    """Let the active armature be the character that dances"""

    bl_idname = "magma.use_active"
    bl_label = "Use Active Armature"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with one that is not the character already."""
        active = selection.active_armature(context)
        if active is None:
            refuse(cls, "Select an armature, or a mesh that hangs on one")
        return active is not None and settings_of(scene_of(context)).target != active

    def execute(self, context: bpy.types.Context) -> Result:
        """Choose it."""

        def work() -> str:
            active = selection.active_armature(context)
            assert active is not None
            settings_of(scene_of(context)).target = active
            return f'"{active.name}" is the character that dances.'

        return do(self, work)


class MAGMA_OT_try_example(JobOperator):
    """Compose a short song and let the chosen or active character, else a new mannequin, dance to it"""

    bl_idname = "magma.try_example"
    bl_label = "Try an Example"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """While the engine is free."""
        if session.occupied:
            refuse(cls, "The engine is busy: wait for it, or press Cancel")
        return not session.occupied

    def start(self, context: bpy.types.Context) -> None:
        """Ask the engine for the song and its dance; the strip comes with the dance."""
        engine_setup.check_numpy()
        setup, scene = session.setup(), scene_of(context)
        check_scene(scene)
        settings = settings_of(scene)
        armature = selection.chosen_target(scene) or selection.active_armature(context)
        style = _composed_style(settings)
        file = derived_sounds.in_folder(engine_setup.spare_sounds(), lambda folder: folder / f"example-{style}.wav")
        title = title_of(settings.checkpoint, style)
        plan = generation_plan.for_file(scene, f"Example {title}", file, scene.frame_start)
        known = style if style in styles_of(settings.checkpoint) else plan.style
        place = SceneReference(scene)

        def furnish(dancing: bpy.types.Object) -> None:
            shown = place.find()
            if armature is None:
                example_stage.step_aside(shown, dancing)
                example_stage.select_alone(dancing)
            example_stage.furnish(shown, dancing, plan.name, file, plan.frame_start)
            settings_of(shown).target = dancing

        start_plan(replace(plan, compose=style, style=known), armature, setup, furnish)


def _composed_style(settings: MagmaSettings) -> str:
    """The chosen style, else one that the checkpoint knows, of those that songs are composed in."""
    known = [style for style in COMPOSED_STYLES if style in styles_of(settings.checkpoint)]
    return settings.style if settings.style in COMPOSED_STYLES else (*known, *COMPOSED_STYLES)[0]


CLASSES = (MAGMA_OT_add_song, MAGMA_OT_use_active, MAGMA_OT_try_example)
