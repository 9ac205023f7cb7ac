"""A character's channels: the rotations of its mapped controls, in the modes they have, and where those are that move.

A control rig's switches, such as Rigify's from IK to FK, are channels as well, and so is what leads the limbs that IK
moves. Nothing else of a character is touched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import bpy
import numpy as np

from .. import rotations as rot
from ..key_fit import Effect
from ..motion import Motion
from ..retarget.controls import Solved
from ..retarget.families import control_settings, ik_names
from ..retarget.retargeter import Retargeter
from ..retarget.rig import Rig
from ..retarget.roles import (
    FINGER_ROLES,
    HEAD,
    HIPS,
    SIDES,
    TWIST_ROLES,
    CharacterMap,
    CharacterMapError,
    sided,
)
from ..skeleton import rest_joints
from . import compat, rotation_modes
from .armature import ArmatureError, check_usable
from .compat import armature_of, pose_of
from .keyed_character import MARKS, KeptFingers, KeyedCharacter
from .keying import (
    FEET_TOLERANCE,
    LARGEST_TURN,
    REST,
    SAME_REST,
    TOLERANCE,
    Bools,
    Channel,
    Floats,
    Frames,
    KeyedValues,
    Rotation,
    bone_path,
    tolerance_growth,
)
from .rigs import carried, carrier_of, evaluated, is_evaluated, rig_of, world_matrix_at

FINER = 0.15
"""Share of the SMPL armature's tolerances that a character's keys have: its chains are longer, and what each key leaves
adds up to an unsteadiness that a slow dance shows. Half of the tolerances added a seventh to the jerk of a waltz, these
add a thirtieth, for 25 to 35 % more keys."""
WHOLE_TOLERANCE = 0.0004
"""Metres on SMPL's body that a joint may be off by the keys of all bones above it together: with other axes or rotation
modes, as files bring them, the same skeleton has other keys, and both dances are within a millimetre of each other."""
POLE_TOLERANCE = 0.002
"""Metres that keys of an IK's pole may be off: it is as far from the elbow as a limb is long, which turns the limb by a
quarter of a degree."""
AT_LEAST_REACH = 0.05
"""Metres that every control turns at least: what hangs on it."""
SAME_TURN, SAME_PLACE = 4e-3, 5e-3
"""Distance of quaternions, and metres of controls, up to which poses are the same; see `smpl_keying`."""
SAME_MARKS = 1e-4
"""What the marks of the same pose may be off."""
UNPOSED = 1e-5
"""What numbers of a bone at rest may be off."""
REST_IN_ALL = ("location", "scale")
"""What poses a bone whatever its rotation mode is."""
HOLDING = frozenset(
    {
        "COPY_LOCATION", "COPY_ROTATION", "COPY_TRANSFORMS", "TRANSFORM", "TRANSFORM_CACHE", "CLAMP_TO",
        "DAMPED_TRACK", "IK", "LOCKED_TRACK", "SPLINE_IK", "STRETCH_TO", "TRACK_TO", "ACTION", "ARMATURE", "CHILD_OF",
        "FOLLOW_PATH", "PIVOT", "SHRINKWRAP",
    }
)  # fmt: skip
"""Kinds of constraints that say where a bone is, whatever is keyed. Limits only bound it."""
MOST_SOLVED = 3
_ENDS = (HEAD, *(sided(side, part) for side in SIDES for part in ("hand", "toes")), *FINGER_ROLES)


def keyed_now(
    armature: bpy.types.Object,
    character: CharacterMap,
    hands: str,
    frame: int,
    degrees: float = 0.0,
    metres: float = 0.0,
    former: Collection[str] = (),
    ik: Sequence[str] = (),
) -> KeyedCharacter:
    """How a dance that begins at a scene frame would be keyed on an armature as it is. former: bones of a dance that it
    replaces. ik: limbs that IK moves. Raises ArmatureError."""
    check_usable(armature)
    character = _without_held(armature, character)
    rig = rig_of(armature, character=character)
    with _as_armature_errors():
        made = Retargeter(rig, character, hands, ik)
    carrier = carrier_of(armature, [control.bone for control in made.controls], character.parents)
    to_world = world_matrix_at(armature, frame, carrier, former)
    bones = pose_of(armature).bones
    modes = {control.bone: bones[control.bone].rotation_mode for control in made.keyed if control.turns}
    # the hips first, which carry the rest
    moving = tuple(c.bone for c in sorted(made.keyed, key=lambda c: c.role != HIPS) if c.moves)
    rest = tuple(tuple(each) for each in _rest_of(rig, [control.bone for control in made.keyed]).tolist())
    return KeyedCharacter(
        character, hands, tuple(to_world.ravel().tolist()), modes, moving, rest, degrees, metres, ik=tuple(ik)
    )


def _without_held(armature: bpy.types.Object, character: CharacterMap) -> CharacterMap:
    """The map without twist bones and fingers that a constraint turns: nobody's dance needs them."""
    held = held_bones(pose_of(armature))
    bones = {
        role: tuple(name for name in names if name not in held) if role in (*TWIST_ROLES, *FINGER_ROLES) else names
        for role, names in character.items()
    }
    return replace(character, bones={role: names for role, names in bones.items() if names})


