"""Cuts gaps out of real dances, fills them, and measures what an animator would see; then times an edit.

    python -m benchmarks.gaps --data DATA [--checkpoint default] [--split val] [--every 6]

DATA is a folder of dance data with songs (see `engine.data.dataset`). A dance is tokenised, everything but the gap is
kept as its real poses, and the gap is written anew. In the table, for gaps of 1.6 and 3.2 s:

- inside, last two: joint distance from the real dance in mm, pelvis and facing aligned, in the gap and its last frames
- seams: mean joint acceleration at the first and last kept frame over that of the real dance there
- moved: how far path and heading were corrected to arrive, cm and degrees, mean and worst
- skate: share of frames inside with a foot sliding on the floor

Compared are interpolation, the real codes decoded (what the codec alone loses), one candidate, and the best of several.
The timing regenerates 4 s of a whole dance by the engine's `edit` job, warm, with wall-clock and processor seconds.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine import protocol
from engine.checkpoint_index import WEIGHTS_FILE
from engine.checkpoints import FRAME_RATE, Checkpoint, load_own_checkpoint
from engine.choreography import Audio, CheckpointIdentity, Choreography, new_choreography, to_json
from engine.data.dataset import Clip, DanceDataset
from engine.editing import candidates
from engine.editing.session import Session
from engine.editing.splice import fit
from engine.editing.take import Take, write_take
from engine.evaluation.metrics import foot_skate
from engine.jobs import run_edit
from engine.tokens import token_error
from engine.training.windows import at_rate
from smpl_rig.motion import Motion, sample

GAPS = (16, 32)
BORDER = 20
"""Positions at the ends of a dance that no gap touches."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--checkpoint", default="default")
    parser.add_argument("--split", default="val", choices=["train", "val"])
    parser.add_argument("--every", type=float, default=6.0, help="seconds between the gaps of a dance")
    options = parser.parse_args()
    checkpoint = load_own_checkpoint(options.checkpoint)
    clips = [clip for clip in DanceDataset(options.data).split(options.split) if clip.audio_path is not None]
    dances = [_dance(checkpoint, clip) for clip in clips]
    print("| gap | filled by | inside mm | last two mm | seams start / end | moved cm | turned degrees | bad | skate |")
    print("|" + "---|" * 9)
    for gap in GAPS:
        rows: dict[str, list[list[float]]] = {}
        for document, take in dances:
            step = round(options.every * document.token_rate)
            for start in range(BORDER, len(document) - BORDER - gap, step):
                for name, row in _fillings(checkpoint, document, take, (start, start + gap)).items():
                    rows.setdefault(name, []).append(row)
        for name, values in rows.items():
            print(_line(gap / checkpoint.token_rate, name, np.array(values)))
    longest = max(dances, key=lambda dance: len(dance[0]))
    for variants in (1, 8):
        _time_edit(*longest, variants)


