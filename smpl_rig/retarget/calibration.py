"""How a character rests, in SMPL's terms: a body frame, a sole, and the turn of each limb from its rest to the T-pose.

Frames. `world` is Z up, metres; `armature` the object's own space; `body` SMPL's rest frame (x to the body's left, y
up, z forward) with its origin on the ground between the hips; `stage` the world of a motion: Z up, the body at rest
faces -Y, the floor at 0. A bone's *turn* X takes vectors of the body at rest to the stage. For a bone that follows
SMPL's joint j with world rotation G_j it is

    X = G_j A

with a constant *alignment* A: the rotation, in the body frame, of the bone from the character's rest to SMPL's T-pose.
For trunk, neck, head and shoulders A is the identity: their rest counts as upright. Limbs are aligned by the directions
from joint to joint, so whatever the rest pose is (T, A, arms down), they point exactly as SMPL's do. Their twist comes
from the hinge of an elbow or knee that is bent at rest, a hand's from its knuckles. Feet are turned about the vertical
only, as their soles are flat at rest. Nothing here depends on the axes of a bone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .. import rotations as rot
from ..rotations import Array
from ..skeleton import BODY_TO_WORLD, JOINT_INDEX, REST_OFFSETS, SOLE_BELOW_FOOT
from .rig import Rig
from .roles import FINGERS, HEAD, HIPS, NECK, SIDES, SPINE, CharacterMap, CharacterMapError, sided

JOINT_OF_PART = {
    "shoulder": "collar", "upper_arm": "shoulder", "forearm": "elbow", "hand": "wrist",
    "thigh": "hip", "shin": "knee", "foot": "ankle", "toes": "foot",
}  # fmt: skip
"""SMPL's joint that turns a part of a limb."""
_END_OF_PART = {
    "upper_arm": "elbow", "forearm": "wrist", "hand": "hand", "thigh": "knee", "shin": "ankle", "foot": "foot",
}  # fmt: skip
_BELOW = {"upper_arm": "forearm", "forearm": "hand", "thigh": "shin", "shin": "foot", "foot": "toes"}
_STRAIGHTENED = np.cos(np.radians(15.0))
"""A body's axis within this angle of an axis of its armature or the world is that axis: people are modelled along the
axes."""
_BENDS = (np.radians(4.0), np.radians(12.0))
"""Between these angles at rest the trust in the plane of a bend grows from none to full."""
_LARGEST_TWIST = np.radians(60.0)
"""A rest bend whose plane asks for more twist bends another way than elbows and knees do."""
SMPL_ANKLE_HEIGHT = SOLE_BELOW_FOOT - float(REST_OFFSETS[JOINT_INDEX["L_foot"], 1])
FOOT_LENGTH = 0.126
"""Metres from SMPL's ankle to the ball of the foot, level."""
_FRONT = 0.85
"""Share of a foot's length from the ankle to the toes' tip at which a foot without toes rolls, as far as its mesh
shows."""
_HELD, _HELD_STIFF = 1.4, 0.8
"""The point of a foot that goes where the motion's ball goes lies at most so much farther ahead, relative to the legs:
that of a foot without toes, which stands on all of its sole, in the middle."""
_ELSEWHERE, _HEEL = 0.15, 0.22
"""A mesh of which an ankle is outside by the first share of its length lies elsewhere than the foot that it is; it is
taken to reach the second share of its length behind its ankle."""
_OVERLAP = 0.1
"""Share of the length from ankle to ball by which points of foot and toes overlap."""
_FLOOR_BELOW_TOES, _TOES_BELOW_FLOOR = 0.07, 0.01
"""The origin of a character at most the first share of its legs' length under its toes (or two shares, its ankles), or
the second over them, is on the floor."""


def smpl_joint(side: str, part: str) -> int:
    """The number of SMPL's joint that turns a part of a limb."""
    return JOINT_INDEX[f"{side}_{JOINT_OF_PART[part]}"]


