"""The operator that says where the song of a dance is now. It needs no engine."""

# Blender reads properties from annotations that are calls, so these are neither types nor kept as text.
# mypy: disable-error-code=valid-type

from pathlib import Path

import bpy

from engine.choreography import Choreography

from .. import paths
from ..engine_host import engine_setup
from ..errors import SceneError
from ..media import song_asset
from ..scene import edits
from ..scene.selection import find_dancer
from .on_dancer import OnDancer
from .results import Result, do
from .song_browser import SongBrowser


class MAGMA_OT_relink_song(SongBrowser, OnDancer):
    """Choose the file in which the dance's song is now; its keyframes, moves and beats stay"""

    bl_idname = "magma.relink_song"
    bl_label = "Relink Song"
    bl_options = {"REGISTER", "UNDO"}

    filepath: bpy.props.StringProperty(
        name="File", description="The song of the dance", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    another_recording: bpy.props.BoolProperty(
        name="Another Recording",
        description="Accept a file of other content, such as a remastered one, that begins at the same moment",
        options={"SKIP_SAVE"},
    )

    def execute(self, context: bpy.types.Context) -> Result:
        """Relink it."""

        def work() -> str:
            if not self.filepath:
                raise SceneError("No song is given: choose the file in which the dance's song is now.")
            file, spare = Path(paths.absolute(self.filepath)), engine_setup.spare_sounds()

            def relink(document: Choreography) -> Choreography:
                return song_asset.relinked(document, file, self.another_recording, spare)

            edits.change(find_dancer(context), relink, self.bl_label)
            song_asset.forget()
            return f'"{file.name}" is the song of the dance.'

        return do(self, work)


CLASSES = (MAGMA_OT_relink_song,)
