"""The command line's `edit` and `chain`."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.checks import shown
from engine.choreography.correction_options import add_correction, correction_of
from engine.errors import EngineError, RequestError
from engine.service.devices import edited_on
from engine.service.output_files import check_output, write_dance
from engine.service.terminal import TerminalProgress, add_device

if TYPE_CHECKING:
    from engine.choreography import Choreography
    from engine.editing.edit import Edited
    from engine.editing.operations import Operation


class _Step(argparse.Action):
    """Collects the operations in the order in which they were given."""

    def __call__(
        self, parser: argparse.ArgumentParser, options: argparse.Namespace, values: Any, name: str | None = None
    ) -> None:
        options.steps = [*(options.steps or []), (self.const, values)]


def add_editing_commands(commands: Any) -> None:
    """Add this module's sub-parsers."""
    edit = commands.add_parser(
        "edit",
        help="keep spans of a dance and regenerate others",
        description="Operations are done in the order given. Places are seconds with an s (5.5s), or token positions.",
    )
    edit.add_argument("choreography_in", type=Path, metavar="DANCE.json", help="written by generate --choreography")
    edit.add_argument("-o", "--output", type=Path, required=True, help="dance.npz")
    edit.add_argument("--choreography", type=Path, required=True, metavar="JSON", help="the document after the edit")
    edit.set_defaults(steps=None, run=_edit)

    def step(name: str, do: str, metavar: str, text: str) -> None:
        edit.add_argument(name, action=_Step, const=do, metavar=metavar, help=text)

    step("--lock", "lock", "A:B", "keep these moves in every edit")
    step("--unlock", "unlock", "A:B", "let edits change these moves")
    step("--replace", "replace", "A:B", "regenerate these moves")
    edit.add_argument("--regenerate", action=_Step, const="regenerate", nargs=0, help="regenerate all free moves")
    step("--style", "style", "A:B=STYLE[*G]", "the style of what is generated there next, followed G times as strongly")
    step("--energy", "energy", "A:B=E", "how fast what is generated there next is to be (1: as usual in the style)")
    step("--mirror", "mirror", "A:B", "exchange left and right; twice is as it was")
    step("--copy", "copy", "A:B@C", "repeat A:B at C, on the same part of a beat")
    step("--insert-motion", "insert", "CLIP@A", "insert the motion of a file (.npz, .bvh) at A, locked")
    step("--choose", "choose", "A=K", "choose variant K (from 0) of the span at A")
    edit.add_argument(
        "--loop", action=_Step, const="loop", nargs=0, help="end with the pose that the dance begins with"
    )
    step("--relink", "relink", "SONG", "the song is in this file now")
    edit.add_argument(
        "--rhythm",
        action=_Step,
        const="rhythm",
        nargs=0,
        help="correct the rhythm of the song, as the options below say (without any: as it is heard)",
    )
    edit.add_argument("--song", type=int, default=0, metavar="K", help="which song --rhythm is about, from 0")
    add_correction(edit)
    edit.add_argument(
        "--another-recording",
        action="store_true",
        help="--relink accepts another recording, which begins at the same moment",
    )
    edit.add_argument("--seed", type=int, help="of what is generated; by default one not used yet")
    edit.add_argument("--variants", type=int, default=1, metavar="N", help="keep the N best of what is generated")
    edit.add_argument(
        "--transition",
        metavar="T",
        help="its length at the borders of --style (default 1.0s); 0 is a hard change",
    )
    edit.add_argument("--follow", action="store_true", help="later moves keep poses, start where a new span ends")
    edit.add_argument("--json", action="store_true", help="print the report as JSON on stdout")
    add_device(edit)

    chain = commands.add_parser("chain", help="join two dances")
    chain.add_argument("first", type=Path, metavar="ONE.json")
    chain.add_argument("second", type=Path, metavar="TWO.json")
    chain.add_argument("-o", "--output", type=Path, required=True, help="dance.npz")
    chain.add_argument("--choreography", type=Path, required=True, metavar="JSON", help="the document of both")
    chain.add_argument("--seconds", type=float, default=1.6, metavar="S", help="length of the join")
    chain.add_argument("--seed", type=int, help="of the join; by default one not used yet")
    chain.add_argument("--json", action="store_true", help="print the report as JSON on stdout")
    add_device(chain)
    chain.set_defaults(run=_chain)


def check_pair(document: Path, motion: Path) -> None:
    """Refuse a document and a motion that could not find each other. Raises EngineError."""
    check_output(document, (".json",))
    if motion.suffix != ".npz":
        raise EngineError(f"{motion}: a choreography needs its motion as .npz. Give -o a name that ends so.")
    if document.resolve().parent != motion.resolve().parent:
        raise EngineError(f"{document} and {motion} are in different folders. Put them in one: they belong together.")


