"""`scene.magma`: the settings of the next dance."""

# Blender reads properties from annotations that are calls, so these are neither types nor kept as text.
# mypy: disable-error-code=valid-type

import zlib
from collections.abc import Iterable
from pathlib import Path

import bpy

from engine.choreography import FOLLOW_SONG, HIGHEST_ENERGY, LOWEST_ENERGY
from engine.protocol import MOST_CANDIDATES

from ..engine_host.checkpoint_list import (
    DEFAULT_CHECKPOINT,
    LONGEST_NAME,
    KnownCheckpoint,
    find_checkpoint,
    has_energy,
    known_checkpoints,
)
from ..engine_host.notices import Notice
from ..engine_host.plain_text import shown
from ..engine_host.session import session
from ..translations.texts import translated
from .span_list import redraw_bands

AUTO_STYLE = "AUTO"

MUSIC_VIEWS = (
    ("OWN", "Checkpoint's Own", "As the checkpoint says; as in training, unless it was changed"),
    ("whole", "Whole Window", "All music of a window, as in training"),
    ("prefix", "Growing", "Only the music up to the present moment, as the original generated its dances"),
)
"""The names but the first are those of `engine.models.original.config.MUSIC_VIEWS`."""

_Item = tuple[str, str, str, str, int]
_kept: dict[_Item, _Item] = {}
"""Every item ever offered: Blender uses the strings of a dynamic enum without keeping them alive."""


def _number(name: str) -> int:
    """A number for an enum item that depends on its name alone, so that a saved file keeps its meaning when the list of
    styles or checkpoints changes; 0 is the default's."""
    return zlib.crc32(name.encode()) & 0x7FFFFFFF or 1


def _alive(items: Iterable[_Item]) -> list[_Item]:
    return [_kept.setdefault(item, item) for item in items]


def _checkpoint_items(_settings: "MagmaSettings", _context: bpy.types.Context) -> list[_Item]:
    usual = KnownCheckpoint(DEFAULT_CHECKPOINT, "", description="The one that comes with the add-on")
    return _alive(
        (
            entry.name,
            entry.name.replace("_", " ").title(),
            entry.error or entry.description,
            "ERROR" if entry.error else "NONE",
            0 if entry.name == DEFAULT_CHECKPOINT else _number(entry.name),
        )
        for entry in known_checkpoints() or [usual]
    )


def _style_items(settings: "MagmaSettings", _context: bpy.types.Context) -> list[_Item]:
    chosen = find_checkpoint(settings.checkpoint)
    styles = chosen.styles if chosen else ()
    automatic = (AUTO_STYLE, "Automatic", "The engine chooses the style that fits the song", "NONE", 0)
    return _alive([automatic, *((style, *_described(chosen, style), "NONE", _number(style)) for style in styles)])


def _described(checkpoint: KnownCheckpoint | None, style: str) -> tuple[str, str]:
    """A style's shown name, and what the checkpoint learned it from."""
    title = checkpoint.titles.get(style, style.title()) if checkpoint else style.title()
    own = checkpoint is not None and checkpoint.songs.get(style, False)
    music = "learned with its own songs" if own else "learned from dances without songs, set to the beat of others"
    return title, translated(f"Dance {title}: {music}")


def _keep_style_known(settings: "MagmaSettings", _context: bpy.types.Context) -> None:
    """A style that the newly chosen checkpoint does not know would leave the menu empty."""
    if not settings.style:
        settings.style = AUTO_STYLE


def _chosen_style(settings: "MagmaSettings") -> str:
    return str(settings.style) or AUTO_STYLE


def _want_style(settings: "MagmaSettings", style: str) -> None:
    try:
        settings.style = style
    except TypeError:
        settings.style = AUTO_STYLE
        session.notice = Notice(
            f"The preset asks for the style {shown(style, LONGEST_NAME)}, which the checkpoint "
            f'"{settings.checkpoint}" lacks: the style that fits the song is danced.'
        )


def _is_armature(_settings: "MagmaSettings", candidate: bpy.types.Object) -> bool:
    return candidate.type == "ARMATURE"


def _redraw_sequencers(_settings: "MagmaSettings", _context: bpy.types.Context) -> None:
    redraw_bands()


