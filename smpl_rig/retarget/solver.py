"""A motion of the SMPL body on a character."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from .. import rotations as rot
from ..feet import foot_contacts
from ..floor_support import Carried, carried_by
from ..held_points import smooth_cover
from ..inverse_kinematics import bend_limb
from ..kinematics import forward_kinematics, global_rotations
from ..motion import Motion
from ..rotations import Array
from ..skeleton import JOINT_INDEX
from .arms import SMPL_VOLUME, Trunk, Volume, bent_arm, depths, excess, head_middle, push, source_trunk, volume
from .calibration import HIPS_AT_REST, Calibration, smpl_direction, smpl_joint, twist_angle
from .controls import Control, Controls, Solved
from .fingers import BENDS, LIFE, FingerBend, finger_bends, life
from .legs import (
    Leg,
    ankle_with,
    apart,
    held_back,
    leg_of,
    limits,
    roll_share,
    rolled,
    sole_below,
    sole_height,
    steady_hinge,
    sway_share,
    swaying,
    to_stand,
)
from .rig import Bools, Rig
from .roles import FINGER_ROLES, FINGERS, HEAD, HIPS, NECK, SIDES, SPINE, TWISTED, CharacterMap, check_map, sided, twist
from .soles import (
    bridged,
    held,
    kept_out_of_floor,
    levelled,
    lowest,
    out_of_floor,
    posed_feet,
    rising,
    tilt,
    toes_on_floor,
)
from .trunk import neck_rotations, pelvis_shares, places_along, rigid_rotations, spine_rotations

HANDS = ("rest", *BENDS)
"""What the fingers do: nothing, or be bent in one of these ways."""
_LARGEST_DROP = 0.14
"""Share of a leg by which the hips are lowered at most for a planted foot out of reach."""
_DROP_WINDOW = 0.7
"""Seconds on either side over which they are lowered."""
_NEAR_FLOOR = (0.02, 0.12)
"""Heights of SMPL's sole, metres, between which a foot that is not planted ceases to lower them."""
_STRAIGHT = 0.995
"""Share of an arm's length that a hand on the floor may use."""
_PUSHES = 3
"""Times that a hand is pushed out: out of the trunk it may be in the head."""


