"""The armature as a dance's target: what an animator has done to it is honoured, or said in one sentence."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("bpy")
import bpy
import skips
import user_data
from dances import ELBOW, LOCKED, NEAR, keys, lock_the_second_second, move_key, select_frames, spans, state
from test_addon_dancer import FORMAT_1
from test_addon_generate import add_song, bone_heads, canned_joints

from magma_blender.errors import SceneError
from magma_blender.scene.dance_keys import current, hand_edited
from magma_blender.scene.dancer import load
from magma_blender.scene.target import target_of

pytestmark = pytest.mark.skipif(bpy.app.version[:2] in skips.ELSEWHERE_IN, reason=skips.ELSEWHERE)

LAYERED = bpy.app.version >= (4, 4)


def danced_is_keyed(armature):
    dancer = current(armature)
    assert hand_edited(armature, dancer) == []
    motion = dancer.motion()
    keyed = target_of(armature).read(motion, np.arange(len(motion)), dancer.frame_start)
    assert np.abs(keyed.joints() - motion.joints()).max() < NEAR


def refused(operator, sentence, armature):
    """One sentence, and all as it was."""
    before = user_data.of_object(armature), load(armature), [action.name for action in bpy.data.actions]
    with pytest.raises(RuntimeError, match=sentence) as caught:
        operator()
    assert "Traceback" not in str(caught.value)
    assert (user_data.of_object(armature), load(armature), [a.name for a in bpy.data.actions]) == before


def shift(armature, by, factor=1.0):
    """Move, and scale, all keys in time, as in the dope sheet."""
    from smpl_rig.blender import compat

    for curve in compat.fcurves(armature):
        for point in curve.keyframe_points:
            for part in (point.co, point.handle_left, point.handle_right):
                part.x = 1 + (part.x - 1) * factor + by
        curve.update()


# -- scale and units


@pytest.mark.parametrize("unit", [0.01, 0.0254])
def test_a_dancer_in_a_scene_of_centimetres_is_as_tall_as_a_person(magma, tmp_path, unit):
    bpy.context.scene.unit_settings.scale_length = unit
    add_song(tmp_path)
    bpy.context.scene.unit_settings.scale_length = unit  # the strip may have come with a scene
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    armature = bpy.data.objects["song"]
    assert armature.data.bones["head"].head_local.z * unit == pytest.approx(1.54, abs=0.05)
    for frame in (0, 45, 89):
        assert np.abs(bone_heads(armature, 1 + frame) * unit - canned_joints(frame)).max() < 2e-3
    body = next(obj for obj in bpy.data.objects if obj.type == "MESH" and obj.parent == armature)
    assert body.dimensions.z * unit == pytest.approx(1.7, abs=0.1)


def test_an_armature_in_centimetres_gets_centimetres(dancer):
    from mathutils import Matrix

    dancer.data.transform(Matrix.Scale(100, 4))
    dancer.scale = (0.01, 0.01, 0.01)
    bpy.context.scene.magma.target = dancer
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    for frame in (0, 45, 89):
        assert np.abs(bone_heads(dancer, 1 + frame) - load(dancer).motion().joints()[frame]).max() < NEAR
    lock_the_second_second(dancer)
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    danced_is_keyed(dancer)


def test_applied_scale_is_said_and_restoring_keys_the_dance_for_it(dancer):
    bpy.context.view_layer.objects.active = dancer
    dancer.select_set(True)
    dancer.scale = (1.5, 1.5, 1.5)
    bpy.ops.object.transform_apply(location=False, rotation=False, scale=True)
    refused(bpy.ops.magma.regenerate_free, "rest pose .*pelvis.*Restore Keyframes", dancer)
    assert bpy.ops.magma.restore_keyframes() == {"FINISHED"}
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    danced_is_keyed(dancer)


def test_a_mirrored_dancer_is_edited_as_it_is(dancer):
    dancer.scale = (-1, 1, 1)
    before = lock_the_second_second(dancer)
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    assert np.array_equal(keys(dancer)[LOCKED], before[LOCKED]) and dancer.scale.x == -1


def test_a_bone_that_is_gone_or_renamed_is_named(dancer):
    dancer.data.bones["neck"].name = "throat"
    refused(bpy.ops.magma.regenerate_free, "lacks the SMPL bones neck", dancer)
    dancer.data.bones["throat"].name = "neck"
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}


def test_bones_that_are_being_edited_are_left_alone(dancer):
    bpy.context.view_layer.objects.active = dancer
    bpy.ops.object.mode_set(mode="EDIT")
    refused(bpy.ops.magma.regenerate_free, "Leave Edit Mode", dancer)
    bpy.ops.object.mode_set(mode="OBJECT")


# -- moved in time


def test_keys_that_are_moved_in_time_are_followed(dancer):
    lock_the_second_second(dancer)
    shift(dancer, 100)
    before = keys(dancer)
    bpy.context.view_layer.objects.active = dancer
    with pytest.raises(RuntimeError, match=r"No keyframe .* was changed by hand"):
        bpy.ops.magma.keep_keyframes()
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    assert load(dancer).frame_start == 101 and tuple(dancer.animation_data.action.frame_range) == (101, 190)
    assert np.array_equal(keys(dancer)[LOCKED], before[LOCKED])
    danced_is_keyed(dancer)
    select_frames(131, 160)
    assert bpy.ops.magma.unlock_spans() == {"FINISHED"}
    assert not any(span[2] for span in spans(dancer))


@pytest.mark.made_up
def test_moved_keys_of_which_one_was_changed_are_followed_as_well(dancer):
    shift(dancer, -20)
    move_key(dancer, 20)
    with pytest.raises(RuntimeError, match=r"changed by hand in frames 19 to 21"):
        bpy.ops.magma.regenerate_free()
    assert bpy.ops.magma.keep_keyframes() == {"FINISHED"}
    assert load(dancer).frame_start == -19 and [span[:3] for span in spans(dancer)][1] == (6, 7, True)


@pytest.mark.parametrize("own", [(), (-30,), (-30, 140)])
@pytest.mark.parametrize("kind", ["LINEAR", "BEZIER"])
def test_keys_that_are_all_changed_and_moved_are_kept_where_they_are(dancer, own, kind):
    """All made Linear, or Automatic, then moved; a walk-in and a walk-out on the same curves are moved as well."""
    from smpl_rig.blender import compat

    for curve in compat.fcurves(dancer):
        for frame in own:
            curve.keyframe_points.insert(frame, 0.3)
        for point in curve.keyframe_points:
            point.handle_left_type = point.handle_right_type = "AUTO"
            point.interpolation = kind
        curve.update()
    shown = bone_heads(dancer, 45)
    shift(dancer, 100)
    assert np.allclose(bone_heads(dancer, 145), shown, atol=1e-3)
    with pytest.raises(RuntimeError, match=r"changed by hand in frames? 10[1-9]"):
        bpy.ops.magma.regenerate_free()
    assert bpy.ops.magma.keep_keyframes() == {"FINISHED"}
    assert load(dancer).frame_start == 101
    assert hand_edited(dancer, load(dancer)) == []
    keyed = target_of(dancer).read(load(dancer).motion(), np.array([0, 44, 89]), 101).joints()
    assert np.abs(keyed[0] - keyed[1]).max() > 0.05  # it moves
    every = target_of(dancer).read(load(dancer).motion(), np.arange(90), 101).joints()
    assert np.linalg.norm(every - load(dancer).motion().joints(), axis=-1).max() < 5e-3  # what plays is in the dance
    assert np.allclose(bone_heads(dancer, 145), shown, atol=2e-3)


@pytest.mark.parametrize("own", [(-30,), (-30, 140)])
def test_a_dance_with_keys_around_it_is_followed(dancer, own):
    from smpl_rig.blender import compat

    for curve in compat.fcurves(dancer):
        for frame in own:
            curve.keyframe_points.insert(frame, 0.3)
    shift(dancer, 100)
    assert current(dancer).frame_start == 101
    danced_is_keyed(dancer)


@pytest.mark.parametrize("version", [1, 2])
def test_a_dance_of_an_older_version_that_was_moved_is_edited_again_and_again(magma, version):
    bpy.ops.wm.open_mainfile(filepath=str(FORMAT_1.with_name(f"dancer_format_{version}.blend")))
    dancer = bpy.data.objects[f"format {version}"]
    bpy.context.view_layer.objects.active = dancer
    shift(dancer, 100)
    select_frames(101, 130)
    assert bpy.ops.magma.lock_spans() == {"FINISHED"}
    assert load(dancer).frame_start == 101 and hand_edited(dancer, load(dancer)) == []
    move_key(dancer, 170)
    assert {169 - 100} <= set(hand_edited(dancer, load(dancer))) < set(range(60, 90))


@pytest.mark.parametrize(("by", "factor", "sentence"), [(0, 2, "scaled in time"), (0.5, 1, "between two frames")])
def test_keys_that_are_scaled_or_between_frames_are_said(dancer, by, factor, sentence):
    shift(dancer, by, factor)
    for operator in (bpy.ops.magma.regenerate_free, bpy.ops.magma.keep_keyframes):
        refused(operator, f"{sentence}.*restore the dance's keyframes", dancer)
    assert bpy.ops.magma.restore_keyframes() == {"FINISHED"}
    danced_is_keyed(dancer)


def test_a_walk_in_stays_where_the_dance_is_new_or_cannot_be_compared(dancer):
    """An armature that was animated by hand gets its first dance; a dance whose rest pose has changed is restored."""
    from smpl_rig.blender.armature import create_armature
    from smpl_rig.blender.keying import curves_of
    from smpl_rig.blender.smpl_keying import SmplKeying

    mine = create_armature("mine")
    for frame, angle in ((-50, 0.1), (-10, 0.4), (20, 0.5)):
        mine.pose.bones["neck"].rotation_quaternion = (1, angle, 0, 0)
        mine.pose.bones["neck"].keyframe_insert("rotation_quaternion", frame=frame)
    bpy.context.scene.magma.target = mine
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    bpy.context.view_layer.objects.active = mine
    path = ('pose.bones["neck"].rotation_quaternion', 1)
    assert [curves_of(SmplKeying(mine))[path].evaluate(frame) for frame in (-50, -10)] == pytest.approx([0.1, 0.4])
    danced_is_keyed(mine)
    mine.select_set(True)
    mine.scale = (1.5, 1.5, 1.5)
    bpy.ops.object.transform_apply(location=False, rotation=False, scale=True)
    assert bpy.ops.magma.restore_keyframes() == {"FINISHED"}
    assert [curves_of(SmplKeying(mine))[path].evaluate(frame) for frame in (-50, -10)] == pytest.approx([0.1, 0.4])


# -- channels


@pytest.mark.parametrize("mode", ["XYZ", "AXIS_ANGLE"])
def test_keyed_angles_of_another_mode_are_edits_by_hand(dancer, mode):
    """The animator prefers Euler angles for an elbow, and keys them."""
    bone = dancer.pose.bones["L_elbow"]
    bone.rotation_mode = mode
    path = "rotation_euler" if mode == "XYZ" else "rotation_axis_angle"
    for frame, angle in ((1, 0.0), (90, 1.5)):
        setattr(bone, path, (angle, 0, 0) if mode == "XYZ" else (angle, 1, 0, 0))
        bone.keyframe_insert(path, frame=frame)
    shown = bone_heads(dancer, 60)
    refused(bpy.ops.magma.regenerate_free, "changed by hand", dancer)
    mine = dancer.animation_data.action
    assert bpy.ops.magma.keep_keyframes() == {"FINISHED"}
    assert np.abs(bone_heads(dancer, 60) - shown).max() < 2e-3  # what was seen is danced
    assert mine.use_fake_user and dancer.animation_data.action != mine
    danced_is_keyed(dancer)
    assert any(curve.data_path.endswith(path) for curve in user_data.curves_of(dancer))
    select_frames(1, 30)
    bpy.ops.magma.unlock_spans()
    bpy.context.scene.use_preview_range = False
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}


@pytest.mark.parametrize("change", ["modifier", "muted", "handles", "interpolation"])
def test_other_changes_of_the_dances_curves_are_noticed(dancer, change):
    from smpl_rig.blender import compat

    curve = next(c for c in compat.fcurves(dancer) if c.data_path.endswith('"L_elbow"].rotation_quaternion'))
    if change == "modifier":
        curve.modifiers.new("NOISE").strength = 2
    elif change == "muted":
        curve.mute = True
        dancer.pose.bones["L_elbow"].rotation_quaternion[0] = 0.2
    elif change == "handles":
        curve.keyframe_points[1].handle_right.y += 0.3
    else:
        curve.keyframe_points[1].interpolation = "CONSTANT"
    refused(bpy.ops.magma.regenerate_free, "changed by hand", dancer)
    shown = bone_heads(dancer, 45)
    assert bpy.ops.magma.keep_keyframes() == {"FINISHED"}
    assert np.abs(bone_heads(dancer, 45) - shown).max() < 2e-3
    danced_is_keyed(dancer)


@pytest.mark.parametrize("what", ["locked", "driver"])
def test_what_stands_in_the_way_of_keys_is_named(dancer, what):
    from smpl_rig.blender import compat

    if what == "locked":
        compat.fcurves(dancer)[8].lock = True
        sentence = "is locked. Unlock it in the Graph Editor"
    else:
        dancer.pose.bones["neck"].driver_add("rotation_quaternion", 1)
        sentence = "neck.*has a driver.*Delete the driver"
    bpy.context.scene.magma.target = dancer
    for operator in (bpy.ops.magma.regenerate_free, bpy.ops.magma.restore_keyframes, bpy.ops.magma.generate_dance):
        refused(operator, sentence, dancer)


# -- actions


def test_a_removed_or_another_action_is_said_and_restoring_works(dancer):
    data, mine = dancer.animation_data, dancer.animation_data.action
    mine.use_fake_user = True
    bpy.context.view_layer.update()  # before actions are switched, else 4.5 and 5.0 crash
    data.action = None
    refused(bpy.ops.magma.regenerate_free, 'has no action.*assign "song" to it again', dancer)
    data.action = bpy.data.actions.new("empty")
    refused(bpy.ops.magma.regenerate_free, '"empty" .*(no keys of its dance|without a slot)', dancer)
    assert bpy.ops.magma.restore_keyframes() == {"FINISHED"}
    danced_is_keyed(dancer)


def test_an_action_of_another_dance_is_said(dancer):
    bpy.context.scene.magma.seed = 9
    bpy.ops.magma.generate_dance()
    other = bpy.data.objects["song.001"]
    bpy.context.view_layer.objects.active = other
    bpy.ops.magma.regenerate_free()
    bpy.context.view_layer.update()
    dancer.animation_data.action.use_fake_user = True
    wrong = other.animation_data.action
    from smpl_rig.blender import compat

    for curve in compat.fcurves(other):
        for point in curve.keyframe_points:
            point.co.y += 0.1
    dancer.animation_data.action = wrong
    if LAYERED:
        dancer.animation_data.action_slot = dancer.animation_data.action_suitable_slots[0]
    bpy.context.view_layer.objects.active = dancer
    refused(bpy.ops.magma.regenerate_free, 'holds other keys than its dance: assign "song"', dancer)


@pytest.mark.skipif(not LAYERED, reason="actions have slots from 4.4 on")
def test_slots_of_an_action(dancer):
    data = dancer.animation_data
    action, slot = data.action, data.action_slot
    bpy.context.view_layer.update()
    data.action_slot = None
    refused(bpy.ops.magma.regenerate_free, "without a slot", dancer)
    data.action_slot = slot
    slot.name_display = "renamed"
    other = action.slots.new(id_type="OBJECT", name="other")
    bag = action.layers[0].strips[0].channelbag(other, ensure=True)
    bag.fcurves.new("location", index=0).keyframe_points.insert(1, 5)
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    bpy.context.scene.magma.target = dancer
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    now = data.action
    assert sorted(s.name_display for s in now.slots) == ["other", "renamed"]
    kept = now.layers[0].strips[0].channelbag(now.slots["OBother"])
    assert kept.fcurves[0].keyframe_points[0].co[1] == 5


def test_an_nla_strip_at_another_speed_is_said(dancer):
    data = dancer.animation_data
    strip = data.nla_tracks.new().strips.new("dance", 1, data.action)
    bpy.context.view_layer.update()
    data.action = None
    strip.scale = 2
    refused(bpy.ops.magma.regenerate_free, "plays it faster, slower", dancer)


def test_former_dances_do_not_pile_up_but_what_was_made_by_hand_stays(dancer):
    bpy.context.scene.magma.target = dancer
    for seed in range(3):
        bpy.context.scene.magma.seed = seed
        bpy.ops.magma.generate_dance()
    assert [action.name for action in bpy.data.actions] == ["song"]
    dancer.animation_data.action.use_fake_user = True  # the animator wants to keep it
    bpy.ops.magma.generate_dance()
    assert len(bpy.data.actions) == 2


# -- scenes and targets


def test_a_target_that_is_not_in_the_scene_is_named(dancer):
    bpy.context.scene.magma.target = dancer
    bpy.ops.object.select_all(action="DESELECT")
    dancer.select_set(True)
    bpy.context.view_layer.objects.active = dancer
    bpy.ops.object.delete()  # the panel still knows it
    objects = len(bpy.context.scene.objects)
    with pytest.raises(RuntimeError, match=r'The target "song" (was deleted|is not in the scene)'):
        bpy.ops.magma.generate_dance()
    assert len(bpy.context.scene.objects) == objects


def test_a_linked_scene_is_refused(magma, tmp_path):
    add_song(tmp_path)
    file, name = str(tmp_path / "library.blend"), bpy.context.scene.name
    bpy.ops.wm.save_as_mainfile(filepath=file)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=False)
    with bpy.data.libraries.load(file, link=True) as (_, wanted):
        wanted.scenes = [name]
    if bpy.context.window is None:
        pytest.skip("this Blender has no window in background")
    bpy.context.window.scene = wanted.scenes[0]
    before = [len(scene.objects) for scene in bpy.data.scenes]
    with pytest.raises(RuntimeError, match=r"is linked from .* cannot be changed here"):
        bpy.ops.magma.generate_dance()
    assert [len(scene.objects) for scene in bpy.data.scenes] == before


def test_markers_of_the_animators_own_stay(dancer):
    scene = bpy.context.scene
    mine = {("bar 7", 12), ("bar 1", 8), ("bar 2.2", 3)}
    for name, frame in mine:
        scene.timeline_markers.new(name, frame=frame)
    bpy.ops.magma.mark_beats()
    made = {(marker.name, marker.frame) for marker in scene.timeline_markers} - mine
    next(marker for marker in scene.timeline_markers if marker.name == "bar 1.3").frame = 60  # moved: the animator's
    shift(dancer, 10)
    bpy.ops.magma.mark_beats()
    now = [(marker.name, marker.frame) for marker in scene.timeline_markers]
    assert mine | {("bar 1.3", 60)} <= set(now)
    assert {(name, frame + 10) for name, frame in made} <= set(now) and ("bar 2", 54) not in now


@pytest.mark.parametrize(
    "noted", [5, "text", [1, 2], {"frames": [{"a": 1}], "names": "bar 1"}, {"frames": "x", "names": 5}]
)
def test_a_note_of_markers_that_nobody_understands_is_replaced(dancer, noted):
    """A property of the scene that another program, or an attacker, wrote."""
    scene = bpy.context.scene
    scene["magma_beats"] = noted
    assert bpy.ops.magma.mark_beats() == {"FINISHED"}
    assert scene["magma_beats"]["frames"].to_list() == [marker.frame for marker in scene.timeline_markers]


def test_beats_that_no_scene_reaches_get_no_markers(dancer):
    from magma_blender.scene.beat_markers import Beat, mark

    far = [Beat(-1e12, 1, 1), Beat(5.0, 1, 2), Beat(1e12, 1, 3)]
    mark(bpy.context.scene, far)
    assert [(marker.name, marker.frame) for marker in bpy.context.scene.timeline_markers] == [("bar 1.2", 5)]


# -- all or nothing

STEPS = {
    "body": "smpl_rig.blender.body._skin",
    "write": "smpl_rig.blender.keyframes.write_motion",
    "fill": "smpl_rig.blender.keyframes.fill",
    "rewrite": "smpl_rig.blender.rewrite.fill",
    "fingerprint": "magma_blender.scene.keyed_target.KeyedTarget.fingerprint",
    "record": "magma_blender.scene.dance_keys.write",
    "list": "magma_blender.scene.span_list.beat_markers.beats_of",
}


ASKED = {
    "generate": "generate_dance",
    "new": "generate_dance",
    "edit": "regenerate_free",
    "restore": "restore_keyframes",
    "keep": "keep_keyframes",
    "lock": "lock_spans",
}


def owner_of(path):
    """(module or class, name) of a dotted path."""
    import importlib

    module, _, name = path.rpartition(".")
    try:
        return importlib.import_module(module), name
    except ImportError:
        outer, inner = owner_of(module)
        return getattr(outer, inner), name


@pytest.mark.parametrize("asked", ASKED)
def test_a_failure_at_any_step_leaves_all_as_it_was(dancer, asked):
    user_data.add_to(dancer)
    scene = bpy.context.scene
    bpy.context.view_layer.objects.active = dancer
    scene.magma.target = dancer if asked == "generate" else None
    scene.magma.use_body = True
    failed = {step for step in STEPS if fails_and_leaves_all(dancer, asked, STEPS[step])}
    whole, parts = {"write", "fill", "fingerprint", "record", "list"}, {"rewrite", "fingerprint", "record", "list"}
    steps = {"generate": whole, "new": whole | {"body"}, "restore": whole, "edit": parts}
    assert failed == steps.get(
        asked, {"fingerprint", "record", "list"} - ({"fingerprint"} if asked == "lock" else set())
    )


def fails_and_leaves_all(dancer, asked, step):
    """Whether what is asked has the step, which fails after it has done its work; then all is as it was."""
    if asked == "keep":
        move_key(dancer, 40)
    elif asked == "edit":
        bpy.ops.magma.unlock_spans()
    elif asked == "generate":
        dancer.pose.bones["neck"].rotation_mode = "XYZ"
        dancer.pose.bones["head"].location = (0, 0.125, 0)  # not keyed
    scene, before = bpy.context.scene, all_of(dancer)
    owner, name = owner_of(step)
    original, calls = getattr(owner, name), []

    def failing(*arguments, **values):
        calls.append(1)
        made = original(*arguments, **values)
        if len(calls) == (3 if name == "fill" else 1):
            raise ValueError("disk on fire")
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, failing)
        try:
            getattr(bpy.ops.magma, ASKED[asked])()
        except RuntimeError as error:
            assert "disk on fire" in str(error)
        else:
            return False
    assert scene == bpy.context.scene and all_of(dancer) == before
    return True


def all_of(dancer):
    scene = bpy.context.scene
    scene.frame_set(scene.frame_current)
    pose = {bone.name: (bone.rotation_mode, tuple(bone.location), tuple(bone.scale)) for bone in dancer.pose.bones}
    kinds = ("objects", "actions", "armatures", "meshes", "materials")
    names = [sorted(block.name for block in getattr(bpy.data, kind)) for kind in kinds]
    return user_data.of_scene(scene), user_data.of_object(dancer), state(dancer), pose, names


def test_an_error_that_names_a_reason_is_the_users(dancer):
    with pytest.raises(SceneError, match="is of type empty"):
        empty = bpy.data.objects.new("empty", None)
        target_of(empty).check()


def test_what_sparse_keys_leave_between_them_is_no_edit(dancer):
    """A body that moves as much as in a real dance: its keys pass within a tolerance."""
    from magma_blender.scene.keyed_target import Keyed
    from smpl_rig.blender import compat
    from smpl_rig.motion import Motion

    rates, phases = np.array([1, 2, 4]), np.random.default_rng(0).uniform(0, 2 * np.pi, (72, 3))
    turns = 2 * np.pi * np.arange(90)[:, None, None] / 30 * rates + phases
    poses = load(dancer).motion().poses + (0.2 / rates * np.sin(turns)).sum(-1)
    motion, target = Motion(poses.astype(np.float32), load(dancer).motion().trans, 30.0), target_of(dancer)
    target.write(motion, 1, "waves", None)
    keyed = Keyed(motion, 1, target.fingerprint(90, 1), dancer.animation_data.action.name)
    assert target.compare(keyed).edited == ()
    curve = next(c for c in compat.fcurves(dancer) if (c.data_path, c.array_index) == (ELBOW, 2))
    frames = [round(point.co[0]) - 1 for point in curve.keyframe_points]
    number = len(frames) // 2
    curve.keyframe_points.remove(curve.keyframe_points[number])
    edited = target.compare(keyed).edited
    assert frames[number] in edited
    assert set(edited) <= set(range(frames[number - 1], frames[number + 1] + 1))
