"""How much a dance makes a .blend grow, and that doing it again and again costs little more."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("bpy")
import bpy
import numpy as np
import skips

pytestmark = pytest.mark.skipif(bpy.app.version[:2] in skips.ELSEWHERE_IN, reason=skips.ELSEWHERE)

FRAME_RATE, SECONDS = 20, 20
"""Of a checkpoint's frames, and of a dance."""
MEGABYTE = 1_000_000
CYCLES = np.array([0.5, 1, 2, 4])
"""Movements a second, at 120 beats a minute: of two beats, of one, and of parts of one."""
TURNS = np.array([0.3, 0.2, 0.06, 0.01])
"""How far joints turn in each, radians."""


def dance(seed):
    """Joints that turn with the beats, each in its own way, with a start and an end to each movement."""
    from smpl_rig.motion import Motion

    random, frames = np.random.default_rng(seed), SECONDS * FRAME_RATE
    seconds = np.arange(frames) / FRAME_RATE
    turns = random.normal(size=(72, len(CYCLES))) * TURNS
    waves = np.sin(2 * np.pi * (seconds[:, None, None] * CYCLES + random.random((72, len(CYCLES)))))
    swell = 1 + np.sin(seconds[:, None] * random.uniform(0.3, 0.9, 72))
    poses = (waves * turns).sum(axis=2) * swell / 2
    poses[:, 0] += np.pi / 2
    trans = np.stack([0.4 * np.sin(seconds), 0.3 * np.cos(0.7 * seconds), 0.9 + 0.03 * np.sin(4 * np.pi * seconds)], 1)
    return Motion(poses.astype(np.float32), trans.astype(np.float32), FRAME_RATE)


def at_rate(frames, fps):
    """A dance of these frames, as the engine gives it for a scene of `fps`."""
    from smpl_rig.dance_motion import DanceMotion
    from smpl_rig.motion import sample

    return DanceMotion(replace(sample(frames, np.arange(SECONDS * fps) / fps), fps=fps), frames)


def looked_at_frame_by_frame(armature):
    """The frames that show another pose than the dance, which few keys must not make any."""
    from magma_blender.scene.dance_keys import followed
    from magma_blender.scene.dancer import load
    from smpl_rig.blender.keying import curves_of
    from smpl_rig.blender.smpl_keying import SmplKeying

    curve = next(iter(curves_of(SmplKeying(armature)).values()))
    noise = curve.modifiers.new("NOISE")  # elsewhere, but because of it poses are compared, not keys
    noise.use_restricted_range, noise.frame_start, noise.frame_end = True, 10_000, 10_010
    edited = followed(armature, load(armature))[1]
    curve.modifiers.remove(noise)
    return edited


@pytest.fixture
def size(tmp_path):
    """Bytes of the file, saved as it is now."""

    def saved():
        file = tmp_path / "saved.blend"
        bpy.ops.wm.save_as_mainfile(filepath=str(file), compress=False, copy=True)
        return file.stat().st_size

    return saved


@pytest.fixture
def document():
    from engine.choreography import Audio, CheckpointIdentity, new_choreography

    codes = [(position % 250, position % 250) for position in range(SECONDS * 5)]
    return new_choreography(codes, 5.0, Audio("song.wav", "0" * 64), CheckpointIdentity("waltzes", "0" * 64), 0, None)


@pytest.mark.parametrize("fps", [30, 60])
def test_dances_and_edits_grow_a_file_by_little(addon, size, document, fps):
    from magma_blender.scene import dance_keys
    from magma_blender.scene.dancer import Dancer, load, pack
    from magma_blender.scene.transaction import all_or_nothing
    from smpl_rig.blender.armature import create_armature
    from smpl_rig.blender.body import add_body
    from smpl_rig.blender.key_prints import DanceKeys
    from smpl_rig.blender.smpl_keying import SmplKeying

    empty = size()
    armature = create_armature("dancer")
    add_body(armature)

    def generate(seed):
        made = at_rate(dance(seed), fps)
        dancer = Dancer(document, pack(document, made), 1, fps, "song", "dance", 0.5)
        with all_or_nothing(armature):
            dance_keys.write_new_action(armature, dancer, made.motion, "dance")
            dance_keys.store_keyed(armature, dancer, len(made.motion))
        return made

    def rewrite(before, after):
        dancer = load(armature)
        with all_or_nothing(armature):
            dance_keys.rewrite(armature, dancer, before.motion, after.motion)
            dance_keys.store_keyed(armature, replace(dancer, npz=pack(document, after)), len(after.motion))

    generate(1)
    first = size()
    assert first - empty <= 1.5 * MEGABYTE
    assert not looked_at_frame_by_frame(armature)
    now = generate(2)  # on the same target, in place of a dance that its seed gives again
    second = size()
    assert second - first <= MEGABYTE
    random = np.random.default_rng(3)
    for number in range(50):
        start = int(random.integers(0, len(now.frames) - 60))
        edited, poses, trans = (
            dance(10 + number).cut(start, start + 60),
            now.frames.poses.copy(),
            now.frames.trans.copy(),
        )
        poses[start : start + 60], trans[start : start + 60] = edited.poses, edited.trans
        after = now.with_frames(replace(now.frames, poses=poses, trans=trans), {})
        rewrite(now, after)
        now = after
    assert size() - second <= 3 * MEGABYTE
    kept = load(armature).motion()
    assert np.array_equal(kept.poses, now.motion.poses) and np.array_equal(kept.trans, now.motion.trans)
    assert len(bpy.data.actions) == 1 and DanceKeys(SmplKeying(armature)).range() == (1, len(now.motion))
