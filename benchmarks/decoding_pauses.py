"""How long Blender's window stands still while a song is decoded in it: `aud` holds the interpreter meanwhile.

    .venv-bpy-4.5.15/bin/python benchmarks/decoding_pauses.py [--seconds 600] [SONG ...]
    blender --background --factory-startup --python benchmarks/decoding_pauses.py -- [--seconds 600] [SONG ...]

Run it with a Blender that has sound, from the project's root. Without songs a demo song is written as ogg, mp3, flac
and wav first. Each is decoded as for Generate Dance, a step each time that Blender's timer asks, and each step is
timed: by the clock, and by the processor's time, which other programs disturb less. The longest step is the longest
pause.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import bpy  # noqa: E402

from engine.audio.composing.demo_song import write_demo_song  # noqa: E402
from magma_blender.engine_host.answers import NeededSound  # noqa: E402
from magma_blender.engine_host.decoding import Decoding  # noqa: E402

FORMATS = {"ogg": "VORBIS", "mp3": "MP3", "flac": "FLAC"}
"""Containers, as files end, and codecs."""


def main(arguments: list[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("songs", type=Path, nargs="*")
    parser.add_argument("--seconds", type=float, default=600.0, help="of the demo song")
    options = parser.parse_args(arguments)
    print(f"Blender {bpy.app.version_string}, {platform.machine()}")
    with tempfile.TemporaryDirectory() as folder:
        for song in options.songs or written(Path(folder), options.seconds):
            clock, processor = steps(song, Path(folder) / "decoded")
            print(
                f"{song.name}: {len(clock)} steps, the longest {max(clock):.3f} s ({max(processor):.3f} s of the "
                f"processor), {sum(clock):.1f} s ({sum(processor):.1f} s) in all"
            )


def written(folder: Path, seconds: float) -> list[Path]:
    """A demo song in every format."""
    import aud

    wav = folder / "song.wav"
    write_demo_song(wav, seconds=seconds)
    sound, songs = aud.Sound(str(wav)).rechannel(2).resample(44_100, False), [wav]  # type: ignore[call-arg]
    for ending, codec in FORMATS.items():
        songs.append(wav.with_suffix(f".{ending}"))
        container = getattr(aud, f"CONTAINER_{ending.upper()}")
        form = aud.FORMAT_S16 if ending == "flac" else aud.FORMAT_FLOAT32
        coded = container, getattr(aud, f"CODEC_{codec}")
        sound.write(str(songs[-1]), 44_100, aud.CHANNELS_STEREO, form, *coded, 192_000, 16_384)
    return songs


def steps(song: Path, folder: Path) -> tuple[list[float], list[float]]:
    """Seconds of each step of a song's decoding, by the clock and of the processor."""
    clock, processor, done = list[float](), list[float](), False
    decoding = Decoding(NeededSound(str(song), 0, None), folder, at_once=False)
    while not done:
        begin, used = time.perf_counter(), time.thread_time()
        done = decoding.poll()
        clock.append(time.perf_counter() - begin)
        processor.append(time.thread_time() - used)
    return clock, processor


if __name__ == "__main__":
    main(sys.argv[sys.argv.index("--") + 1 :] if bpy.app.binary_path and "--" in sys.argv else sys.argv[1:])
