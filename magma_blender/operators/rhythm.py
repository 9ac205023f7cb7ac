"""The operators that let the engine listen to the selected song, and correct what it hears."""

# Blender reads properties from annotations that are calls, so these are neither types nor kept as text.
# mypy: disable-error-code=valid-type

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from itertools import pairwise

import bpy

from engine.choreography import FASTEST, LONGEST_BAR, NO_CORRECTION, SLOWEST, Correction
from engine.errors import ChoreographyError
from engine.file_hash import file_sha256
from engine.protocol import LISTEN
from smpl_rig.blender.context import manager_of, scene_of, windows_of

from ..engine_host import engine_setup
from ..engine_host.answers import SongRhythm, read_rhythm
from ..engine_host.checkpoint_list import title_of
from ..engine_host.notices import Notice
from ..engine_host.session import session
from ..errors import SceneError
from ..media import sounds, strips
from ..media.sounds import Source
from ..scene import beat_markers, review, song_rhythms
from ..scene.dancer import load
from ..scene.scene_reference import SceneReference
from ..scene.scene_settings import AUTO_STYLE, settings_of
from ..scene.song_rhythms import KnownRhythm
from .edit_jobs import start_edit
from .engine import run_task
from .job_operator import JobOperator
from .on_dancer import OnDancer, dancer_to_edit
from .results import FINISHED, Result, do, refuse

PAUSE = 2.5
"""Seconds without a tap after which the next one counts as the first."""
FEWEST_TAPS = 4
_taps: list[float] = []

Change = Callable[[KnownRhythm | None, Source, float], Correction]
"""What a button makes of a song's correction: what is known of the song, what the strip plays of its file, and the
scene's frame rate. Raises SceneError."""


def tapped_tempo() -> float | None:
    """Beats per minute of the last taps; None while there are too few."""
    if len(_taps) < FEWEST_TAPS:
        return None
    return 60.0 / statistics.median(later - earlier for earlier, later in pairwise(_taps))


def _start_listening(context: bpy.types.Context, change: Change) -> None:
    """Ask for the rhythm of the selected strip's song, with another correction. Raises MagmaError."""
    engine_setup.check_numpy()
    setup = session.setup()
    scene, (strip_scene, strip) = scene_of(context), strips.pick(context)
    source, fps = sounds.source_of(strip_scene, strip, engine_setup.sound_cache(setup.data)), strips.frame_rate(scene)
    try:
        known = song_rhythms.of_content(scene, file_sha256(source.file))
        correction = change(known, source, fps)
    except OSError as error:
        raise SceneError(f"{source.file} cannot be read ({error.strerror}): choose another song.") from error
    except ChoreographyError as error:
        raise SceneError(str(error)) from error
    params: dict[str, object] = {
        "audio": str(source.file),
        "checkpoint": settings_of(scene).checkpoint,
        "device": setup.device,
        "correction": asdict(correction) if correction else None,
    }
    place, marked = SceneReference(scene), beat_markers.has_marks(scene)

    def tell(answer: object) -> Notice:
        rhythm, heard_in = read_rhythm(answer), place.find()
        song_rhythms.keep(heard_in, source.file, rhythm, correction)
        if marked and known is not None:
            beat_markers.mark(heard_in, beat_markers.beats_heard(rhythm, source, fps))
        _redraw_sequencers()
        return Notice(_said(strip_name, rhythm))

    strip_name = strip.name
    session.start_task(f'Listening to "{strip_name}"', LISTEN, params, tell)


def _redraw_sequencers() -> None:
    """Show the beats: nothing that Blender looks at has changed."""
    for window in windows_of(bpy.context):
        for area in window.screen.areas:
            if area.type == "SEQUENCE_EDITOR":
                area.tag_redraw()


def _said(name: str, rhythm: SongRhythm) -> str:
    return f'"{name}" has {rhythm.tempo:.1f} beats/min and {rhythm.beats_per_bar} beats a bar.'


def _kept(known: KnownRhythm | None) -> Correction:
    return known.correction if known is not None else NO_CORRECTION


def _with_tempo(correction: Correction, tempo: float) -> Correction:
    """Another tempo: beats of before that were given one by one no longer count."""
    if not SLOWEST <= tempo <= FASTEST:
        raise SceneError(f"{tempo:.1f} beats/min is no tempo: choose {SLOWEST:g} to {FASTEST:g}.")
    return replace(correction, tempo=tempo, beats=(), anchors=())


