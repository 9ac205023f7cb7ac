"""Times what a user waits for: hello, first dance, warm dance, keyframes.

    .venv-bpy-4.5.15/bin/python benchmarks/end_to_end.py --engine-python .venv/bin/python [--song SONG] [--seconds 60]

Run it with a Python that has the bpy wheel, from the project's root. Without --song a demo song is synthesised first.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from magma_blender.engine_host.answers import read_dance  # noqa: E402
from magma_blender.engine_host.client import EngineClient  # noqa: E402
from magma_blender.engine_host.isolation import engine_command  # noqa: E402


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--engine-python", required=True)
    parser.add_argument("--song", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as folder:
        song = options.song or _synthesise(options.engine_python, Path(folder) / "song.wav", options.seconds)
        command = engine_command(options.engine_python, ROOT)
        client = EngineClient([command], Path(folder), Path(folder) / "engine.log")
        begin = time.perf_counter()
        client.start()
        while not client.ready:
            client.poll()
            time.sleep(0.001)
        print(f"hello answered after {time.perf_counter() - begin:.3f} s")
        for name in ("first dance, cold engine", "second dance, warm engine", "third dance, warm engine"):
            begin = time.perf_counter()
            parameters = {"audio": str(song.resolve()), "seconds": options.seconds, "fps": 24.0}
            result = client.wait(client.request("generate", parameters), timeout=None)
            assert isinstance(result, dict)
            engine = time.perf_counter() - begin
            keyed = _key(read_dance(result).npz)
            print(
                f"{name}: {options.seconds:g} s of music in {engine + keyed:.2f} s, of which {keyed:.2f} s in Blender;"
                f" engine stages {result['report']['seconds']}"
            )
        client.stop()
    print(f"24 bones x 1200 frames keyed in {_key_random(1200):.3f} s")


def _synthesise(python: str, path: Path, seconds: float) -> Path:
    code = f"from engine.audio.composing.demo_song import write_demo_song as w; w({str(path)!r}, seconds={seconds})"
    subprocess.run([python, "-c", code], check=True, cwd=ROOT)
    return path


def _key(npz: bytes) -> float:
    """Seconds from the engine's answer to an armature with keys and body."""
    import io

    from smpl_rig.blender.armature import create_armature
    from smpl_rig.blender.body import add_body
    from smpl_rig.blender.keyframes import write_motion
    from smpl_rig.blender.smpl_keying import SmplKeying
    from smpl_rig.motion import load_npz

    begin = time.perf_counter()
    motion = load_npz(io.BytesIO(npz))
    armature = create_armature("benchmark")
    write_motion(SmplKeying(armature), motion, 1, motion.fps, "benchmark")
    add_body(armature)
    return time.perf_counter() - begin


def _key_random(frames: int) -> float:
    from smpl_rig.blender.armature import create_armature
    from smpl_rig.blender.keyframes import write_motion
    from smpl_rig.blender.smpl_keying import SmplKeying
    from smpl_rig.motion import Motion

    poses = np.random.default_rng(0).normal(0, 0.3, (frames, 72)).astype(np.float32)
    armature = create_armature("random")
    begin = time.perf_counter()
    write_motion(SmplKeying(armature), Motion(poses, np.zeros((frames, 3), np.float32), 24.0), 1, 24.0, "random")
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
