"""The script that makes mannequin.npz, the bundled body, from the wooden mannequin of the package `mannequin-x`.

    pip download --no-deps mannequin-x==0.3.0 -d FOLDER
    python -m smpl_rig.assets.bake_mannequin FOLDER/mannequin_x-0.3.0-py3-none-any.whl

Only `mannequin/assets/wooden.npz` of the wheel is read: vertices, faces, part names, skin weights and the joints the
figure was skinned with. The figure is 29 separate pieces (limbs, balls at the joints, three torso pieces, neck, head).
Each is moved from its source joints to those of `skeleton.rest_joints` by its own map. Limbs, balls and head are bound
to one joint, like the wood of a real mannequin. Torso, neck, hands and feet bend with the figure's own smooth weights:
rigid torso pieces would come apart at the waist when a dancer leans back.

Every .blend with a dancer stores the mesh, so it is made light at the end: a tenth of the source's vertices, which
looks the same but for slight corners at soles and waist.

Needs scipy and bpy. Not used at run time. Run it again only when the skeleton's rest pose changes.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
import zipfile
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from ..blender.context import layer_of, scene_of
from ..body_model import MANNEQUIN_FILE
from ..rotations import quaternion_to_matrix, rotation_between
from ..skeleton import CHILDREN, JOINT_COUNT, JOINT_INDEX, JOINT_NAMES, PARENTS, SOLE_BELOW_FOOT, rest_joints

WHEEL_SHA256 = "c343d8ad6be17770e396ba9119d4a0fc605fad8eb8580d72e95f61fe4a6a8a6b"
VERTICES = 1700
"""About how many vertices the light mesh has: with fewer, limbs get corners."""
INFLUENCES = 4
MATERIALS = ("Wood", "Joints")
VERTEX_STEP = 2.0**-18
"""Coordinates are rounded to this many metres (4 micrometres): compressible, and too fine to show in the shading."""
HEAD_SCALE = 0.95
HEAD_BACK = np.array([0, 0, -0.018])
"""Offset of the head, metres: SMPL's head joint is in front of the place where this figure's head joins its neck."""
THIGH_OUT = 0.008
"""Metres by which the hip balls and thighs are outside SMPL's hip joints, which are narrow for wooden thighs."""

Array = NDArray[np.float64]


class Source:
    """The wooden mannequin of the wheel."""

    def __init__(self, wheel: Path) -> None:
        content = wheel.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if digest != WHEEL_SHA256:
            raise SystemExit(f"{wheel} has SHA-256 {digest}, not {WHEEL_SHA256}: it is not mannequin-x 0.3.0.")
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            data = np.load(io.BytesIO(archive.read("mannequin/assets/wooden.npz")), allow_pickle=False)
        self.vertices: Array = data["vertices"].astype(np.float64)
        self.faces: NDArray[np.int64] = data["faces"]
        self.joints: Array = data["skin_source_joint_positions"].astype(np.float64)
        parts = np.repeat(data["skin_part_names"], data["skin_part_vertex_counts"])
        self.is_ball: NDArray[np.bool_] = np.char.startswith(parts, "joint")
        self.part = parts
        self.weights: Array = np.zeros((len(self.vertices), len(self.joints)))
        rows = np.arange(len(self.vertices))[:, None]
        np.add.at(self.weights, (rows, data["skin_joint_indices"]), data["skin_weights"])
        # the first 24 joints are SMPL's, then come fingers, left then right; the thumbs belong to the palm
        names = [str(name) for name in data["joint_names"]]
        self.to_smpl = np.array([_smpl_joint(index, name) for index, name in enumerate(names)])

    def smpl_weights(self) -> Array:
        """The figure's weights (V, 24), with those of fingers added to wrist and hand."""
        weights = np.zeros((len(self.vertices), JOINT_COUNT))
        np.add.at(weights.T, self.to_smpl, self.weights.T)
        return weights / weights.sum(axis=1, keepdims=True)

    def pieces(self) -> list[NDArray[np.int64]]:
        """Vertex indices of every connected piece."""
        edges = np.concatenate([self.faces[:, [0, 1]], self.faces[:, [1, 2]]])
        size = len(self.vertices)
        graph = coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(size, size))
        count, label = connected_components(graph, directed=False)
        return [np.flatnonzero(label == piece) for piece in range(count)]


