"""What an animator may have done to a dancer, and what is then asked of it: nothing of the animator's is lost, and
nothing is changed in silence. Each case ends as asked, or with one sentence and everything as it was."""

from __future__ import annotations

import blenders
import installed
import numpy as np
import pytest

pytest.importorskip("bpy")
import bpy
import skips
import user_data
from dances import SAME, keys, move_key, select_frames, spans

from magma_blender.scene.dancer import load
from magma_blender.scene.span_list import spans_of

pytestmark = pytest.mark.skipif(bpy.app.version[:2] in skips.ELSEWHERE_IN, reason=skips.ELSEWHERE)
FILE, EMPTY = "base.blend", "empty.blend"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with base.blend: the dancer "song" with what an animator adds, and "other", who dances to the same
    strip. One engine serves all cases."""
    from test_addon_generate import add_song

    folder = tmp_path_factory.mktemp("data_loss")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 30
    preferences = installed.enable()
    preferences.data_folder = str(folder / "data")
    blenders.use_engine(preferences, folder, "ok")
    add_song(folder)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / EMPTY))
    settings = bpy.context.scene.magma
    settings.use_body = False
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    settings.seed = 7
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    bpy.data.objects["song.001"].name = "other"
    user_data.add_to(bpy.data.objects["song"])
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / FILE))
    yield folder
    installed.disable()


@pytest.fixture
def opened(folder):
    bpy.ops.wm.open_mainfile(filepath=str(folder / FILE))
    bpy.context.preferences.edit.use_global_undo = True
    return bpy.data.objects["song"]


# -- what is asked of a dancer


def generate(armature):
    bpy.context.scene.magma.target = armature
    bpy.context.scene.magma.seed = 3
    assert bpy.ops.magma.generate_dance("EXEC_DEFAULT", True) == {"FINISHED"}


def edit(armature):
    """The second second is locked, and the rest generated again; the locked frames stay to the bit."""
    bpy.context.view_layer.objects.active = armature
    first = round(load(armature).frame_start)
    before = keys_of_dance(armature)
    scene = bpy.context.scene
    shown = scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end
    from magma_blender.scene.dance_keys import current

    first = current(armature).frame_start
    select_frames(first + 30, first + 59)
    try:
        assert bpy.ops.magma.lock_spans("EXEC_DEFAULT", True) == {"FINISHED"}
    finally:
        scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = shown
    assert bpy.ops.magma.regenerate_free("EXEC_DEFAULT", True) == {"FINISHED"}
    after = keys_of_dance(armature)
    assert np.array_equal(after[30:60], before[30:60])
    assert (np.abs(after - before) > SAME).any(axis=1)[:29].any()


def chain(armature):
    bpy.context.view_layer.objects.active = armature
    others = [obj for obj in bpy.context.scene.objects if obj.name == "other" and obj != armature]
    selected = [obj.select_get() for obj in others]
    for obj in others:
        obj.select_set(True)
    try:
        assert bpy.ops.magma.chain_dances("EXEC_DEFAULT", True, seconds=1.0) == {"FINISHED"}
    finally:
        for obj, was in zip(others, selected, strict=True):
            obj.select_set(was)


def restore(armature):
    bpy.context.view_layer.objects.active = armature
    assert bpy.ops.magma.restore_keyframes("EXEC_DEFAULT", True) == {"FINISHED"}


ASKED = {"generate": generate, "edit": edit, "chain": chain, "restore": restore}
LENGTH = {"chain": 210}


def keys_of_dance(armature):
    """(frames, curves) as in `keys`, wherever they are."""
    from smpl_rig.blender.keying import curves_of
    from smpl_rig.blender.smpl_keying import CHANNELS, SmplKeying

    curves = curves_of(SmplKeying(armature))
    first, last = curves[CHANNELS[0]].range()
    return np.array([[curves[c].evaluate(f) for c in CHANNELS] for f in range(round(first), round(last) + 1)])


def dance_of(armature):
    dancer = load(armature)
    return dancer.document, dancer.npz, dancer.key_prints, dancer.frame_start, keys_of_dance(armature).tobytes()


def everything():
    scene = bpy.context.scene
    scene.frame_set(scene.frame_current)
    return user_data.of_scene(scene), {obj.name: user_data.of_object(obj) for obj in scene.objects}


def done(asked, armature):
    """What was asked is done, nothing of the animator's changed, and the keys are the dance."""
    before = everything()
    bpy.context.view_layer.objects.active = armature
    before[0]["active"] = armature.name
    ASKED[asked](armature)
    assert everything() == before
    danced_is_keyed(armature)
    return armature


def danced_is_keyed(armature):
    from magma_blender.scene.dance_keys import current, hand_edited
    from magma_blender.scene.target import target_of

    dancer = current(armature)
    assert hand_edited(armature, dancer) == []
    motion = dancer.motion()
    keyed = target_of(armature).read(motion, np.arange(len(motion)), dancer.frame_start)
    assert np.abs(keyed.joints() - motion.joints()).max() < SAME