def _dance(checkpoint: Checkpoint, clip: Clip) -> tuple[Choreography, Take]:
    motion = at_rate(clip.motion())
    stride = checkpoint.vqvae.config.stride
    motion = motion.cut(0, len(motion) // stride * stride)
    audio = clip.audio_path
    assert audio is not None
    document = new_choreography(
        checkpoint.encode(motion).tolist(),
        checkpoint.token_rate,
        Audio(str(audio), hashlib.sha256(audio.read_bytes()).hexdigest()),
        CheckpointIdentity(
            str(checkpoint.folder), hashlib.sha256((checkpoint.folder / WEIGHTS_FILE).read_bytes()).hexdigest()
        ),
        0,
        clip.style,
    )
    return document, Take(motion, motion)


def _fillings(
    checkpoint: Checkpoint, document: Choreography, take: Take, gap: tuple[int, int]
) -> dict[str, list[float]]:
    stride = checkpoint.vqvae.config.stride
    start, end = gap[0] * stride, gap[1] * stride
    real = take.frames
    rows = {"the real dance": _figures(real, real, start, end, 0.0, 0.0, 0.0)}
    between = sample(
        Motion(real.poses[[start, end]], real.trans[[start, end]], 1.0), np.linspace(0, 1, end - start + 1)
    )
    rows["interpolation"] = _figures(real, _with(real, between, start), start, end, 0.0, 0.0, 0.0)
    session = _session(checkpoint, document, take)
    tokens = np.array(document.tokens, np.int64)[None]
    pieces, offset = session.writer.decode(tokens, gap)
    fitted = fit(real, pieces[0], offset, start, end)
    session.settle(*gap, fitted)
    rows["the real codes"] = _session_figures(session, real, start, end)
    usual = candidates.TRIED, candidates.TRIED_AGAIN
    for count in (1, usual[0]):
        candidates.TRIED, candidates.TRIED_AGAIN = count, usual[1] if count > 1 else 1
        session = _session(checkpoint, document, take)
        session.open(*gap)
        session.fill([gap], 1)
        rows[f"best of {count}"] = _session_figures(session, real, start, end)
    candidates.TRIED, candidates.TRIED_AGAIN = usual
    return rows


def _session(checkpoint: Checkpoint, document: Choreography, take: Take) -> Session:
    return Session(checkpoint, document, take, lambda *_: None, lambda: False)


def _session_figures(session: Session, real: Motion, start: int, end: int) -> list[float]:
    fill = session.fills[-1]
    moved = fill["correction_cm"], fill["correction_degrees"], float(not fill["good"])
    return _figures(real, session.frames, start, end, *moved)


def _with(motion: Motion, part: Motion, frame: int) -> Motion:
    poses, trans = motion.poses.copy(), motion.trans.copy()
    poses[frame : frame + len(part)], trans[frame : frame + len(part)] = part.poses, part.trans
    return replace(motion, poses=poses, trans=trans)


def _figures(real: Motion, filled: Motion, start: int, end: int, cm: float, degrees: float, bad: float) -> list[float]:
    inside, last = (start + 1, end), (end - 2, end)
    errors = [token_error(filled.cut(*part), real.cut(*part)) for part in (inside, last)]
    seams = [_acceleration(filled, frame) for frame in (start, end)] + [_acceleration(real, f) for f in (start, end)]
    return [*errors, *seams, cm, degrees, bad, foot_skate(filled.cut(*inside).joints(), FRAME_RATE)]


def _acceleration(motion: Motion, frame: int) -> float:
    joints = motion.cut(frame - 1, frame + 2).joints().astype(np.float64)
    return float(np.linalg.norm(joints[0] - 2 * joints[1] + joints[2], axis=-1).mean() * FRAME_RATE**2)


def _line(seconds: float, name: str, rows: np.ndarray) -> str:
    inside, last, *seams, cm, degrees, bad, skate = rows.mean(axis=0)
    worst_cm, worst_degrees = rows[:, 6:8].max(axis=0)
    return (
        f"| {seconds:g} s x {len(rows)} | {name} | {inside:.0f} | {last:.0f} "
        f"| {seams[0] / seams[2]:.2f} / {seams[1] / seams[3]:.2f} | {cm:.0f} ({worst_cm:.0f}) "
        f"| {degrees:.0f} ({worst_degrees:.0f}) | {bad:.0%} | {skate:.0%} |"
    )


def _time_edit(document: Choreography, take: Take, variants: int) -> None:
    file = io.BytesIO()
    write_take(file, document, take)
    start = len(document) // 2
    steps: Sequence[dict[str, object]] = [{"do": "replace", "start": start, "stop": start + 40, "variants": variants}]
    request = {"document": to_json(document), "npz": protocol.pack_bytes(file.getvalue()), "operations": steps}
    for _ in range(3):
        begin, worked = time.perf_counter(), time.process_time()
        report = run_edit(request, lambda *_: None, lambda: False)["report"]
        wall, worked = time.perf_counter() - begin, time.process_time() - worked
    print(
        f"4 s of {len(document) / document.token_rate:.0f} s written anew, warm, {variants} kept of "
        f"{report['fills'][0]['tried']}: {wall:.2f} s ({worked:.2f} s of processor); stages {report['seconds']}"
    )


if __name__ == "__main__":
    main()
