"""What is heard of a scene, by Blender's own mixdown, beside what a dance was made to."""

from __future__ import annotations

import array
import functools
import json
import subprocess
import tempfile
import wave
from pathlib import Path

import blenders
import bpy
import numpy as np
import pytest

from magma_blender.scene.dancer import load

RATE = 48000
CLOSE = 0.012
"""Seconds: less than half a frame at 30 frames a second."""
CLICKS = [0.37 + 0.5 * number + 0.01 * number * number for number in range(14)]
"""Seconds of the clicks in the song. No two gaps are equal, so that no part of the song passes for another."""
LENGTH = 9.0

MAKE_VIDEO = """
import sys
from fractions import Fraction
import av, numpy as np
file, wav, late, picture_late = sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
with av.open(wav) as source:
    sound = np.concatenate([frame.to_ndarray().reshape(1, -1) for frame in source.decode(audio=0)], axis=1)
sound = sound.astype(np.float32) / 32768
with av.open(file, "w") as out:
    video = out.add_stream("mpeg4", rate=25) if picture_late >= 0 else None
    audio = out.add_stream("aac", rate=48000, layout="mono") if late >= 0 else None
    if video is not None:
        video.width = video.height = 64
        for number in range(250):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), number % 255, np.uint8), "rgb24")
            frame.pts, frame.time_base = number + round(picture_late * 25), Fraction(1, 25)
            out.mux(video.encode(frame))
        out.mux(video.encode())
    if audio is not None:
        for first in range(0, sound.shape[1], 1024):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound[:, first : first + 1024]), "fltp", "mono")
            frame.rate, frame.pts, frame.time_base = 48000, first + round(late * 48000), Fraction(1, 48000)
            out.mux(audio.encode(frame))
        out.mux(audio.encode())
"""

READ_AS_ENGINE = """
import json, sys
import numpy as np
from engine.audio.files.decode import load_audio
for line in sys.stdin:
    out, *what = json.loads(line)
    (np.clip(load_audio(*what), -1, 1) * 32767).astype("<i2").tofile(out)
    print("done", flush=True)
"""


def make_song(folder, name="song.wav"):
    """A wav file of `LENGTH` seconds with `CLICKS`."""
    samples = array.array("h", bytes(2 * int(LENGTH * RATE)))
    for seconds in CLICKS:
        for index in range(480):
            samples[round(seconds * RATE) + index] = 12000 if index // 24 % 2 else -12000
    with wave.open(str(folder / name), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(samples.tobytes())
    return folder / name


def make_video(folder, late=0.0, picture_late=0.0):
    """A video of 10 s at 25 frames a second with the song; below 0, it has no sound or no picture."""
    file = folder / "video.mp4"
    file.write_bytes(_video(late, picture_late))
    return file


@functools.cache
def _video(late, picture_late):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "video.mp4"
        blenders.run_in_repository(MAKE_VIDEO, file, make_song(Path(folder)), late, picture_late)
        return file.read_bytes()


def _clicks(samples):
    """Seconds at which clicks begin in (samples,) int16 at `RATE`."""
    found = []
    for index in np.flatnonzero((samples > 900) | (samples < -900)).tolist():
        if not found or index > found[-1] + RATE // 10:
            found.append(index)
    return [index / RATE for index in found]


@functools.cache
def _engines_ear():
    """A process that reads songs as the engine does: to start one takes longer than to read a song."""
    return blenders.start_in_repository(READ_AS_ENGINE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def heard_clicks(folder, scene=None):
    """Scene seconds of the clicks that Blender plays in the scene from frame 0 on."""
    scene = scene or bpy.context.scene
    file = folder / "heard.wav"
    frames = scene.frame_start, scene.frame_end
    scene.frame_start, scene.frame_end = 0, 700
    scene.render.ffmpeg.audio_mixrate = RATE
    with bpy.context.temp_override(scene=scene, view_layer=scene.view_layers[0]):
        bpy.ops.sound.mixdown(filepath=str(file), container="WAV", codec="PCM", format="S16")
    scene.frame_start, scene.frame_end = frames
    with wave.open(str(file)) as sound:
        samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
        return _clicks(samples[:: sound.getnchannels()])


def danced_clicks(folder, armature):
    """Scene seconds of the clicks that the engine was given for the armature's dance."""
    made = load(armature)
    (song,) = made.document.audio
    file = folder / "danced.raw"
    ear = _engines_ear()
    asked = [str(file), song.path, RATE, song.start, song.seconds / song.speed, song.speed]
    print(json.dumps(asked), file=ear.stdin, flush=True)
    assert ear.stdout.readline() == "done\n"
    played = [made.frame_start / made.fps + seconds for seconds in _clicks(np.fromfile(file, "<i2"))]
    return [seconds for seconds in played if seconds >= 0]  # Blender plays nothing before frame 0


def check_in_time(folder, scene=None):
    """Generate a dance, and compare; gives the armature."""
    bpy.context.scene.magma.use_body = False
    before = set(bpy.data.objects)
    bpy.context.view_layer.update()  # as after a user's change: Blender's mixer learns of some only then
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    (armature,) = set(bpy.data.objects) - before
    heard, danced = heard_clicks(folder, scene), danced_clicks(folder, armature)
    assert len(heard) > 3, heard
    assert danced == pytest.approx(heard, abs=CLOSE), (danced, heard)
    return armature


def container():
    """The top level of the scene's sequencer."""
    editor = bpy.context.scene.sequence_editor or bpy.context.scene.sequence_editor_create()
    return inside(editor)


def inside(holder):
    """The strips of a sequencer or a meta strip, to add to."""
    return holder.strips if hasattr(holder, "strips") else holder.sequences
