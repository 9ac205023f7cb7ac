"""Run by a Blender that has never seen the add-on: installs the zip, presses Generate Dance, and prints what came of it
as one line of JSON.

... first_dance.py -- ADDON.zip SONG.wav
"""

from __future__ import annotations

import importlib
import itertools
import json
import socket
import sys
import time
from pathlib import Path

import bpy

sys.path.append(str(Path(__file__).resolve().parent))
from install_zip import install


def main(zip_file: str, song: str) -> int:
    begin = time.monotonic()
    name = install("newest", zip_file)
    installed = time.monotonic()
    scene = bpy.context.scene
    scene.render.fps = 30
    session = importlib.import_module(f"{name}.engine_host.session").session
    if bpy.app.build_options.audaspace:
        strips = importlib.import_module(f"{name}.media.strips")
        strip = strips.add_sound(scene, "song", as_ogg(Path(song)), 1, 1)
        strip.select = True
        bpy.ops.magma.generate_dance()
        armature = bpy.data.objects["song"]
    else:
        plans = importlib.import_module(f"{name}.scene.generation_plan")
        generate = importlib.import_module(f"{name}.operators.generate")
        generate.start_plan(plans.for_file(scene, "song", Path(song), 1), None, session.setup())
        session.wait_for_job(lambda progress: None)
        armature = session.finish_job(bpy.context)
    done = time.monotonic()
    load = importlib.import_module(f"{name}.scene.dancer").load
    found = {
        "offline": is_offline(),
        "installing": installed - begin,
        "dancing": done - installed,
        "frames": list(armature.animation_data.action.frame_range),
        "song": load(armature).document.audio[0].path,
        "said": session.notice.text,
        "python": session.python_of(session.setup()),
        "turns": turns(armature),
    }
    print("FOUND " + json.dumps(found), flush=True)
    bpy.ops.preferences.addon_disable(module=name)
    return 0


def as_ogg(wav: Path) -> Path:
    """The song as most people have theirs: compressed."""
    import aud

    file = wav.with_suffix(".ogg")
    kinds = (aud.CHANNELS_STEREO, aud.FORMAT_FLOAT32, aud.CONTAINER_OGG, aud.CODEC_VORBIS)
    aud.Sound(str(wav)).write(str(file), 44100, *kinds, 96_000, 16384)
    return file


def is_offline() -> bool:
    """Whether no other computer can be reached."""
    try:
        socket.create_connection(("1.1.1.1", 53), timeout=3).close()
    except OSError:
        return True
    return False


def turns(armature: bpy.types.Object) -> float:
    """How much the left elbow bends in all, in radians, by the poses that Blender shows."""
    angles = []
    for frame in range(1, 600, 10):
        bpy.context.scene.frame_set(frame)
        angles.append(armature.pose.bones["L_elbow"].matrix_basis.to_quaternion().angle)
    return sum(abs(one - other) for one, other in itertools.pairwise(angles))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[sys.argv.index("--") + 1 :]))