def smpl_direction(side: str, part: str) -> Array:
    """The direction (3,) of a part of a limb in SMPL's rest pose, body frame."""
    return rot.normalize(REST_OFFSETS[JOINT_INDEX[f"{side}_{_END_OF_PART[part]}"]].astype(np.float64))


@dataclass(frozen=True, eq=False)
class Foot:
    """A foot at rest, metres, body frame, relative to the ankle.

    ball: (3,) the point of the sole under the ball (where the toes bend), or where a foot without toes rolls. held:
    (3,) the point that goes where the motion's ball goes. tip: (3,) the sole's foremost point. sole: (K, 3)
    points that may be the foot's lowest. toes_at: (3,) the toes' head. toe_sole: (J, 3) points that may be the toes'
    lowest, relative to that; none where neither a mesh nor a bone at the toes' end shows them.
    """

    ball: Array
    held: Array
    tip: Array
    sole: Array
    toes_at: Array
    toe_sole: Array
    has_toes: bool

    @property
    def ahead(self) -> Array:
        """The direction (3,) from ankle to ball, level."""
        return rot.normalize(self.ball * [1.0, 0.0, 1.0])


class Calibration:
    """A character at rest. Sides are the body's own: `L` is what is on the left of a body that looks where its feet
    point, whatever its bones are called, as in a mirrored object.

    heads: (B, 3) metres, body frame. upright: (3, 3) turn of what does not move. ratio: length of its legs relative to
    SMPL's. alignment: role -> (3, 3). feet: by side. Raises CharacterMapError.
    """

    def __init__(self, rig: Rig, character: CharacterMap) -> None:
        self.rig, self.map = rig, character
        linear = rig.to_world[:3, :3].astype(np.float64)
        size = abs(np.linalg.det(linear))
        if not np.isfinite(linear).all() or size < 1e-18:
            raise CharacterMapError("The character's object is scaled to nothing. Set its scale.")
        u, _, v = np.linalg.svd(linear)
        self.scale = float(np.cbrt(size))
        self.turn = u @ v  # armature to world; a reflection for a mirrored object
        world = self.scale * rig.rest[:, :3, 3].astype(np.float64) @ self.turn.T + rig.to_world[:3, 3]
        self._world = world
        self.swapped = False
        frame = self._frame()
        if self._faces_back(frame):
            self.swapped = True
            frame = self._frame()
        self.frame = frame
        stood = rot.quaternion_to_matrix(rot.rotation_between(frame[:, 1], np.array([0.0, 0.0, 1.0])))
        ahead = stood @ frame[:, 2]
        self.yaw = rot.yaw(np.arctan2(ahead[0], -ahead[1]))
        self.upright = self.yaw.T @ frame
        hips = 0.5 * (self._point("L", "thigh") + self._point("R", "thigh"))
        self.heads = (world - hips) @ frame
        points = {
            side: (self.scale * rig.feet[named] @ self.turn.T + rig.to_world[:3, 3] - hips) @ frame
            for side, named in ((side, self.bone_side(side)) for side in SIDES)
            if len(rig.feet.get(named, ()))
        }
        legs = [self.length(side, part) for side in SIDES for part in ("thigh", "shin")]
        points = {side: self._at_ankle(side, those, 0.5 * sum(legs)) for side, those in points.items()}
        soles = {side: self._sole(side, points.get(side), 0.5 * sum(legs)) for side in SIDES}
        sole = min(soles.values())  # of legs of two lengths, the longer one stands
        ankles = np.mean([self.head(side, "foot")[1] for side in SIDES]) - sole
        smpl = [np.linalg.norm(REST_OFFSETS[JOINT_INDEX[name]]) for name in ("L_knee", "L_ankle")]
        self.leg = 0.5 * sum(legs) + float(ankles)
        self.ratio = self.leg / float(sum(smpl) + SMPL_ANKLE_HEIGHT)
        if not self.ratio > 0:
            raise CharacterMapError(
                "The character's legs have no length. Choose thighs, shins and feet under Character."
            )
        origin = np.array([0.0, sole, 0.0])
        self.heads = self.heads - origin
        self.ground = hips + frame @ origin
        self.feet = {
            side: self._foot(side, points.get(side, np.zeros((0, 3))) - origin, soles[side] - sole) for side in SIDES
        }
        self.alignment = self._alignments()

    def bone_side(self, side: str) -> str:
        """The side in the names of the bones of a side of the body."""
        return {"L": "R", "R": "L"}[side] if self.swapped else side

    def bones(self, side: str, part: str) -> tuple[str, ...]:
        """The bones of a part on a side of the body."""
        return self.map.of(sided(self.bone_side(side), part))

    def head(self, side: str, part: str) -> Array:
        """(3,) the head of a part's first bone, metres, body frame."""
        return self.heads[self.rig.index[self.bones(side, part)[0]]]

    def length(self, side: str, part: str) -> float:
        """Metres from a part of a limb to the next."""
        return float(np.linalg.norm(self.head(side, _BELOW[part]) - self.head(side, part)))

    def to_armature(self, turns: Array) -> Array:
        """Turns from rest in armature space of turns (..., 3, 3) to the stage."""
        return (self.turn.T @ self.yaw) @ turns @ (self.frame.T @ self.turn)

    def from_armature(self, turns: Array) -> Array:
        """The inverse of `to_armature`."""
        return (self.turn.T @ self.yaw).T @ turns @ (self.frame.T @ self.turn).T

    def places_to_armature(self, places: Array) -> Array:
        """Points (..., 3) of the stage, metres, in armature space."""
        return ((places @ self.yaw.T + self.ground - self.rig.to_world[:3, 3]) @ self.turn) / self.scale

    def places_from_armature(self, places: Array) -> Array:
        """The inverse of `places_to_armature`."""
        return (self.scale * places @ self.turn.T + self.rig.to_world[:3, 3] - self.ground) @ self.yaw

    @cached_property
    def height(self) -> float:
        """Metres from the soles to the highest head of a mapped bone, and SMPL's share above its head joint."""
        tops = [self.heads[self.rig.index[name], 1] for name in self.map.names if name in self.rig.index]
        return 1.09 * float(max(tops))

    def _point(self, side: str, part: str) -> Array:
        bones = self.bones(side, part)
        if bones[0] not in self.rig.index:
            raise CharacterMapError(f'The character has no bone "{bones[0]}". Choose another one under Character.')
        return self._world[self.rig.index[bones[0]]]

    def _middle(self, part: str) -> Array:
        return 0.5 * (self._point("L", part) + self._point("R", part))

    def _frame(self) -> Array:
        """Columns left, up and forward of the body at rest, world."""
        hips, ankles, shoulders = self._middle("thigh"), self._middle("foot"), self._middle("upper_arm")
        up = self._snapped(rot.normalize(rot.normalize(hips - ankles) + rot.normalize(shoulders - hips)))
        across = [self._point("L", part) - self._point("R", part) for part in ("thigh", "upper_arm")]
        across = [each - (each @ up) * up for each in across]
        left = self._snapped(rot.normalize(across[0] + across[1]))
        left = rot.normalize(left - (left @ up) * up)
        if not np.isfinite(left).all() or np.linalg.norm(left) < 0.5 or np.linalg.norm(up) < 0.5:
            raise CharacterMapError("The character's hips and shoulders lie in one place. Choose them under Character.")
        return np.stack([left, up, np.cross(left, up)], axis=-1)

    def _snapped(self, direction: Array) -> Array:
        """The armature's or the world's axis near a world direction (3,), or the direction itself."""
        axes = np.concatenate([self.turn.T, np.eye(3)])
        along = axes @ direction
        nearest = int(np.argmax(np.abs(along)))
        return np.sign(along[nearest]) * axes[nearest] if abs(along[nearest]) > _STRAIGHTENED else direction

    def _faces_back(self, frame: Array) -> bool:
        """Whether toes, or else bent knees, or else the feet's meshes say that a body with these axes looks
        backwards."""
        ahead = np.zeros(3)
        for side in SIDES:
            ankle = self._point(side, "foot")
            toes, points = self.bones(side, "toes"), self.rig.feet.get(self.bone_side(side), ())
            if toes and toes[0] in self.rig.index:
                ahead = ahead + self._world[self.rig.index[toes[0]]] - ankle
            elif (knee := self._knee_ahead(side)) is not None:
                ahead = ahead + knee
            elif len(points):
                mesh = self.scale * np.asarray(points) @ self.turn.T + self.rig.to_world[:3, 3]
                ahead = ahead + 0.5 * (mesh.min(axis=0) + mesh.max(axis=0)) - ankle
        ahead = ahead - (ahead @ frame[:, 1]) * frame[:, 1]
        if np.linalg.norm(ahead) < 0.02 * np.linalg.norm(self._middle("thigh") - self._middle("foot")):
            return bool(np.linalg.det(self.turn) < 0)
        return bool(ahead @ frame[:, 2] < 0)

    def _knee_ahead(self, side: str) -> Array | None:
        """(3,) from the line of a leg that is bent at rest to its knee, world."""
        hip, knee, ankle = (self._point(side, part) for part in ("thigh", "shin", "foot"))
        line = rot.normalize(ankle - hip)
        away = knee - hip - ((knee - hip) @ line) * line
        sine = np.linalg.norm(np.cross(rot.normalize(knee - hip), rot.normalize(ankle - knee)))
        return away if sine > np.sin(_BENDS[1]) else None

    def _sole(self, side: str, points: Array | None, leg: float) -> float:
        """The height of a foot's sole at rest, metres, relative to the hips; points: (K, 3) of its mesh."""
        if points is not None:
            return float(points[:, 1].min())
        toes = self.bones(side, "toes")
        lowest = self.head(side, "toes" if toes else "foot")[1]
        below = lowest - leg / 0.79 * (SOLE_BELOW_FOOT if toes else SMPL_ANKLE_HEIGHT)
        origin = (self.rig.to_world[:3, 3] - self._middle("thigh")) @ self.frame
        if -_FLOOR_BELOW_TOES * leg * (1 if toes else 2) <= origin[1] - lowest <= _TOES_BELOW_FLOOR * leg:
            return float(origin[1])
        return float(below)

    def _at_ankle(self, side: str, points: Array, leg: float) -> Array:
        """The points (K, 3) of a foot's mesh, relative to the hips, at its ankle.

        Blender's importer of glTF puts meshes that hang on bones elsewhere where their armature is scaled. Such a mesh
        tells how long the foot is, but not where it begins, nor where the floor is.
        """
        ankle = self.head(side, "foot")
        low, high = points.min(axis=0) - ankle, points.max(axis=0) - ankle
        outside = np.maximum(np.maximum(low, -high), 0)
        if outside.max() <= _ELSEWHERE * max(high[0] - low[0], high[2] - low[2]):
            return points
        move = (self._sole(side, None, leg) - ankle[1] - low[1]) * np.array([0.0, 1.0, 0.0])
        if max(outside[0], outside[2]) > 0:
            ahead = rot.normalize((low + high) * [1, 0, 1])
            along = (points - ankle) @ ahead
            move = move - (float(along.min()) + _HEEL * float(np.ptp(along))) * ahead
        return points + move

    def _foot(self, side: str, points: Array, sole_at: float) -> Foot:
        ankle = self.head(side, "foot")
        heel = np.array([0.0, sole_at - ankle[1], 0.0])
        points = points - ankle
        toes = self.bones(side, "toes")
        if toes:
            toes_at = self.head(side, "toes") - ankle
            ball = toes_at * [1, 0, 1] + heel
            ahead = rot.normalize(ball * [1, 0, 1])
            length = float(np.linalg.norm(ball * [1, 0, 1]))
            leaves = np.array(self.leaves(toes[-1])).reshape(-1, 3) - ankle
            ends = points if len(points) else leaves
            tip = heel + ahead * max(float((ends @ ahead).max()) if len(ends) else 1.5 * length, length)
            overlap = _OVERLAP * length
            sole = points[points @ ahead < length + overlap] if len(points) else heel[None]
            toe_sole = points[points @ ahead > length - overlap] if len(points) else tip[None][: len(ends)]
        else:
            ahead, length = np.array([0.0, 0.0, 1.0]), FOOT_LENGTH * self.ratio
            reach = 1.5 * length
            if len(points):
                middle = 0.5 * (points.min(axis=0) + points.max(axis=0)) * [1, 0, 1]
                if np.linalg.norm(middle) > 0.02 * self.leg:
                    ahead = rot.normalize(middle)
                reach = float((points @ ahead).max())
                length = reach * _FRONT
            tip, ball = heel + ahead * reach, heel + ahead * length
            toes_at = ball
            sole, toe_sole = points if len(points) else heel[None], np.zeros((0, 3))
        high = toes_at[1] if toes else SOLE_BELOW_FOOT * self.ratio + heel[1]
        level = min(length, (_HELD if toes else _HELD_STIFF) * FOOT_LENGTH * self.ratio)
        held = ahead * level + high * np.array([0.0, 1.0, 0.0])
        # a flat foot stands on its ball, whatever of its mesh is higher
        sole = np.concatenate([_lowest_points(sole, ahead), ball[None]])
        return Foot(ball, held, tip, sole, toes_at, _lowest_points(toe_sole, ahead) - toes_at, bool(toes))

    # alignments

    def direction(self, side: str, part: str) -> Array | None:
        """The direction (3,) of a part of a limb at rest, body frame; None where nothing tells it."""
        if not self.bones(side, part):
            return None
        if part == "hand":
            knuckles = self._knuckles(side)
            middle = [knuckles[finger] for finger in ("middle", "ring", "index", "little") if finger in knuckles]
            ends = middle[:1]
        else:
            ends = [self.head(side, _BELOW[part])] if self.bones(side, _BELOW[part]) else []
            if part == "forearm" and not ends:
                ends = list(self._knuckles(side).values())[:1] or self._leaf(side, part)
        if not ends:
            return None
        line = ends[0] - self.head(side, part)
        return rot.normalize(line) if np.linalg.norm(line) > 1e-4 * self.leg else None

    def leaves(self, name: str) -> list[Array]:
        """The heads of bones that nobody mapped under a bone."""
        bone = self.rig.index[name]
        mapped = {self.rig.index.get(other) for other in self.map.names}
        return [self.heads[child] for child, up in enumerate(self.rig.parents) if up == bone and child not in mapped]

    def _leaf(self, side: str, part: str) -> list[Array]:
        """The head of a bone that nobody mapped under a part's last one, else a point along that bone."""
        name = self.bones(side, part)[-1]
        last = self.rig.index[name]
        far = [leaf for leaf in self.leaves(name) if np.linalg.norm(leaf - self.heads[last]) > 0.1 * self.leg]
        return far[:1] or [self.heads[last] + self.frame.T @ self.turn @ self.rig.rest[last, :3, 1]]

    def _knuckles(self, side: str) -> dict[str, Array]:
        """The first joints of the fingers, thumbs last."""
        order = (*FINGERS[1:], FINGERS[0])
        found = {finger: self.bones(side, finger) for finger in order}
        hand = self.head(side, "hand") if self.bones(side, "hand") else None
        knuckles = {}
        for finger, bones in found.items():
            heads = [self.heads[self.rig.index[name]] for name in bones]
            if finger != FINGERS[0] and len(heads) > 3:
                heads = heads[1:]  # a metacarpal
            away = [head for head in heads if hand is None or np.linalg.norm(head - hand) > 0.03 * self.leg]
            if away:
                knuckles[finger] = away[0]
        return knuckles

    def palm(self, side: str) -> Array | None:
        """The direction (3,) that the palm faces at rest, body frame; None without two fingers or a thumb."""
        ahead = self.direction(side, "hand")
        knuckles = self._knuckles(side)
        order = [finger for finger in ("index", "middle", "ring", "little") if finger in knuckles]
        if ahead is None or not order:
            return None
        if len(order) > 1:
            across = knuckles[order[0]] - knuckles[order[-1]]
        elif "thumb" in knuckles:
            across = knuckles["thumb"] - self.head(side, "hand")
        else:
            return None
        facing = np.cross(ahead, across) * (1 if side == "L" else -1)
        return rot.normalize(facing) if np.linalg.norm(facing) > 1e-4 * self.leg else None

    def inward(self, side: str) -> Array:
        """The direction (3,) from the index to the little finger at rest, body frame; without them, from the thumb."""
        knuckles = self._knuckles(side)
        order = [knuckles[finger] for finger in ("index", "middle", "ring", "little") if finger in knuckles]
        first = order[0] if len(order) > 1 else knuckles["thumb"]
        return rot.normalize(order[-1] - first)

    def metacarpals(self, side: str, finger: str) -> int:
        """How many of a finger's bones lie in the palm, before its knuckle."""
        bones = self.bones(side, finger)
        knuckle = self._knuckles(side).get(finger)
        heads = [self.heads[self.rig.index[name]] for name in bones]
        return next((n for n, head in enumerate(heads) if knuckle is not None and np.array_equal(head, knuckle)), 0)

    def hand_reach(self, side: str) -> Array:
        """From the wrist to the knuckles (3,) at rest, metres, body frame."""
        hand = self.head(side, "hand")
        knuckles = self._knuckles(side)
        middle = [knuckles[finger] for finger in ("middle", "ring", "index", "little") if finger in knuckles]
        if middle:
            return middle[0] - hand
        smpl = REST_OFFSETS[JOINT_INDEX[f"{side}_hand"]].astype(np.float64)
        size = self.length(side, "forearm") / float(np.linalg.norm(REST_OFFSETS[JOINT_INDEX["L_wrist"]]))
        return size * self.alignment[sided(side, "hand")].T @ smpl

    def _alignments(self) -> dict[str, Array]:
        aligned: dict[str, Array] = {role: np.eye(3) for role in (HIPS, SPINE, NECK, HEAD)}
        for side in SIDES:
            aligned[sided(side, "shoulder")] = np.eye(3)
            outward = 1.0 if side == "L" else -1.0
            # an elbow bends the forearm forward, a knee the shin back
            arm, forearm = self._hinged(side, "upper_arm", "forearm", np.array([0.0, -outward, 0.0]))
            hand = self._hand(side, forearm)
            shared = self._twist(side, forearm, hand)
            aligned[sided(side, "upper_arm")], aligned[sided(side, "hand")] = arm, hand
            aligned[sided(side, "forearm")] = shared @ forearm
            thigh, shin = self._hinged(side, "thigh", "shin", np.array([1.0, 0.0, 0.0]))
            aligned[sided(side, "thigh")], aligned[sided(side, "shin")] = thigh, shin
            ball = self.feet[side].ball
            smpl = smpl_direction(side, "foot")
            foot = rot.rotation_between(ball * [1.0, 0.0, 1.0], smpl * [1.0, 0.0, 1.0])
            aligned[sided(side, "foot")] = aligned[sided(side, "toes")] = rot.quaternion_to_matrix(foot)
        return aligned

    def _hinged(self, side: str, upper: str, lower: str, hinge: Array) -> tuple[Array, Array]:
        """Alignments of the two parts of a limb with a hinge between them, which in SMPL's T-pose is along `hinge`."""
        first, second = self.direction(side, upper), self.direction(side, lower)
        if first is None:
            raise CharacterMapError(
                f'Bones "{self.bones(side, upper)[0]}" and "{self.bones(side, _BELOW[upper])[0]}" begin in one place. '
                "Choose others under Character."
            )
        goal, goal_lower = smpl_direction(side, upper), smpl_direction(side, lower)
        aligned = _swing(first, goal)
        if second is None:
            return aligned, aligned
        plane = np.cross(first, second)
        bend = float(np.arctan2(np.linalg.norm(plane), first @ second))
        share = np.clip((bend - _BENDS[0]) / (_BENDS[1] - _BENDS[0]), 0, 1)
        if share > 0:
            now, wanted = aligned @ plane, hinge - (hinge @ goal) * goal
            twist = float(np.arctan2(np.cross(now, wanted) @ goal, now @ wanted))
            if abs(twist) < _LARGEST_TWIST:
                aligned = rot.axis_angle_to_matrix(goal * twist * share) @ aligned
        return aligned, _swing(aligned @ second, goal_lower) @ aligned

    def _hand(self, side: str, forearm: Array) -> Array:
        ahead, palm = self.direction(side, "hand"), self.palm(side)
        if ahead is None:
            return forearm
        goal = smpl_direction(side, "hand")
        if palm is None:
            return _swing(forearm @ ahead, goal) @ forearm
        down = np.array([0.0, -1.0, 0.0])
        return _basis(goal, down) @ _basis(ahead, palm).T

    def _twist(self, side: str, forearm: Array, hand: Array) -> Array:
        """Half of the twist by which the hand's alignment differs from the forearm's, which bones of the forearm have
        as well."""
        axis = smpl_direction(side, "forearm")
        return rot.axis_angle_to_matrix(0.5 * twist_angle(hand @ forearm.T, axis) * axis)