class MagmaSettings(bpy.types.PropertyGroup):
    """The settings of the next dance."""

    seed: bpy.props.IntProperty(
        name="Seed", description="Another seed gives another dance; the same seed gives the same", min=0, default=0
    )
    checkpoint: bpy.props.EnumProperty(
        name="Checkpoint",
        description="The trained model that generates the dance",
        items=_checkpoint_items,
        update=_keep_style_known,
    )
    style: bpy.props.EnumProperty(name="Style", description="Style of the dance", items=_style_items)
    wanted_style: bpy.props.StringProperty(
        name="Style of a Preset",
        description="The style, or Automatic in place of one that the checkpoint lacks",
        get=_chosen_style,
        set=_want_style,
        options={"HIDDEN", "SKIP_SAVE"},
    )
    candidates: bpy.props.IntProperty(
        name="Candidates",
        description="How many dances are generated at once, of which the best is kept: likely moves, on the beat, "
        "feet that stay where they stand, variety. The seeds follow each other from the one above",
        min=1,
        max=MOST_CANDIDATES,
        default=1,
    )
    keep_candidates: bpy.props.BoolProperty(
        name="Keep Others",
        description="Keep the candidates that are not the best, too, as actions on muted NLA tracks of the character",
    )
    guidance: bpy.props.FloatProperty(
        name="Guidance",
        description="How strongly music and style lead; 0 is the checkpoint's own value",
        min=0.0,
        soft_max=5.0,
        max=10.0,
        default=0.0,
        precision=2,
    )
    energy: bpy.props.FloatProperty(
        name="Energy",
        description="How large and quick the dance is, against what is usual in its style",
        min=LOWEST_ENERGY,
        max=HIGHEST_ENERGY,
        default=1.0,
        precision=2,
    )
    song_energy: bpy.props.FloatProperty(
        name="Follow Song",
        description="How much more there is in it where the song is loud and busy, and less where it is calm",
        min=0.0,
        max=1.0,
        default=FOLLOW_SONG,
        precision=2,
        subtype="FACTOR",
    )
    beat_snap: bpy.props.FloatProperty(
        name="Beat Snap",
        description="How far to shift steps in time onto the song's beats, by a gentle change of pace: "
        "0 leaves the dance as it was generated, 1 shifts it all the way",
        min=0.0,
        max=1.0,
        default=0.0,
        precision=2,
        subtype="FACTOR",
    )
    length: bpy.props.FloatProperty(
        name="Length",
        description="Seconds to dance at most; 0 is the whole strip",
        min=0.0,
        soft_max=600.0,
        default=0.0,
        subtype="TIME_ABSOLUTE",
        unit="TIME_ABSOLUTE",
    )
    music_view: bpy.props.EnumProperty(
        name="Music View", description="How much music an imported checkpoint attends to at once", items=MUSIC_VIEWS
    )
    room: bpy.props.FloatProperty(
        name="Room",
        description="The dance stays in a circle so wide around its beginning; 0 lets it travel",
        min=0.0,
        soft_max=30.0,
        max=1000.0,
        default=6.0,
        subtype="DISTANCE",
        unit="LENGTH",
    )
    live_preview: bpy.props.BoolProperty(
        name="Live Preview",
        description="Show the dance in the 3D viewport while it is being generated, feet not planted yet",
        default=True,
    )
    show_plot: bpy.props.BoolProperty(
        name="Dance Plot",
        description="Show the song's energy, the dance's speed, beats, and which foot stands, in the sequencer",
        default=False,
        update=_redraw_sequencers,
    )
    target: bpy.props.PointerProperty(
        name="Character",
        description="Armature that dances; empty makes a new mannequin",
        type=bpy.types.Object,
        poll=_is_armature,
    )
    use_body: bpy.props.BoolProperty(name="Body", description="Give a new armature a body", default=True)
    body_file: bpy.props.StringProperty(
        name="SMPL File",
        description="Your own SMPL model (.npz or .pkl) as the body; empty is the mannequin",
        subtype="FILE_PATH",
    )


def settings_of(scene: bpy.types.Scene) -> MagmaSettings:
    """The settings of a scene."""
    settings: MagmaSettings = scene.magma  # type: ignore[attr-defined]  # `register` adds it
    return settings


def description_of(settings: MagmaSettings) -> str:
    """What the chosen checkpoint dances and may be used for, in its own words; empty where it says nothing."""
    chosen = find_checkpoint(settings.checkpoint)
    return chosen.description if chosen else ""


def is_imported(settings: MagmaSettings) -> bool:
    """Whether the chosen checkpoint is one of the original's."""
    chosen = find_checkpoint(settings.checkpoint)
    return chosen is not None and chosen.is_original


def guidance_of(settings: MagmaSettings) -> float | None:
    """The guidance to ask for; None is the checkpoint's own, and the only one for imported ones, which have none."""
    return None if is_imported(settings) else float(settings.guidance) or None


def energy_of(settings: MagmaSettings) -> float:
    """The energy to ask for; the usual one where the checkpoint cannot be told another."""
    return float(settings.energy) if has_energy(settings.checkpoint) else 1.0


def candidates_of(settings: MagmaSettings) -> int:
    """How many dances to choose from; imported checkpoints generate one at a time."""
    return 1 if is_imported(settings) else int(settings.candidates)


def music_view_of(settings: MagmaSettings) -> str | None:
    """The view to ask for; None is the checkpoint's own, and the only one for those that are not imported."""
    return str(settings.music_view) if is_imported(settings) and settings.music_view != "OWN" else None


def body_file_of(settings: MagmaSettings) -> Path | None:
    """The user's SMPL file, or None for the mannequin."""
    return Path(bpy.path.abspath(settings.body_file)) if settings.body_file else None


def register() -> None:
    """Add `scene.magma`."""
    bpy.utils.register_class(MagmaSettings)
    bpy.types.Scene.magma = bpy.props.PointerProperty(type=MagmaSettings)  # type: ignore[attr-defined,func-returns-value]


def unregister() -> None:
    """Remove `scene.magma`."""
    del bpy.types.Scene.magma  # type: ignore[attr-defined]
    bpy.utils.unregister_class(MagmaSettings)
    # bpy 4.2 as a Python module crashes when definitions with a callback are freed only at the interpreter's end
    MagmaSettings.__annotations__ = {}
