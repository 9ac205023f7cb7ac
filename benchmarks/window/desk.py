"""A virtual screen with a window manager and a Blender whose home is empty, used by mouse and keys alone.

Buttons are found by their labels in the picture on the screen, as a person finds them. Needs Xvfb, openbox, xdotool
and, to record the screen, ffmpeg (Debian: xvfb openbox xdotool ffmpeg).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from .labels import Box, Grey, found

WIDTH, HEIGHT = 1920, 1080
DOTS_PER_INCH = 96
PROGRAMS = ("Xvfb", "openbox", "xdotool", "ffmpeg", "blender")
PATIENCE = 120.0
"""Seconds that a person waits for something to appear."""
LOOK_EVERY = 0.1
STILL_FOR = 2.0
"""Seconds without a change, after which somebody thinks that nothing more will come."""
STAYS_FOR = 0.4
"""Seconds that a button has been at its place before it is pressed: panels unfold."""
BEFORE_CLICK = 0.4
"""Seconds in which Blender sees what the mouse is over."""
GLIDE_STEPS, GLIDE_SECONDS = 12, 0.15
"""The mouse moves to where it clicks, and is seen to."""
RECORDED_RATE, RECORDED_WIDTH = 10, 1280
"""Pictures a second of a recording, and how wide they are."""
FONT = "DejaVuSans.woff2"
"""Blender's own, among its data."""


class NotSeenError(Exception):
    """What somebody looks for did not appear; the message says what."""