def _lowest_points(points: Array, ahead: Array) -> Array:
    """Those of points (K, 3) that may be the lowest when their foot is tilted."""
    if not len(points):
        return points
    around, steep = np.linspace(0, 2 * np.pi, 12, endpoint=False)[:, None], np.radians([0.0, 20.0, 40.0, 60.0, 90.0])
    left = np.cross([0.0, 1.0, 0.0], ahead)
    level = np.cos(around)[..., None] * ahead + np.sin(around)[..., None] * left
    downward = np.cos(steep)[:, None] * level - np.sin(steep)[:, None] * np.array([0.0, 1.0, 0.0])
    chosen = np.unique(np.argmax(points @ downward.reshape(-1, 3).T, axis=0))
    return points[chosen]


def twist_angle(turns: Array, axis: Array) -> Array:
    """The angles (...,) about a unit axis (..., 3) in rotations (..., 3, 3): of their swing-twist decomposition."""
    quaternion = rot.matrix_to_quaternion(turns)
    angle = 2 * np.arctan2(np.sum(quaternion[..., 1:] * axis, axis=-1), quaternion[..., 0])
    return (angle + np.pi) % (2 * np.pi) - np.pi


def _swing(source: Array, target: Array) -> Array:
    return rot.quaternion_to_matrix(rot.rotation_between(source, target))


def _basis(first: Array, second: Array) -> Array:
    """Columns: a direction, the part of another one across it, and their normal."""
    across = rot.normalize(second - (second @ first) * first)
    return np.stack([first, across, np.cross(first, across)], axis=-1)


HIPS_AT_REST = (BODY_TO_WORLD @ (REST_OFFSETS[JOINT_INDEX["L_hip"]] * [0, 0, 1])).astype(np.float64)
"""Where (3,) the middle of SMPL's hip joints is on the level in a motion whose pelvis rests at the origin, metres:
there a character's rests."""
