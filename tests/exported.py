"""What exported files hold, read without Blender's importers."""

from __future__ import annotations

import numpy as np

from smpl_rig.gltf_file import read_gltf
from smpl_rig.rotations import quaternion_to_matrix

Z_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
"""From Y up to Z up."""


def gltf_joints(file, fps, count):
    """{node: (T, 3) places, metres, Z up} at so many frames of a file's one animation, and its name."""
    gltf = read_gltf(file)
    (animation,) = gltf.json["animations"]
    nodes, times = gltf.json["nodes"], np.arange(count) / fps
    inputs = [gltf.values(sampler["input"])[:, 0] for sampler in animation["samplers"]]
    assert np.isclose(max(track[-1] for track in inputs) * fps, count - 1, atol=1e-4)  # not a frame longer or shorter
    tracks = {}
    for channel in animation["channels"]:
        sampler = animation["samplers"][channel["sampler"]]
        keys, values = gltf.values(sampler["input"])[:, 0], gltf.values(sampler["output"])
        at_times = np.stack([np.interp(times, keys, column) for column in values.T], axis=1)
        tracks[channel["target"]["node"], channel["target"]["path"]] = at_times
    found = {}

    def walk(node, turn, place):
        entry = nodes[node]
        own = tracks.get((node, "rotation"), np.tile(entry.get("rotation", (0, 0, 0, 1)), (count, 1)))
        moved = tracks.get((node, "translation"), np.tile(entry.get("translation", (0, 0, 0)), (count, 1)))
        place = place + np.einsum("tij,tj->ti", turn, moved)
        turn = turn @ quaternion_to_matrix(np.roll(own, 1, axis=1).astype(float)) * entry.get("scale", (1, 1, 1))
        found[entry["name"]] = place @ Z_UP.T
        for child in entry.get("children", ()):
            walk(child, turn, place)

    for root in gltf.json["scenes"][0]["nodes"]:
        walk(root, np.tile(np.eye(3), (count, 1, 1)), np.zeros((count, 3)))
    return found, animation["name"]


def bvh_joints(file, units):
    """({joint: (T, 3) places, metres, Z up}, frames a second) of a BVH file."""
    from engine.motion.files.bvh_format import parse_bvh

    bvh = parse_bvh(file)
    _, places = bvh.world()
    return {joint.name: places[:, number] @ Z_UP.T / units for number, joint in enumerate(bvh.joints)}, bvh.fps
