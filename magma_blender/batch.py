"""Dances without a window.

    blender --background [scene.blend] --python-exit-code 1 --python magma_blender/batch.py -- \\
        --audio song.ogg [--audio second.ogg] --out dance.blend [--style waltz] [--seed 3] [--seconds 60]
        [--character hero.blend:Rig] [--export FBX:UNITY] [--travel root]
    blender --command magma --audio song.ogg --out dance.blend        (4.2 and later, with the add-on enabled)

The songs are put one after the other into the scene's sequencer, each with an armature of its own, two metres apart,
or each with a character of the user's: one file for all songs, or as many as songs. Exports lie beside the .blend.
A song that fails is one line on stderr and leaves nothing behind; the others are written all the same, and so it is
with exports. Exit codes: 0 when all was written; 1 when nothing was, an existing file being as it was; 2 for wrong
arguments; 3 when some songs or exports failed and the others were written. The file runs as a script of Blender, from
the repository or from the installed add-on.
"""

from __future__ import annotations

import argparse
import importlib
import math
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import bpy

if TYPE_CHECKING:
    from engine.choreography import Correction

    from .engine_host.engine_setup import EngineSetup
    from .exports.export import ExportOptions
    from .media.strips import Strip
    from .scene.load_character import CharacterFile
    from .scene.scene_settings import MagmaSettings

DANCER_SPACING = 2.0
"""Metres between the armatures of two songs."""
FAILED, SOME_FAILED = 1, 3
"""Exit codes when nothing was written, and when some songs or exports are missing in what was."""
TRAVEL_NAMES = {"danced": "DANCED", "in-place": "IN_PLACE", "root": "ROOT"}
"""The travels of exports on the command line."""


_EXIT_CODES = (
    "Exit codes: 0 all was written; 1 nothing was written; 2 wrong arguments; 3 some songs or exports failed (one line "
    "each on stderr), and the others were written."
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, no usage text."""
        print(f"magma: error: {message}", file=sys.stderr, flush=True)
        raise SystemExit(2)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line's values. Exits with 2 and one line on stderr when they are wrong."""
    from engine.choreography import HIGHEST_ENERGY, LOWEST_ENERGY

    from .exports.presets import PRESETS

    parser = _Parser(
        prog="magma", description="Generate dances to songs and save them as a .blend file.", epilog=_EXIT_CODES
    )
    parser.add_argument("--audio", action="append", required=True, type=Path, help="a song; may be given several times")
    parser.add_argument("--out", required=True, type=Path, help="the .blend file to write")
    parser.add_argument("--style", help="style of the dance (default: the engine chooses)")
    parser.add_argument("--seed", type=int, help="seed (default: the scene's)")
    parser.add_argument("--seconds", type=float, help="seconds to dance at most (default: the whole song)")
    parser.add_argument("--guidance", type=float, help="how strongly music and style lead")
    parser.add_argument("--energy", type=float, help="how large and quick, against what is usual in the style (1)")
    parser.add_argument("--song-energy", type=float, help="how much to follow how loud and busy the song is, 0 to 1")
    parser.add_argument("--beat-snap", type=float, help="re-time the dance onto the beats, 0 (off) to 1 (fully)")
    parser.add_argument("--candidates", type=int, help="generate so many dances to each song and keep the best")
    parser.add_argument("--checkpoint", help="name of the checkpoint (default: the scene's)")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), help="what the engine computes on")
    parser.add_argument("--engine-python", help="Python to run the engine with (default: as in the preferences)")
    parser.add_argument("--fps", type=float, help="frames per second of the scene")
    parser.add_argument(
        "--character",
        action="append",
        default=[],
        metavar="FILE[:ARMATURE]",
        help="who dances (.blend, .glb, .gltf, .fbx, .vrm); once for all songs, or once for each",
    )
    parser.add_argument(
        "--export",
        action="append",
        default=[],
        type=str.upper,
        choices=[preset.option for preset in PRESETS],
        help="write each dance beside the .blend file, too; may be given several times",
    )
    parser.add_argument("--travel", choices=sorted(TRAVEL_NAMES), help="where exports have the way over the floor")
    _add_correction(parser)
    values = parser.parse_args(arguments)
    for name in ("seconds", "fps"):
        number = getattr(values, name)
        if number is not None and not (math.isfinite(number) and number > 0):
            parser.error(f"--{name} is {number:g}: give a number above 0.")
    for name, low, high in (
        ("beat_snap", 0, 1),
        ("energy", LOWEST_ENERGY, HIGHEST_ENERGY),
        ("song_energy", 0, 1),
    ):
        number = getattr(values, name)
        if number is not None and not low <= number <= high:
            parser.error(f"--{name.replace('_', '-')} is {number:g}: give a number from {low:g} to {high:g}.")
    if values.seed is not None and not 0 <= values.seed < 2**31:
        parser.error(f"--seed is {values.seed}: give a whole number from 0 to {2**31 - 1}.")
    if values.out.suffix.lower() != ".blend":
        parser.error(f"--out is {values.out}: give the name of a .blend file.")
    if len(values.character) not in (0, 1, len(values.audio)):
        parser.error(
            f"There are {len(values.character)} --character for {len(values.audio)} songs: give one for all, or one "
            "for each."
        )
    return values