def _rest_of(rig: Rig, bones: Sequence[str]) -> Floats:
    """(C, 7) where bones rest: head, and quaternion of the axes."""
    rest = rig.rest[[rig.index[bone] for bone in bones]]
    return np.concatenate([rest[:, :3, 3], rot.matrix_to_quaternion(rest[:, :3, :3])], axis=1)


@contextmanager
def _as_armature_errors() -> Iterator[None]:
    """What is wrong with a map is wrong with the armature."""
    try:
        yield
    except CharacterMapError as error:
        raise ArmatureError(str(error)) from error


class CharacterKeying:
    """See `keying.Keying`."""

    def __init__(self, armature: bpy.types.Object, keyed: KeyedCharacter) -> None:
        self.armature = armature
        self.keyed = keyed
        known = ik_names(keyed.map.family)
        self._ik = [known[limb] for limb in keyed.ik if limb in known]
        self._settings = [
            (bone, name, value)
            for bone, name, value in control_settings(keyed.map.family, keyed.ik)
            if bone in pose_of(armature).bones and name in pose_of(armature).bones[bone].keys()  # noqa: SIM118
        ]
        channels: list[Channel] = []
        bones: list[str] = []
        rotations: list[Rotation] = []
        for bone, mode in keyed.modes.items():
            rotations.append(Rotation(bone, mode, len(channels)))
            path, width = bone_path(bone, rotation_modes.property_of(mode)), rotation_modes.width_of(mode)
            channels += [(path, index) for index in range(width)]
            bones += [bone] * width
        self._places = len(channels)
        for bone in keyed.moving:
            channels += [(bone_path(bone, "location"), index) for index in range(3)]
            bones += [bone] * 3
        self._switches = len(channels)
        for bone, name, _ in self._settings:
            channels.append((setting_path(bone, name), 0))
            bones.append(bone)
        self.channels: Sequence[Channel] = channels
        self.bones: Sequence[str] = bones
        self.rotations: Sequence[Rotation] = rotations

    @cached_property
    def _body(self) -> list[str]:
        """Controls that hang on each other: all but those of IK."""
        names = [name for limb in self._ik for name in (limb.goal, limb.bend, limb.toes)]
        return [bone for bone in self.keyed.modes if bone not in names]

    @cached_property
    def _between(self) -> list[str]:
        """Bones that are no controls, but move one of them and not all."""
        bones, modes, parents = armature_of(self.armature).bones, self.keyed.modes, self.keyed.map.parents
        carrier = self._carrier
        common = {carrier, *(bone.name for bone in bones[carrier].parent_recursive)} if carrier is not None else set()
        found = dict.fromkeys(name for limb in self._ik for name in limb.rest if name in bones)
        for name in self._body:
            at = bones[name].parent if name in bones and name not in parents else None
            while at is not None and at.name not in modes and at.name not in common:
                found[at.name] = None
                at = at.parent
        return list(found)

    @cached_property
    def _carrier(self) -> str | None:
        bones = armature_of(self.armature).bones
        controls = [bone for bone in self._body if bone in bones]
        return carrier_of(self.armature, controls, self.keyed.map.parents)

    @cached_property
    def resting(self) -> Collection[str]:
        """What would move the controls: bones in between; locations of those that only turn; scales, but of heads and
        hands, whose size is the animator's."""
        return frozenset(bone_path(bone, name) for bone, name in self._at_rest)

    @cached_property
    def _at_rest(self) -> list[tuple[str, str]]:
        """Bones and those of their properties that rest."""
        keyed, ends = self.keyed, {bone for role in _ENDS for bone in self.keyed.map.of(role)}
        ends |= {limb.toes or limb.goal for limb in self._ik}
        found = [(bone, name) for bone in self._between for name in REST]
        found += [(bone, "location") for bone in keyed.modes if bone not in keyed.moving]
        return found + [(bone, "scale") for bone in keyed.modes if bone not in ends]

    @cached_property
    def _rig(self) -> Rig:
        check_usable(self.armature)
        missing = [bone for bone in self.keyed.bones if bone not in armature_of(self.armature).bones]
        if missing:
            raise ArmatureError(
                f'Armature {self.armature.name!r} has no bone "{missing[0]}" any more, which its dance is keyed on. '
                "Give the bone its name back, or press Restore Keyframes."
            )
        return rig_of(self.armature, np.array(self.keyed.to_world).reshape(4, 4), self.keyed.map)

    @cached_property
    def _retargeter(self) -> Retargeter:
        with _as_armature_errors():
            made = Retargeter(self._rig, self.keyed.map, self.keyed.hands, self.keyed.ik)
        if [control.bone for control in made.keyed] != list(self.keyed.bones):
            raise ArmatureError(
                f"The bones of {self.armature.name!r} hang on each other in another way than when its dance was keyed. "
                "Press Restore Keyframes."
            )
        return made

    @cached_property
    def units(self) -> float:
        """How many of the armature's units are a metre."""
        matrix = np.array(self.keyed.to_world).reshape(4, 4)
        return float(1 / max(abs(np.linalg.det(matrix[:3, :3])) ** (1 / 3), 1e-9))

    def stage(self) -> Floats:
        """(4, 4) the world of a motion in the armature's space, as large as the character."""
        body = self._retargeter.body
        corners = body.places_to_armature(np.concatenate([np.zeros((1, 3)), body.ratio * np.eye(3)]))
        matrix = np.eye(4)
        matrix[:3, 3], matrix[:3, :3] = corners[0], (corners[1:] - corners[0]).T
        return carried(self.armature, self._carrier) @ matrix

    def check(self) -> None:
        """Raise ArmatureError unless a motion can be keyed and would be seen."""
        held = held_bones(pose_of(self.armature))
        for control in self._retargeter.keyed:
            if control.bone in held and control.bone not in self._bends:
                bone, constraint = held[control.bone]
                raise ArmatureError(
                    f'Bone "{control.bone}" of {self.armature.name!r} is held by the constraint "{constraint}" of '
                    f'bone "{bone}", which would win over keys. Mute the constraint first.'
                )

    @cached_property
    def _bends(self) -> frozenset[str]:
        """Bones that are keyed, and that the rig's own IK moves from there."""
        return frozenset(limb.bend for limb in self._ik)

    def is_alone(self, first: float, last: float) -> bool:
        """Whether no constraint holds a control, and no bone between controls is posed."""
        pose = pose_of(self.armature).bones
        if not held_bones(pose_of(self.armature)).keys().isdisjoint({*self.keyed.bones} - self._bends):
            return False
        keyed: set[str] = set()
        for place in compat.places(self.armature)[:1]:
            for curve in place.curves():
                if curve.data_path in self.resting:
                    keyed.add(curve.data_path)
                    if not _rests(curve, first - (place.offset or 0.0), last - (place.offset or 0.0)):
                        return False
        return all(
            np.allclose(getattr(pose[bone], name), REST[name], atol=UNPOSED)
            for bone, name in self._at_rest
            if bone in pose and bone_path(bone, name) not in keyed and name in (*REST_IN_ALL, _rotation_of(pose[bone]))
        )

    @cached_property
    def _size(self) -> float:
        """How large the character is beside SMPL's body."""
        rig = self._rig
        heads = rig.heads[[rig.index[control.bone] for control in self._retargeter.controls]]
        return float(max(np.ptp(heads, axis=0).max() / np.ptp(rest_joints()[:, 1]), 1e-6))

    def tolerances(self) -> Floats:
        """(C,) what keys may leave."""
        controls = [control for control in self._retargeter.keyed if control.turns]
        size = min(self._size, self._retargeter.body.ratio)  # short legs move little
        heads = self._rig.heads[[self._rig.index[control.bone] for control in controls]] / size
        reach, carries_foot = np.zeros(len(controls)), np.zeros(len(controls), bool)
        for index, control in reversed(list(enumerate(controls))):
            carries_foot[index] |= control.role.endswith(("_foot", "_toes"))
            if control.parent >= 0:
                way = reach[index] + float(np.linalg.norm(heads[index] - heads[control.parent]))
                reach[control.parent] = max(reach[control.parent], way)
                carries_foot[control.parent] |= carries_foot[index]
        sparse, turned = max(self.keyed.metres, FINER * TOLERANCE), np.radians(self.keyed.degrees) / 2
        metres = np.where(carries_foot, FINER * FEET_TOLERANCE, sparse)
        largest = np.where(carries_foot, FINER * LARGEST_TURN, max(turned, FINER * LARGEST_TURN))
        turns = np.minimum(metres / 2 / (reach + AT_LEAST_REACH), largest)
        widths = [rotation_modes.width_of(mode) for mode in self.keyed.modes.values()]
        loose = {limb.pole: max(POLE_TOLERANCE, self.keyed.metres) for limb in self._ik}
        loose |= {limb.goal: max(FINER * FEET_TOLERANCE, self.keyed.metres) for limb in self._ik if not limb.toes}
        away = [loose.get(bone, FINER * FEET_TOLERANCE) for bone in self.keyed.moving]
        places = np.repeat(np.array(away) * self.units * size, 3)
        return np.concatenate([np.repeat(turns, widths), places, np.full(len(self._settings), 1e-3)])

    def effect(self) -> Effect:
        """Where the joints are, metres on SMPL's body."""
        size, keyed, names = self.units * self._size, self._retargeter.moves, self.keyed.bones
        moves = np.zeros((len(keyed), len(self.channels)), bool)
        moves[:, : self._switches] = keyed[:, [names.index(bone) for bone in self.bones[: self._switches]]]
        on_foot = [control.role.endswith(("_foot", "_toes")) for control in self._retargeter.controls]
        limits = np.where(on_foot, WHOLE_TOLERANCE, max(WHOLE_TOLERANCE, self.keyed.metres))
        return Effect(lambda values: self._posed(values).places / size, limits, moves)

    def _posed(self, values: Floats) -> Solved:
        """The poses of channels (N, C)."""
        names, count = self.keyed.bones, len(values)
        quaternions = np.tile([1.0, 0.0, 0.0, 0.0], (count, len(names), 1))
        locations = np.zeros((count, len(names), 3))
        for rotation in self.rotations:
            turned = rotation_modes.to_quaternions(rotation.mode, values[:, rotation.channels])
            quaternions[:, names.index(rotation.bone)] = turned
        moving = [names.index(bone) for bone in self.keyed.moving]
        locations[:, moving] = values[:, self._places : self._switches].reshape(count, -1, 3)
        return self._retargeter.posed(quaternions, locations)

    def values(self, motion: Motion, frames: Frames | None = None) -> Floats:
        """(N, C) what shows a motion."""
        solved = self._solved(motion)
        quaternions, locations = solved.quaternions, solved.locations
        count = len(quaternions)
        values = np.empty((count, len(self.channels)))
        for mode in dict.fromkeys(self.keyed.modes.values()):
            same = [number for number, rotation in enumerate(self.rotations) if rotation.mode == mode]
            turned = rotation_modes.from_quaternions(mode, quaternions[:, same])
            for place, number in enumerate(same):
                values[:, self.rotations[number].channels] = turned[:, place]
        names = self.keyed.bones
        moving = [names.index(bone) for bone in self.keyed.moving]
        values[:, self._places : self._switches] = locations[:, moving].reshape(count, -1)
        values[:, self._switches :] = [value for _, _, value in self._settings]
        return values if frames is None else values[frames]

    def _solved(self, motion: Motion) -> _Poses:
        """The poses of a motion. A button asks several times."""
        digest = hashlib.blake2b(digest_size=16)
        rig = self._rig
        arrays: list[Floats] = [motion.poses, motion.trans, rig.rest, *rig.feet.values()]
        for array in arrays:
            digest.update(array.tobytes())
        text = f"{rig.names}{rig.parents}{motion.fps}{self.keyed.to_json()}"
        digest.update(text.encode("utf-8", "surrogatepass"))
        key = digest.digest()
        if key not in _solved:
            poses = self._retargeter.solve(motion)
            _solved[key] = self._with_fingers(_Poses(poses.turns, poses.places, *self._retargeter.basis(poses)), motion)
            while len(_solved) > MOST_SOLVED:
                _solved.pop(next(iter(_solved)))
        return _solved[key]

    def _with_fingers(self, poses: _Poses, motion: Motion) -> _Poses:
        """With the fingers that a person posed where the body is posed as it was then."""
        kept = self.keyed.fingers
        frames = np.array([frame for frame in kept.frames if 0 <= frame < len(motion)], np.int64)
        if not len(frames):
            return poses
        values = np.array([kept.frames[frame] for frame in frames.tolist()])
        same = np.abs(values[:, :MARKS] - marks_of(motion)[frames]).max(axis=1) < SAME_MARKS
        frames, fingers = frames[same], values[same, MARKS:].reshape(-1, len(kept.bones), 4)
        names = list(self.keyed.modes)
        columns = [names.index(bone) for bone in kept.bones]
        quaternions = poses.quaternions.copy()
        quaternions[np.ix_(frames, columns)] = rot.normalize(fingers)
        quaternions[:, columns] = rot.make_continuous(quaternions[:, columns])
        turns, places = poses.turns.copy(), poses.places.copy()
        posed = self._retargeter.posed(quaternions[frames], poses.locations[frames])
        turns[frames], places[frames] = posed.turns, posed.places
        return _Poses(turns, places, quaternions, poses.locations)

    def keeping(self, motion: Motion, frames: Frames, times: Floats) -> str:
        """How it is keyed, as a record keeps it, with the fingers as they are shown now where they are not as in the
        motion."""
        names = list(self.keyed.modes)
        bones = tuple(bone for role in FINGER_ROLES for bone in self.keyed.map.of(role) if bone in names)
        if not bones:
            return self.keyed.to_json()
        columns = [names.index(bone) for bone in bones]
        now = self._retargeter.basis(self._shown(times))[0][:, columns]
        wanted = self._solved(motion).quaternions[frames][:, columns]
        other = np.flatnonzero(rot.quaternion_distance(now, wanted).max(axis=1) > SAME_TURN)
        marks = marks_of(motion)
        kept = dict(self.keyed.fingers.frames)
        for index in other.tolist():
            kept[int(frames[index])] = (*marks[frames[index]].tolist(), *now[index].ravel().tolist())
        return replace(self.keyed, fingers=KeptFingers(bones, kept)).to_json()

    def read(self, motion: Motion, frames: Frames, times: Floats) -> Motion:
        """What is shown now, constraints of the user's own included, on the SMPL body."""
        now = self._shown(times)
        whole = self._solved(motion)
        turns, places = whole.turns.copy(), whole.places.copy()
        turns[frames], places[frames] = now.turns, now.places
        read = self._retargeter.read(Solved(turns, places), motion)
        return Motion(read.poses[frames], read.trans[frames], motion.fps)

    def differ(self, motion: Motion, frames: Frames, times: Floats) -> Bools:
        """(N,) where another pose is shown."""
        alone = self.is_alone(float(np.min(times)), float(np.max(times)))
        now = self._keyed(times) if alone else self._shown(times)
        whole = self._solved(motion)
        quaternions, _ = self._retargeter.basis(now)
        # the bend of a limb that is nearly stretched is anything; the elbow's place tells it
        telling = [bone not in self._bends for bone in self.keyed.bones]
        turned = rot.quaternion_distance(quaternions, whole.quaternions[frames])[:, telling].max(axis=1)
        away = np.linalg.norm(now.places - whole.places[frames], axis=-1).max(axis=1)
        growth = tolerance_growth(motion.fps)
        sparse = max(self.keyed.metres / TOLERANCE, np.radians(self.keyed.degrees) / 2 / LARGEST_TURN, 1.0)
        most = growth * sparse
        differ: Bools = (turned > most * SAME_TURN) | (away > most * SAME_PLACE * self.units * self._size)
        return differ

    def _keyed(self, times: Floats) -> Solved:
        """What the keys alone make of the controls."""
        keyed, names = KeyedValues(self, times), self.keyed.bones
        quaternions = np.tile([1.0, 0.0, 0.0, 0.0], (len(times), len(names), 1))
        locations = np.zeros((len(times), len(names), 3))
        for bone in self.keyed.modes:
            quaternions[:, names.index(bone)] = keyed.rotations(bone)
        for bone in self.keyed.moving:
            locations[:, names.index(bone)] = keyed.locations(bone)
        return self._retargeter.posed(quaternions, locations)

    def _shown(self, times: Floats) -> Solved:
        """What Blender shows of the controls; what moves all of them, such as a root bone, is left out. Where the
        object is not evaluated, since it is hidden, the keys say it."""
        if not is_evaluated(self.armature):
            return self._keyed(times)
        scene = bpy.context.scene
        assert scene is not None
        present, part = scene.frame_current, scene.frame_subframe
        shown = self._retargeter.shown
        found = np.empty((len(times), len(shown), 4, 4))
        try:
            for number, time in enumerate(times.tolist()):
                scene.frame_set(int(np.floor(time)), subframe=time - float(np.floor(time)))
                pose = pose_of(evaluated(self.armature)).bones
                matrices = np.array([pose[bone].matrix for bone in shown], np.float64)
                if self._carrier is not None:
                    root = pose[self._carrier]
                    back = root.bone.matrix_local @ root.matrix.inverted_safe()
                    matrices = np.array(back, np.float64) @ matrices
                found[number] = matrices
        finally:
            scene.frame_set(present, subframe=part)
        axes = found[..., :3, :3]
        axes = axes / np.maximum(np.linalg.norm(axes, axis=-2, keepdims=True), 1e-12)
        rest = self._rig.rest[[self._rig.index[bone] for bone in shown], :3, :3]
        return Solved(axes @ np.swapaxes(rest, -1, -2), found[..., :3, 3])

    def moved_rest(self, motion: Motion, frames: Frames, times: Floats) -> str | None:
        """A control that rests in another pose."""
        now, then = _rest_of(self._rig, self.keyed.bones), np.array(self.keyed.rest)
        moved = np.linalg.norm(now[:, :3] - then[:, :3], axis=1) / (self.units * self._size)
        away = np.maximum(moved, rot.quaternion_distance(now[:, 3:], then[:, 3:]))
        return self.keyed.bones[int(away.argmax())] if away.max() > SAME_REST else None

    def prepare(self) -> None:
        """The control rig's switches; what would move the controls rests; and poses are shown."""
        pose = pose_of(self.armature).bones
        for bone, name, value in self._settings:
            kind = type(pose[bone][name])  # numbers as whole as they are, which the rig's own panel expects
            pose[bone][name] = kind(value)
        for bone, name in self._at_rest:
            setattr(pose[bone], name, REST[name])
        data = armature_of(self.armature)
        if data.pose_position == "REST" and data.library is None:
            data.pose_position = "POSE"


