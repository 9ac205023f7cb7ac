"""The command line: argument parsing and exit codes. What the commands do is elsewhere.

Exit codes: 0 done, 1 an error told in one line on stderr, 2 wrong arguments, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine import VERSION
from engine.choreography import FOLLOW_SONG
from engine.choreography.correction_options import add_correction, correction_of
from engine.errors import EngineError
from engine.runtime.memory import is_out_of_memory
from engine.service.edit_commands import add_editing_commands, check_pair
from engine.service.failures import describe_error
from engine.service.listen_command import add_listen_command
from engine.service.output_files import check_output, complete, write_dance
from engine.service.report_command import add_report_command
from engine.service.terminal import TerminalProgress, add_device

if TYPE_CHECKING:
    from smpl_rig.motion import Motion


AddCommands = Callable[[Any], None]
"""Adds the sub-parsers of some commands; each has a default `run`, which is called with the options."""


def main(arguments: Sequence[str] | None = None, others: Iterable[AddCommands] = ()) -> int:
    """Run one command; returns the exit code. others: commands of rooms that this one does not know."""
    options = _parser(others).parse_args(arguments)
    try:
        options.run(options)
    except (EngineError, ImportError, MemoryError, OSError) as error:
        return _fail(error)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return _fail(error)
    return 0


def _fail(error: BaseException) -> int:
    print(f"error: {describe_error(error)[1]}", file=sys.stderr)
    return 1


def _parser(others: Iterable[AddCommands]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine", description="Turn songs into dances for an SMPL body.")
    parser.add_argument("--version", action="version", version=f"MAGMA engine {VERSION}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    generate = commands.add_parser("generate", help="generate a dance to a song")
    generate.add_argument("audio", metavar="SONG", help="wav, flac, ogg, mp3, m4a, or a video with sound")
    generate.add_argument("-o", "--output", type=Path, required=True, help="dance.npz (AMASS-style) or dance.bvh")
    generate.add_argument("--seed", type=int, default=0)
    generate.add_argument("--style", help="one of the checkpoint's styles; by default the song's tempo decides")
    generate.add_argument("--start", type=float, default=0.0, metavar="S", help="second of the song to begin at")
    generate.add_argument("--seconds", type=float, metavar="S", help="length; by default to the song's end")
    generate.add_argument("--fps", type=float, help="frames per second of the result; by default the checkpoint's own")
    generate.add_argument("--checkpoint", default="default", metavar="NAME_OR_PATH")
    generate.add_argument("--guidance", type=float, metavar="G", help="how closely to follow the music (1: as trained)")
    generate.add_argument("--temperature", type=float, metavar="T", help="higher is more varied and less safe")
    generate.add_argument(
        "--energy", type=float, default=1.0, metavar="E", help="how fast, against what is usual in the style (1)"
    )
    generate.add_argument(
        "--song-energy",
        type=float,
        default=FOLLOW_SONG,
        metavar="X",
        help=f"how much to follow how loud and busy the song is, 0 to 1 ({FOLLOW_SONG:g})",
    )
    generate.add_argument("--choreography", type=Path, metavar="JSON", help="also write what `edit` works on")
    generate.add_argument(
        "--music-view",
        choices=["whole", "prefix"],
        help="imported checkpoints: see all music of a window (as in training) or none ahead (as in its loop)",
    )
    generate.add_argument(
        "--room", type=float, metavar="M", help="diameter of the floor in metres (6); 0 lets the dance travel"
    )
    generate.add_argument(
        "--beat-snap",
        type=float,
        default=0.0,
        metavar="X",
        help="re-time the dance onto the beats, 0 (off) to 1 (fully)",
    )
    generate.add_argument(
        "--candidates", type=int, default=1, metavar="N", help="generate so many dances and keep the best"
    )
    add_correction(generate)
    generate.add_argument("--json", action="store_true", help="print the report as JSON on stdout")
    add_device(generate)
    generate.set_defaults(run=_generate)

    tokenize = commands.add_parser("tokenize", help="turn a motion into tokens")
    tokenize.add_argument("motion", type=Path, metavar="MOTION", help=".npz or .bvh")
    tokenize.add_argument("-o", "--output", type=Path, help="tokens.npz; by default beside the motion")
    tokenize.add_argument("--checkpoint", default="default", metavar="NAME_OR_PATH")
    add_device(tokenize)
    tokenize.set_defaults(run=_tokenize)

    decode = commands.add_parser("decode", help="turn tokens into a motion")
    decode.add_argument("tokens", type=Path, metavar="TOKENS", help="a .npz of generate or tokenize")
    decode.add_argument("-o", "--output", type=Path, required=True, help="motion.npz or motion.bvh")
    decode.add_argument("--checkpoint", default="default", metavar="NAME_OR_PATH")
    add_device(decode)
    decode.set_defaults(run=_decode)

    serve = commands.add_parser("serve", help="answer the add-on's requests on stdin and stdout")
    serve.set_defaults(run=_serve)

    doctor = commands.add_parser("doctor", help="say what works on this machine")
    doctor.add_argument("--json", action="store_true")
    doctor.set_defaults(run=_doctor)

    original = commands.add_parser("import-magma", help="make a checkpoint of the original MAGMA's files")
    original.add_argument("--vqvae", type=Path, required=True, metavar="VQ.pt", help="the original's VQ-VAE")
    original.add_argument("--motionseq", type=Path, required=True, metavar="SEQ.pt", help="its motion decoder")
    original.add_argument("--variant", required=True, choices=["encodec", "encodec_sine", "encodec_style", "librosa"])
    original.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder of the checkpoint")
    original.add_argument("--mean", type=Path, metavar="M.npy", help="the original's motion statistics (of aist)")
    original.add_argument("--std", type=Path, metavar="S.npy")
    original.add_argument(
        "--precision",
        choices=["float32", "float16", "int8"],
        default="float32",
        help="of the decoder's weights; the others are two and three times as fast on a CPU",
    )
    original.set_defaults(run=_import_magma)

    fetch = commands.add_parser("fetch-encodec", help="get the weights that imported EnCodec checkpoints need")
    fetch.add_argument("--file", type=Path, metavar="WEIGHTS", help="use a file you have instead of downloading 93 MB")
    fetch.set_defaults(run=_fetch_encodec)

    styles = commands.add_parser("style-vectors", help="compute an imported checkpoint's styles from your CLIP weights")
    styles.add_argument("checkpoint", type=Path, metavar="CHECKPOINT_DIR")
    styles.add_argument(
        "--clip", type=Path, required=True, metavar="WEIGHTS", help="OpenAI's ViT-B-32.pt, a state dict, or safetensors"
    )
    styles.add_argument("--text", action="append", default=[], metavar="WORDS", help="a style of your own; repeatable")
    styles.add_argument("--merges", type=Path, metavar="FILE", help="bpe_simple_vocab_16e6.txt.gz or tokenizer.json")
    styles.set_defaults(run=_style_vectors)

    for add_commands in (add_editing_commands, add_listen_command, add_report_command, *others):
        add_commands(commands)
    return parser


def _generate(options: argparse.Namespace) -> None:
    from engine.pipeline.generate import generate
    from engine.pipeline.request import ROOM, GenerateRequest

    _check_motion_output(options.output)
    if options.choreography is not None:
        check_pair(options.choreography, options.output)
    request = GenerateRequest(
        audio=options.audio,
        start=options.start,
        seconds=options.seconds,
        fps=options.fps,
        seed=options.seed,
        style=options.style,
        checkpoint=options.checkpoint,
        device=options.device,
        guidance=options.guidance,
        temperature=options.temperature,
        music_view=options.music_view,
        beat_snap=options.beat_snap,
        room=ROOM if options.room is None else options.room,
        candidates=options.candidates,
        energy=options.energy,
        song_energy=options.song_energy,
        correction=correction_of(options),
    )
    begin = time.perf_counter()
    with TerminalProgress() as progress:
        dance = generate(request, progress, lambda: False)
    if options.choreography is not None:
        write_dance(options.choreography, dance.document, options.output, dance.write)
    else:
        _write_motion(options.output, dance.motion, dance.write)
    report = {**dance.report, "output": str(options.output), "total_seconds": round(time.perf_counter() - begin, 2)}
    if options.json:
        print(json.dumps(report))
    else:
        what = dance.style or "dance"  # imported checkpoints may know no styles
        print(
            f"{options.output}: {dance.motion.seconds:.1f} s of {what} at {report['tempo']:.0f} beats/min, "
            f"seed {dance.seed}, on the {report['device'].upper()} ({report['device_reason']}), "
            f"{report['total_seconds']:.1f} s"
        )
        if "beat_snap" in report:
            moved = report["beat_snap"]
            print(f"beat snap moved it by {moved['mean_ms']:.0f} ms on average, {moved['max_ms']:.0f} ms at most")


def _tokenize(options: argparse.Namespace) -> None:
    from engine.pipeline import tokenize

    output = options.output or options.motion.with_suffix(".tokens.npz")
    check_output(output, (".npz",))
    result = tokenize.tokenize(options.motion, options.checkpoint, options.device)
    with complete(output) as partial:
        tokenize.save_tokens(partial, result)
    print(f"{output}: {len(result.tokens)} token positions, mean joint error {result.error_mm:.1f} mm")


def _decode(options: argparse.Namespace) -> None:
    from engine.pipeline import tokenize
    from smpl_rig.motion import save_npz

    _check_motion_output(options.output)
    motion = tokenize.decode(options.tokens, options.checkpoint, options.device)
    _write_motion(options.output, motion, lambda path: save_npz(path, motion))
    print(f"{options.output}: {motion.seconds:.1f} s")


def _import_magma(options: argparse.Namespace) -> None:
    from engine.models.original.importing.importer import import_magma

    def report_step(text: str) -> None:
        print(text, file=sys.stderr)

    files = options.vqvae, options.motionseq, options.variant, options.output, options.mean, options.std
    done = import_magma(*files, report_step, options.precision)
    for warning in done.warnings:
        print(f"note: {warning}", file=sys.stderr)
    print(f"{options.output}: {options.variant}, {done.parameters:,} parameters")


def _serve(options: argparse.Namespace) -> None:
    from engine.service.server import main as serve

    serve()


def _fetch_encodec(options: argparse.Namespace) -> None:
    from engine.audio.original import encodec_weights

    if options.file is not None:
        place = encodec_weights.store_file(options.file)
    else:
        progress = TerminalProgress()
        message = "Downloading EnCodec's weights"
        place = encodec_weights.download(lambda fraction: progress("download", fraction, message))
    print(f"{place}: EnCodec's weights are ready")


def _style_vectors(options: argparse.Namespace) -> None:
    from engine.models.original.clip import clip_style

    clip_style.check_folder(options.checkpoint)
    vectors = clip_style.style_vectors(options.clip, options.text, options.merges)
    styles = clip_style.write_vectors(options.checkpoint, vectors)
    print(f"{options.checkpoint / clip_style.STYLES_FILE}: {len(styles)} styles: {', '.join(styles)}")


def _doctor(options: argparse.Namespace) -> None:
    from engine.service.doctor import report

    found = report()
    print(json.dumps(found, indent=2) if options.json else _readable(found))
    if found["problems"]:
        raise EngineError(f"{len(found['problems'])} problem(s) found, see above.")


def _readable(found: dict[str, Any]) -> str:
    lines = [f"engine {found['engine']}, Python {found.get('python')}, {found.get('system')}"]
    lines += [f"  {name} {version or 'not installed'}" for name, version in found["libraries"].items()]
    lines.append(f"device: {found.get('device')} ({found.get('device_reason')}), {found.get('processors')} processors")
    for entry in found.get("checkpoints", []):
        lines.append(f"checkpoint {entry['name']}: {entry.get('error', ', '.join(entry.get('styles', [])))}")
    lines += [f"problem: {problem}" for problem in found["problems"]] or ["everything works"]
    return "\n".join(lines)


def _check_motion_output(path: Path) -> None:
    from engine.motion.files.write import WRITERS

    check_output(path, (".npz", *WRITERS))


def _write_motion(path: Path, motion: Motion, write_npz: Callable[[Path], None]) -> None:
    with complete(path) as partial:
        if path.suffix == ".npz":
            write_npz(partial)
        else:
            from engine.motion.files.write import write_motion

            write_motion(partial, motion)