def _add_correction(parser: argparse.ArgumentParser) -> None:
    from engine.choreography.correction_options import add_correction

    add_correction(parser)


def run(arguments: Sequence[str]) -> int:
    """Do what the command line says; the exit code. Errors go to stderr as one line each."""
    from .engine_host.client import ClientError
    from .errors import MagmaError

    try:
        return _make(parse(arguments))
    except (MagmaError, ClientError) as error:
        _complain(error)
        return FAILED


def _complain(error: Exception) -> None:
    print(f"magma: error: {' '.join(str(error).split())}", file=sys.stderr, flush=True)


def command(arguments: Sequence[str]) -> int:
    """`blender --command magma ...`."""
    try:
        return run(list(arguments))
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 1


def _make(values: argparse.Namespace) -> int:
    """The exit code. Raises MagmaError and ClientError, with nothing written."""
    from smpl_rig.blender.context import scene_of

    from .engine_host import engine_setup
    from .engine_host.session import session
    from .scene.scene_reference import check_scene

    scene = scene_of(bpy.context)
    check_scene(scene)
    _check_folder(values.out)
    engine_setup.check_numpy()
    characters, exports = _characters(values), _exports(values)
    session.python, session.device = values.engine_python, values.device
    try:
        setup = session.setup()
        _apply_settings(scene, values)
        is_fresh = not bpy.data.filepath
        frame, correction = scene.frame_start, _correction(values)
        made: list[tuple[Path, bpy.types.Object]] = []
        for audio, character in zip(values.audio, characters, strict=True):
            armature, frame = _dance_or_complain(scene, audio.absolute(), frame, setup, correction, character)
            if armature is not None:
                _topmost(armature).location.x += len(made) * DANCER_SPACING
                made.append((audio, armature))
        if not made:
            return FAILED
        scene.frame_end = frame - 1 if is_fresh else max(scene.frame_end, frame - 1)
        scene.sync_mode = "AUDIO_SYNC"
        _save(values.out.absolute())
        failed_exports = _export_all(scene, made, exports, values)
    finally:
        session.python = session.device = None
        session.stop_engine()
    failed = len(values.audio) - len(made)
    print(
        f"MAGMA: wrote {values.out}" + (f" without {failed} of {len(values.audio)} songs" if failed else ""), flush=True
    )
    return SOME_FAILED if failed or failed_exports else 0


def _characters(values: argparse.Namespace) -> list[CharacterFile | None]:
    """Who dances to each song; None is a new armature. Raises MagmaError."""
    from .scene.load_character import character_file

    given = [character_file(text) for text in values.character]
    if len(given) == len(values.audio):
        return [*given]
    return [given[0] if given else None] * len(values.audio)


def _exports(values: argparse.Namespace) -> list[ExportOptions]:
    """What is exported of each dance. Raises MagmaError where this Blender cannot."""
    from .exports.export import ExportOptions, check
    from .exports.presets import PRESETS

    chosen = [preset for preset in PRESETS if preset.option in values.export]
    options = [ExportOptions(preset, TRAVEL_NAMES.get(values.travel, preset.travel)) for preset in chosen]
    for each in options:
        check(each)
    return options


def _topmost(armature: bpy.types.Object) -> bpy.types.Object:
    """What carries an armature."""
    while armature.parent is not None:
        armature = armature.parent
    return armature


