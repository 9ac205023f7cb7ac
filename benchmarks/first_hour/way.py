"""The way of a new user in Blender 3.4: from the zip to a dance, an edit accepted, another rejected, back, exported.

Everything is done by mouse and keys, at places found in the picture on the screen. An observer inside Blender says
only what came of it.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.window.desk import WIDTH, Desk, NotSeenError
from benchmarks.window.labels import Box

ZIP = "magma_blender.zip"
ADDON = "Animation: MAGMA for Blender"
CHECKBOX_LEFT = 11
"""Pixels from an add-on's name to the middle of its checkbox."""
VIEWPORT = (700, 640)
"""A pixel of the 3D viewport with nothing on it."""
DANCING = Box(200, 150, 1300, 950)
"""Where the dancer is seen."""
NOTHING_CAME = 6.0
"""Seconds without any change after which somebody presses again."""
EXPORT = 'Export "Example Waltz"'
FIRST_VERSION = "Gen"
"""How Generate Dance begins, which a narrow list cuts off."""
NOTCHES = 4
"""Of the mouse's wheel, away from the dancer."""
STEPS, FRAMES_A_STEP = 30, 3
"""A virtual screen draws too slowly to play a dance: it is stepped through, and the film puts the steps in its time."""


class WrongError(Exception):
    """What came of a step is not what the button says; the message says which."""


@dataclass
class Chapter:
    """A part of the way. begin, end: time.monotonic(). keys: presses of the keyboard. work: seconds of processors."""

    name: str
    begin: float
    end: float = 0.0
    clicks: int = 0
    keys: int = 0
    work: float = 0.0


@dataclass
class Way:
    """What was done so far."""

    desk: Desk
    chapters: list[Chapter] = field(default_factory=list)

    @contextmanager
    def chapter(self, name: str) -> Iterator[None]:
        """Count what is done in it."""
        clicks, keys, work = self.desk.clicks, self.desk.keys, self.desk.processor_seconds()
        chapter = Chapter(name, time.monotonic())
        yield
        chapter.end = time.monotonic()
        chapter.clicks, chapter.keys = self.desk.clicks - clicks, self.desk.keys - keys
        chapter.work = self.desk.processor_seconds() - work
        self.chapters.append(chapter)
        took = f"{chapter.end - chapter.begin:.0f} s, {chapter.work:.0f} s of processors"
        print(f"{name}: {chapter.clicks} clicks, {chapter.keys} keys, {took}", flush=True)

    def seen_inside(self) -> dict[str, object]:
        """What the observer says."""
        answer = self.desk.folder / "answer"
        answer.unlink(missing_ok=True)
        (self.desk.folder / "question").touch()
        self.desk.until("an answer of the observer", answer.exists)
        found: dict[str, object] = json.loads(answer.read_text())
        return found

    def keys_of_dance(self) -> object:
        """A hash of the dancer's keys."""
        return self.seen_inside()["keys"]


def walk(desk: Desk, zip_file: Path) -> Way:
    """The whole way, in a Blender that has just been opened. Raises NotSeenError, WrongError."""
    way = Way(desk)
    shutil.copy(zip_file, desk.home / ZIP)
    desk.wait("Next")  # of the splash screen's first settings
    with way.chapter("away with the splash screen"):
        desk.key("Escape")
        desk.until("the splash screen is gone", lambda: not desk.see("Next"))
    with way.chapter("install the zip"):
        install(desk)
    with way.chapter("a first dance"):
        first_dance(desk)
    first = way.keys_of_dance()
    if first is None:
        raise WrongError("The panel shows a dance, and nobody has keys.")
    with way.chapter("look at it"):
        look_closer(desk)
    with way.chapter("accept an edit"):
        open_panel(desk, "Choreography", "Replace Moves")
        edit(desk)
        press_and_wait(desk, "Accept")
    accepted = way.keys_of_dance()
    if accepted == first:
        raise WrongError("The accepted edit has changed nothing.")
    with way.chapter("reject an edit"):
        edit(desk)
        if way.keys_of_dance() == accepted:
            raise WrongError("The second edit has changed nothing.")
        press_and_wait(desk, "Reject")
    if way.keys_of_dance() != accepted:
        raise WrongError("Reject has not restored the keys.")
    with way.chapter("back in history"):
        close_panel(desk, "Choreography", "Replace Moves")
        open_panel(desk, "History", "Go Back")
        go_back(desk, lambda: way.keys_of_dance() == first)
    with way.chapter("export as FBX"):
        close_panel(desk, "History", "Go Back")
        open_panel(desk, "Export", EXPORT)
        export(desk)
    return way


