"""The demo's scene, as a person finds it on opening the file."""

from __future__ import annotations

import wave
from pathlib import Path

import blenders
import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector

from demo import scene as demo_scene
from engine import choreography as doc
from smpl_rig.motion import Motion, resample, save_npz
from smpl_rig.skeleton import JOINT_NAMES

FRAMES = 60
RENDER = Path(__file__).with_name("render_demo.py")


@pytest.fixture(params=[0.0, 2.0], ids=["front", "turned"])
def dance(request, tmp_path):
    """A walk of two metres, upright, turned about the vertical by `request.param`: (motion, blend)."""
    from smpl_rig import rotations as rot
    from smpl_rig.skeleton import BODY_TO_WORLD

    yaw = request.param
    turn = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
    poses = np.zeros((FRAMES, 72), np.float32)
    poses[:, :3] = rot.matrix_to_axis_angle((turn @ BODY_TO_WORLD)[None])[0]
    poses[:, 3 * 16 + 2] = np.linspace(0, 1, FRAMES)
    trans = np.stack([np.linspace(3, 5, FRAMES), np.full(FRAMES, -1.0), np.full(FRAMES, 0.96)], axis=1)
    motion = Motion(poses, trans.astype(np.float32), 30.0)
    frames = resample(motion, 20.0).cut(0, 40)
    tokens = np.arange(20).reshape(10, 2)
    save_npz(
        tmp_path / "demo.npz",
        motion,
        tokens=tokens,
        frames_poses=frames.poses,
        frames_trans=frames.trans,
        token_rate=np.float64(5.0),
        checkpoint="default",
        seed=np.int64(1),
        style="waltz",
    )
    with wave.open(str(tmp_path / "demo.wav"), "wb") as song:
        song.setnchannels(1)
        song.setsampwidth(2)
        song.setframerate(8000)
        song.writeframes(b"\x00\x10" * 16000)
    beats = (0.0, 0.5, 1.0, 1.5, 1.9)
    report = {"style": "waltz", "seed": 1, "checkpoint": "default", "beats": list(beats)}
    audio = doc.Audio(str(tmp_path / "demo.wav"), "0" * 64, beats=beats, beats_per_bar=3)
    identity = doc.CheckpointIdentity("default", "0" * 64)
    document = doc.new_choreography(tokens.tolist(), 5.0, audio, identity, 1, "waltz")
    (tmp_path / "demo.json").write_text(doc.to_json(document))
    blend = tmp_path / "demo.blend"
    demo_scene.build(tmp_path / "demo.npz", tmp_path / "demo.json", tmp_path / "demo.wav", blend, report)
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    return motion, blend


def dancer():
    return next(obj for obj in bpy.data.objects if obj.type == "ARMATURE")


def test_joints_are_the_dances(dance) -> None:
    motion, _ = dance
    scene, wanted = bpy.context.scene, motion.joints()
    assert (scene.frame_start, scene.frame_end, scene.render.fps) == (1, FRAMES, 30)
    for frame in range(0, FRAMES, 10):
        scene.frame_set(frame + 1)
        heads = np.array([dancer().matrix_world @ dancer().pose.bones[name].head for name in JOINT_NAMES])
        assert np.abs(heads - wanted[frame]).max() < 1e-3


def test_the_whole_dancer_is_in_the_picture_all_the_time(dance) -> None:
    scene = bpy.context.scene
    for frame in (1, 20, 40, FRAMES):
        scene.frame_set(frame)
        for bone in dancer().pose.bones:
            seen = world_to_camera_view(scene, scene.camera, dancer().matrix_world @ bone.tail)
            assert 0.02 < seen.x < 0.98 and 0.02 < seen.y < 0.98 and seen.z > 0


def test_the_dancer_faces_the_camera_at_the_start(dance) -> None:
    bpy.context.scene.frame_set(1)
    matrix = dancer().matrix_world
    left, right = (matrix @ dancer().pose.bones[name].head for name in ("L_hip", "R_hip"))
    forward = (left - right).cross(Vector((0, 0, 1)))
    to_camera = bpy.context.scene.camera.matrix_world.translation - matrix @ dancer().pose.bones["pelvis"].head
    assert forward.xy.angle(to_camera.xy) < np.radians(25)


@pytest.mark.skipif(not bpy.app.build_options.audaspace, reason="this Blender was built without sound")
def test_the_song_is_in_the_sequencer_relative_to_the_file(dance) -> None:
    editor = bpy.context.scene.sequence_editor
    (strip,) = editor.strips if hasattr(editor, "strips") else editor.sequences
    assert strip.sound.filepath == "//demo.wav"
    assert strip.frame_final_start == 1


def test_nothing_but_the_file_is_left_beside_it(dance) -> None:
    _, blend = dance
    assert sorted(file.name for file in blend.parent.iterdir()) == ["demo.blend", "demo.json", "demo.npz", "demo.wav"]


def test_the_dance_can_be_edited_by_whoever_opens_the_file(dance, magma) -> None:
    from dances import keys, select_frames

    bpy.ops.wm.open_mainfile(filepath=str(dance[1]))
    assert [(span.start, span.stop, span.bars) for span in dancer().magma_spans.spans] == [(0, 10, "bar 1.1–2.2")]
    before = keys(dancer())
    select_frames(1, 30)
    assert bpy.ops.magma.lock_spans() == {"FINISHED"}
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    after = keys(dancer())
    assert np.array_equal(after[:31], before[:31]) and (after[31:] != before[31:]).any(axis=1).all()


@pytest.mark.slow
@pytest.mark.parametrize("dance", [0.0], indirect=True)
def test_pictures_are_rendered_in_parts(dance, tmp_path: Path) -> None:
    _, blend = dance
    folder = tmp_path / "pictures"
    folder.mkdir()
    for part in range(2):
        done = blenders.this_one().run(RENDER, blend, folder, part, 2, home=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(file.name for file in folder.iterdir()) == [
        "cell_00.png",
        "cell_01.png",
        "video_00000.png",
        "video_00001.png",
        "video_00002.png",
    ]
    for file in folder.iterdir():
        image = bpy.data.images.load(str(file))
        shades = np.array(image.pixels).reshape(-1, 4)[:, :3]
        assert 0.4 < shades.mean() < 0.9 and shades.std() > 0.05  # the light studio, and the dancer
