"""Takes the manual's pictures of the interface again, from a real Blender on a virtual screen.

    .venv/bin/python -m benchmarks.manual_pictures [PICTURE ...] [--out docs/images]

Needs what benchmarks/window/desk.py names. The pictures and docs/images/pictures.json, which says what of the interface
they show, are written together: commit both.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.window.desk import Desk, NotSeenError
from benchmarks.window.labels import Box

from . import shown

STAGES = Path(__file__).resolve().parent / "stages.py"
TAB = "MAGMA"
SETTLED = 6.0
"""Seconds without any change, after which panels have unfolded also on a computer that does much else."""
TRIALS = 3
PATIENCE = 600.0
"""Seconds that a stage may take, with dances that the engine generates."""
SPARE = 12
"""Pixels below the last panel."""
VIEWPORT, SEQUENCER = "VIEW_3D", "SEQUENCE_EDITOR"
SIDEBAR = " UI"


class Photographer:
    """A Blender that is brought into states, and pictures of its screen."""

    def __init__(self, desk: Desk, out: Path) -> None:
        self.desk, self.out = desk, out
        self.places: dict[str, Box] = {}

    def arrange(self, stage: str) -> None:
        """Bring Blender into a state of stages.py. Raises RuntimeError when that fails."""
        answer = self.desk.folder / "arranged"
        answer.unlink(missing_ok=True)
        asked = self.desk.folder / "asked"
        asked.write_text(stage)
        asked.replace(self.desk.folder / "stage")
        self.desk.until(f"the stage {stage}", answer.exists, PATIENCE)
        found = json.loads(answer.read_text())
        if "error" in found:
            raise RuntimeError(found["error"])
        self.places = {name: Box(*place) for name, place in found.items()}
        self.desk.until_still(SETTLED)

    def press(self, label: str, place: str, upright: bool = False) -> None:
        """Press what is in an editor or a sidebar, and take the mouse away; again when nothing comes of it, since a
        click while Blender draws is lost at times. Raises NotSeenError."""
        before = self.desk.pixels(self.places[place])
        for _ in range(TRIALS):
            self.desk.press(label, self.places[place], upright)
            self.desk.move(self.desk.size[0] // 2, self.desk.size[1] - 4)
            self.desk.until_still(SETTLED)
            if self.desk.pixels(self.places[place]) != before:
                return
        raise NotSeenError(f'Nothing comes of pressing "{label}".')

    def take(self, name: str, place: str = "", down_to: str = "") -> None:
        """A picture of an editor or a sidebar, else of the whole screen. down_to: the label with which it ends."""
        from PIL import Image

        box = self.places[place] if place else Box(0, 0, *self.desk.size)
        bottom = self.desk.wait(down_to, box).bottom + SPARE if down_to else box.bottom
        pixels = self.desk.picture()[box.top : bottom, box.left : box.right]
        Image.fromarray(pixels.copy()).save(self.out / name, optimize=True)
        print(f"{name}: {bottom - box.top} x {box.right - box.left}", flush=True)


def first_dance(photographer: Photographer) -> None:
    """The panel before there is a song, and with a dance."""
    photographer.arrange("empty")
    photographer.press(TAB, VIEWPORT, upright=True)
    photographer.take("first_steps.png", VIEWPORT + SIDEBAR, "Preview")
    photographer.arrange("example")
    photographer.take("panel.png", VIEWPORT)


def editing(photographer: Photographer) -> None:
    """The sub-panel Choreography in both editors, and the band."""
    photographer.arrange("empty")
    for editor in (VIEWPORT, SEQUENCER):
        photographer.press(TAB, editor, upright=True)
    photographer.arrange("example")
    photographer.arrange("edited")
    for editor in (VIEWPORT, SEQUENCER):
        photographer.press("Choreography", editor)
    photographer.take("editing.png")


def character(photographer: Photographer) -> None:
    """The sub-panel Character, with all its pickers."""
    photographer.arrange("empty")
    photographer.press(TAB, VIEWPORT, upright=True)
    photographer.arrange("character")
    photographer.press("Character", VIEWPORT + SIDEBAR)
    photographer.take("character_panel.png", VIEWPORT + SIDEBAR, "Fingers")


@dataclass(frozen=True)
class Sitting:
    """Pictures that one Blender is opened for. size: of its window. options: of its command line."""

    pictures: tuple[str, ...]
    take: Callable[[Photographer], None]
    size: tuple[int, int]
    options: tuple[str, ...] = ()


SITTINGS = (
    Sitting(("first_steps.png", "panel.png"), first_dance, (1280, 800)),
    Sitting(("editing.png",), editing, (1280, 960), ("--app-template", "Video_Editing")),
    Sitting(("character_panel.png",), character, (1000, 1400)),
)


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.manual_pictures")
    parser.add_argument("pictures", nargs="*", help="which ones; without any, all", choices=[*shown.PICTURES, []])
    parser.add_argument("--out", type=Path, default=shown.IMAGES)
    options = parser.parse_args()
    wanted = set(options.pictures or shown.PICTURES)
    out: Path = options.out.absolute()
    failed = False
    for sitting in SITTINGS:
        if not wanted & set(sitting.pictures):
            continue
        with Desk(sitting.size) as desk:
            desk.open_blender(
                "--window-fullscreen", "--factory-startup", *sitting.options, "--python", STAGES, "--", desk.folder
            )
            try:
                sitting.take(Photographer(desk, out))
            except (NotSeenError, RuntimeError) as error:
                print(f"manual_pictures: {', '.join(sitting.pictures)}: {error}", file=sys.stderr)
                failed = True
                continue
        shown.note(out, sitting.pictures)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