def install(desk: Desk) -> None:
    """Preferences, Add-ons, Install, the file, the checkbox."""
    desk.move(*VIEWPORT)
    desk.key("F3")
    desk.type("preferences")
    desk.wait("Edit", below_menus())
    time.sleep(0.5)
    desk.key("Return")
    desk.press("Add-ons")
    desk.press("Install...")
    desk.press(ZIP)
    desk.key("Return")
    name = desk.wait(ADDON)
    disabled = desk.pixels(name)
    desk.click(name.left - CHECKBOX_LEFT, name.middle[1])
    desk.until_changed(name, disabled)
    desk.key("alt+F4")
    desk.until("the preferences are closed", lambda: not desk.see(ADDON))


def first_dance(desk: Desk) -> None:
    """The sidebar, its tab, Try an Example."""
    desk.move(*VIEWPORT)
    desk.key("n")
    desk.press("MAGMA", upright=True)
    desk.press("Try an Example")
    desk.wait("Choreography")


def look_closer(desk: Desk) -> None:
    """The dancer from in front, with room to dance; then step through the dance."""
    desk.move(*VIEWPORT)
    desk.key("KP_1")
    desk.until_still()
    desk.key("KP_Decimal")
    desk.until_still()
    desk.scroll_down(NOTCHES)
    desk.until_still()
    for _ in range(STEPS):
        shown = desk.pixels(DANCING)
        desk.key(*["Right"] * FRAMES_A_STEP)
        desk.until_changed(DANCING, shown)


def edit(desk: Desk) -> None:
    """Other moves for the whole dance."""
    desk.press("Replace Moves", lowest=True)  # the title of an edit in review has the same words
    desk.wait("Reject")
    desk.until_still()


def press_and_wait(desk: Desk, button: str) -> None:
    """Press a button that then disappears; once more when nothing has come of it, as a click while panels move."""
    while desk.see(button):
        desk.press(button)
        desk.move(*VIEWPORT)  # or the mouse would hide it
        desk.until_still(NOTHING_CAME)


def open_panel(desk: Desk, title: str, shows: str) -> None:
    """Open a sub-panel of the tab. shows: a label in it."""
    while not desk.see(shows):
        desk.press(title)
        desk.move(*VIEWPORT)
        desk.until_still(NOTHING_CAME)


def close_panel(desk: Desk, title: str, shows: str) -> None:
    """Close it."""
    while desk.see(shows):
        desk.press(title)
        desk.move(*VIEWPORT)
        desk.until_still(NOTHING_CAME)


def go_back(desk: Desk, is_back: Callable[[], bool]) -> None:
    """To the first version of the list; pressed once more when nothing has come of it."""
    desk.press(FIRST_VERSION, in_sidebar_below(desk.wait("History")), lowest=True)
    while not is_back():
        desk.press("Go Back")
        desk.until_still(NOTHING_CAME)
        desk.move(*VIEWPORT)  # or the mouse would hide it


def export(desk: Desk) -> None:
    """With the settings as they are: FBX."""
    desk.press(EXPORT)
    desk.press("Export Dance")
    desk.until("an FBX file", lambda: any(file.stat().st_size > 0 for file in desk.home.glob("*.fbx")))
    desk.until_still()


def below_menus() -> Box:
    """The screen without Blender's own menus."""
    return Box(0, 90, WIDTH, 1080)


def in_sidebar_below(title: Box) -> Box:
    """What is below a sub-panel's title."""
    return Box(title.left - 40, title.bottom, title.left + 200, 1080)


__all__ = ["Chapter", "NotSeenError", "Way", "WrongError", "walk"]