@dataclass(frozen=True, eq=False)
class _Poses:
    """The poses of a motion, see `Solved`, and the channels that show them, see `Retargeter.basis`."""

    turns: Floats
    places: Floats
    quaternions: Floats
    locations: Floats


_solved: dict[bytes, _Poses] = {}


def marks_of(motion: Motion) -> Floats:
    """(T, `MARKS`) numbers that tell the poses of a motion from each other: where the body is, sums of its turns."""
    weights = np.cos(np.arange(motion.poses.shape[1])[:, None] * np.arange(1, MARKS - 2))
    marks: Floats = np.concatenate([motion.trans, motion.poses.astype(np.float64) @ weights], axis=1)
    return marks


def _rests(curve: bpy.types.FCurve, first: float, last: float) -> bool:
    """Whether a curve leaves its bone at rest from one frame to another."""
    rest = REST[curve.data_path.rpartition(".")[2]][curve.array_index]
    inside = [point.co[1] for point in curve.keyframe_points if first <= point.co[0] <= last]
    values = [*inside, *(curve.evaluate(frame) for frame in (first, (first + last) / 2, last))]
    return bool(np.abs(np.array(values) - rest).max() < UNPOSED)


def _rotation_of(bone: bpy.types.PoseBone) -> str:
    return rotation_modes.property_of(bone.rotation_mode)