def refused(asked, armature, sentence):
    """A sentence, and everything as it was."""
    bpy.context.view_layer.objects.active = armature
    before, dance, actions = everything(), dance_of(armature), sorted(action.name for action in bpy.data.actions)
    with pytest.raises(RuntimeError, match=sentence) as caught:
        ASKED[asked](armature)
    assert "Traceback" not in str(caught.value)
    if asked == "edit":  # locking needs no keys
        bpy.ops.ed.undo() if spans(armature)[0][2] else None
    assert everything() == before and sorted(action.name for action in bpy.data.actions) == actions
    assert keys_of_dance(armature).tobytes() == dance[-1]


# -- what the animator has done

every = pytest.mark.parametrize("asked", ASKED)


@every
def test_manual_keys(opened, asked):
    """A key moved by hand in the dance, and keys of the same bone after it."""
    move_key(opened, 40)
    mine = 'pose.bones["L_elbow"].rotation_quaternion'
    opened.pose.bones["L_elbow"].keyframe_insert("rotation_quaternion", frame=300)
    changed = keys(opened)[39]
    if asked in ("edit", "chain"):
        return refused(asked, opened, "changed by hand in frames .*Keep My Keyframes")
    former = opened.animation_data.action
    done(asked, opened)
    assert former.use_fake_user and opened.animation_data.action != former
    opened.animation_data.action = former  # what was done by hand is still there
    if hasattr(opened.animation_data, "action_slot"):
        opened.animation_data.action_slot = opened.animation_data.action_suitable_slots[0]
    assert np.array_equal(keys(opened)[39], changed)
    assert any(c.data_path == mine and c.keyframe_points[-1].co[0] == 300 for c in user_data.curves_of(opened))
    return None


@every
def test_manual_keys_outside_the_dance(opened, asked):
    """A walk-in on the dance's own curves, before it."""
    from smpl_rig.blender import compat

    for curve in compat.fcurves(opened):
        if curve.data_path == 'pose.bones["pelvis"].location':
            curve.keyframe_points.insert(-40, 3.25)
    former = opened.animation_data.action
    done(asked, opened)
    if opened.animation_data.action != former:
        assert former.use_fake_user  # it holds more than the add-on keyed
    walk = [c for c in compat.fcurves(opened) if c.data_path == 'pose.bones["pelvis"].location']
    assert [c.evaluate(-40) for c in walk] == [3.25] * 3


def test_manual_keys_where_the_second_dance_would_be(opened):
    """A walk-out on the dance's own curves, after it."""
    opened.pose.bones["L_elbow"].keyframe_insert("rotation_quaternion", frame=150)
    refused("chain", opened, "keyframes of its own from frame 150")


@every
def test_other_curves(opened, asked):
    """Keys of the object, of a property, of a bone's scale, of a constraint; drivers, markers, an NLA track."""
    actions = len(bpy.data.actions)
    assert len(user_data.of_object(opened)["curves"]) == 4
    done(asked, opened)
    assert len(bpy.data.actions) == actions  # nothing piles up


@every
def test_nla(opened, asked):
    """The dance pushed down, and its strip moved by 100 frames."""
    data = opened.animation_data
    strip = data.nla_tracks.new().strips.new("dance", 101, data.action)
    bpy.context.view_layer.update()
    data.action = None
    if asked == "chain":
        return refused(asked, opened, "NLA strip")
    before = everything()[1]["song"]["nla"]
    bpy.context.view_layer.objects.active = opened
    ASKED[asked](opened)
    assert everything()[1]["song"]["nla"] == before
    danced_is_keyed(opened)
    if asked == "edit":
        assert data.action is None and load(opened).frame_start == 101
    elif asked == "restore":
        assert data.action is not None and load(opened).frame_start == 101
    assert strip.action is not None
    return None


@every
def test_duplicate(opened, asked):
    """Another object with the same action and bones."""
    twin = opened.copy()
    bpy.context.scene.collection.objects.link(twin)
    assert twin.animation_data.action == opened.animation_data.action and twin.data == opened.data
    before = dance_of(opened)
    done(asked, twin)
    assert dance_of(opened) == before
    danced_is_keyed(opened)


@every
def test_append(folder, asked):
    """A dancer appended from another file."""
    bpy.ops.wm.open_mainfile(filepath=str(folder / EMPTY))
    with bpy.data.libraries.load(str(folder / FILE)) as (_, wanted):
        wanted.objects = ["song", "other"]
    for obj in wanted.objects:
        bpy.context.scene.collection.objects.link(obj)
    bpy.context.view_layer.update()
    done(asked, wanted.objects[0])


def linked(folder):
    bpy.ops.wm.open_mainfile(filepath=str(folder / EMPTY))
    with bpy.data.libraries.load(str(folder / FILE), link=True) as (_, wanted):
        wanted.objects = ["song", "other"]
    for obj in wanted.objects:
        bpy.context.scene.collection.objects.link(obj)
    bpy.context.view_layer.update()
    return wanted.objects


