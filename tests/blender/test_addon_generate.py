"""Generate Dance in background Blender with a fake engine: what lands in the scene, and what an error leaves behind."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import blenders
import numpy as np
import pytest

pytest.importorskip("bpy")
import bpy

from magma_blender.scene import dancer as record
from magma_blender.scene.dancer import load

HERE = Path(__file__).resolve().parent
HAS_SOUND = bpy.app.build_options.audaspace
NO_SOUND = "this Blender was built without sound"


def add_song(folder, frame=1):
    """A strip of 90 frames at 30 fps. A Blender built without sound cannot make one, but can load one with its scene,
    where all that was in the present one goes, too."""
    file = blenders.song(folder)
    if HAS_SOUND:
        editor = bpy.context.scene.sequence_editor_create()
        container = editor.strips if hasattr(editor, "strips") else editor.sequences
        return container.new_sound("song", str(file), 1, frame)
    with bpy.data.libraries.load(str(HERE / "song_strip.blend")) as (_, wanted):
        wanted.scenes = ["Scene"]
    loaded = wanted.scenes[0]
    if bpy.context.window is None:
        pytest.skip(NO_SOUND)
    for obj in bpy.context.scene.objects:
        loaded.collection.objects.link(obj)
    bpy.context.window.scene = loaded
    strip = loaded.sequence_editor.sequences[0]
    strip.sound.filepath = str(file)
    strip.frame_start = frame
    return strip


def snapshot():
    kinds = ("objects", "armatures", "meshes", "materials", "actions", "collections", "scenes")
    names = {kind: sorted(block.name for block in getattr(bpy.data, kind)) for kind in kinds}
    users = {action.name: (action.users, action.use_fake_user) for action in bpy.data.actions}
    assigned = {
        obj.name: obj.animation_data.action.name
        for obj in bpy.data.objects
        if obj.animation_data and obj.animation_data.action
    }
    properties = {obj.name: record.stored_in(obj) for obj in bpy.data.objects}
    return names, users, assigned, properties


def expect_error(pattern):
    """Generating must fail with the sentence and leave the scene as it was."""
    before = snapshot()
    with pytest.raises(RuntimeError, match=pattern):
        bpy.ops.magma.generate_dance()
    assert snapshot() == before


def bone_heads(armature, frame):
    bpy.context.scene.frame_set(frame)
    evaluated = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
    from smpl_rig.skeleton import JOINT_NAMES

    return np.array([(evaluated.matrix_world @ evaluated.pose.bones[name].matrix).translation for name in JOINT_NAMES])


def canned_joints(frame):
    from smpl_rig.motion import Motion

    poses = np.zeros((1, 24, 3), np.float32)
    poses[0, 0, 0] = np.pi / 2
    poses[0, 18, 2] = frame / 100
    return Motion(poses.reshape(1, 72), np.array([[frame / 1000, 0, 0.9]], np.float32), 30.0).joints()[0]


def test_a_strip_becomes_a_dancing_armature(magma, tmp_path):
    strip = add_song(tmp_path, frame=11)
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    armature = bpy.data.objects["song"]
    action = armature.animation_data.action
    assert action.name == strip.name
    assert tuple(action.frame_range) == (11, 100)  # the strip's first and last frame
    for frame in range(0, 90, 10):
        error = np.linalg.norm(bone_heads(armature, 11 + frame) - canned_joints(frame), axis=1).max()
        assert error < 1e-3
    body = [obj for obj in bpy.data.objects if obj.type == "MESH" and obj.parent == armature]
    assert len(body) == 1


def test_settings_reach_the_engine_and_the_choreography_survives_saving(magma, tmp_path):
    add_song(tmp_path)
    settings = bpy.context.scene.magma
    settings.seed, settings.guidance, settings.length, settings.use_body = 42, 1.5, 2.0, False
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    made = load(bpy.data.objects["song"])
    document, song = made.document, made.document.audio[0]
    assert (document.seed, document.guidance, document.checkpoint.name, made.strip) == (42, 1.5, "default", "song")
    assert len(document) == 10 and document.tokens[:2] == ((42, 43), (44, 45))
    assert (song.start, song.seconds, made.frame_start, made.fps, made.action) == (0.0, 2.0, 1, 30.0, "song")
    assert not [obj for obj in bpy.data.objects if obj.type == "MESH"]
    file = tmp_path / "saved.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    bpy.ops.wm.open_mainfile(filepath=str(file))
    assert load(bpy.data.objects["song"]) == made
    assert bpy.context.scene.magma.seed == 42


def test_beat_snap_reaches_the_engine_and_is_kept(magma, tmp_path, monkeypatch):
    from magma_blender.operators import generate

    add_song(tmp_path)
    asked = []
    start = generate.start_plan
    monkeypatch.setattr(
        generate, "start_plan", lambda plan, *rest: (asked.append(plan.request("cpu")), start(plan, *rest))
    )
    assert bpy.context.scene.magma.beat_snap == 0  # off unless asked for
    bpy.ops.magma.generate_dance()
    bpy.context.scene.magma.beat_snap = 0.75
    bpy.ops.magma.generate_dance()
    assert [params["beat_snap"] for params in asked] == [0.0, 0.75]
    kept = [load(bpy.data.objects[name]).beat_snap for name in ("song", "song.001")]
    assert kept == [0.0, 0.75]


def test_fps_base_is_honoured(magma, tmp_path):
    if not HAS_SOUND:
        pytest.skip(NO_SOUND)
    bpy.context.scene.render.fps, bpy.context.scene.render.fps_base = 24, 1.001
    strip = add_song(tmp_path)
    bpy.ops.magma.generate_dance()
    armature = bpy.data.objects["song"]
    first, last = armature.animation_data.action.frame_range
    assert first == 1 and last == strip.frame_final_end - 1
    assert armature.animation_data.action.frame_range[1] - 1 == pytest.approx(3 * 24 / 1.001, abs=1)


def test_trim_and_offset_are_honoured(magma, tmp_path):
    strip = add_song(tmp_path, frame=21)
    strip.frame_offset_start = 30
    strip.frame_offset_end = 15
    bpy.ops.magma.generate_dance()
    armature = bpy.data.objects["song"]
    made = load(armature)
    assert (made.document.audio[0].start, made.document.audio[0].seconds, made.frame_start) == (1.0, 1.5, 51)
    assert tuple(armature.animation_data.action.frame_range) == (51, 95)


def test_a_second_dance_of_the_same_armature_keeps_the_first_if_somebody_changed_it(magma, tmp_path):
    from dances import move_key

    add_song(tmp_path)
    bpy.ops.magma.generate_dance()
    armature = bpy.data.objects["song"]
    move_key(armature, 40)
    first = armature.animation_data.action
    bpy.context.scene.magma.target = armature
    bpy.context.scene.magma.seed = 1
    objects = len(bpy.data.objects)
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    assert len(bpy.data.objects) == objects
    assert armature.animation_data.action != first and first.use_fake_user
    bpy.context.scene.magma.seed = 2
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    assert len(bpy.data.actions) == 2  # the second, which nobody changed, is not kept: its seed gives it again


def test_a_packed_sound_is_unpacked_for_the_engine(magma, tmp_path):
    strip = add_song(tmp_path)
    if not HAS_SOUND:
        pytest.skip(NO_SOUND)
    original = (tmp_path / "song.wav").read_bytes()
    strip.sound.pack()
    (tmp_path / "song.wav").unlink()
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    used = Path(load(bpy.data.objects["song"]).document.audio[0].path)
    assert used.parent == tmp_path / "data" / "sounds" and used.read_bytes() == original


def test_a_data_folder_that_cannot_be_written(magma, tmp_path):
    strip = add_song(tmp_path)
    (tmp_path / "file").write_text("in the way")
    magma.data_folder = str(tmp_path / "file" / "data")
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}  # only the log has no place
    if HAS_SOUND:
        strip.sound.pack()
        (tmp_path / "song.wav").unlink()
        expect_error(r"without a file of its own cannot be kept \(.*file.*: .*or choose another data folder")
    assert (tmp_path / "file").read_text() == "in the way"


def test_one_undo_step_undoes_it_all(magma, tmp_path):
    add_song(tmp_path)
    bpy.context.preferences.edit.use_global_undo = True
    bpy.ops.ed.undo_push(message="before")
    before = snapshot()
    bpy.ops.magma.generate_dance("EXEC_DEFAULT", True)  # True: push an undo step as the button does
    assert snapshot() != before
    bpy.ops.ed.undo()
    assert snapshot() == before


def test_no_strip(magma):
    expect_error("No song: add a sound strip")


def test_a_strip_whose_file_is_gone(magma, tmp_path):
    add_song(tmp_path)
    (tmp_path / "song.wav").unlink()
    expect_error(r"The file of the strip \"song\" is gone \(.*song.wav\)")


def test_a_muted_strip(magma, tmp_path):
    add_song(tmp_path).mute = True
    expect_error('The strip "song" is muted: make it audible')


def test_no_engine(magma, tmp_path):
    add_song(tmp_path)
    magma.engine_python = str(tmp_path / "nowhere" / "python")
    expect_error("The engine's Python .*nowhere.* is not there")


def test_no_python_for_the_engine(magma, tmp_path, monkeypatch):
    from magma_blender.engine_host import blender_python

    add_song(tmp_path)
    magma.engine_python = ""
    monkeypatch.setattr(blender_python, "candidates", lambda: ())
    expect_error(r"No Python 3\.\d+ that starts the engine was found \(there is none\)")


def test_an_engine_of_another_version(magma, tmp_path):
    add_song(tmp_path)
    blenders.use_engine(magma, tmp_path, "old")
    expect_error("speaks version 99 of the protocol")


def test_an_engine_that_dies(magma, tmp_path):
    from magma_blender.engine_host.session import session

    add_song(tmp_path)
    blenders.use_engine(magma, tmp_path, "die")
    expect_error("The engine .*3")
    assert any("dies now" in line for line in session.notice.details)
    blenders.use_engine(magma, tmp_path, "ok")
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}


def test_an_engine_that_refuses(magma, tmp_path):
    add_song(tmp_path)
    blenders.use_engine(magma, tmp_path, "fail")
    expect_error("The song is silent: choose another.")


def test_an_answer_without_a_motion(magma, tmp_path):
    add_song(tmp_path)
    blenders.use_engine(magma, tmp_path, "nonsense")
    expect_error("The engine's answer cannot be used")


def test_an_armature_without_bones(magma, tmp_path):
    add_song(tmp_path)
    other = bpy.data.objects.new("robot", bpy.data.armatures.new("robot"))
    bpy.context.scene.collection.objects.link(other)
    bpy.context.scene.magma.target = other
    expect_error("robot.* has no bones")


def test_an_smpl_file_that_is_none(magma, tmp_path):
    add_song(tmp_path)
    bpy.context.scene.magma.body_file = str(tmp_path / "absent.npz")
    expect_error("The SMPL file .*absent.npz is not there")
    (tmp_path / "broken.npz").write_bytes(b"no body")
    bpy.context.scene.magma.body_file = str(tmp_path / "broken.npz")
    expect_error("broken.npz")


def test_an_error_while_building_leaves_target_and_scene_as_they_were(magma, tmp_path, monkeypatch):
    add_song(tmp_path)
    bpy.ops.magma.generate_dance()
    bpy.context.scene.magma.target = bpy.data.objects["song"]

    def broken(armature, dancer):
        record.write(armature, dancer)
        raise ValueError("disk on fire")

    monkeypatch.setattr("magma_blender.scene.dance_keys.write", broken)
    expect_error("disk on fire")
    bpy.context.scene.magma.target = None
    expect_error("disk on fire")


def test_cancelling_changes_nothing(magma, tmp_path):
    import time

    from magma_blender.engine_host.session import session
    from magma_blender.errors import MagmaError
    from magma_blender.operators import generate

    add_song(tmp_path)
    for mode in ("slow", "hang"):  # one listens to the cancel, one has to be killed
        blenders.use_engine(magma, tmp_path, mode)
        before = snapshot()
        generate.start_dance(bpy.context)
        end = time.monotonic() + 20
        while session.job.request.progress.stage != "tokens" and time.monotonic() < end:
            session.poll()
            time.sleep(0.01)
        bpy.ops.magma.cancel()
        session.wait_for_job(lambda progress: None)
        with pytest.raises(MagmaError, match="Cancelled: the scene is as it was"):
            session.finish_job(bpy.context)
        assert snapshot() == before
        assert not session.notice.is_error


def test_a_target_that_is_renamed_is_followed_and_one_that_is_removed_is_named(magma, tmp_path):
    from magma_blender.engine_host.session import session
    from magma_blender.errors import SceneError
    from magma_blender.operators import generate

    add_song(tmp_path)
    bpy.ops.magma.generate_dance()
    armature = bpy.data.objects["song"]
    bpy.context.scene.magma.target = armature
    generate.start_dance(bpy.context)
    armature.name = "renamed"
    session.wait_for_job(lambda progress: None)
    assert session.finish_job(bpy.context) == armature
    generate.start_dance(bpy.context)
    bpy.data.objects.remove(armature)
    session.wait_for_job(lambda progress: None)
    with pytest.raises(SceneError, match="was removed while its dance was made"):
        session.finish_job(bpy.context)


def test_loading_a_file_drops_the_dance_being_made(magma, tmp_path):
    from magma_blender.engine_host.session import session
    from magma_blender.operators import generate

    add_song(tmp_path)
    file = tmp_path / "other.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    blenders.use_engine(magma, tmp_path, "slow")
    generate.start_dance(bpy.context)
    bpy.ops.wm.open_mainfile(filepath=str(file))
    assert session.job is None
    assert session.notice.text == "Cancelled: another file was loaded."


def test_check_engine_tells_what_works(magma, tmp_path):
    from magma_blender.engine_host.session import session

    assert bpy.ops.magma.check_engine() == {"FINISHED"}
    assert "device: cpu" in session.notice.details
    blenders.use_engine(magma, tmp_path, "old")
    with pytest.raises(RuntimeError, match="version 99"):
        bpy.ops.magma.check_engine()


def test_installing_is_refused_offline(magma):
    if not hasattr(bpy.app, "online_access"):
        pytest.skip("this Blender has no setting for online access")
    bpy.context.preferences.system.use_online_access = False
    with pytest.raises(RuntimeError, match="Allow Online Access"):
        bpy.ops.magma.install_pytorch()


def test_new_seed_changes_the_seed(magma):
    settings = bpy.context.scene.magma
    seeds = set()
    for _ in range(4):
        bpy.ops.magma.new_seed()
        seeds.add(settings.seed)
    assert len(seeds) == 4


def test_styles_of_the_chosen_checkpoint_can_be_set_and_survive_a_longer_list(magma, tmp_path):

    settings = bpy.context.scene.magma
    folder = tmp_path / "data" / "checkpoints" / "mine"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").touch()
    (folder / "config.json").write_text(json.dumps({"styles": ["waltz", "salsa"], "description": "my own"}))
    settings.checkpoint = "mine"
    assert settings.style == "AUTO"
    settings.style = "salsa"
    (folder / "config.json").write_text(json.dumps({"styles": ["rumba", "waltz", "tango", "salsa"]}))
    assert settings.style == "salsa"
    with pytest.raises(TypeError):
        settings.style = "polka"


def test_a_retimed_strip_is_mixed_down_alone_and_the_scene_is_as_before(magma, tmp_path, monkeypatch):
    import wave

    if not HAS_SOUND:
        pytest.skip(NO_SOUND)
    scene = bpy.context.scene
    strip = add_song(tmp_path, frame=31)
    strip.frame_offset_end = 30
    editor = scene.sequence_editor
    container = editor.strips if hasattr(editor, "strips") else editor.sequences
    other = container.new_sound("other", str(blenders.song(tmp_path, name="other.wav")), 2, 1)
    strip.select, other.select = True, False
    scene.frame_start, scene.frame_end = 5, 500
    # retiming by script crashes Blender 4.5 and 5.0 in background, so only the decision is faked
    monkeypatch.setattr("magma_blender.media.strips.is_retimed", lambda strip: True)
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    (made,) = load(bpy.data.objects["song"]).document.audio
    assert (made.start, made.seconds, made.speed) == (0.0, 2.0, 1.0)
    with wave.open(made.path) as mixed:
        assert mixed.getnframes() / mixed.getframerate() == pytest.approx(2.0, abs=0.1)
    assert (scene.frame_start, scene.frame_end, other.mute, strip.mute) == (5, 500, False, False)


def test_a_blender_without_numpy_says_how_to_get_it(magma, tmp_path, monkeypatch):
    add_song(tmp_path)
    monkeypatch.setitem(sys.modules, "numpy", None)  # makes `import numpy` fail
    expect_error("Blender's Python has no numpy.* install it")


def test_a_checkpoint_that_is_gone_is_said_and_no_other_one_dances(magma, tmp_path):
    import shutil

    add_song(tmp_path)  # first: where there is no sound it brings a scene of its own
    folder = tmp_path / "data" / "checkpoints" / "mine"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").touch()
    (folder / "config.json").write_text(json.dumps({"styles": ["waltz"], "description": "my own"}))
    bpy.context.scene.magma.checkpoint = "mine"
    shutil.rmtree(folder)
    before = snapshot()
    with pytest.raises(RuntimeError, match="not installed here"):
        bpy.ops.magma.generate_dance()
    assert snapshot() == before


def new_window_scene(name):
    """Another scene, shown in the window."""
    scene = bpy.data.scenes.new(name)
    scene.render.fps = 30
    bpy.context.window.scene = scene
    return scene


def linked_scene(folder):
    """A scene with a song, linked from another file; the scene that is shown has the same name and song."""
    add_song(folder)
    name = bpy.context.scene.name
    file = folder / "library.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(file), copy=True)
    with bpy.data.libraries.load(str(file), link=True) as (_, wanted):
        wanted.scenes = [name]
    return wanted.scenes[0]


def test_a_linked_scene_of_the_same_name_is_not_mistaken_for_ones_own(magma, tmp_path):
    linked = linked_scene(tmp_path)
    own = bpy.context.scene
    assert linked.name == own.name and linked != own
    bpy.context.window.scene = linked
    expect_error('The scene "Scene.*" is linked from library.blend and cannot be changed here: switch to a scene of')
    bpy.context.window.scene = own
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    assert len(own.objects) == 2 and not linked.objects


@pytest.mark.parametrize("meanwhile", ["rename", "switch", "undo"])
def test_the_scene_that_was_shown_at_the_start_gets_the_dance(magma, tmp_path, meanwhile):
    from magma_blender.engine_host.session import session
    from magma_blender.operators import generate

    bpy.context.preferences.edit.use_global_undo = True
    linked_scene(tmp_path)
    name = bpy.context.scene.name
    bpy.ops.ed.undo_push(message="song")
    bpy.context.scene.frame_set(7)
    bpy.ops.ed.undo_push(message="playhead")
    generate.start_dance(bpy.context)
    if meanwhile == "rename":
        bpy.context.scene.name = name = "renamed"
    elif meanwhile == "switch":
        new_window_scene("other")
    else:
        bpy.ops.ed.undo()
    session.wait_for_job(lambda progress: None)
    made = session.finish_job(bpy.context)
    (scene,) = made.users_scene
    assert scene.name == name and scene.library is None


def test_a_scene_that_is_removed_meanwhile_is_named(magma, tmp_path):
    from magma_blender.engine_host.session import session
    from magma_blender.errors import SceneError
    from magma_blender.operators import generate

    add_song(tmp_path)
    scene = bpy.context.scene
    name = scene.name
    generate.start_dance(bpy.context)
    new_window_scene("other")
    bpy.data.scenes.remove(scene)
    session.wait_for_job(lambda progress: None)
    with pytest.raises(SceneError, match=f'The scene "{name}" was removed or renamed while its dance was made'):
        session.finish_job(bpy.context)
    assert not bpy.data.objects


def test_time_stretching_is_refused_since_it_moves_keys_and_not_the_sound(magma, tmp_path):
    add_song(tmp_path)
    render = bpy.context.scene.render
    render.frame_map_old, render.frame_map_new = 100, 200
    expect_error("Time Stretching of this scene is 100 to 200: it moves keyframes and not the sound")
    render.frame_map_old = 200
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}


def test_a_song_in_a_scene_of_another_frame_rate_is_refused(magma, tmp_path):
    """Blender 5.0's sequencer can show another scene than the window."""
    from magma_blender.engine_host.session import session
    from magma_blender.errors import SceneError
    from magma_blender.scene import generation_plan

    strip = add_song(tmp_path)
    songs = bpy.context.scene
    scene = new_window_scene("dancers")
    made = generation_plan.for_strip(scene, songs, strip, session.setup())
    assert (made.scene.find(), made.frame_start, made.fps) == (scene, 1, 30.0)
    scene.render.fps = 24
    with pytest.raises(SceneError, match=r'The song is in the scene ".*" at 30 .* "dancers" at 24: give both'):
        generation_plan.for_strip(scene, songs, strip, session.setup())


