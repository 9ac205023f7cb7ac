"""Decoding of any audio or video file that FFmpeg reads to mono float32 at a given sample rate.

Decoding, the mean over channels and resampling run in blocks, so the memory needed beside the result is a few
megabytes however long the song is. Sample 0 is the first sample that the decoder gives (after the codec's own padding).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
import soxr
from numpy.typing import NDArray

from engine.errors import AudioError

FloatArray = NDArray[np.float32]

SHORTEST_SONG = 1.0
"""Seconds; a song shorter than this has no rhythm to dance to."""
SILENCE = 10 ** (-60 / 20)
"""Peak amplitude (-60 dB of full scale) up to which a song counts as silent."""

_EDGE = 0.1
"""Seconds decoded beyond both ends, so that the resampling filter sees the neighbours of the first and last sample."""
_PRE_ROLL = 1.0
"""Seconds decoded before the wanted start after a seek: Vorbis, Opus and AAC need earlier packets to be exact."""
_SHORTEST_GAP, _LONGEST_GAP = 0.002, 60.0
"""Seconds by which time stamps may run ahead: silence fills the gap. Less is rounding, more is damage."""
_BLOCK = 1 << 16
_INEXACT_SEEK = frozenset({"mp3", "aac"})
"""Containers in which a seek ends at an estimated time; these are decoded from the beginning."""
_LONGEST_PADDING = 0.2
"""Seconds that an encoder adds at both ends together; a header that states the length does not count them."""
_ADVICE = "Give a wav, flac, ogg, mp3 or m4a file, or a video with sound."


@dataclass(frozen=True)
class AudioInfo:
    """Facts about a file's sound."""

    seconds: float
    sample_rate: int
    channels: int
    codec: str


def load_audio(
    path: str | Path, sample_rate: int, start: float = 0.0, seconds: float | None = None, speed: float = 1.0
) -> FloatArray:
    """Decode a part of a file's sound: (samples,) mono float32 in -1..1 at `sample_rate`.

    Sample k plays k / sample_rate seconds after the beginning and is the file's sound at `start + speed * that` seconds
    (to half a sample of the file). The file is silent before its beginning, so a negative `start` gives leading
    silence. `seconds` is the playing time; None plays to the end. Where the file ends early the result is shorter.
    `speed` plays faster like a tape, pitch included, as Blender 3.4's `speed_factor` does.

    Only the wanted part is decoded where the container's time stamps are exact to the sample; mp3, raw AAC and Matroska
    are decoded from their beginning. NaN or infinite samples are refused, not repaired: they mean a broken export.
    Raises AudioError.
    """
    path = Path(path)
    if not speed > 0:
        raise AudioError(f"{path.name}: the speed is {speed}. Choose a speed above 0.")
    if seconds is not None and not seconds > 0:
        raise AudioError(f"{path.name}: {seconds:g} seconds were asked for. Ask for a length above 0.")
    edge = round(_EDGE * sample_rate)
    with _open(path) as (container, stream):
        source = _Source(path, container, stream)
        first = round((start - edge / sample_rate * speed) * source.rate)
        last = None if seconds is None else round((start + (seconds + _EDGE) * speed) * source.rate)
        resampler = soxr.ResampleStream(source.rate * speed, sample_rate, 1, dtype="float32", quality="HQ")
        parts = [resampler.resample_chunk(np.zeros(max(-first, 0), np.float32))]
        decoded = 0
        for block in _joined(source.read(max(first, 0), last)):
            decoded += len(block)
            parts.append(resampler.resample_chunk(block))
        parts.append(resampler.resample_chunk(np.zeros(0, np.float32), last=True))
    audio = np.concatenate(parts)[edge:]
    if not decoded or not len(audio):
        raise AudioError(f"{path.name}: has no sound from second {max(start, 0):g} on. Choose an earlier start.")
    if seconds is not None:
        audio = audio[: round(seconds * sample_rate)]
    return audio


def probe(path: str | Path) -> AudioInfo:
    """Length, rate, channels and codec of a file's sound, without decoding it. Raises AudioError."""
    path = Path(path)
    with _open(path) as (container, stream):
        length: float | None = None
        if stream.duration is not None and stream.time_base is not None:
            length = float(stream.duration * stream.time_base)
        elif container.duration is not None:
            length = container.duration / av.time_base
        if length is None:  # a live recording: the file states no length
            source = _Source(path, container, stream)
            length = sum(len(block) for block in source.read(0, None)) / source.rate
        elif _INEXACT_SEEK & set(container.format.name.split(",")):
            # without a header FFmpeg estimates the length from the first bit rate, and may be wrong by half
            counted = float(sum(packet.duration or 0 for packet in container.demux(stream)) * stream.time_base)
            length = counted if abs(counted - length) > _LONGEST_PADDING else length
        return AudioInfo(length, stream.rate, stream.channels, stream.codec_context.name)


def check_song(audio: FloatArray, sample_rate: int, name: str) -> None:
    """Raise AudioError for audio (samples,) that is shorter than `SHORTEST_SONG` or silent throughout."""
    length = len(audio) / sample_rate
    if length < SHORTEST_SONG:
        raise AudioError(f"{name}: lasts {length:.2f} s. A dance needs at least {SHORTEST_SONG:g} s of music.")
    peak = float(np.abs(audio).max())
    if peak <= SILENCE:
        raise AudioError(
            f"{name}: is silent (nothing above -60 dB in {length:.0f} s). Choose a louder song or another part of it."
        )