@every
def test_link(folder, asked):
    """A dancer linked from another file."""
    armature, _ = linked(folder)
    refused(asked, armature, "is linked from another file.*library override")


@pytest.mark.parametrize("change", ["lock_spans", "unlock_spans", "toggle_span_lock", "split_span", "style_spans"])
def test_a_change_of_the_document_alone_that_would_be_gone_after_loading_is_refused(folder, change):
    """Of a dancer that is linked, and of an override without the action that would keep it."""
    armature, _ = linked(folder)
    override = armature.override_create(remap_local_usages=True)
    override.animation_data.action = None
    bpy.context.view_layer.update()
    for dancer, sentence in ((armature, "is linked from another file"), (override, "kept with its action, and there")):
        if dancer.name not in bpy.context.scene.objects or bpy.context.scene.objects[dancer.name] != dancer:
            bpy.context.scene.collection.objects.link(dancer)
        bpy.context.view_layer.objects.active = dancer
        bpy.context.scene.frame_set(30)
        before = load(dancer).document
        with pytest.raises(RuntimeError, match=sentence):
            getattr(bpy.ops.magma, change)()
        assert load(dancer).document == before


@every
def test_override(folder, asked, tmp_path):
    """A library override; what is changed is there after loading."""
    armature, other = linked(folder)
    override = armature.override_create(remap_local_usages=True)
    if asked == "chain":
        other.override_create(remap_local_usages=True)
    bpy.context.view_layer.update()
    bpy.context.view_layer.objects.active = override
    if asked == "generate":
        bpy.context.scene.magma.target = override
    ASKED[asked](override)
    danced_is_keyed(override)
    made = dance_of(override)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "saved.blend"))
    again = next(obj for obj in bpy.context.scene.objects if obj.name == "song" and obj.override_library)
    assert dance_of(again) == made
    assert len(spans_of(again).spans) == len(load(again).document.spans)
    danced_is_keyed(again)


@every
def test_undo(opened, asked):
    """Undone and done again."""
    bpy.ops.ed.undo_push(message="before")
    before, dance = everything(), dance_of(opened)
    done(asked, opened)
    after = dance_of(opened)
    for _ in range(2 if asked == "edit" else 1):
        bpy.ops.ed.undo()
    armature = bpy.data.objects["song"]
    assert dance_of(armature) == dance
    assert everything()[1] == before[1]
    for _ in range(2 if asked == "edit" else 1):
        bpy.ops.ed.redo()
    assert dance_of(bpy.data.objects["song"]) == after


@every
def test_reload(opened, asked, tmp_path):
    """Saved and opened again."""
    done(asked, opened)
    before, dance = everything(), dance_of(opened)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "saved.blend"))
    armature = bpy.data.objects["song"]
    assert dance_of(armature) == dance and everything() == before
    done("edit", armature)


@every
def test_rename(opened, asked):
    """Object, bones' data, action, strip and scene have other names."""
    opened.name, opened.data.name, opened.animation_data.action.name = "Rita", "bones", "my dance"
    bpy.context.scene.name = "stage"
    done(asked, opened)
    assert opened.name == "Rita" and opened.data.name == "bones"
    if asked != "generate":
        assert opened.animation_data.action.name == "my dance"


@every
def test_frame_rate(opened, asked):
    """The scene has another frame rate than the dance was generated for."""
    bpy.context.scene.render.fps = 24
    if asked == "generate":
        done(asked, opened)
        assert load(opened).fps == 24
        return
    done(asked, opened)
    assert load(opened).fps == 30  # its keys stay on their frames, as Blender keeps them
    if asked != "restore":
        from magma_blender.engine_host.session import session

        assert any("24 frames a second now" in line for line in session.notice.details)


@every
def test_rest_pose(opened, asked):
    """Bones rolled in edit mode since."""
    bpy.context.view_layer.objects.active = opened
    bpy.ops.object.mode_set(mode="EDIT")
    for name in ("pelvis", "L_elbow"):
        opened.data.edit_bones[name].roll += 0.5
    bpy.ops.object.mode_set(mode="OBJECT")
    if asked in ("edit", "chain"):
        return refused(asked, opened, r"rest pose of .*(pelvis|L_elbow).*Restore Keyframes")
    done(asked, opened)
    return None


@every
def test_scale(opened, asked):
    """Scaled, and the scale applied."""
    bpy.context.view_layer.objects.active = opened
    opened.select_set(True)
    opened.driver_remove("location", 1)
    opened.scale = (1.4, 1.4, 1.4)
    bpy.ops.object.transform_apply(location=False, rotation=False, scale=True)
    if asked in ("edit", "chain"):
        return refused(asked, opened, r"rest pose of .*Restore Keyframes")
    done(asked, opened)
    return None
