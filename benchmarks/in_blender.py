"""Runs a benchmark of Blender in a real one, where the Python of a bpy wheel would run it with -m.

    blender --background --factory-startup --python benchmarks/in_blender.py -- MODULE [ARGUMENT ...]

Without --background it has a window.
"""

import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.argv = sys.argv[sys.argv.index("--") + 1 :]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=False)