def _export_all(
    scene: bpy.types.Scene,
    made: list[tuple[Path, bpy.types.Object]],
    exports: list[ExportOptions],
    values: argparse.Namespace,
) -> int:
    """Write the exports beside the .blend; how many failed, each with a line on stderr."""
    from .errors import MagmaError
    from .exports.export import export_dance

    failed, taken = 0, set[Path]()
    for audio, armature in made:
        for options in exports:
            name = values.out.stem + (f" {audio.stem}" if len(values.audio) > 1 else "")
            if sum(other.preset.ending == options.preset.ending for other in exports) > 1:
                name += f" {options.preset.identifier.lower()}"
            names = (name, *(f"{name} {number}" for number in range(2, len(made) + 1)))
            files = [values.out.absolute().with_name(each + options.preset.ending) for each in names]
            file = next(file for file in files if file not in taken)
            taken.add(file)
            try:
                export_dance(scene, armature, options, file)
                print(f"MAGMA: wrote {file.name}", flush=True)
            except MagmaError as error:
                failed += 1
                _complain(MagmaError(f"{file.name}: {error}"))
    return failed


def _correction(values: argparse.Namespace) -> Correction | None:
    """What the command line says of the songs' rhythm. Raises MagmaError."""
    from engine.choreography import correction_from
    from engine.choreography.correction_options import correction_of
    from engine.errors import ChoreographyError

    from .errors import MagmaError

    try:
        said = correction_of(values)
        return correction_from(said) if said else None
    except ChoreographyError as error:
        raise MagmaError(str(error)) from error


def _check_folder(out: Path) -> None:
    """That the file can be written is known before the engine works for minutes. Raises MagmaError."""
    from .errors import MagmaError

    try:
        with tempfile.TemporaryFile(dir=out.absolute().parent):
            pass
    except OSError as error:
        raise MagmaError(
            f"{out} cannot be written ({error.strerror}): choose a folder that exists and can be written to."
        ) from error


def _apply_settings(scene: bpy.types.Scene, values: argparse.Namespace) -> None:
    from engine.protocol import MOST_CANDIDATES

    from .engine_host.checkpoint_list import check_energy
    from .errors import MagmaError
    from .scene.scene_settings import settings_of

    settings = settings_of(scene)
    settings.target = None
    if values.fps is not None:
        scene.render.fps = max(1, math.ceil(values.fps - 1e-6))
        scene.render.fps_base = scene.render.fps / values.fps
    given = {
        "seed": values.seed,
        "length": values.seconds,
        "guidance": values.guidance,
        "energy": values.energy,
        "song_energy": values.song_energy,
        "beat_snap": values.beat_snap,
        "candidates": values.candidates,
    }
    if values.candidates is not None and not 1 <= values.candidates <= MOST_CANDIDATES:
        raise MagmaError(f"--candidates is {values.candidates}: give a whole number from 1 to {MOST_CANDIDATES}.")
    for name, value in given.items():
        if value is not None:
            setattr(settings, name, value)
    if values.checkpoint is not None:
        _choose(settings, "checkpoint", values.checkpoint)
    if values.style is not None:
        _choose(settings, "style", values.style)
    check_energy(settings.checkpoint, 1.0 if values.energy is None else values.energy)


def _choose(settings: MagmaSettings, name: str, value: str) -> None:
    from .engine_host.checkpoint_list import known_checkpoints, styles_of
    from .errors import MagmaError

    try:
        setattr(settings, name, value)
    except TypeError as error:
        if name == "checkpoint":
            names = [entry.name for entry in known_checkpoints()]
        else:
            names = list(styles_of(settings.checkpoint))
        listed = ", ".join(names) or "none is installed"
        raise MagmaError(f"There is no {name} {value!r}: choose one of these ({listed}).") from error


def _dance_or_complain(
    scene: bpy.types.Scene,
    audio: Path,
    frame: int,
    setup: EngineSetup,
    correction: Correction | None,
    character: CharacterFile | None,
) -> tuple[bpy.types.Object | None, int]:
    """One song from `frame` on: (armature, the frame after its end), or (None, `frame`) and a line on stderr."""
    from .engine_host.client import ClientError
    from .errors import MagmaError
    from .media import strips
    from .scene.transaction import all_or_nothing

    if not audio.is_file():
        _complain(MagmaError(f"The song {audio} is not there: give the path of an audio file."))
        return None, frame
    strip = None
    try:
        strip = _add_strip(scene, audio, frame)
        with all_or_nothing(None):
            return _dance(scene, strip, audio, frame, setup, correction, character)
    except (MagmaError, ClientError) as error:
        _complain(error if str(audio) in str(error) else MagmaError(f"{audio}: {error}"))
    except Exception as error:  # a fault of the add-on: the other songs are kept all the same
        traceback.print_exc(file=sys.stdout)
        _complain(MagmaError(f"{audio}: {type(error).__name__}: {error}"))
    if strip is not None:
        strips.remove(scene, strip)
    return None, frame


