"""Right inputs, which the fuzzer damages: a tiny checkpoint, songs in every format, a dance, motion files."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "engine"))

from tiny_engine import STYLE_MUSIC, STYLES, stepping, tiny_networks

from engine.audio.composing.demo_song import demo_song
from engine.choreography import to_json
from engine.editing.dance_files import write_dance_motion
from engine.editing.edit import Edited, edit
from engine.editing.operations import Operation
from engine.models.own.config import Sampling
from engine.models.torch.checkpoint import save_checkpoint
from engine.motion.files.write import write_motion
from engine.pipeline.generate import Dance, generate
from engine.pipeline.request import GenerateRequest
from engine.protocol import pack_bytes
from smpl_rig.dance_motion import DanceMotion
from smpl_rig.motion import save_npz

RATE = 44_100
CODECS = {
    "wav": "pcm_s16le", "u8.wav": "pcm_u8", "f32.wav": "pcm_f32le", "w64": "pcm_s24le", "flac": "flac",
    "ogg": "libvorbis", "opus": "libopus", "mp3": "libmp3lame", "m4a": "aac", "aac": "aac", "mkv": "flac",
    "mka": "pcm_s16le", "aiff": "pcm_s16be", "au": "pcm_s16be", "caf": "pcm_s16le", "wv": "wavpack", "tta": "tta",
    "mov": "alac", "ac3": "ac3", "wma": "wmav2", "avi": "pcm_s16le", "ts": "mp2", "webm": "libopus",
}  # fmt: skip


@dataclass(frozen=True)
class Samples:
    """folder: where everything is. songs: by ending. short: a song that is too short to dance to. document, npz: a
    dance's, as messages carry them."""

    folder: Path
    checkpoint: Path
    songs: dict[str, Path]
    short: Path
    document: str
    npz: str
    motions: dict[str, Path]


def make_samples(folder: Path) -> Samples:
    """Make all samples in an empty folder."""
    checkpoint = folder / "checkpoints" / "tiny"
    description = {"name": "tiny", "styles": STYLES, "style_music": STYLE_MUSIC, "description": "random"}
    save_checkpoint(checkpoint, *tiny_networks(), description, Sampling(), 20.0)
    songs = {ending: song for ending, codec in CODECS.items() if (song := _encoded(folder, ending, codec)) is not None}
    short = _encoded(folder, "short.wav", "pcm_s16le", 0.4)
    assert short is not None
    request = GenerateRequest(str(songs["wav"]), style="rumba", checkpoint=str(checkpoint), device="cpu")
    edited = _edited(generate(request, lambda *_: None, lambda: False))
    npz = io.BytesIO()
    write_dance_motion(npz, edited.document, edited.dance)
    motions = {ending: folder / f"motion.{ending}" for ending in ("npz", "bvh")}
    save_npz(motions["npz"], stepping(1.0, 100.0))
    write_motion(motions["bvh"], stepping(1.0, 100.0))
    return Samples(folder, checkpoint, songs, short, to_json(edited.document), pack_bytes(npz.getvalue()), motions)


def _edited(dance: Dance) -> Edited:
    """A dance with everything that a document can have: locks, variants, mirror images, clips, styles."""
    operations = [
        Operation("replace", 4, 8, 7, 3),
        Operation("mirror", 10, 13),
        Operation("style", 14, 18, style="waltz", strength=1.5),
        Operation("copy", 0, 3, to=15),
        Operation("lock", 0, 2),
    ]
    motion = DanceMotion(dance.motion, dance.frames)
    return edit(dance.document, motion, operations, lambda *_: None, lambda: False, device="cpu")


def _encoded(folder: Path, ending: str, codec: str, seconds: float = 2.0) -> Path | None:
    """A song in a format; None where this FFmpeg cannot write it."""
    path = folder / f"song.{ending}"
    samples = demo_song("rumba", seconds).astype(np.float32).T
    try:
        with av.open(str(path), "w") as out:
            rate = 48_000 if codec == "libopus" else RATE
            stream = out.add_stream(codec, rate=rate, layout="stereo")
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
            context = stream.codec_context
            resampler = av.AudioResampler(context.format, "stereo", rate, context.frame_size or 4096)
            for piece in [*resampler.resample(frame), *resampler.resample(None)]:
                out.mux(stream.encode(piece))
            out.mux(stream.encode(None))
    except (av.error.FFmpegError, ValueError):
        return None
    return path