def _smpl_joint(index: int, name: str) -> int:
    if index < JOINT_COUNT:
        return index
    return JOINT_INDEX[name[0] + ("_wrist" if "Thumb" in name else "_hand")]


def bake(source: Source) -> dict[str, Any]:
    """The arrays of mannequin.npz.

    faces: (F, 4) vertex indices; a triangle repeats its last one.
    """
    joints = rest_joints().astype(np.float64)
    vertices, weights = np.empty_like(source.vertices), source.smpl_weights()
    for piece in source.pieces():
        main = int(np.argmax(weights[piece].sum(axis=0)))
        name, part = JOINT_NAMES[main], str(source.part[piece[0]])
        points = source.vertices[piece]
        if source.is_ball[piece[0]]:
            vertices[piece] = points - source.joints[main] + joints[main] + _sideways(name, "hip")
            weights[piece] = np.eye(JOINT_COUNT)[main]
        elif part == "body":
            vertices[piece] = _torso(points, source.joints, joints)
        elif part == "head":
            is_neck = points[:, 1].min() < source.joints[JOINT_INDEX["neck"], 1]
            vertices[piece] = (_neck if is_neck else _head)(points, source.joints, joints)
            if not is_neck:
                weights[piece] = np.eye(JOINT_COUNT)[JOINT_INDEX["head"]]
        elif name.endswith("hand"):  # the source has its hand joint at the wrist, so there is no bone to stretch
            wrist = PARENTS[main]
            vertices[piece] = points - source.joints[wrist] + joints[wrist]
        elif name.endswith("ankle"):
            vertices[piece] = _foot(points, source.joints, joints, main)
        else:
            vertices[piece] = _limb(points, source.joints, joints, main) + _sideways(name, "hip")
    is_ball = source.is_ball[source.faces[:, 0]]
    vertices, faces, weights, material = _lighter(vertices, source.faces, weights, is_ball)
    order = np.argsort(-weights, axis=1)[:, :INFLUENCES]
    shares = np.take_along_axis(weights, order, axis=1)
    return {
        "vertices": (np.round(vertices / VERTEX_STEP) * VERTEX_STEP).astype(np.float32),
        "faces": faces.astype(np.uint16),
        "owners": order.astype(np.uint8),
        "shares": np.round(255 * shares / shares.sum(axis=1, keepdims=True)).astype(np.uint8),
        "joints": rest_joints(),
        "materials": np.array(MATERIALS),
        "material": material.astype(np.uint8),
    }


def _lighter(
    vertices: Array, faces: NDArray[np.int64], weights: Array, material: NDArray[np.bool_]
) -> tuple[Array, NDArray[np.int64], Array, NDArray[np.int64]]:
    """The mesh with about `VERTICES` vertices (V, 3), mostly of quads: faces (F, 4), skin weights (V, 24), and the
    material of each face (F,). Edges are collapsed within pieces only, so what was bound to one joint stays so."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    mesh = bpy.data.meshes.new("Mannequin")
    mesh.from_pydata(vertices.tolist(), [], faces.tolist())
    for name in MATERIALS:
        mesh.materials.append(bpy.data.materials.new(name))
    mesh.polygons.foreach_set("material_index", material.astype(np.int32))
    body = bpy.data.objects.new("Mannequin", mesh)
    scene_of(bpy.context).collection.objects.link(body)
    layer_of(bpy.context).objects.active = body
    for joint in range(JOINT_COUNT):
        group = body.vertex_groups.new(name=str(joint))
        for index in np.flatnonzero(weights[:, joint]).tolist():
            group.add([index], float(weights[index, joint]), "REPLACE")
    decimate = body.modifiers.new("Decimate", "DECIMATE")
    assert isinstance(decimate, bpy.types.DecimateModifier)
    decimate.ratio = VERTICES / len(vertices)
    decimate.use_symmetry = True  # in x
    bpy.ops.object.modifier_apply(modifier="Decimate")
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.mesh.tris_convert_to_quads(face_threshold=0.7, shape_threshold=1.2)
    bpy.ops.object.mode_set(mode="OBJECT")
    light = np.zeros((len(mesh.vertices), JOINT_COUNT))
    for vertex in mesh.vertices:
        for share in vertex.groups:
            light[vertex.index, share.group] = share.weight
    return (
        np.array([vertex.co[:] for vertex in mesh.vertices], np.float64),
        np.array([[*face.vertices, face.vertices[-1]][:4] for face in mesh.polygons]),
        light / light.sum(axis=1, keepdims=True),
        np.array([face.material_index for face in mesh.polygons]),
    )


def _sideways(name: str, joint: str) -> Array:
    side = {"L": 1.0, "R": -1.0}.get(name[0], 0.0) if name[1:] == f"_{joint}" else 0.0
    return np.array([side * THIGH_OUT, 0, 0])


def _limb(points: Array, source: Array, target: Array, joint: int) -> Array:
    """A limb's points, turned and stretched along the bone so that both ends meet their joints; its thickness stays."""
    child = CHILDREN[joint][0]
    old, new = source[child] - source[joint], target[child] - target[joint]
    axis = old / np.linalg.norm(old)
    along = (points - source[joint]) @ axis
    stretched = points - source[joint] + np.outer(along * (np.linalg.norm(new) / np.linalg.norm(old) - 1), axis)
    return stretched @ quaternion_to_matrix(rotation_between(old, new)).T + target[joint]


