"""Writes pictures and sound with FFmpeg, through PyAV."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from demo.pictures import Image

SOUND_RATE = 44_100


def write_film(file: Path, images: Iterable[Image], fps: float, sound: Iterable[av.AudioFrame]) -> str:
    """Write pictures of one size with sound as .mp4; returns the names of the codecs."""
    rate = Fraction(fps).limit_denominator(1000)
    with av.open(str(file), "w", options={"movflags": "faststart"}) as container:
        h264 = "libx264" in av.codecs_available
        video: Any = container.add_stream(
            "libx264" if h264 else "mpeg4", rate=rate, options={"crf": "20"} if h264 else {"q:v": "3"}
        )
        stream: Any = container.add_stream("aac", rate=SOUND_RATE, layout="stereo")
        for number, image in enumerate(images):
            if not number:
                video.height, video.width = image.shape[:2]
                video.pix_fmt = "yuv420p"
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, 1 / rate
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        add_sound(container, stream, sound)
    return f"{video.codec_context.name} and {stream.codec_context.name}"


def add_sound(container: Any, stream: Any, sound: Iterable[av.AudioFrame]) -> None:
    """Encode a sound into an audio stream of a container, at that stream's rate and channels."""
    resampler = av.AudioResampler(format=stream.format.name, layout=stream.layout.name, rate=stream.rate)
    for frame in sound:
        for piece in resampler.resample(frame):
            container.mux(stream.encode(piece))
    for piece in resampler.resample(None):
        container.mux(stream.encode(piece))
    container.mux(stream.encode(None))
