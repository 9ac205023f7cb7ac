"""Every kind of edit by the real engine with its default checkpoint, computed with numpy and with PyTorch."""

from __future__ import annotations

import blenders
import numpy as np
import pytest

pytest.importorskip("bpy")
import bpy
import skips
from dances import LOCKED, keys, lock_the_second_second, move_key, select_frames

from magma_blender.scene.dancer import load

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bpy.app.version[:2] != skips.ONCE_IN, reason=skips.ONCE),
]


@pytest.fixture(params=["cpu", "cpu-torch"])
def engine(request, real_engine, monkeypatch):
    """The real engine in Blender's Python, and the one that has PyTorch and uses it."""
    from magma_blender.engine_host.session import session

    monkeypatch.setattr(session, "device", request.param)
    if request.param == "cpu-torch":
        request.getfixturevalue("torch_engine")


def dance(seed):
    """Another dancer to the selected strip."""
    before = set(bpy.data.objects)
    bpy.context.scene.magma.seed = seed
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    return next(obj for obj in bpy.data.objects if obj not in before and obj.type == "ARMATURE")


def test_a_dance_is_edited_in_every_way(engine, tmp_path):
    from magma_blender.media import strips
    from smpl_rig.motion import save_npz

    scene = bpy.context.scene
    scene.magma.use_body = False
    scene.magma.style = "waltz"
    strips.add_sound(scene, "song", blenders.song(tmp_path, 7.0), 1, 1).select = True
    first, second = dance(1), dance(2)
    bpy.context.view_layer.objects.active = first
    kept = lock_the_second_second(first)[LOCKED]
    clip = tmp_path / "clip.npz"
    save_npz(clip, load(second).motion().cut(60, 90))
    edits = [
        lambda: bpy.ops.magma.replace_spans(variants=3),
        bpy.ops.magma.switch_variant,
        bpy.ops.magma.mirror_spans,
        lambda: bpy.ops.magma.insert_motion(filepath=str(clip)),
        lambda: move_key(first, 130) or bpy.ops.magma.keep_keyframes(),
        bpy.ops.magma.make_loop,
        bpy.ops.magma.regenerate_free,
    ]
    for number, edit in enumerate(edits):
        select_frames(91 + 10 * number, 120 + 10 * number)
        scene.frame_set(100 + 10 * number)
        before = keys(first)
        assert edit() == {"FINISHED"}, number
        assert np.array_equal(keys(first)[LOCKED], kept), number
        assert not np.array_equal(keys(first), before), number
    scene.use_preview_range = False
    first.select_set(True)
    second.select_set(True)
    assert bpy.ops.magma.chain_dances(seconds=1.0) == {"FINISHED"}
    assert len(load(first).motion()) >= 2 * len(load(second).motion()) + 30
    assert np.array_equal(keys(first)[LOCKED], kept)