class _OnSong(bpy.types.Operator):
    """Base of the operators that listen to the selected song."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """While the engine is free."""
        if session.occupied:
            refuse(cls, "The engine is busy: wait for it, or press Cancel")
        return not session.occupied

    def listen(self, context: bpy.types.Context, change: Change) -> Result:
        """Let the engine listen with another correction."""
        return run_task(self, lambda: _start_listening(context, change))


class MAGMA_OT_listen(_OnSong):
    """Hear the tempo, beats and bars of the selected song, which the sequencer then shows"""

    bl_idname = "magma.listen"
    bl_label = "Listen"
    bl_options = set()

    def execute(self, context: bpy.types.Context) -> Result:
        """Listen."""
        return self.listen(context, lambda known, _source, _fps: _kept(known))


class MAGMA_OT_scale_tempo(_OnSong):
    """Count the song's beats half or twice as fast"""

    bl_idname = "magma.scale_tempo"
    bl_label = "Scale Tempo"
    bl_options = set()

    factor: bpy.props.FloatProperty(name="Factor", description="How many times as fast", min=0.25, max=4.0, default=2.0)

    def execute(self, context: bpy.types.Context) -> Result:
        """Count them so."""

        def change(known: KnownRhythm | None, _source: Source, _fps: float) -> Correction:
            if known is None:
                raise SceneError("The song's tempo is not known yet: press Listen first.")
            return _with_tempo(known.correction, known.rhythm.tempo * self.factor)

        return self.listen(context, change)


