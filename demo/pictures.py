"""The demo's pictures: its rendered frames as a video with sound, a contact sheet and a small animation.

Below the frames is a time bar with the song's loudness, its beats and, in the video, the current time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.filter import Graph
from numpy.typing import NDArray

from engine.audio.decode import load_audio

Image = NDArray[np.uint8]
"""(height, width, 3) RGB."""

BAR_HEIGHT = 24
SHEET_COLUMNS = 6
GAP = 4
GIF_SIZE = (320, 240)
GIF_SECONDS = 6.0

PAPER = (245, 245, 246)
WAVE = (176, 190, 205)
BEAT = (60, 64, 72)
MARK = (214, 84, 30)

SOUND_RATE = 44_100


def read_png(file: Path) -> Image:
    """The pixels of a PNG."""
    with av.open(str(file)) as container:
        return np.asarray(next(container.decode(video=0)).to_ndarray(format="rgb24"), np.uint8)


def write_png(file: Path, image: Image) -> None:
    """Write pixels as a PNG."""
    encoder: Any = av.CodecContext.create("png", "w")
    encoder.height, encoder.width = image.shape[:2]
    encoder.pix_fmt, encoder.time_base = "rgb24", Fraction(1)
    packets = [*encoder.encode(av.VideoFrame.from_ndarray(image, format="rgb24")), *encoder.encode(None)]
    file.write_bytes(b"".join(bytes(packet) for packet in packets))


def time_bar(width: int, loudness: NDArray[np.float32], beats: Iterable[float], start: float, stop: float) -> Image:
    """The time bar from `start` to `stop` seconds: loudness (N,) 0..1 over that time, and a tick at every beat."""
    bar = np.empty((BAR_HEIGHT, width, 3), np.uint8)
    bar[:] = PAPER
    columns = np.interp(np.linspace(0, len(loudness) - 1, width), np.arange(len(loudness)), loudness)
    distance = np.abs(np.arange(BAR_HEIGHT) - (BAR_HEIGHT - 1) / 2)[:, None] / (BAR_HEIGHT / 2)
    bar[distance <= columns[None]] = WAVE
    for beat in beats:
        if start <= beat < stop:
            column = int((beat - start) / (stop - start) * width)
            bar[-BAR_HEIGHT // 3 :, column : column + 2] = BEAT
    return bar


def loudness_of(song: Path, seconds: float, steps: int) -> NDArray[np.float32]:
    """(steps,) square root of the peak in every step of the song's first `seconds`, scaled to a maximum of 1. The root
    makes soft parts visible."""
    sound = np.abs(load_audio(song, 8000, 0.0, seconds))
    peaks = np.array([part.max(initial=0.0) for part in np.array_split(sound, steps)], np.float32)
    return np.sqrt(peaks / max(float(peaks.max()), 1e-6))


def contact_sheet(cells: Sequence[Image], song: Path, beats: Sequence[float], seconds: float) -> Image:
    """Rows of pictures, evenly spaced over the dance; the middle of a picture is above its time in the bar below."""
    loudness = loudness_of(song, seconds, 200 * len(cells))
    width = cells[0].shape[1]
    rows = []
    for first in range(0, len(cells), SHEET_COLUMNS):
        row = cells[first : first + SHEET_COLUMNS]
        start, stop = (number * seconds / len(cells) for number in (first, first + len(row)))
        bar = time_bar(width * len(row), loudness[200 * first : 200 * (first + len(row))], beats, start, stop)
        for number, cell in enumerate(row):
            middle = number * width + width // 2
            bar[: BAR_HEIGHT // 3, middle - 1 : middle + 2] = MARK
            cell[:, -GAP:] = PAPER
        rows += [np.concatenate(row, axis=1), bar]
    return np.concatenate(rows)


def write_video(
    file: Path, frames: Sequence[Path], fps: float, song: Path, beats: Sequence[float], seconds: float
) -> str:
    """Write rendered frames and the song as .mp4 with a time bar below; returns the names of the codecs."""
    width = read_png(frames[0]).shape[1]
    bar = time_bar(width, loudness_of(song, seconds, width), beats, 0.0, seconds)

    def images() -> Iterator[Image]:
        for number, png in enumerate(frames):
            marked = bar.copy()
            column = int(number / fps / seconds * width)
            marked[:, max(column - 1, 0) : column + 2] = MARK
            yield np.concatenate([read_png(png), marked])

    return write_film(file, images(), fps, _sound_of(song, seconds))


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


def _sound_of(song: Path, seconds: float) -> Iterator[av.AudioFrame]:
    with av.open(str(song)) as source:
        for frame in source.decode(audio=0):
            if frame.time is not None and frame.time >= seconds:
                break
            yield frame


def write_gif(file: Path, frames: Sequence[Path], fps: float) -> None:
    """Write the dance's first seconds as a small .gif: every second frame, with one palette made for them."""
    chosen = [read_png(png) for png in frames[: round(GIF_SECONDS * fps) : 2]]
    height, width = chosen[0].shape[:2]
    step = Fraction(2) / Fraction(fps).limit_denominator(1000)
    graph: Any = Graph()
    source = graph.add_buffer(width=width, height=height, format="rgb24", time_base=step)
    crop = graph.add("crop", "ih*4/3:ih")  # the dancer is in the middle
    scale = graph.add("scale", f"{GIF_SIZE[0]}:{GIF_SIZE[1]}:flags=area")
    split, palette, sink = graph.add("split"), graph.add("palettegen", "max_colors=96"), graph.add("buffersink")
    use = graph.add("paletteuse", "dither=bayer:bayer_scale=4:diff_mode=rectangle")
    source.link_to(crop)
    crop.link_to(scale)
    scale.link_to(split)
    split.link_to(use, 0, 0)
    split.link_to(palette, 1, 0)
    palette.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    frame: Any
    for number, image in enumerate(chosen):
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame.pts, frame.time_base = number, step
        source.push(frame)
    source.push(None)
    with av.open(str(file), "w") as container:
        stream: Any = container.add_stream("gif", rate=1 / step)
        stream.width, stream.height = GIF_SIZE
        stream.pix_fmt = "pal8"
        for number in range(len(chosen)):
            frame = sink.pull()
            frame.pts, frame.time_base = number, step
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