def dancer_as_target(folder):
    add_song(folder)
    bpy.context.scene.magma.use_body = False
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    armature = bpy.data.objects["song"]
    bpy.context.scene.magma.target = armature
    return armature


def test_a_target_that_was_deleted_is_said_and_nothing_invisible_dances(magma, tmp_path):
    armature = dancer_as_target(tmp_path)
    bpy.context.view_layer.objects.active = armature
    armature.select_set(True)
    bpy.ops.object.delete()
    assert bpy.context.scene.magma.target == armature  # Blender keeps it for the setting's sake
    expect_error('The target "song" was deleted: choose another armature as Character')
    with pytest.raises(RuntimeError, match="No dance that could be edited"):
        bpy.ops.magma.lock_spans()
    bpy.context.scene.magma.target = None
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    assert [obj.name for obj in bpy.context.scene.objects] == ["song.001"]


def test_a_target_in_another_scene_is_said(magma, tmp_path):
    armature = dancer_as_target(tmp_path)
    bpy.data.scenes.new("other").collection.objects.link(armature)
    bpy.context.scene.collection.objects.unlink(armature)
    expect_error('The target "song" is not in the scene "Scene.*": choose another armature as Character')


@pytest.mark.parametrize("how", ["excluded", "hidden collection", "hidden", "hidden in the viewport"])
def test_a_hidden_target_dances_when_it_is_shown_again(magma, tmp_path, how):
    armature = dancer_as_target(tmp_path)
    scene = bpy.context.scene
    group = bpy.data.collections.new("group")
    scene.collection.children.link(group)
    group.objects.link(armature)
    scene.collection.objects.unlink(armature)
    layer = bpy.context.view_layer.layer_collection.children["group"]
    shown = {
        "excluded": (layer, "exclude"),
        "hidden collection": (group, "hide_viewport"),
        "hidden": (layer, "hide_viewport"),
        "hidden in the viewport": (armature, "hide_viewport"),
    }
    holder, attribute = shown[how]
    setattr(holder, attribute, True)
    before = armature.animation_data.action
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    assert armature.animation_data.action != before
    setattr(holder, attribute, False)
    for frame in (10, 50):
        error = np.linalg.norm(bone_heads(armature, 1 + frame) - canned_joints(frame), axis=1).max()
        assert error < 1e-3