class Solver:
    """Turns motions of the SMPL body into poses of a character.

    controls: the bones that are keyed, those that others follow first. hands: one of `HANDS`; `rest` leaves the
    fingers as they rest (they are no controls then). Raises CharacterMapError for a map that cannot be used. pelvis,
    spine: controls of the trunk, from the hips up; without a spine, a torso that is not the hips is one.
    """

    def __init__(self, rig: Rig, character: CharacterMap, hands: str = "relaxed") -> None:
        check_map(character)
        self.hands = hands
        self._tree = Controls(rig, character, with_fingers=hands != "rest")
        self.body = Calibration(rig, character)
        heads = self.body.heads[self._tree.bones]
        self._bends = {
            (side, finger): self._finger_bends(side, finger) for side in SIDES for finger in FINGERS if hands != "rest"
        }
        self._bent_above = {
            lower: upper for bends in self._bends.values() for (upper, _), (lower, _) in pairwise(bends)
        }
        carriers = self._arm_carriers()
        thighs_on = {self.controls[self.limb(side, "thigh")[0]].parent for side in SIDES}
        torso = [] if carriers & thighs_on else [control for control in self.roles[HIPS] if control in carriers]
        self.spine = self.roles.get(SPINE) or torso
        self.pelvis = [control for control in self.roles[HIPS] if control not in self.spine]
        broad = sway_share(abs(float(self.body.head("L", "thigh")[0])), self.body.ratio)
        self._sway = 1.0 if carriers & set(self.pelvis) else broad
        self.spine_places: Array = np.zeros(0)
        self._pelvis_shares: Array = np.zeros(0)
        if character.of(SPINE):
            along = heads[self._tree.by_role[SPINE]]
            low, high = (0.5 * float(sum(self.body.head(s, part)[1] for s in SIDES)) for part in ("thigh", "upper_arm"))
            self.spine_places = places_along(along)
            self._pelvis_shares = pelvis_shares((along[:, 1] - low) / (high - low))

    @property
    def controls(self) -> tuple[Control, ...]:
        return self._tree.all

    def solve(self, motion: Motion, posed: Bools | None = None) -> Solved:
        """The motion on the character. posed: (T,) further frames whose feet count as posed, see `soles.posed_feet`."""
        body, tree = self.body, self._tree
        local = rot.axis_angle_to_matrix(motion.poses.astype(np.float64).reshape(len(motion), -1, 3))
        world, joints = (
            global_rotations(local),
            forward_kinematics(local, motion.trans.astype(np.float64) - HIPS_AT_REST),
        )
        turns = self._turns(world, joints)

        # where the hips are, as the thighs hang on them
        mover = self._heads(tree.mover)
        resting = np.broadcast_to(mover, (len(motion), 3))
        places = self._places(turns, resting)
        goal = body.ratio * 0.5 * (joints[:, JOINT_INDEX["L_hip"]] + joints[:, JOINT_INDEX["R_hip"]])
        thighs = {side: self.limb(side, "thigh")[0] for side in SIDES}
        shift = goal - 0.5 * (places[:, thighs["L"]] + places[:, thighs["R"]])
        hips = {side: places[:, thighs[side]] + shift for side in SIDES}
        posed = posed_feet(motion) if posed is None else posed_feet(motion) | posed
        carried = carried_by(joints, world, motion.fps)
        by_feet = np.ones(len(motion)) if carried is None else 1 - carried.body
        lowered = self._bend_legs(turns, joints, world, hips, by_feet, motion.fps, posed)
        shift = shift - lowered[:, None] * [0.0, 0.0, 1.0]
        self._keep_hands_off(turns, places + shift[:, None], joints, world)
        if carried is not None:
            self._set_hands_down(turns, resting + shift, joints, world, carried)
        if self.hands != "rest":
            self._pose_fingers(turns, joints)
        self._share_twist(turns, world)
        turned = body.to_armature(turns)
        return Solved(turned, tree.places(turned, {tree.mover: body.places_to_armature(resting + shift)}))

    @property
    def roles(self) -> dict[str, list[int]]:
        """The numbers of the controls of each role."""
        return self._tree.by_role

    def limb(self, side: str, part: str) -> list[int]:
        """The controls of a part of a limb on a side of the body."""
        return self._tree.by_role.get(sided(self.body.bone_side(side), part), [])

    def _arm_carriers(self) -> set[int]:
        """The controls that arms hang on, with no spine between."""
        found: set[int] = set()
        for side in SIDES:
            above = self.limb(side, "upper_arm")[0]
            while above >= 0 and self.controls[above].role != SPINE:
                found.add(above)
                above = self.controls[above].parent
        return found

    def _heads(self, control: int) -> Array:
        """(3,) where a control's head rests on the stage."""
        return self.body.upright @ self.body.heads[self._tree.bones[control]]

    def _places(self, turns: Array, mover: Array) -> Array:
        """Places (T, C, 3) on the stage of turns to the stage, with the hips' mover at (T, 3)."""
        moved = {self._tree.mover: self.body.places_to_armature(mover)}
        return self.body.places_from_armature(self._tree.places(self.body.to_armature(turns), moved))

    def _turns(self, world: Array, joints: Array) -> Array:
        """Turns (T, C, 3, 3) to the stage of all controls as SMPL's joints turn, world: (T, 24, 3, 3). joints:
        (T, 24, 3)."""
        turns = np.empty((len(world), len(self.controls), 3, 3))
        turns[:] = self.body.upright
        roles = self._tree.by_role
        turns[:, self.pelvis] = (swaying(world[:, 0], self._sway) @ world[:, 0])[:, None]
        if SPINE in roles:
            spine = spine_rotations(world, self.spine_places, self._pelvis_shares)
            for control, turn in zip(self.spine, spine, strict=True):
                turns[:, control] = turn
        else:
            turns[:, self.spine] = rigid_rotations(joints)[:, None]
        neck = roles.get(NECK, [])
        for control, turn in zip(neck, neck_rotations(world, len(neck)), strict=True):
            turns[:, control] = turn
        for control in roles.get(HEAD, neck[-1:]):
            turns[:, control] = world[:, JOINT_INDEX["head"]]
        for side in SIDES:
            for part in ("shoulder", "upper_arm", "forearm", "hand", "thigh", "shin", "foot", "toes"):
                found = self.limb(side, part)
                if found:
                    turns[:, found] = (world[:, smpl_joint(side, part)] @ self.body.alignment[sided(side, part)])[
                        :, None
                    ]
            limb = (self.limb(side, "hand") or self.limb(side, "forearm"))[-1]
            for role in FINGER_ROLES:
                if role.startswith(side):
                    turns[:, self.limb(side, role[2:])] = turns[:, limb, None]
        return turns

    def _bend_legs(
        self,
        turns: Array,
        joints: Array,
        world: Array,
        hips: Mapping[str, Array],
        by_feet: Array,
        fps: float,
        posed: Bools,
    ) -> Array:
        """Bend the legs in `turns` to their goals; how far (T,) the hips (T, 3) must be lowered for it, metres, stage.

        by_feet: (T,) 0..1 how far feet carry the body, and are planted. posed: (T,) frames in which the feet keep their
        pose, and have no say in how they stand in the others.
        """
        body, unposed = self.body, bridged(joints, posed)
        contacts = foot_contacts(unposed, fps) & (by_feet > 0.5)[:, None]
        legs: dict[str, Leg] = {}
        goals: dict[str, Array] = {}
        reach: dict[str, tuple[Array, float]] = {}
        drop: Array = np.zeros(len(turns))
        for index, side in enumerate(SIDES):
            leg = legs[side] = leg_of(side, joints, world)
            shape, planted = body.feet[side], contacts[:, index] | contacts[:, index + 2]
            foot = self.limb(side, "foot")
            end = foot + self.limb(side, "toes")
            share = roll_share(shape, body.ratio)
            if share < 1:
                turns[:, end] = rolled(leg, side, share)[:, None] @ turns[:, end]
            height = sole_height(leg, side)
            tilted = tilt(turns[:, foot[0]], shape, share, height, planted, posed, fps)
            turns[:, end] = levelled(turns[:, foot[0]], shape, tilted)[:, None] @ turns[:, end]
            length = body.length(side, "thigh") + body.length(side, "shin")
            free = ankle_with(leg, side, shape, turns[:, foot[0]], body.ratio, length)
            standing = bridged(to_stand(leg, shape, turns[:, foot[0]], body.ratio, free), posed)
            goals[side] = free + held(standing, planted, fps) * ~posed[:, None]
            half_width, left = abs(float(body.head(side, "thigh")[0])), bridged(world[:, 0, :, 0], posed)
            steps = leg_of(side, unposed, world)
            goals[side] += apart(steps, side, left, planted, half_width, body.ratio, fps)
            unbent = turns[:, end]
            deep = bridged(self._above_floor(turns, side, goals[side][:, 2]), posed)
            turns[:, end] = unbent
            goals[side][:, 2] += kept_out_of_floor(deep, planted, body.ratio, fps) * ~posed
            goals[side][:, 2] += self._above_floor(turns, side, goals[side][:, 2]) * ~posed
            turns[np.ix_(posed, np.array(end))] = unbent[posed]
            soft, longest = limits(leg, length)
            reach[side] = np.where(posed, longest, soft), longest
            line = goals[side] - hips[side]
            below = np.sqrt(np.maximum(soft**2 - np.sum(line[:, :2] ** 2, axis=-1), 0))
            near = np.where(planted, 1.0, 1 - rising(height, *_NEAR_FLOOR)) * by_feet
            drop = np.maximum(drop, near * (-line[:, 2] - below))
        most = _LARGEST_DROP * body.leg
        lowered = smooth_cover(bridged(np.minimum(drop, most), posed), fps, _DROP_WINDOW) * ~posed
        for side in SIDES:
            upper, lower = self.limb(side, "thigh"), self.limb(side, "shin")
            leg_line = held_back(goals[side] - hips[side] + lowered[:, None] * [0.0, 0.0, 1.0], *reach[side])
            thigh, shin = self._leg_vectors(turns, side)
            axis = steady_hinge(legs[side].thigh[:, :, 0], thigh, shin, posed, fps)
            swing, bend = bend_limb(thigh, shin, leg_line, axis)
            turns[:, upper] = swing[:, None] @ turns[:, upper]
            turns[:, lower] = bend[:, None] @ turns[:, lower]
        return lowered

    def _leg_vectors(self, turns: Array, side: str) -> tuple[Array, Array]:
        """From hip to knee and from knee to ankle (T, 3), metres, stage."""
        hip, knee, ankle = (self.body.head(side, part) for part in ("thigh", "shin", "foot"))
        return turns[:, self.limb(side, "thigh")[0]] @ (knee - hip), turns[:, self.limb(side, "shin")[0]] @ (
            ankle - knee
        )

    def _above_floor(self, turns: Array, side: str, ankle: Array) -> Array:
        """By how much (T,) a foot with its ankle at heights (T,) must be raised out of the floor, metres; bends the
        toes in `turns` on it."""
        shape, ratio = self.body.feet[side], self.body.ratio
        foot, toes = self.limb(side, "foot")[0], self.limb(side, "toes")
        raised = out_of_floor(ankle + sole_below(shape, turns[:, foot], ratio), ratio)
        if not toes or not len(shape.toe_sole):
            return raised
        head = ankle + raised + (turns[:, foot] @ shape.toes_at)[:, 2]
        for control in toes:
            turns[:, control] = toes_on_floor(turns[:, control], shape, head, ratio)
        points = np.einsum("tj,kj->tk", turns[:, toes[-1], 2], shape.toe_sole)
        return raised + out_of_floor(head + lowest(points, ratio), ratio)

    def body_volume(self) -> Volume:
        """The shape of the character's body, as far as its joints tell."""
        shoulders = 0.5 * float(np.linalg.norm(self.body.head("L", "upper_arm") - self.body.head("R", "upper_arm")))
        hips = 0.5 * float(np.linalg.norm(self.body.head("L", "thigh") - self.body.head("R", "thigh")))
        top = self.roles.get(HEAD) or self.roles.get(NECK)
        high = self.body.heads[self._tree.bones[top[0]]] if top else self.body.head("L", "upper_arm")
        return volume(shoulders, hips, float(high[1] - self.body.head("L", "thigh")[1]))

    def trunk(self, turns: Array, places: Array) -> Trunk:
        """The character's body with turns (T, C, 3, 3) and places (T, C, 3) on the stage."""
        low, high = (
            0.5 * (places[:, self.limb("L", part)[0]] + places[:, self.limb("R", part)[0]])
            for part in ("thigh", "upper_arm")
        )
        chest = (self.spine or self.roles[HIPS])[-1]
        top = (self.roles.get(HEAD) or self.roles.get(NECK) or [chest])[0]
        joint = places[:, top] if HEAD in self.roles or NECK in self.roles else high
        return Trunk(low, high, head_middle(joint, turns[:, top], self.body_volume().head), turns[:, chest])

    def hand_points(self, side: str, turns: Array, places: Array) -> list[Array]:
        """Points (T, 3) of a hand on the stage: wrist and knuckles."""
        hand = self.limb(side, "hand")[0]
        reach = self.body.hand_reach(side)
        return [places[:, hand], places[:, hand] + turns[:, hand] @ reach]

    def _keep_hands_off(self, turns: Array, places: Array, joints: Array, world: Array) -> None:
        """Bend the arms in `turns` so that no hand is deeper in the body than the motion's hands are in theirs."""
        shape = self.body_volume()
        mine, theirs = self.trunk(turns, places), source_trunk(joints, world)
        scale = shape.breadth / SMPL_VOLUME.breadth
        for side in SIDES:
            if not self.limb(side, "hand"):
                continue
            upper, lower, hand = (self.limb(side, part) for part in ("upper_arm", "forearm", "hand"))
            source = [joints[:, JOINT_INDEX[f"{side}_{name}"]] for name in ("wrist", "hand")]
            allowed = [depths(point, theirs, SMPL_VOLUME)[0] for point in source]
            points = self.hand_points(side, turns, places)
            moved = np.zeros((len(turns), 3))
            for _ in range(_PUSHES):
                deeper = [
                    excess(depths(point + moved, mine, shape), other, scale)
                    for point, other in zip(points, allowed, strict=True)
                ]
                moved = moved + push(deeper, scale)
            hinge = world[:, JOINT_INDEX[f"{side}_shoulder"], :, 1] * (-1.0 if side == "L" else 1.0)
            first = places[:, lower[0]] - places[:, upper[0]]
            swing, bend = bent_arm(first, places[:, hand[0]] - places[:, lower[0]], moved, hinge)
            turns[:, upper] = swing[:, None] @ turns[:, upper]
            turns[:, lower] = bend[:, None] @ turns[:, lower]

    def _set_hands_down(self, turns: Array, mover: Array, joints: Array, world: Array, carried: Carried) -> None:
        """Bend the arms in `turns` so that hands that rest on the floor in the motion, at places of its size, do so.

        mover: (T, 3) the hips' mover, stage.
        """
        places = self._places(turns, mover)
        for index, side in enumerate(SIDES):
            if not self.limb(side, "hand"):
                continue
            upper, lower, hand = (self.limb(side, part) for part in ("upper_arm", "forearm", "hand"))
            first, second = places[:, lower[0]] - places[:, upper[0]], places[:, hand[0]] - places[:, lower[0]]
            away = self.body.ratio * joints[:, JOINT_INDEX[f"{side}_wrist"]] - places[:, hand[0]]
            line = first + second + carried.down[:, index, None] * away
            length = float(np.linalg.norm(first[0]) + np.linalg.norm(second[0]))
            longest = np.maximum(np.linalg.norm(first + second, axis=-1), _STRAIGHT * length)
            distance = np.maximum(np.linalg.norm(line, axis=-1), 1e-9)
            line = line * (np.minimum(distance, longest) / distance)[:, None]
            hinge = world[:, JOINT_INDEX[f"{side}_shoulder"], :, 1] * (-1.0 if side == "L" else 1.0)
            bent = np.cross(rot.normalize(first), rot.normalize(second))
            swing, bend = bend_limb(first, second, line, rot.normalize(bent + 0.1 * hinge))
            turns[:, upper] = swing[:, None] @ turns[:, upper]
            turns[:, lower] = bend[:, None] @ turns[:, lower]

    def _finger_bends(self, side: str, finger: str) -> list[tuple[int, FingerBend]]:
        """The controls of a finger from the knuckle on, and how each is bent; none where no palm shows."""
        body, palm = self.body, self.body.palm(side)
        found = self.limb(side, finger)
        if palm is None or not found:
            return []
        heads = body.heads[self._tree.bones[found]]
        skipped = body.metacarpals(side, finger)
        leaves = body.leaves(self.controls[found[-1]].bone)
        bends = finger_bends(
            finger, self.hands, heads[skipped:], leaves[0] if leaves else None, palm, body.inward(side)
        )
        return list(zip(found[skipped:], bends, strict=True))

    def _pose_fingers(self, turns: Array, joints: Array) -> None:
        """Turn the fingers in `turns` from their hands."""
        for side in SIDES:
            lively = life(*(joints[:, JOINT_INDEX[f"{side}_{name}"]] for name in ("shoulder", "elbow", "wrist")))
            for number, finger in enumerate(FINGERS):
                for control, bend in self._bends[side, finger]:
                    share = 1 + LIFE[self.hands] * (lively[number] - 1)
                    own = rot.axis_angle_to_matrix(bend.axis * (share * bend.goal - bend.rest)[:, None])
                    above = self._bent_above.get(control)
                    turns[:, control] = (turns[:, control] if above is None else turns[:, above]) @ own

    def _share_twist(self, turns: Array, world: Array) -> None:
        """Turn the bones that share a limb's twist: near the body they do not twist, near the hand they twist with
        it."""
        body = self.body
        for side in SIDES:
            for part in TWISTED:
                found = self._tree.by_role.get(twist(sided(body.bone_side(side), part)), [])
                limb = self.limb(side, part)[0]
                for control in found:
                    turns[:, control] = turns[:, limb] @ self._twist_at(
                        side, part, self._along(side, part, control), world
                    )

    def _along(self, side: str, part: str, control: int) -> float:
        """Where a control's head is along a part of a limb, 0..1."""
        start = self.body.head(side, part)
        line = self.body.direction(side, part)
        ends = {"upper_arm": "forearm", "forearm": "hand", "thigh": "shin", "shin": "foot"}
        if line is None or not self.limb(side, ends[part]):
            return 0.5
        away = self.body.heads[self._tree.bones[control]] - start
        return float(np.clip(away @ line / self.body.length(side, part), 0, 1))

    def _twist_at(self, side: str, part: str, along: float, world: Array) -> Array:
        """Rotations (T, 3, 3) of the resting body that a twist bone at `along` has beyond its limb's."""
        above, below = {
            "upper_arm": ("shoulder", "upper_arm"), "forearm": ("forearm", "hand"),
            "thigh": ("", "thigh"), "shin": ("shin", "foot"),
        }[part]  # fmt: skip
        first = world[:, smpl_joint(side, above)] if above else world[:, 0]
        second = world[:, smpl_joint(side, below)]
        angle = np.unwrap(twist_angle(np.swapaxes(first, -1, -2) @ second, smpl_direction(side, part)))
        share = along if part in ("forearm", "shin") else along - 1
        axis = self.body.alignment[sided(side, part)].T @ smpl_direction(side, part)
        return rot.axis_angle_to_matrix((share * angle)[:, None] * axis)