def _dance(
    scene: bpy.types.Scene,
    strip: Strip | None,
    audio: Path,
    frame: int,
    setup: EngineSetup,
    correction: Correction | None,
    character: CharacterFile | None,
) -> tuple[bpy.types.Object, int]:
    """The dance to a strip, or to a file from `frame` on: (armature, the frame after its end)."""
    from .engine_host.session import session
    from .operators.generate import start_plan
    from .operators.job_operator import progress_text
    from .scene import generation_plan
    from .scene.dancer import load
    from .scene.load_character import load_character

    if strip is not None:
        dance_plan = generation_plan.for_strip(scene, scene, strip, setup)
    else:
        dance_plan = generation_plan.for_file(scene, audio.name, audio, frame)
    if correction is not None:
        dance_plan = replace(dance_plan, correction=correction)
    start_plan(dance_plan, load_character(bpy.context, character) if character is not None else None, setup)
    session.wait_for_job(lambda progress: print(f"MAGMA: {audio.name}: {progress_text(progress)}", flush=True))
    armature = session.finish_job(bpy.context)
    for line in session.notice.details if session.notice else ():
        print(f"MAGMA: {audio.name}: {line}", flush=True)
    if strip is not None:
        return armature, strip.frame_final_end
    dancer = load(armature)
    return armature, dancer.frame_start + len(dancer.key_prints)


def _add_strip(scene: bpy.types.Scene, audio: Path, frame: int) -> Strip | None:
    """The song as a sound strip; None in a Blender that was built without sound."""
    from .errors import MagmaError
    from .media import strips

    if not bpy.app.build_options.audaspace:
        print("MAGMA: this Blender was built without sound: the file gets no sound strip", file=sys.stderr, flush=True)
        return None
    present = strips.strips_in(scene.sequence_editor) if scene.sequence_editor is not None else []
    channel = max((strip.channel for strip in present if strip.frame_final_end > frame), default=0) + 1
    try:
        return strips.add_sound(scene, audio.name, audio, channel, frame)
    except RuntimeError as error:
        reason = str(error).removeprefix("Error: ").strip()
        raise MagmaError(f"{audio} cannot be read as sound ({reason}): give an audio file.") from error


def _save(out: Path) -> None:
    """Write the file beside its place first, so that an existing one is whole whatever happens."""
    from .errors import MagmaError

    out = out.resolve()  # a link stays one, and what it leads to is replaced
    part = out.with_name(f"{out.stem}.part-{os.getpid()}.blend")
    try:
        bpy.ops.wm.save_as_mainfile(filepath=str(part), check_existing=False)
        part.replace(out)
    except (RuntimeError, OSError) as error:
        raise MagmaError(f"{out} cannot be written ({str(error).strip()}): choose another folder.") from error
    finally:
        part.unlink(missing_ok=True)


def _load_package() -> str:
    """Import and enable the add-on this file belongs to; the package's name."""
    import addon_utils

    here = Path(__file__).resolve()
    preferences = bpy.context.preferences
    assert preferences is not None
    for name in preferences.addons.keys():  # noqa: SIM118 (iterating a bpy collection gives its values)
        module = sys.modules.get(name)
        if (
            module is not None
            and Path(getattr(module, "__file__", None) or ".").resolve() == here.parent / "__init__.py"
        ):
            return name
    sys.path.insert(0, str(here.parent.parent))
    addon_utils.enable(here.parent.name, default_set=True)
    return here.parent.name


def _run_as_script() -> int:
    batch = importlib.import_module(f"{_load_package()}.batch")
    arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    return int(batch.run(arguments))


def _end(code: int) -> None:
    """End with an exit code. Blender as a Python module waits for ever in about every second process that has exported
    glTF, while it frees what is left in memory; by then all files are written, so the add-on is disabled and the rest
    left to the system."""
    if bpy.app.binary_path:
        sys.exit(code)
    import addon_utils

    addon_utils.disable(Path(__file__).resolve().parent.name)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _end(_run_as_script())
