"""Quality Report: the operator that writes a page about the dance, with its sound and a moving figure, and opens it."""

# Blender reads properties from annotations that are calls, so these are neither types nor kept as text.
# mypy: disable-error-code=valid-type

from pathlib import Path

import bpy

from engine.protocol import REPORT, pack_bytes
from smpl_rig.blender.context import manager_of

from .. import paths
from ..engine_host import engine_setup
from ..engine_host.answers import read_report
from ..engine_host.notices import Notice
from ..engine_host.session import session
from ..errors import SceneError
from ..scene.dance_keys import current
from ..scene.selection import find_dancer
from .edit_jobs import for_engine
from .engine import run_task
from .on_dancer import OnDancer
from .results import CANCELLED, Result, say

ENDING = ".html"


class MAGMA_OT_quality_report(OnDancer):
    """Write a page about the dance for any browser: sound, moving figure, plots, and figures beside real dances'"""

    bl_idname = "magma.quality_report"
    bl_label = "Quality Report"
    bl_options = set()

    filepath: bpy.props.StringProperty(
        name="File", description="The page to write", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    opens: bpy.props.BoolProperty(name="Open", description="Show the page in the browser", default=True)
    check_existing: bpy.props.BoolProperty(default=True, options={"HIDDEN"})
    filter_glob: bpy.props.StringProperty(default=f"*{ENDING}", options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """Open the file browser, whose button calls `execute`."""
        if not self.filepath:
            try:
                self.filepath = str(_proposed(find_dancer(context)))
            except SceneError as error:
                say(self, "ERROR", str(error))
                return CANCELLED
        manager_of(context).fileselect_add(self)
        return {"RUNNING_MODAL"}

    def check(self, context: bpy.types.Context) -> bool:
        """The name in the file browser gets its ending, so that it asks before it writes over another file."""
        whole = bpy.path.ensure_ext(self.filepath, ENDING)
        changed = bool(whole != self.filepath)
        self.filepath = whole
        return changed

    def execute(self, context: bpy.types.Context) -> Result:
        """Ask the engine for it."""
        return run_task(self, lambda: self._start(context))

    def _start(self, context: bpy.types.Context) -> None:
        engine_setup.check_numpy()
        armature = find_dancer(context)
        dancer = current(armature)
        file = paths.absolute(self.filepath) if self.filepath else str(_proposed(armature))
        opens = self.opens and shown_at_once()
        params: dict[str, object] = {
            "document": for_engine(dancer.document),
            "npz": pack_bytes(dancer.npz),
            "file": bpy.path.ensure_ext(file, ENDING),
            "name": armature.name,
        }

        def tell(answer: object) -> Notice:
            page, notices = read_report(answer)
            if opens:
                show(Path(page))
            return Notice(f'The Quality Report of "{name}" is in {Path(page).name}.', details=notices)

        name = armature.name
        session.start_task(f'Measuring the dance of "{name}"', REPORT, params, tell)


def shown_at_once() -> bool:
    """Whether somebody is there to look at the page."""
    return not bpy.app.background


def show(page: Path) -> None:
    """Open the page in the system's browser."""
    bpy.ops.wm.url_open(url=page.as_uri())


def _proposed(armature: bpy.types.Object) -> Path:
    """Beside the .blend, named like it and the dancer; in the user's folder where it was never saved."""
    name = bpy.path.clean_name(armature.name)
    blend = Path(bpy.data.filepath)
    return blend.with_name(f"{blend.stem}_{name}{ENDING}") if bpy.data.filepath else Path.home() / f"{name}{ENDING}"


CLASSES = (MAGMA_OT_quality_report,)
