"""Import of the motion of any human BVH skeleton as a motion of our SMPL body.

Joints are found by their names (`joint_names`) and by the tree; bone lengths are ours, and the legs give the scale.
Each joint turns in the world as the source's does, relative to a pose in which both rest alike (`skeleton_frames`).
What does not come out as the file's own joint positions say is refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError
from engine.motion.files.bvh_format import BvhFile, parse_bvh
from engine.motion.files.joint_names import UnknownJointsError, match_joints
from engine.motion.files.placement import TO_Z_UP, check_moves, find_placement
from engine.motion.files.reference_poses import Recording, dance_range, is_reference, is_upright_rest
from engine.motion.files.skeleton_frames import (
    SourceSkeleton,
    body_frame,
    directions_off,
    rotations_by_positions,
    rotations_by_rest,
)
from engine.motion.grounding import grounded
from smpl_rig.kinematics import local_rotations
from smpl_rig.motion import Motion, from_rotations
from smpl_rig.skeleton import BODY_TO_WORLD, JOINT_COUNT, JOINT_INDEX, PARENTS, REST_OFFSETS, rest_joints

Array = NDArray[np.floating[Any]]

_MOST_OFF = 25.0
"""Degrees by which a part of the body may be off the file's own positions, on average."""
_FARTHEST_FLOOR = 100.0
"""Metres from height 0 to a recording's floor; it is moved to 0."""
_NO_LEGS = 1e-6
"""Length of legs, in any unit, that is rounding."""


def read_bvh(path: Path) -> Motion:
    """The dance in a BVH file, see `read_bvh_recording`."""
    return read_bvh_recording(path).dance


def read_bvh_recording(path: Path) -> Recording:
    """The motion in a BVH file, in metres, Z up.

    Our own files are restored exactly. A motion of another skeleton is scaled by its legs and set on the floor; a
    T-pose at its ends that the dance does not lead to is left out. Raises DataError if the file is damaged, limbs
    cannot be recognised, or the motion is not plausible.
    """
    path = Path(path)
    file = parse_bvh(path)
    joints = _match_joints(path, file)
    source = _source(file, joints)
    rest = _filled(file.rest_positions(), joints)
    if not source.legs > _NO_LEGS:
        raise DataError(f"{path.name}: its legs have no length, so its skeleton is empty. Export the BVH with offsets.")
    scale = _OUR_LEGS / source.legs
    if _is_ours(file, joints, scale):
        ours = rotations_by_rest(source, rest, np.broadcast_to(np.eye(3), (JOINT_COUNT, 3, 3)))
        places = source.positions[:, 0] * scale
        return Recording(_motion(ours, places, BODY_TO_WORLD.astype(np.float64), file.fps), 0)
    world = _rotations(path, file, source, rest)
    start, stop = dance_range(source.positions * scale, file.fps, _at_rest(file))
    world, positions = world[start:stop], source.positions[start:stop] * scale
    placement = find_placement(
        path.name,
        positions - positions[:, :1],
        positions[:, 0],
        file.fps,
        _usual_axes(rest),
        np.zeros(3),
        _FARTHEST_FLOOR,
    )
    motion = _motion(world, positions[:, 0] * placement.unit, placement.to_z_up, file.fps)
    motion = grounded(motion)
    check_moves(path.name, motion)
    return Recording(motion, start)


def _motion(world: Array, places: Array, to_z_up: Array, fps: float) -> Motion:
    return from_rotations(local_rotations(to_z_up @ world), places @ to_z_up.T, fps)


def _match_joints(path: Path, file: BvhFile) -> dict[int, int]:
    """The file's joint for each of our joints that can be found, all below the first ROOT that has them: another one
    may be a prop."""
    roots = [index for index, joint in enumerate(file.joints) if joint.parent < 0]
    unknown: UnknownJointsError | None = None
    for start, stop in zip(roots, [*roots[1:], len(file.joints)], strict=True):
        tree = file.joints[start:stop]
        try:
            found = match_joints([joint.name for joint in tree], [max(joint.parent - start, -1) for joint in tree])
        except UnknownJointsError as error:
            unknown = unknown or error
        else:
            return {ours: start + theirs for ours, theirs in found.items()}
    present = ", ".join(joint.name[:40] for joint in file.joints[:30])
    raise DataError(
        f"{path.name}: no joint is recognised as {unknown} (its joints: {present}). Rename its joints as in Mixamo or "
        "SMPL."
    ) from unknown