def _check_inputs(options: argparse.Namespace, inputs: Sequence[tuple[Path, Choreography]]) -> None:
    """Refuse to write over the motion of a dance whose document stays. Raises RequestError."""
    for path, document in inputs:
        motion = path.with_name(document.motion.name) if document.motion is not None else path
        if _same(options.output, motion) and not _same(options.choreography, path):
            raise RequestError(
                f"{options.output}: is the motion of {path}, which would lose it. Give -o another name, or "
                f"--choreography {path} to change that dance."
            )


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def _edit(options: argparse.Namespace) -> None:
    from engine.editing.dance_files import load_choreography
    from engine.editing.edit import edit

    check_output(options.output, (".npz",))
    check_pair(options.choreography, options.output)
    if not options.steps:
        raise RequestError("No operation was given. Give some, such as --lock 0s:4s --regenerate.")
    begin = time.perf_counter()
    document, motion = load_choreography(options.choreography_in)
    _check_inputs(options, [(options.choreography_in, document)])
    operations = [_operation(do, text, options, document) for do, text in options.steps]
    with TerminalProgress() as progress:
        edited = edited_on(
            options.device,
            lambda device: edit(document, motion, operations, progress, lambda: False, options.follow, device),
            progress,
        )
    _write(edited, options, time.perf_counter() - begin)


def _chain(options: argparse.Namespace) -> None:
    from engine.editing.chain import chain
    from engine.editing.dance_files import load_choreography

    check_output(options.output, (".npz",))
    check_pair(options.choreography, options.output)
    begin = time.perf_counter()
    states = load_choreography(options.first), load_choreography(options.second)
    _check_inputs(options, [(options.first, states[0][0]), (options.second, states[1][0])])
    with TerminalProgress() as progress:
        edited = edited_on(
            options.device,
            lambda device: chain(*states, options.seconds, options.seed, progress, lambda: False, device),
            progress,
        )
    _write(edited, options, time.perf_counter() - begin)


def _write(edited: Edited, options: argparse.Namespace, seconds: float) -> None:
    from engine.editing.dance_files import write_dance_motion

    write_dance(
        options.choreography,
        edited.document,
        options.output,
        lambda file: write_dance_motion(file, edited.document, edited.dance),
    )
    report = {**edited.report, "output": str(options.output), "total_seconds": round(seconds, 2)}
    if options.json:
        print(json.dumps(report))
        return
    rate = edited.document.token_rate
    for fill in report["fills"]:
        print(
            f"{fill['start'] / rate:.1f} to {fill['stop'] / rate:.1f} s: best of {fill['tried']}, its path moved by "
            f"{fill['correction_cm']:.0f} cm and turned by {fill['correction_degrees']:.0f} degrees to connect"
        )
    for notice in report["notices"]:
        print(f"note: {notice}")
    print(f"{options.output}, {options.choreography}: {edited.dance.motion.seconds:.1f} s, edited in {seconds:.1f} s")


def _operation(do: str, text: str | Sequence[str], options: argparse.Namespace, document: Choreography) -> Operation:
    from engine.editing.operations import Operation

    rate = document.token_rate
    if do == "regenerate":
        return Operation(do, seed=options.seed, variants=options.variants)
    if do == "rhythm":
        return Operation(do, song=options.song, correction=correction_of(options) or {})
    if do == "loop":
        return Operation(do, seed=options.seed)
    assert isinstance(text, str)
    if do == "insert":
        file, _, at = text.rpartition("@")
        return Operation(do, _position(at, rate), file=file or None)
    if do == "relink":
        return Operation(do, file=text or None, another=options.another_recording)
    if do == "choose":
        at, _, index = text.rpartition("=")
        return Operation(do, _position(at, rate), index=_number(index, int, text))
    if do == "copy":
        part, _, to = text.rpartition("@")
        return Operation(do, *_range(part, rate), to=_position(to, rate))
    if do == "style":
        part, _, named = text.partition("=")
        style, times, strength = named.partition("*")
        return Operation(
            do,
            *_range(part, rate),
            style=style or None,
            strength=_number(strength, float, text) if times else None,
            transition=None if options.transition is None else _position(options.transition, rate) / rate,
        )
    if do == "energy":
        part, _, energy = text.partition("=")
        return Operation(do, *_range(part, rate), energy=_number(energy, float, text) if energy else None)
    start, stop = _range(text, rate)
    if do == "replace":
        return Operation(do, start, stop, options.seed, options.variants)
    return Operation(do, start, stop)


def _range(text: str, rate: float) -> tuple[int, int]:
    start, colon, stop = text.partition(":")
    if not colon:
        raise RequestError(f"{shown(text)} is not a range. Give two places, such as 5.0s:11.0s or 50:110.")
    return _position(start, rate), _position(stop, rate)


def _position(text: str, rate: float) -> int:
    if text.endswith("s"):
        return round(_number(text[:-1], float, text) * rate)
    return _number(text, int, text)


def _number(text: str, kind: type, whole: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise RequestError(
            f"{shown(whole)}: {shown(text)} is not a number. Give seconds as 5.5s, positions as 55."
        ) from None
