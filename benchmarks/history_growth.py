"""How much a file grows by the history of a dance that is edited fifty times, what a version costs, and whether going
back and forth a hundred times gives the same motion.

    blender --background --factory-startup --python benchmarks/in_blender.py -- benchmarks.history_growth
    .venv-bpy-4.5.15/bin/python -m benchmarks.history_growth

The dance lasts a minute and is made up; its edits are what an animator does: other moves for some seconds, of four
variants each, variants chosen, moves locked, and now and then everything regenerated that is not. The add-on's own
functions key them, as they do what the engine answers.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np

from benchmarks import panel_speed
from engine import choreography as doc
from magma_blender import registration
from magma_blender.engine_host.answers import DanceAnswer
from magma_blender.scene import edits
from magma_blender.scene.dancer import Dancer, load, pack
from magma_blender.scene.history import going_back, recording, store
from smpl_rig.blender.kept_keys import PLACES
from smpl_rig.blender.smpl_keying import SmplKeying
from smpl_rig.dance_motion import clip_name
from smpl_rig.motion import Motion

SECONDS, SPANS = 60, 20
STRIDE = int(panel_speed.FRAME_RATE / panel_speed.TOKEN_RATE)
"""Frames a token position."""
SHORTEST, LONGEST = 20, 80
"""Token positions of other moves."""
VARIANTS = 4


def edit_fifty_times(armature: bpy.types.Object, count: int, regenerated: int) -> list[float]:
    """Edits a dance so often, of which every `regenerated`-th is of all that is not locked; the seconds that the
    versions took."""
    random = np.random.default_rng(2)
    spent: list[float] = []
    finish, begin = recording.finish, recording.begin

    def timed(function: object) -> object:
        def call(*arguments: object) -> object:
            start = time.thread_time()
            try:
                return function(*arguments)  # type: ignore[operator]
            finally:
                spent[-1] += time.thread_time() - start

        return call

    setattr(recording, "finish", timed(finish))  # noqa: B010 - mypy minds assignments
    setattr(recording, "begin", timed(begin))  # noqa: B010
    for number in range(count):
        spent.append(0.0)
        dancer = load(armature)
        length = len(dancer.document)
        start = int(random.integers(0, length - LONGEST))
        stop = start + int(random.integers(SHORTEST, LONGEST))
        if regenerated and number % regenerated == regenerated - 1:
            edits.finish_edit(armature, dancer, other_moves(dancer, 0, length, 1, random), "Regenerate Unlocked Moves")
        elif number % 3 == 2:
            edits.change(
                armature, lambda document: doc.lock(doc.unlock(document, 0, length), start, stop), "Lock Moves"
            )  # noqa: B023
        else:
            edits.finish_edit(armature, dancer, other_moves(dancer, start, stop, VARIANTS, random), "Replace Moves")
    setattr(recording, "finish", finish)  # noqa: B010
    setattr(recording, "begin", begin)  # noqa: B010
    return spent


def other_moves(dancer: Dancer, start: int, stop: int, variants: int, random: np.random.Generator) -> DanceAnswer:
    """What the engine answers: so many variants with poses of their own at some positions, of which one is danced."""
    document, kept = doc.unlock(dancer.document, 0, len(dancer.document)), dancer.dance_motion()
    document = doc.split(doc.split(document, start), stop) if stop < len(document) else doc.split(document, start)
    if len(doc.spans_between(document, start, stop)) > 1:
        document = doc.overwrite(document, start, stop, doc.Variant(document.tokens[start:stop], 0, doc.COPIED))
    first, last = start * STRIDE, stop * STRIDE
    clips = dict(kept.clips)
    found = []
    for _ in range(variants):
        moves = wandering(last - first + 1, random)
        ends = np.clip(np.minimum(np.arange(len(moves.poses)), np.arange(len(moves.poses))[::-1]) / 10, 0, 1)[:, None]
        there = kept.frames.cut(first, last + 1)
        poses, trans = there.poses.copy(), there.trans.copy()
        size = len(poses)
        poses[:] = (1 - ends[:size]) * poses + ends[:size] * moves.poses[:size]
        trans[:] = (1 - ends[:size]) * trans + ends[:size] * moves.trans[:size]
        found.append(Motion(poses, trans, kept.frames.fps))
        clips[clip_name(found[-1])] = found[-1]
    codes = [tuple(tuple(row) for row in random.integers(0, 512, (stop - start, 4)).tolist()) for _ in found]
    new = [
        doc.Variant(each, int(random.integers(1 << 30)), clip=clip_name(moves))
        for each, moves in zip(codes, found, strict=True)
    ]
    document = doc.limit_poses(doc.replace_span(document, start, stop, new), document)
    poses, trans = kept.frames.poses.copy(), kept.frames.trans.copy()
    poses[first:last], trans[first:last] = found[0].poses[: last - first], found[0].trans[: last - first]
    motion = kept.with_frames(replace(kept.frames, poses=poses, trans=trans), clips)
    return DanceAnswer(pack(document, motion), doc.to_json(document), notices=(), fills=())


def wandering(count: int, random: np.random.Generator) -> Motion:
    """Smooth movements with the small irregularities that generated ones have, which compress as badly."""
    moves = panel_speed.wandering(count, random)
    noise = random.normal(0, 1e-4, moves.poses.shape).astype(np.float32)
    return Motion(moves.poses + noise, moves.trans, moves.fps)


def keys_of(armature: bpy.types.Object) -> bytes:
    """All keys of the dance."""
    dancer = load(armature)
    curves = SmplKeying(armature)
    from smpl_rig.blender.kept_keys import keep_keys

    kept = keep_keys(curves, len(dancer.key_prints), dancer.frame_start)
    assert kept is not None
    return b"".join(kept.values[name].tobytes() for name in PLACES)


def saved(folder: Path) -> int:
    """Bytes of the file, saved as it is now."""
    file = folder / "saved.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(file), compress=False, copy=True)
    return file.stat().st_size


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.history_growth")
    parser.add_argument("--edits", type=int, default=50)
    parser.add_argument("--regenerated", type=int, default=10, help="every so manieth edit is of the whole dance")
    parser.add_argument("--steps", type=int, default=100, help="back and forth")
    options = parser.parse_args()
    print(f"Blender {bpy.app.version_string}, {SECONDS} s, {options.edits} edits", flush=True)
    registration.register()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        armature = panel_speed.dance(folder, SECONDS, SPANS)
        before = saved(folder)
        spent = edit_fifty_times(armature, options.edits, options.regenerated)
        after = saved(folder)
        history = armature[store.KEY]
        size = sum(len(history[key]) for key in history)
        print(
            f"the file: {before / 1e6:.2f} MB, then {after / 1e6:.2f} MB, of which the versions are {size / 1e6:.2f} MB"
        )
        print(f"a version: median {1000 * statistics.median(spent):.1f} ms, at most {1000 * max(spent):.1f} ms")
        random, states, times = np.random.default_rng(3), {}, []
        numbers = [version.number for version in store.read(armature).versions]
        for _ in range(options.steps):
            number = int(random.choice(numbers))
            begin = time.thread_time()
            going_back.go_back(armature, number)
            times.append(time.thread_time() - begin)
            motion = load(armature).motion()
            state = motion.poses.tobytes(), motion.trans.tobytes(), keys_of(armature)
            assert states.setdefault(number, state) == state, f"version {number} is not what it was"
        print(
            f"{options.steps} steps to {len(states)} versions, all as they were, at {1000 * statistics.median(times):.0f} ms"
        )


if __name__ == "__main__":
    main()
