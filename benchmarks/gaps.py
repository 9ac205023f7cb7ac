"""Cuts gaps out of real dances, fills them, and measures what an animator would see; then times an edit.

    python -m benchmarks.gaps --data DATA [--checkpoint default] [--split val] [--every 6]

DATA is a folder of dance data with songs (see `engine.data.dataset`). A dance is tokenised, everything but the gap is
kept as its real poses, and the gap is regenerated. In the table, for gaps of 1.6 and 3.2 s:

- inside, last two: joint distance from the real dance in mm, pelvis and facing aligned, in the gap and its last frames
- seams: mean joint acceleration at the first and last kept frame, and at both, over that of the real dance there
- beside: the same, in the 0.3 s of the gap next to those frames
- moved, turned: correction of path and heading that makes the gap end where it has to, cm and degrees, mean and worst
- left: the pelvis's remaining distance from where it has to be at the end, cm and degrees, worst
- skate: share of frames inside with a foot sliding on the floor
- beat gain: how much better feet and music agree than with the music shifted (see `engine.motion.foot_beats`), from the
  music's beats to the feet's and back, pooled over all gaps; and elsewhere, in the kept parts of the same dances

Compared are interpolation, the real codes decoded (the error of the codec alone), one candidate, and the best of
several. The timing regenerates 4 s of a whole dance with the engine's `edit` job, warm, in wall-clock and processor
seconds.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from engine import protocol
from engine.checkpoint_index import WEIGHTS_FILE
from engine.choreography import Audio, CheckpointIdentity, Choreography, new_choreography, to_json
from engine.data.clips import FRAME_RATE, at_rate
from engine.data.dataset import Clip, DanceDataset
from engine.editing.dance_files import pack_dance_motion
from engine.editing.edit_state import EditState
from engine.editing.song_music import dance_music
from engine.editing.span_candidates import Candidate, how_many
from engine.editing.splice import Fitted, fit
from engine.models.loading import load_own_checkpoint
from engine.models.torch.checkpoint import TorchCheckpoint
from engine.motion.foot_beats import SHIFTS, Times, alignment, expected_foot_beats, foot_beats
from engine.motion.measures import foot_skate
from engine.pipeline.tokenize import token_error
from engine.service.jobs import run_edit
from smpl_rig import rotations as rot
from smpl_rig.dance_motion import DanceMotion
from smpl_rig.motion import Motion, sample

GAPS = (16, 32)
BORDER = 20
"""Positions at both ends of a dance without gaps."""
BESIDE = round(0.3 * FRAME_RATE)
"""Frames next to a kept one, where a correction is most visible."""

Figures = dict[str, float]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--checkpoint", default="default")
    parser.add_argument("--split", default="val", choices=["train", "val", "test"], help="settings are chosen on val")
    parser.add_argument("--every", type=float, default=6.0, help="seconds between the gaps of a dance")
    options = parser.parse_args()
    checkpoint = load_own_checkpoint(options.checkpoint)
    clips = [clip for clip in DanceDataset(options.data).split(options.split) if clip.audio_path is not None]
    dances = [_dance(checkpoint, clip) for clip in clips]
    columns = "gap | filled by | inside mm | last two mm | seams start / end, both | beside | moved cm | turned degrees"
    columns += " | left cm, degrees | bad | skate | beat gain | elsewhere"
    print(f"| {columns} |")
    print("|" + "---|" * (columns.count("|") + 1))
    for gap in GAPS:
        rows: dict[str, list[Figures]] = {}
        for document, motion in dances:
            step = round(options.every * document.token_rate)
            for start in range(BORDER, len(document) - BORDER - gap, step):
                for name, row in _fillings(checkpoint, document, motion, (start, start + gap)).items():
                    rows.setdefault(name, []).append(row)
        for name, values in rows.items():
            print(_line(gap / checkpoint.token_rate, name, values), flush=True)
    longest = max(dances, key=lambda dance: len(dance[0]))
    for variants in (1, 8):
        _time_edit(*longest, variants)


def _dance(checkpoint: TorchCheckpoint, clip: Clip) -> tuple[Choreography, DanceMotion]:
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
    return document, DanceMotion(motion, motion)


class _Watched(EditState):
    """An edit state that keeps the last piece that was fitted in."""

    fitted: Fitted

    def settle(self, start: int, stop: int, fitted: Fitted, tried: int = 1, candidate: Candidate | None = None) -> None:
        self.fitted = fitted
        super().settle(start, stop, fitted, tried, candidate)


def _fillings(
    checkpoint: TorchCheckpoint, document: Choreography, motion: DanceMotion, gap: tuple[int, int]
) -> dict[str, Figures]:
    stride = checkpoint.vqvae.config.stride
    start, end = gap[0] * stride, gap[1] * stride
    real, beats = motion.frames, dance_music(document, checkpoint).beats
    rows = {"the real dance": _figures(real, real, beats, start, end)}
    between = sample(
        Motion(real.poses[[start, end]], real.trans[[start, end]], 1.0), np.linspace(0, 1, end - start + 1)
    )
    rows["interpolation"] = _figures(real, _with(real, between, start), beats, start, end)
    state = _state(checkpoint, document, motion)
    tokens = np.array(document.tokens, np.int64)[None]
    pieces, offset = state.generator.decode(tokens, gap)
    state.settle(*gap, fit(real, pieces[0], offset, start, end))
    rows["the real codes"] = _state_figures(state, real, beats, start, end)
    most = state.generator.most
    for bound in (1, most):
        state = _state(checkpoint, document, motion)
        state.generator.most = bound
        state.open(*gap)
        state.fill([gap], 1)
        rows[f"best of {how_many(gap[1] - gap[0], bound)}"] = _state_figures(state, real, beats, start, end)
    return rows


def _state(checkpoint: TorchCheckpoint, document: Choreography, motion: DanceMotion) -> _Watched:
    state = _Watched(document, motion, lambda *_: None, lambda: False)
    state.use(checkpoint)
    return state


def _state_figures(state: _Watched, real: Motion, beats: Times, start: int, end: int) -> Figures:
    fill, arrived, there = state.fills[-1], state.fitted.motion, real.cut(end, end + 1)
    kept = np.ones(len(real), dtype=bool)
    kept[start + 1 : end] = False
    frames = state.frames
    assert np.array_equal(frames.poses[kept], real.poses[kept]) and np.array_equal(frames.trans[kept], real.trans[kept])
    turn = arrived.rotations()[-1, 0].astype(np.float64) @ there.rotations()[0, 0].astype(np.float64).T
    return {
        **_figures(real, frames, beats, start, end),
        "cm": fill["correction_cm"],
        "degrees": fill["correction_degrees"],
        "bad": float(not fill["good"]),
        "left_cm": float(np.linalg.norm(arrived.trans[-1] - there.trans[0])) * 100,
        "left_degrees": float(np.degrees(np.linalg.norm(rot.matrix_to_axis_angle(turn)))),
    }


def _with(motion: Motion, part: Motion, frame: int) -> Motion:
    poses, trans = motion.poses.copy(), motion.trans.copy()
    poses[frame : frame + len(part)], trans[frame : frame + len(part)] = part.poses, part.trans
    return replace(motion, poses=poses, trans=trans)


def _figures(real: Motion, filled: Motion, beats: Times, start: int, end: int) -> Figures:
    inside, last = (start + 1, end), (end - 2, end)
    new, old = (_accelerations(motion) for motion in (filled, real))
    beside = [*range(start + 1, start + 1 + BESIDE), *range(end - BESIDE, end)]
    return {
        "inside": token_error(filled.cut(*inside), real.cut(*inside)),
        "last": token_error(filled.cut(*last), real.cut(*last)),
        "start": new[start],
        "end": new[end],
        "beside": new[beside].mean(),
        "real_start": old[start],
        "real_end": old[end],
        "real_beside": old[beside].mean(),
        "skate": foot_skate(filled.cut(*inside).joints(), FRAME_RATE),
        **_gains(filled, beats, start / FRAME_RATE, end / FRAME_RATE),
    }


def _accelerations(motion: Motion) -> np.ndarray:
    """(T,) mean joint acceleration at each frame, m/s^2; 0 at the first and last."""
    bends = np.diff(motion.joints().astype(np.float64), n=2, axis=0)
    return np.pad(np.linalg.norm(bends, axis=-1).mean(axis=-1) * FRAME_RATE**2, 1)


def _gains(motion: Motion, beats: Times, start: float, end: float) -> Figures:
    """Beat gains summed over the beats, and the number of beats: in the gap and elsewhere, music to feet and back."""
    feet, expected, period = foot_beats(motion.joints(), FRAME_RATE), expected_foot_beats(beats), np.gradient(beats)
    shifted = [expected + shift * period for shift in SHIFTS]
    found: Figures = {}
    for place in ("in", "out"):

        def there(times: Times, inside: bool = place == "in") -> Times:
            return times[((times >= start) & (times < end)) == inside]

        music = alignment(there(expected), feet) - np.mean([alignment(there(moved), feet) for moved in shifted])
        motion_beats = there(feet)
        back = alignment(motion_beats, expected) - np.mean([alignment(motion_beats, moved) for moved in shifted])
        for way, gain, count in (("music", music, len(there(expected))), ("feet", back, len(motion_beats))):
            found |= {f"{place}_{way}": float(gain) * count, f"{place}_{way}_count": count}
    return found


def _line(seconds: float, name: str, rows: Sequence[Figures]) -> str:
    mean = {key: float(np.mean([row.get(key, 0.0) for row in rows])) for key in {key for row in rows for key in row}}
    worst = {key: max(row.get(key, 0.0) for row in rows) for key in ("cm", "degrees", "left_cm", "left_degrees")}
    mean = dict.fromkeys(("cm", "degrees", "bad"), 0.0) | mean
    both = (mean["start"] + mean["end"]) / (mean["real_start"] + mean["real_end"])
    gains = [
        " / ".join(f"{mean[f'{place}_{way}'] / mean[f'{place}_{way}_count']:+.2f}" for way in ("music", "feet"))
        for place in ("in", "out")
    ]
    cells = [
        f"{seconds:g} s x {len(rows)}",
        name,
        f"{mean['inside']:.1f}",
        f"{mean['last']:.0f}",
        f"{mean['start'] / mean['real_start']:.2f} / {mean['end'] / mean['real_end']:.2f}, {both:.2f}",
        f"{mean['beside'] / mean['real_beside']:.2f}",
        f"{mean['cm']:.0f} ({worst['cm']:.0f})",
        f"{mean['degrees']:.0f} ({worst['degrees']:.0f})",
        f"{worst['left_cm']:.3f}, {worst['left_degrees']:.3f}",
        f"{mean['bad']:.0%}",
        f"{mean['skate']:.0%}",
        *gains,
    ]
    return f"| {' | '.join(cells)} |"


class _Silent:
    """Ignores what a job reports."""

    def __call__(self, stage: str, fraction: float, message: str) -> None:
        pass

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        pass


def _time_edit(document: Choreography, motion: DanceMotion, variants: int) -> None:
    start = len(document) // 2
    steps: Sequence[dict[str, object]] = [{"do": "replace", "start": start, "stop": start + 40, "variants": variants}]
    request = {
        "document": to_json(document),
        "npz": protocol.pack_bytes(pack_dance_motion(document, motion)),
        "operations": steps,
    }
    for _ in range(3):
        begin, worked = time.perf_counter(), time.process_time()
        report = run_edit(request, _Silent(), lambda: False)["report"]
        wall, worked = time.perf_counter() - begin, time.process_time() - worked
    print(
        f"4 s of {len(document) / document.token_rate:.0f} s regenerated, warm, {variants} kept of "
        f"{report['fills'][0]['tried']}: {wall:.2f} s ({worked:.2f} s of processor); stages {report['seconds']}"
    )


if __name__ == "__main__":
    main()
