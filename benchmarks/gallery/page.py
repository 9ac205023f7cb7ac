"""Writes the page: `index.html`, its script, and a file of data, a song and a plot per clip, all in one folder.

The page is opened from a file, and such a page may fetch nothing: its data are scripts that call a function of it.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from benchmarks.gallery import body
from benchmarks.gallery.encoding import SOUND_RATE, add_sound
from benchmarks.gallery.plot import write_plot
from benchmarks.gallery.scenes import HIT_SECONDS, Dancer, Scene, sound
from engine.errors import EngineError
from engine.motion.foot_beats import ENVELOPE_RATE

WEB = Path(__file__).resolve().parent / "web"
SONG_BITS = 80_000
"""Bits a second of the encoded songs."""
_MILLIMETRES = 1000


class GalleryError(EngineError):
    """The gallery cannot be made; the message says what to do."""


def build_script(said: Callable[[str], None]) -> str:
    """The page's script with three.js in it, bundled from npm's packages, which are installed first if missing.

    Raises GalleryError if npm is missing or fails, for example without a network.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise GalleryError("npm was not found. Install Node.js 18 or newer, which brings it, and run this again.")
    installed = WEB / "node_modules" / ".package-lock.json"
    if not installed.is_file() or installed.stat().st_mtime < (WEB / "package-lock.json").stat().st_mtime:
        said("installing three.js and esbuild with npm")
        _run_npm(npm, ["ci", "--no-audit", "--no-fund"])
        installed.touch()
    return _run_npm(npm, ["run", "--silent", "build"])


def _run_npm(npm: str, arguments: Sequence[str]) -> str:
    done = subprocess.run([npm, *arguments], cwd=WEB, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        reason = next((line for line in lines if "rror" in line), "it said nothing").strip()
        raise GalleryError(
            f"npm {arguments[0]} in {WEB} ended with code {done.returncode} ({reason}). Check the network, or Node.js."
        )
    return done.stdout


def write_page(
    scenes: Sequence[Scene], folder: Path, script: str, videos: Mapping[str, Path], said: Callable[[str], None]
) -> Path:
    """Write the page for scenes and {style: video in the folder}; returns `index.html`. Raises EngineError."""
    for name in ("clips", "songs", "plots"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    entries = []
    for number, scene in enumerate(scenes):
        said(f"{scene.name}: song, plot and figures")
        stem = f"{number + 1:02d}_{re.sub(r'[^A-Za-z0-9-]+', '_', scene.name)}"
        files = {"data": f"clips/{stem}.js", "song": f"songs/{stem}.mp3", "plot": f"plots/{stem}.svg"}
        write_song(folder / files["song"], scene)
        write_plot(folder / files["plot"], scene)
        data = json.dumps(scene_data(scene), separators=(",", ":"))
        (folder / files["data"]).write_text(f"magmaClip({number},{data});\n", encoding="utf-8")
        entries.append({"name": scene.name, "style": scene.style, "seconds": scene.seconds, **files})
    index = {
        "clips": entries,
        "videos": {style: file.relative_to(folder).as_posix() for style, file in videos.items()},
        "points": body.POINT_NAMES,
        "limbs": [asdict(limb) for limb in body.LIMBS],
        "colours": {side: "#{:02x}{:02x}{:02x}".format(*colour) for side, colour in body.COLOURS.items()},
        "hit": HIT_SECONDS,
    }
    (folder / "gallery.js").write_text(script, encoding="utf-8")
    (folder / "index.js").write_text(f"window.magmaGallery = {json.dumps(index)};\n", encoding="utf-8")
    for name in ("index.html", "gallery.css"):
        shutil.copyfile(WEB / name, folder / name)
    return folder / "index.html"


def scene_data(scene: Scene) -> dict[str, Any]:
    """A scene's data for the page, ready for JSON; times in seconds."""
    return {
        "seconds": scene.seconds,
        "beats": scene.beats.tolist(),
        "expected": scene.expected.tolist(),
        "loudness": _bytes(scene.loudness),
        "dancers": [_dancer_data(dancer) for dancer in scene.dancers],
    }


def _dancer_data(dancer: Dancer) -> dict[str, Any]:
    score = dancer.score
    return {
        "label": dancer.label,
        "fps": dancer.motion.fps,
        "frames": len(dancer.motion),
        "points": encode_points(body.points(dancer.motion)),
        "envelope": _bytes(dancer.envelope),
        "envelopeRate": ENVELOPE_RATE,
        "footBeats": dancer.foot_beats.tolist(),
        "onBeat": dancer.on_beat.tolist(),
        "gain": None if score is None else [score.gain_music_to_motion, score.gain_motion_to_music],
    }


def encode_points(points: NDArray[np.float32]) -> str:
    """(T, P, 3) metres -> base64 of whole millimetres, 16 bits each, little-endian. Raises GalleryError beyond 32 m."""
    rounded = np.round(points * _MILLIMETRES)
    if np.abs(rounded).max(initial=0) > np.iinfo(np.int16).max:
        raise GalleryError(f"A dancer is {np.abs(points).max():.0f} m from the origin; the page shows up to 32 m.")
    return base64.b64encode(rounded.astype("<i2").tobytes()).decode("ascii")


def _bytes(levels: NDArray[np.floating]) -> str:
    """(N,) 0..1 -> base64 of a byte each."""
    return base64.b64encode(np.round(levels * 255).astype(np.uint8).tobytes()).decode("ascii")


def write_song(file: Path, scene: Scene) -> None:
    """The scene's part of its song as a small mono .mp3, which every browser plays."""
    with av.open(str(file), "w") as container:
        stream: Any = container.add_stream("libmp3lame", rate=SOUND_RATE, layout="mono")
        stream.bit_rate = SONG_BITS
        add_sound(container, stream, [sound(scene, scene.seconds)])