class Desk:
    """A context manager: the screen and all programs on it end with it."""

    def __init__(self, size: tuple[int, int] = (WIDTH, HEIGHT)) -> None:
        """size: of the screen, width and height in pixels."""
        missing = [program for program in PROGRAMS if shutil.which(program) is None]
        if missing:
            raise NotSeenError(f"These programs are missing: {', '.join(missing)}.")
        self.size = size
        self.clicks = 0
        self.keys = 0
        self._mouse = (size[0] // 2, size[1] // 2)
        self._stack = ExitStack()
        self._programs: list[subprocess.Popen[bytes]] = []
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="magma-desk-")))
        self.home = self.folder / "home"
        self.home.mkdir()
        self._display = ""
        self._font = Path()

    def __enter__(self) -> Desk:
        read, write = os.pipe()
        width, height = self.size
        size = ("-screen", "0", f"{width}x{height}x24", "-dpi", str(DOTS_PER_INCH))
        command = ("Xvfb", "-displayfd", str(write), *size, "-fbdir", str(self.folder), "-nolisten", "tcp")
        self._start(command, pass_fds=(write,))
        os.close(write)
        with os.fdopen(read) as told:
            self._display = f":{told.readline().strip()}"
        self._start(("openbox", "--sm-disable"))
        self._font = self._find_font()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def environment(self) -> dict[str, str]:
        """What a user has who has set up nothing, on this screen."""
        kept = {name: os.environ[name] for name in ("LANG", "OMP_WAIT_POLICY") if name in os.environ}
        own = {"HOME": str(self.home), "TMPDIR": str(self.folder), "DISPLAY": self._display}
        return {**kept, **own, "PATH": "/usr/local/bin:/usr/bin:/bin"}

    def _start(self, command: Sequence[str], pass_fds: Sequence[int] = ()) -> subprocess.Popen[bytes]:
        log = self._stack.enter_context((self.folder / f"{Path(command[0]).name}.log").open("wb"))
        process = subprocess.Popen(
            command,
            env=self.environment(),
            cwd=self.home,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=pass_fds,
        )
        self._stack.callback(_end, process)
        if command[0] != "ffmpeg":
            self._programs.append(process)
        return process

    def _find_font(self) -> Path:
        code = "import bpy; print('FONTS', bpy.utils.system_resource('DATAFILES', path='fonts'))"
        command = ("blender", "--background", "--factory-startup", "--python-expr", code)
        done = subprocess.run(command, env=self.environment(), capture_output=True, text=True, check=True)
        line = next(line for line in done.stdout.splitlines() if line.startswith("FONTS "))
        return Path(line.removeprefix("FONTS ")) / FONT

    def open_blender(self, *arguments: str | Path) -> None:
        """A Blender that fills the screen."""
        self._start(("blender", "-p", "0", "0", *map(str, (*self.size, *arguments))))

    def record(self, folder: Path) -> Callable[[], float]:
        """Begin to record the screen: a picture NUMBER.jpg, `RECORDED_RATE` of them a second, whenever something has
        changed. What is returned ends it, and tells when it began (time.monotonic())."""
        folder.mkdir(parents=True, exist_ok=True)
        width, height = self.size
        size = ("-video_size", f"{width}x{height}", "-framerate", str(RECORDED_RATE))
        kept = f"mpdecimate=hi=256:lo=128:frac=0.0005,scale={RECORDED_WIDTH}:-2:flags=area,settb=1/{RECORDED_RATE}"
        # with more threads the first picture waits for others, and nothing may change until it is there
        files = ("-threads", "1", "-start_number", "0", "-frame_pts", "1", "-q:v", "2", str(folder / "%06d.jpg"))
        command = ("ffmpeg", "-y", "-loglevel", "error", "-f", "x11grab", *size, "-i", self._display)
        process = self._start((*command, "-vf", f"setpts=PTS-STARTPTS,{kept}", "-vsync", "passthrough", *files))
        while not any(folder.iterdir()) and process.poll() is None:
            time.sleep(0.02)
        began = time.monotonic()

        def end() -> float:
            assert process.stdin is not None
            process.stdin.write(b"q")
            process.stdin.close()
            process.wait(timeout=PATIENCE)
            return began

        return end

    def picture(self) -> NDArray[np.uint8]:
        """(height, width, 3) RGB: what is on the screen."""
        data = (self.folder / "Xvfb_screen0").read_bytes()
        header = struct.unpack(">25I", data[:100])
        begin = header[0] + 12 * header[19]
        width, height, line = header[4], header[5], header[12]
        pixels = np.frombuffer(data, np.uint8, line * height, begin).reshape(height, line)
        return pixels[:, : 4 * width].reshape(height, width, 4)[:, :, 2::-1]

    def processor_seconds(self) -> float:
        """Seconds of processors that the programs on the screen and what they have started have used; not those that
        record it. Unlike the clock they do not depend on what else the computer does."""
        parents: dict[int, int] = {}
        used: dict[int, int] = {}
        for entry in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                values = entry.read_text().rpartition(")")[2].split()
                number = int(entry.parent.name)
                parents[number] = int(values[1])
                used[number] = sum(map(int, values[11:15]))
        own = {process.pid for process in self._programs}
        while found := {number for number, parent in parents.items() if parent in own} - own:
            own |= found
        return sum(used.get(number, 0) for number in own) / os.sysconf("SC_CLK_TCK")

    def save_picture(self, file: Path) -> None:
        """Write what is on the screen."""
        from PIL import Image

        Image.fromarray(np.ascontiguousarray(self.picture())).save(file)

    def see(self, label: str, area: Box | None = None, upright: bool = False) -> list[Box]:
        """Where a label is on the screen now, in an area of it."""
        area = area or Box(0, 0, *self.size)
        # green is what the eye sees best, and takes no time to be read
        seen: Grey = np.ascontiguousarray(self.picture()[area.top : area.bottom, area.left : area.right, 1])
        return [box.moved(area.left, area.top) for box in found(seen, label, self._font, upright)]

    def wait(
        self,
        label: str,
        area: Box | None = None,
        upright: bool = False,
        patience: float = PATIENCE,
        lowest: bool = False,
    ) -> Box:
        """Where a label is, once it has appeared; of several the uppermost, or the lowest. Raises NotSeenError."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            boxes = self.see(label, area, upright)
            if boxes:
                return boxes[-1 if lowest else 0]
            time.sleep(LOOK_EVERY)
        raise NotSeenError(f'"{label}" did not appear within {patience:g} s.')

    def until(self, what: str, done: Callable[[], bool], patience: float = PATIENCE) -> None:
        """Wait for something. Raises NotSeenError."""
        end = time.monotonic() + patience
        while not done():
            if time.monotonic() > end:
                raise NotSeenError(f"Within {patience:g} s this did not come: {what}.")
            time.sleep(LOOK_EVERY)

    def until_changed(self, area: Box, before: bytes) -> None:
        """Wait until an area of the screen looks otherwise than `pixels` said before."""
        self.until("another look of something", lambda: self.pixels(area) != before)

    def until_still(self, seconds: float = STILL_FOR) -> None:
        """Wait until nothing has changed on the screen for so long."""
        area = Box(0, 0, *self.size)
        before, since = self.pixels(area), time.monotonic()
        end = since + PATIENCE
        while time.monotonic() - since < seconds:
            if time.monotonic() > end:
                raise NotSeenError(f"Something on the screen still moves after {PATIENCE:g} s.")
            time.sleep(LOOK_EVERY)
            now = self.pixels(area)
            if now != before:
                before, since = now, time.monotonic()

    def pixels(self, area: Box) -> bytes:
        """What is to be seen in an area."""
        return self.picture()[area.top : area.bottom, area.left : area.right].tobytes()

    def move(self, x: int, y: int) -> None:
        """Move the mouse to a pixel."""
        (x0, y0), steps = self._mouse, []
        for number in range(1, GLIDE_STEPS + 1):
            share = number / GLIDE_STEPS
            steps += ["mousemove", str(round(x0 + (x - x0) * share)), str(round(y0 + (y - y0) * share))]
            steps += ["sleep", f"{GLIDE_SECONDS / GLIDE_STEPS:.3f}"]
        self._mouse = (x, y)
        self._xdotool(*steps)

    def click(self, x: int, y: int) -> None:
        """Move the mouse there and press its left button once."""
        self.move(x, y)
        time.sleep(BEFORE_CLICK)
        self._xdotool("click", "1")
        self.clicks += 1

    def scroll_down(self, notches: int) -> None:
        """Turn the mouse's wheel."""
        self._xdotool("click", "--repeat", str(notches), "--delay", "100", "5")

    def press(self, label: str, area: Box | None = None, upright: bool = False, lowest: bool = False) -> Box:
        """Click a button once it has appeared, and stands still."""
        box = self.wait(label, area, upright, lowest=lowest)
        while True:
            time.sleep(STAYS_FOR)
            again = self.wait(label, area, upright, lowest=lowest)
            if again == box:
                break
            box = again
        self.click(*box.middle)
        return box

    def key(self, *names: str) -> None:
        """Press keys one after the other, each by xdotool's name for it."""
        self._xdotool("key", "--delay", "40", *names)
        self.keys += len(names)

    def type(self, text: str) -> None:
        """Type text."""
        self._xdotool("type", "--delay", "15", text)
        self.keys += len(text)

    def _xdotool(self, *arguments: str) -> None:
        subprocess.run(("xdotool", *arguments), env=self.environment(), check=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