def _source(file: BvhFile, joints: dict[int, int]) -> SourceSkeleton:
    rotations, positions = file.world([joints[ours] for ours in sorted(joints)])
    place = {ours: index for index, ours in enumerate(sorted(joints))}
    for ours in range(1, JOINT_COUNT):
        place.setdefault(ours, place[PARENTS[ours]])
    order = [place[ours] for ours in range(JOINT_COUNT)]
    return SourceSkeleton(rotations[:, order], positions[:, order], frozenset(joints))


def _filled(rest: Array, joints: dict[int, int]) -> Array:
    """(24, 3) rest positions of our joints; one that the skeleton lacks is at its parent."""
    places: Array = np.zeros((JOINT_COUNT, 3))
    for ours in range(JOINT_COUNT):
        places[ours] = rest[joints[ours]] if ours in joints else places[PARENTS[ours]]
    return places


def _rotations(path: Path, file: BvhFile, source: SourceSkeleton, rest: Array) -> Array:
    """World rotations (T, 24, 3, 3) by the first way that gives the file's own bone directions."""
    least: dict[str, float] = {}
    still = np.broadcast_to(np.eye(3), (JOINT_COUNT, 3, 3))
    poses = [(rest, still)] if is_upright_rest(rest) else []
    ends = [frame for frame in (0, len(file.values) - 1) if is_reference(source.positions[frame])]
    poses += [(source.positions[frame], source.rotations[frame]) for frame in ends[:1]]
    for way in [*poses, None]:
        world = rotations_by_positions(source) if way is None else rotations_by_rest(source, *way)
        off = directions_off(world, source)
        if max(off.values()) < _MOST_OFF:
            _check_sides(path, world, source)
            return world
        least = min(least or off, off, key=lambda each: max(each.values()))
    part = max(least, key=lambda name: least[name])
    raise DataError(
        f"{path.name}: its skeleton cannot be read: the {part} would be {least[part]:.0f} degrees off. Export the "
        "motion with a T-pose as its rest pose or first frame."
    )


def _check_sides(path: Path, world: Array, source: SourceSkeleton) -> None:
    """Raise DataError where left and right are exchanged: then the toes point backwards."""
    left = source.bone("R_hip", "L_hip")
    up = source.bone("L_hip", "L_shoulder") + source.bone("R_hip", "R_shoulder")
    forward = np.cross(left, up)
    for side in "LR":
        if JOINT_INDEX[f"{side}_foot"] not in source.mapped:
            return
        toes = source.bone(f"{side}_ankle", f"{side}_foot")
        size = np.linalg.norm(toes, axis=-1) * np.linalg.norm(forward, axis=-1)
        if np.median((toes * forward).sum(axis=-1) / np.maximum(size, 1e-12)) > -0.3:
            return
    raise DataError(
        f"{path.name}: its left and right are exchanged (its toes point backwards), so it is mirrored. Export it again "
        "with the joints' names on their own sides."
    )


def _at_rest(file: BvhFile) -> NDArray[np.bool_]:
    """(T,) frames in which every rotation is zero."""
    turns = [channel.endswith("rotation") for joint in file.joints for channel in joint.channels]
    return np.asarray((np.abs(file.values[:, turns]) < 1e-6).all(axis=1))


def _usual_axes(rest: Array) -> list[str]:
    """Axes that may be up: the one along which the skeleton rests, then the format's and Blender's."""
    along = body_frame(rest)[:, 1]
    axis = int(np.abs(along).argmax())
    rests = ("-" if along[axis] < 0 else "") + "xyz"[axis]
    usual = [rests] if is_upright_rest(rest) and rests in TO_Z_UP else []
    return [*usual, *(each for each in ("y", "z") if each not in usual)]


_OUR_LEGS = float(
    sum(np.linalg.norm(rest_joints()[JOINT_INDEX[f"{side}_{end}"]] - rest_joints()[JOINT_INDEX[f"{side}_{start}"]])
        for side in "LR" for start, end in (("hip", "knee"), ("knee", "ankle"))) / 2
)  # fmt: skip


def _is_ours(file: BvhFile, joints: dict[int, int], scale: float) -> bool:
    if len(file.joints) != JOINT_COUNT or len(joints) != JOINT_COUNT:
        return False
    offsets = np.array([file.joints[joints[joint]].offset for joint in range(JOINT_COUNT)]) * scale
    return bool(np.abs(offsets - REST_OFFSETS).max() < 1e-4)
