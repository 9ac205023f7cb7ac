"""Writes the page: `index.html`, its script, and a file of data, a song and a plot per clip, all in one folder.

The page is opened from a file, and such a page may fetch nothing: its data are scripts that call a function of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import av

from benchmarks.gallery.encoding import SOUND_RATE, add_sound
from benchmarks.gallery.plot import write_plot
from benchmarks.gallery.scenes import Scene, sound
from engine.reporting.report import player_part, player_script, player_style
from engine.reporting.scene import look, scene_data

WEB = Path(__file__).resolve().parent / "web"
SONG_BITS = 80_000
"""Bits a second of the encoded songs."""


def write_page(
    scenes: Sequence[Scene], folder: Path, videos: Mapping[str, Path], about: str, said: Callable[[str], None]
) -> Path:
    """Write the page for scenes and {style: video in the folder}; returns `index.html`. about: a sentence in HTML that
    says what they are. Raises EngineError."""
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
        **look(),
    }
    viewer = (WEB / "viewer.js").read_text(encoding="utf-8")
    (folder / "gallery.js").write_text(f"{player_script()}\n{viewer}", encoding="utf-8")
    (folder / "index.js").write_text(f"window.magmaGallery = {json.dumps(index)};\n", encoding="utf-8")
    style = (WEB / "gallery.css").read_text(encoding="utf-8")
    (folder / "gallery.css").write_text(player_style() + style, encoding="utf-8")
    page = (WEB / "index.html").read_text(encoding="utf-8")
    page = page.replace("{{player}}", player_part()).replace("{{about}}", about)
    (folder / "index.html").write_text(page, encoding="utf-8")
    return folder / "index.html"


def write_song(file: Path, scene: Scene) -> None:
    """The scene's part of its song as a small mono .mp3, which every browser plays."""
    with av.open(str(file), "w") as container:
        stream: Any = container.add_stream("libmp3lame", rate=SOUND_RATE, layout="mono")
        stream.bit_rate = SONG_BITS
        add_sound(container, stream, [sound(scene, scene.seconds)])