def setting_path(bone: str, name: str) -> str:
    """The data path of a pose bone's custom property."""
    escaped = bpy.utils.escape_identifier
    return f'pose.bones["{escaped(bone)}"]["{escaped(name)}"]'


def held_bones(pose: bpy.types.Pose) -> dict[str, tuple[str, str]]:
    """Bones that a constraint holds whatever their keys are -> (bone, constraint): their own, or an IK whose chain they
    are in."""
    found: dict[str, tuple[str, str]] = {}
    for bone in pose.bones:
        for constraint in bone.constraints:
            if _holds(constraint):
                held = _chain(bone, constraint) if constraint.type in {"IK", "SPLINE_IK"} else [bone]
                for each in held:
                    found.setdefault(each.name, (bone.name, constraint.name))
    return found


def _holds(constraint: bpy.types.Constraint) -> bool:
    if constraint.mute or constraint.influence == 0 or constraint.type not in HOLDING:
        return False
    targets: Any = getattr(constraint, "targets", None)
    if targets is not None:
        return any(each.target is not None for each in targets)
    return getattr(constraint, "target", constraint) is not None


def _chain(end: bpy.types.PoseBone, constraint: bpy.types.Constraint) -> list[bpy.types.PoseBone]:
    """The bones that an IK moves."""
    line: list[bpy.types.PoseBone] = [end, *end.parent_recursive]
    if getattr(constraint, "use_tail", True) is False:
        line = line[1:]
    count: int = getattr(constraint, "chain_count", 0)
    return line[:count] if count else line