def _require_file(path: Path) -> None:
    if path.is_dir():
        raise AudioError(f"{path}: is a folder. Choose an audio file in it.")
    if not path.is_file():
        raise AudioError(f"{path}: there is no such file. Choose the song's file again.")


@contextmanager
def _open(path: Path) -> Iterator[tuple[Any, Any]]:
    """The file's container and its first audio stream. FFmpeg's errors become AudioError."""
    _require_file(path)
    try:
        # "file:" and the white list keep a crafted name or playlist from making FFmpeg open anything but local files
        with av.open(f"file:{path}", options={"protocol_whitelist": "file"}) as container:
            if not container.streams.audio:
                what = "is a video without sound" if container.streams.video else "has no sound in it"
                raise AudioError(f"{path.name}: {what}. {_ADVICE}")
            yield container, container.streams.audio[0]
    except (av.error.FFmpegError, OSError) as error:
        raise AudioError(f"{path.name}: cannot be read as audio ({error.strerror}). {_ADVICE}") from error


class _Source:
    """Blocks of mono samples of one audio stream at its own rate."""

    def __init__(self, path: Path, container: Any, stream: Any) -> None:
        self._path, self._container, self._stream = path, container, stream
        self._from_start = self._frames()
        first = next(self._from_start, None)
        if first is None:
            raise AudioError(f"{path.name}: none of its sound can be decoded. Export the file again.")
        # of the frame, not of the header: HE-AAC's header states half of the true rate
        self.rate: int = first.sample_rate
        self._zero: int | None = first.pts
        self._first = first
        self._step = stream.time_base
        names = set(container.format.name.split(","))
        self._exact = self._step is not None and self._step * self.rate <= 1 and not names & _INEXACT_SEEK

    def read(self, first: int, last: int | None) -> Iterator[FloatArray]:
        """Mono blocks of the samples `first`..`last` (half-open; None: to the end). Call once."""
        position: int | None = 0
        # no seek to 0: after a seek FFmpeg no longer removes the codec's padding at the beginning
        frames: Iterator[Any] = chain([self._first], self._from_start)
        if self._seek(first):
            position, frames = None, self._frames()
        for frame in frames:
            if frame.sample_rate != self.rate:
                raise AudioError(
                    f"{self._path.name}: changes its sample rate from {self.rate} to {frame.sample_rate} Hz. "
                    "Export it at one sample rate."
                )
            block = _mono(frame)
            stamp = self._stamp(frame)
            if position is None:
                if stamp is None:
                    raise AudioError(f"{self._path.name}: has parts without time stamps. Convert it to wav or flac.")
                position = stamp
            gap = 0 if stamp is None else stamp - position
            if _SHORTEST_GAP * self.rate < gap < _LONGEST_GAP * self.rate:
                block = np.concatenate([np.zeros(gap, np.float32), block])
            begin = position
            position += len(block)
            block = block[max(first - begin, 0) : None if last is None else max(last - begin, 0)]
            if not np.isfinite(block).all():
                bad = (max(first, begin) + int(np.argmin(np.isfinite(block)))) / self.rate
                raise AudioError(
                    f"{self._path.name}: the sample at {bad:.2f} s is infinite or not a number. "
                    "Export the song again, or choose another part of it."
                )
            if len(block):
                yield block
            if last is not None and position >= last:
                return

    def _seek(self, first: int) -> bool:
        """Seek to before sample `first` where that saves work and time stamps are exact; whether it did."""
        target = first - round(_PRE_ROLL * self.rate)
        if target <= 0 or self._zero is None or not self._exact:
            return False
        self._container.seek(self._zero + int(target / self.rate / self._step), stream=self._stream)
        return True

    def _stamp(self, frame: Any) -> int | None:
        """The sample at which a frame begins by its time stamp; None where that is not exact."""
        if frame.pts is None or self._zero is None or not self._exact:
            return None
        return round((frame.pts - self._zero) * self._step * self.rate)

    def _frames(self) -> Iterator[Any]:
        """Decoded frames from the current place on. A damaged packet is skipped, as players do."""
        for packet in self._container.demux(self._stream):
            try:
                yield from packet.decode()
            except av.error.InvalidDataError:
                continue


def _joined(blocks: Iterator[FloatArray]) -> Iterator[FloatArray]:
    """The same samples in blocks of about `_BLOCK`; the packets of some containers hold only a few samples."""
    pending: list[FloatArray] = []
    count = 0
    for block in blocks:
        pending.append(block)
        count += len(block)
        if count >= _BLOCK:
            yield np.concatenate(pending)
            pending, count = [], 0
    if pending:
        yield np.concatenate(pending)


def _mono(frame: Any) -> FloatArray:
    """The mean over the channels of a decoded frame: (samples,) float32 in -1..1."""
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    if samples.dtype == np.uint8:
        samples = (samples.astype(np.float32) - 128) / 128
    elif samples.dtype.kind == "i":
        samples = samples.astype(np.float32) / -float(np.iinfo(samples.dtype).min)
    return samples.mean(axis=0, dtype=np.float32)
