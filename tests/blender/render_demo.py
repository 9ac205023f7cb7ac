"""Run by a Blender of its own: renders a part of the demo's scene.

... render_demo.py -- DEMO.blend FOLDER PART PARTS

A Blender without a window that has rendered once keeps an OpenGL context. With Debian's 3.4 and Mesa's software
renderer it may crash later, when another file or scene is shown or at its end: not in the process of other tests.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))
from demo import scene


def main(blend: str, folder: str, part: str, parts: str) -> int:
    scene.render(Path(blend), Path(folder), video_fps=1.5, cells=2, part=int(part), parts=int(parts))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[sys.argv.index("--") + 1 :]))
