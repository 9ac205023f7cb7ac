"""Mark Dance as Asset, and Use Dance of Action: dances in Blender's asset libraries. They need no engine."""

# Blender reads properties from annotations that are calls, so these are neither types nor kept as text.
# mypy: disable-error-code=valid-type

import bpy

from ..engine_host.session import session
from ..errors import SceneError
from ..scene import asset_browser, dance_asset
from ..scene.selection import active_armature, find_dancer
from .on_dancer import OnDancer
from .results import Result, do, refuse


class MAGMA_OT_mark_asset(OnDancer):
    """Mark the dance's action as an asset."""

    bl_idname = "magma.mark_asset"
    bl_label = "Mark Dance as Asset"
    bl_description = (
        "Mark the dance's action as an asset, with a picture of a pose, what is danced, and tags of style and tempo. "
        "Later edits change a copy"
    )
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> Result:
        """Mark it."""

        def work() -> str:
            action = dance_asset.mark(find_dancer(context))
            return f'The action "{action.name}" is an asset.'

        return do(self, work)


class MAGMA_OT_use_asset(bpy.types.Operator):
    """Let the active armature dance what an action keeps that was marked as an asset; it can be edited there"""

    bl_idname = "magma.use_asset"
    bl_label = "Use Dance of Action"
    bl_options = {"REGISTER", "UNDO"}

    action: bpy.props.StringProperty(
        name="Action",
        description="The name of an action with a dance in this file; empty is the asset browser's active asset",
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only for an armature, while the engine is free."""
        if session.occupied:
            refuse(cls, "The engine is busy: wait for it, or press Cancel")
            return False
        if active_armature(context) is None:
            refuse(cls, "Select an armature, or a mesh that hangs on one")
            return False
        if not dance_asset.dances() and asset_browser.active_action(context) is None:
            refuse(cls, "No action of this file keeps a dance: choose one in the asset browser")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> Result:
        """Key it."""

        def work() -> str:
            armature, browsed = active_armature(context), asset_browser.active_action(context)
            assert armature is not None
            if browsed is not None and not self.action:
                with asset_browser.loaded(browsed) as appended:
                    dance_asset.use(armature, appended)
                return f'"{armature.name}" dances what the action "{browsed.name}" keeps.'
            known = dance_asset.dances()
            action = next((action for action in known if action.name == self.action), None)
            if action is None:
                listed = ", ".join(action.name for action in known)
                raise SceneError(f'No action "{self.action}" keeps a dance: choose one of these ({listed}).')
            dance_asset.use(armature, action)
            return f'"{armature.name}" dances what the action "{self.action}" keeps.'

        return do(self, work)


CLASSES = (MAGMA_OT_mark_asset, MAGMA_OT_use_asset)