def _torso(points: Array, source: Array, target: Array) -> Array:
    """A torso's points: heights by the line through hips and shoulders, breadth with the shoulders, depth along the
    spine."""
    hip, shoulder = JOINT_INDEX["L_hip"], JOINT_INDEX["L_shoulder"]
    height = (points[:, 1] - source[hip, 1]) / (source[shoulder, 1] - source[hip, 1])
    y = target[hip, 1] + height * (target[shoulder, 1] - target[hip, 1])
    shift = [target[joint, 2] - source[joint, 2] for joint in (hip, shoulder)]
    z = points[:, 2] + shift[0] + np.clip(height, 0, 1) * (shift[1] - shift[0])
    breadth = 1 + np.clip(height, 0, 1) * 0.1
    return np.stack([points[:, 0] * breadth, y, z], axis=1)


def _neck(points: Array, source: Array, target: Array) -> Array:
    """The neck's points, sheared and stretched from the neck joint to the place of the head."""
    neck, head = JOINT_INDEX["neck"], JOINT_INDEX["head"]
    height = (points[:, 1] - source[neck, 1]) / (source[head, 1] - source[neck, 1])
    along = target[neck] + np.outer(height, target[head] + HEAD_BACK - target[neck])
    old = source[neck] + np.outer(height, source[head] - source[neck])
    return points - old + along


def _head(points: Array, source: Array, target: Array) -> Array:
    head = JOINT_INDEX["head"]
    return (points - source[head]) * HEAD_SCALE + target[head] + HEAD_BACK


def _foot(points: Array, source: Array, target: Array, ankle: int) -> Array:
    """A foot's points, turned about the vertical and scaled so that ankle and foot joint meet theirs and the sole stays
    level."""
    foot = CHILDREN[ankle][0]
    old, new = source[foot] - source[ankle], target[foot] - target[ankle]
    flat = [np.array([vector[0], vector[2]]) for vector in (old, new)]
    angle = np.arctan2(flat[1][0], flat[1][1]) - np.arctan2(flat[0][0], flat[0][1])
    length = float(np.linalg.norm(flat[1]) / np.linalg.norm(flat[0]))
    height = (target[foot, 1] - SOLE_BELOW_FOOT - target[ankle, 1]) / (points[:, 1].min() - source[ankle, 1])
    local = (points - source[ankle]) * np.array([1.0, height, length])
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    return local @ turn.T + target[ankle]


def main(arguments: list[str]) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Make the bundled body from the mannequin-x wheel.")
    parser.add_argument("wheel", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=MANNEQUIN_FILE)
    options = parser.parse_args(arguments)
    np.savez_compressed(options.output, **bake(Source(options.wheel)))


if __name__ == "__main__":
    main(sys.argv[1:])