class MAGMA_OT_set_tempo(_OnSong):
    """Say how many beats a minute the song has; the beats are found again near that tempo"""

    bl_idname = "magma.set_tempo"
    bl_label = "Set Tempo"
    bl_options = set()

    tempo: bpy.props.FloatProperty(
        name="Beats/min", description="The song's tempo", min=SLOWEST, max=FASTEST, default=120.0, precision=2
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """Ask for it."""
        return manager_of(context).invoke_props_dialog(self)

    def execute(self, context: bpy.types.Context) -> Result:
        """Set it."""
        return self.listen(context, lambda known, _source, _fps: _with_tempo(_kept(known), self.tempo))


class MAGMA_OT_tap_tempo(bpy.types.Operator):
    """Tap on each beat while the scene plays; from the fourth tap on the tempo can be used"""

    bl_idname = "magma.tap_tempo"
    bl_label = "Tap"
    bl_options = set()

    def execute(self, context: bpy.types.Context) -> Result:
        """Note one tap."""
        now = time.perf_counter()
        if _taps and now - _taps[-1] > PAUSE:
            _taps.clear()
        _taps.append(now)
        return FINISHED


class MAGMA_OT_use_taps(_OnSong):
    """Use the tempo that was tapped"""

    bl_idname = "magma.use_taps"
    bl_label = "Use Tapped Tempo"
    bl_options = set()

    def execute(self, context: bpy.types.Context) -> Result:
        """Use it."""

        def change(known: KnownRhythm | None, source: Source, _fps: float) -> Correction:
            tempo = tapped_tempo()
            if tempo is None:
                raise SceneError(f"Too few taps: tap on at least {FEWEST_TAPS} beats while the scene plays.")
            _taps.clear()
            return _with_tempo(_kept(known), tempo / source.excerpt.speed)

        return self.listen(context, change)


class MAGMA_OT_this_is_one(_OnSong):
    """Let a bar begin at the beat under the playhead"""

    bl_idname = "magma.this_is_one"
    bl_label = "This Is One"
    bl_options = set()

    def execute(self, context: bpy.types.Context) -> Result:
        """Let it begin."""
        frame = scene_of(context).frame_current

        def change(known: KnownRhythm | None, source: Source, fps: float) -> Correction:
            return replace(_kept(known), one=source.second_at(frame, fps))

        return self.listen(context, change)


class MAGMA_OT_set_metre(_OnSong):
    """Say how many beats a bar has"""

    bl_idname = "magma.set_metre"
    bl_label = "Set Metre"
    bl_options = set()

    beats: bpy.props.IntProperty(name="Beats", description="Beats a bar", min=2, max=LONGEST_BAR, default=4)

    def execute(self, context: bpy.types.Context) -> Result:
        """Set it."""
        return self.listen(context, lambda known, _source, _fps: replace(_kept(known), beats_per_bar=self.beats))


class MAGMA_OT_follow_markers(_OnSong):
    """Move the beats to the beat markers that you have moved, and the beats around them with them"""

    bl_idname = "magma.follow_markers"
    bl_label = "Follow Moved Markers"
    bl_options = set()

    def execute(self, context: bpy.types.Context) -> Result:
        """Follow them."""
        moved = beat_markers.moved(scene_of(context))

        def change(known: KnownRhythm | None, source: Source, fps: float) -> Correction:
            if not moved:
                raise SceneError("No marker of a beat was moved: press Mark Beats, and move one onto the beat.")
            kept = _kept(known)
            left = {round(source.second_at(before, fps), 1) for before, _ in moved}
            stay = [anchor for anchor in kept.anchors if round(anchor, 1) not in left]
            anchors = {*stay, *(round(source.second_at(now, fps), 4) for _, now in moved)}
            return replace(kept, anchors=tuple(sorted(anchors)))

        return self.listen(context, change)


class MAGMA_OT_reset_rhythm(_OnSong):
    """Forget all corrections of this song's rhythm"""

    bl_idname = "magma.reset_rhythm"
    bl_label = "As Heard"
    bl_options = set()

    def execute(self, context: bpy.types.Context) -> Result:
        """Forget them."""
        return self.listen(context, lambda _known, _source, _fps: NO_CORRECTION)


class MAGMA_OT_mark_song_beats(bpy.types.Operator):
    """Put timeline markers at the selected song's beats, named by bar; earlier ones are replaced"""

    bl_idname = "magma.mark_song_beats"
    bl_label = "Mark Beats"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> Result:
        """Put them."""

        def work() -> str:
            strip_scene, strip = strips.pick(context)
            scene, source = scene_of(context), sounds.source_seen(strip_scene, strip)
            known = song_rhythms.of_file(scene, source.file) if source is not None else None
            if source is None or known is None:
                raise SceneError("The song's beats are not known yet: press Listen first.")
            beats = beat_markers.beats_heard(known.rhythm, source, strips.frame_rate(scene))
            beat_markers.mark(scene, beats)
            return f"{len(beats)} beats are marked."

        return do(self, work)


class MAGMA_OT_use_style(bpy.types.Operator):
    """Dance in this style instead of the one that fits best"""

    bl_idname = "magma.use_style"
    bl_label = "Use Style"
    bl_options = {"REGISTER", "UNDO"}

    style: bpy.props.StringProperty(name="Style", description="A style; empty is Automatic")

    def execute(self, context: bpy.types.Context) -> Result:
        """Use it."""

        def work() -> str:
            settings = settings_of(scene_of(context))
            try:
                settings.style = self.style or AUTO_STYLE
            except TypeError as error:
                raise SceneError(f"The checkpoint has no style {self.style!r}: choose one in the panel.") from error
            if not self.style:
                return "The next dance is in the style that fits best."
            title = title_of(settings.checkpoint, self.style)
            return f"The next dance is in the style {title}."

        return do(self, work)


class MAGMA_OT_update_rhythm(OnDancer, JobOperator):
    """Let the dance follow the corrected rhythm: what is generated, copied and marked from now on; its moves stay"""

    bl_idname = "magma.update_rhythm"
    bl_label = "Use for This Dance"
    bl_options = {"UNDO"}

    def start(self, context: bpy.types.Context) -> None:
        """Ask the engine."""
        armature = dancer_to_edit(context)
        songs = song_rhythms.outdated(scene_of(context), load(armature).document)
        if not songs:
            raise SceneError("The dance has the rhythm of its songs as it is known.")
        operations: list[dict[str, object]] = [
            {"do": "rhythm", "song": number, "correction": asdict(correction)} for number, correction in songs
        ]
        start_edit(armature, operations, "Correcting the rhythm", name=self.bl_label, manner=review.accepting)


CLASSES = (
    MAGMA_OT_listen,
    MAGMA_OT_scale_tempo,
    MAGMA_OT_set_tempo,
    MAGMA_OT_tap_tempo,
    MAGMA_OT_use_taps,
    MAGMA_OT_this_is_one,
    MAGMA_OT_set_metre,
    MAGMA_OT_follow_markers,
    MAGMA_OT_reset_rhythm,
    MAGMA_OT_mark_song_beats,
    MAGMA_OT_use_style,
    MAGMA_OT_update_rhythm,
)
