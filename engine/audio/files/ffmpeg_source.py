"""The sound of any file that FFmpeg reads, through PyAV."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np

from engine.audio.files.sound_source import ADVICE, AudioInfo, FloatArray, Part, SoundSource, check_rate
from engine.errors import AudioError

_PRE_ROLL = 1.0
"""Seconds decoded before the wanted start after a seek: Vorbis, Opus and AAC need earlier packets to be exact."""
_SHORTEST_GAP, _LONGEST_GAP = 0.002, 60.0
"""Seconds by which time stamps may run ahead: silence fills the gap. Less is rounding, more is damage."""
_INEXACT_SEEK = frozenset({"mp3", "aac"})
"""Containers in which a seek ends at an estimated time; these are decoded from the beginning."""
_LONGEST_PADDING = 0.2
"""Seconds that an encoder adds at both ends together; a header that states the length does not count them."""
_TRUSTED_LENGTH = 1200.0
"""Seconds up to which a header's length is believed. Recordings that were broken off state any length."""


@contextmanager
def open_any(path: Path) -> Iterator[SoundSource]:
    """The first sound track of a file. FFmpeg's errors become AudioError."""
    try:
        # "file:" and the white list keep a crafted name or playlist from making FFmpeg open anything but local files
        with av.open(f"file:{path}", options={"protocol_whitelist": "file"}, metadata_errors="replace") as container:
            if not container.streams.audio:
                what = "is a video without sound" if container.streams.video else "has no sound in it"
                raise AudioError(f"{path.name}: {what}. {ADVICE}")
            if container.streams.audio[0].codec_context is None:
                raise AudioError(f"{path.name}: its sound is of a kind that nothing here can decode. {ADVICE}")
            yield _FfmpegSource(path.name, container, container.streams.audio[0])
    except (av.error.FFmpegError, OSError) as error:
        _check_memory(error)
        raise AudioError(f"{path.name}: cannot be read as audio ({error.strerror}). {ADVICE}") from error


class _FfmpegSource:
    """One audio stream, decoded frame by frame."""

    def __init__(self, name: str, container: Any, stream: Any) -> None:
        self._name, self._container, self._stream = name, container, stream
        self._formats = set(container.format.name.split(","))
        self._from_start = self._frames()
        self._begun: Any = None

    def info(self) -> AudioInfo:
        stream = self._stream
        check_rate(self._name, stream.rate)
        length: float | None = None
        if stream.duration is not None and stream.time_base is not None:
            length = float(stream.duration * stream.time_base)
        elif self._container.duration is not None:
            length = self._container.duration / av.time_base
        if length is None:  # a live recording: the file states no length
            end = max((part.begin + part.channels.shape[1] for part in self.parts(0)), default=0)
            length = end / self.rate()
        elif not 0 <= length <= _TRUSTED_LENGTH:
            length = self._counted()
        elif _INEXACT_SEEK & self._formats:
            # without a header FFmpeg estimates the length from the first bit rate, and may be wrong by half
            counted = self._counted()
            length = counted if abs(counted - length) > _LONGEST_PADDING else length
        tracks = len(self._container.streams.audio)
        return AudioInfo(length, stream.rate, stream.channels, stream.codec_context.name, tracks)

    def rate(self) -> int:
        # of the frame, not of the header: HE-AAC's header states half of the true rate
        rate: int = self._first().sample_rate
        check_rate(self._name, rate)
        return rate

    def parts(self, first: int) -> Iterator[Part]:
        rate = self.rate()
        position: int | None = 0
        # no seek to 0: after a seek FFmpeg no longer removes the codec's padding at the beginning
        frames: Iterator[Any] = chain([self._first()], self._from_start)
        if self._seek(first, rate):
            position, frames = None, self._frames()
        for frame in frames:
            if frame.sample_rate != rate:
                raise AudioError(
                    f"{self._name}: changes its sample rate from {rate} to {frame.sample_rate} Hz. "
                    "Export it at one sample rate."
                )
            channels = _channels(frame, self._name)
            stamp = self._stamp(frame, rate)
            if position is None:
                if stamp is None:
                    raise AudioError(f"{self._name}: has parts without time stamps. Convert it to wav or flac.")
                position = stamp
            gap = 0 if stamp is None else stamp - position
            if _SHORTEST_GAP * rate < gap < _LONGEST_GAP * rate:
                position += gap
            yield Part(channels, [channel.name for channel in frame.layout.channels], position)
            position += channels.shape[1]

    def _first(self) -> Any:
        """The first frame of the stream."""
        if self._begun is None:
            self._begun = next(self._from_start, None)
        if self._begun is None:
            raise AudioError(f"{self._name}: none of its sound can be decoded. Export the file again.")
        return self._begun

    def _counted(self) -> float:
        """The length of the stream by its packets, seconds."""
        ticks = 0
        with suppress(av.error.FFmpegError):  # a damaged end
            for packet in self._container.demux(self._stream):
                ticks += max(packet.duration or 0, 0)
        return float(ticks * self._stream.time_base)

    def _is_exact(self, rate: int) -> bool:
        """Whether its time stamps are exact to the sample."""
        step = self._stream.time_base
        return step is not None and step * rate <= 1 and not self._formats & _INEXACT_SEEK

    def _seek(self, first: int, rate: int) -> bool:
        """Seek to before sample `first` where that saves work and time stamps are exact; whether it did."""
        target, zero = first - round(_PRE_ROLL * rate), self._first().pts
        if target <= 0 or zero is None or not self._is_exact(rate):
            return False
        self._container.seek(zero + int(target / rate / self._stream.time_base), stream=self._stream)
        return True

    def _stamp(self, frame: Any, rate: int) -> int | None:
        """The sample at which a frame begins by its time stamp; None where that is not exact."""
        zero = self._first().pts
        if frame.pts is None or zero is None or not self._is_exact(rate):
            return None
        return round((frame.pts - zero) * self._stream.time_base * rate)

    def _frames(self) -> Iterator[Any]:
        """Decoded frames from the current place on. A damaged packet is skipped, as players do."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError as error:  # the file is broken off: what came before it is the song
                _check_memory(error)
                return
            if packet is None:
                return
            try:
                yield from packet.decode()
            except av.error.InvalidDataError:
                continue


def _channels(frame: Any, name: str) -> FloatArray:
    """The channels (C, samples) of a decoded frame, float32 in -1..1. name: the file's."""
    try:
        samples = frame.to_ndarray()
    except ValueError as error:
        raise AudioError(f"{name}: has samples of an unusual kind ({frame.format.name}). {ADVICE}") from error
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    if samples.dtype == np.uint8:
        samples = (samples.astype(np.float32) - 128) / 128
    elif samples.dtype.kind == "i":
        samples = samples.astype(np.float32) / -float(np.iinfo(samples.dtype).min)
    return samples.astype(np.float32, copy=False)


def _check_memory(error: OSError | av.error.FFmpegError) -> None:
    if error.errno == errno.ENOMEM:
        raise MemoryError from error
