"""Use Candidate, Remove Candidates: the dances that were generated beside the best one. They need no engine."""

# Blender reads properties from annotations that are calls, so these are neither types nor kept as text.
# mypy: disable-error-code=valid-type

import bpy

from ..errors import SceneError
from ..scene import candidates
from ..scene.dancer import load
from ..scene.selection import dancer_or_none, find_dancer
from .on_dancer import OnDancer
from .results import Result, do, refuse


class OnCandidates(OnDancer):
    """Base of an operator that needs candidates, too."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only where there are any."""
        armature = dancer_or_none(context)
        if armature is not None and not candidates.has_any(armature):
            refuse(cls, "No candidates are kept: turn on Keep Others before Generate Dance")
            return False
        return super().poll(context)


class MAGMA_OT_use_candidate(OnCandidates):
    """Dance another of the candidates; the present dance becomes a candidate in its place"""

    bl_idname = "magma.use_candidate"
    bl_label = "Use Candidate"
    bl_options = {"REGISTER", "UNDO"}

    action: bpy.props.StringProperty(
        name="Candidate", description="The name of its action; empty is the one whose NLA track is soloed or active"
    )

    def execute(self, context: bpy.types.Context) -> Result:
        """Use it."""

        def work() -> str:
            armature = find_dancer(context)
            former = candidates.use(armature, self.action or _meant(armature))
            seed = load(armature).document.seed
            return f'"{armature.name}" dances the candidate with seed {seed}; the former dance is "{former}" now.'

        return do(self, work)


def _meant(armature: bpy.types.Object) -> str:
    found = candidates.of(armature)
    data = armature.animation_data
    active = data.nla_tracks.active if data is not None else None
    for candidate in (*(c for c in found if c.track.is_solo), *(c for c in found if c.track == active)):
        return candidate.action.name
    raise SceneError("No candidate is meant: make its NLA track active, or solo it (the star before its name).")


class MAGMA_OT_remove_candidates(OnCandidates):
    """Remove the candidates on muted NLA tracks, with their actions"""

    bl_idname = "magma.remove_candidates"
    bl_label = "Remove Candidates"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> Result:
        """Remove them."""

        def work() -> str:
            armature = find_dancer(context)
            removed = candidates.remove(armature)
            if not removed:
                raise SceneError(f'No candidate of "{armature.name}" is on a muted NLA track: mute their tracks first.')
            return f"{removed} candidates are removed."

        return do(self, work)


CLASSES = (MAGMA_OT_use_candidate, MAGMA_OT_remove_candidates)
