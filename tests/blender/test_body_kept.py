"""What an animator did to a dancer's body and pose bones stays, whatever is asked of the dancer."""

from __future__ import annotations

import pytest

pytest.importorskip("bpy")
import bpy
import skips
import user_data
from dances import keys, select_frames
from test_addon_generate import add_song

from magma_blender.scene.dancer import load

pytestmark = pytest.mark.skipif(bpy.app.version[:2] in skips.ELSEWHERE_IN, reason=skips.ELSEWHERE)


@pytest.fixture
def with_body(magma, tmp_path):
    """The dancer with its mannequin, to which the animator has added an animated shape key."""
    add_song(tmp_path)
    bpy.context.scene.magma.use_body = True
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    user_data.add_shape_key(bpy.data.objects["song Body"])
    return bpy.data.objects["song"]


def test_a_shape_key_of_the_body_stays_when_its_dancer_dances_again(with_body):
    scene = bpy.context.scene
    scene.magma.target, scene.magma.seed = with_body, 3
    body = bpy.data.objects["song Body"]
    before = user_data.of_object(body), body.data
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    assert (user_data.of_object(body), body.data) == before
    assert user_data.shape_keys_of(body.data) is not None
    assert len([obj for obj in scene.objects if obj.type == "MESH"]) == 1


def test_the_next_dancer_has_no_part_in_a_shape_key(with_body):
    bpy.context.scene.magma.target = None
    body = bpy.data.objects["song Body"]
    before = user_data.of_object(body)
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    assert user_data.of_object(body) == before
    assert bpy.data.objects["song.001 Body"].data.shape_keys is None


def test_an_edit_after_a_bone_was_set_to_euler_angles(dancer):
    """No key was changed, but the bone does not follow its keys any more."""
    bpy.context.view_layer.objects.active = dancer
    select_frames(31, 60)
    assert bpy.ops.magma.lock_spans() == {"FINISHED"}
    dancer.pose.bones["L_elbow"].rotation_mode = "XYZ"
    before, record = keys(dancer), load(dancer)
    with pytest.raises(RuntimeError, match=r"changed by hand in frames .*Keep My Keyframes.*Restore"):
        bpy.ops.magma.regenerate_free()
    assert (keys(dancer) == before).all() and load(dancer) == record
    assert dancer.pose.bones["L_elbow"].rotation_mode == "XYZ"
