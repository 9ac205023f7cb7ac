"""Dancers share one mesh until an animator changes it; then the next dancer gets one of its own."""

from __future__ import annotations

import pytest

pytest.importorskip("bpy")
import bpy
import skips

pytestmark = pytest.mark.skipif(bpy.app.version[:2] in skips.ELSEWHERE_IN, reason=skips.ELSEWHERE)


@pytest.fixture
def body(scene):
    return another()


def another():
    from smpl_rig.blender.armature import create_armature
    from smpl_rig.blender.body import add_body

    return add_body(create_armature("dancer"))


def paint_weights(body):
    body.vertex_groups["head"].add([0, 1, 2], 0.5, "REPLACE")


def add_a_shape_key(body):
    body.shape_key_add(name="Basis")
    body.shape_key_add(name="fat").data[0].co.x += 1


def unwrap(body):
    body.data.uv_layers.new(name="mine")


def paint_colours(body):
    body.data.color_attributes.new("mine", "BYTE_COLOR", "CORNER")


def move_a_vertex(body):
    body.data.vertices[0].co.x += 1


def restyle(body):
    body.data.materials[0] = bpy.data.materials.new("silk")


@pytest.mark.parametrize("change", [paint_weights, add_a_shape_key, unwrap, paint_colours, move_a_vertex, restyle])
def test_a_changed_body_is_nobody_elses(body, change):
    assert another().data == body.data
    change(body)
    bpy.context.view_layer.update()
    second = another()
    assert second.data != body.data and second.data.shape_keys is None
    assert another().data == second.data


def test_a_body_is_shared_after_loading(body, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "saved.blend"))
    another()
    assert len(bpy.data.meshes) == 1
