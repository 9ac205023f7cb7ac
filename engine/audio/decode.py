"""Decoding of any audio or video file that FFmpeg reads to mono float32 at a given sample rate.

Decoding, mixing and resampling run in blocks, so the memory needed beside the result is a few megabytes however long
the song is. Sample 0 is the first sample that the decoder gives (after the codec's own padding), whatever the container
says about when it is played: Blender drops such a delay, too. Of several sound tracks the first is used, as in Blender.
"""

from __future__ import annotations

import errno
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
import soxr
from numpy.typing import NDArray

from engine.audio.downmix import Downmix
from engine.checks import shown_path
from engine.errors import AudioError

FloatArray = NDArray[np.float32]

SHORTEST_SONG = 1.0
"""Seconds; a song shorter than this has no rhythm to dance to."""
SILENCE = 10 ** (-65 / 20)
"""Loudness (-65 dB of full scale, root mean square over `_MOMENT`) up to which a song counts as silent."""
_MOMENT = 0.02
_INAUDIBLE = 25.0
"""Hertz up to which nothing is heard: an offset of the samples, wind, rumble."""
_PIECE, _BORDER = 10.0, 0.05
"""Seconds that are searched for sound at once, and seconds at both ends that are not, where a filter begins and
ends."""

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
_LOUDEST = 1e6
"""Amplitude; 1 is full scale, and programs that forget to divide by it write 32768."""
_LOWEST_RATE, _HIGHEST_RATE = 100, 10_000_000
"""Hertz."""
_TRUSTED_LENGTH = 1200.0
"""Seconds up to which a header's length is believed. Recordings that were broken off state any length."""
_PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"<?xml", b"<MPD", b"v=0")
"""First bytes of files that name other files, which FFmpeg would open."""
_ADVICE = "Give a wav, flac, ogg, mp3 or m4a file, or a video with sound."


@dataclass(frozen=True)
class AudioInfo:
    """Facts about a file's sound. tracks: how many sound tracks it has; the others are about the first."""

    seconds: float
    sample_rate: int
    channels: int
    codec: str
    tracks: int = 1


def load_audio(
    path: str | Path, sample_rate: int, start: float = 0.0, seconds: float | None = None, speed: float = 1.0
) -> FloatArray:
    """Decode a part of a file's sound: (samples,) mono float32 in -1..1 at `sample_rate`.

    Sample k plays k / sample_rate seconds after the beginning and is the file's sound at `start + speed * that` seconds
    (to half a sample of the file). The file is silent before its beginning, so a negative `start` gives leading
    silence. `seconds` is the playing time; None plays to the end. Where the file ends early the result is shorter.
    `speed` plays faster like a tape, pitch included, as Blender 3.4's `speed_factor` does. The result is the mean of
    the channels; where they cancel each other, another mix in which they can be heard (see `engine.audio.downmix`).

    Only the wanted part is decoded where the container's time stamps are exact to the sample; mp3, raw AAC and Matroska
    are decoded from their beginning. NaN or infinite samples are refused, not repaired: they mean a broken export.
    Raises AudioError.
    """
    path = Path(path)
    if not speed > 0:
        raise AudioError(f"{path.name}: the speed is {speed}. Choose a speed above 0.")
    if seconds is not None and not seconds > 0:
        raise AudioError(f"{path.name}: {seconds:g} seconds were asked for. Ask for a length above 0.")
    mix = Downmix()
    audio = _load(path, sample_rate, start, seconds, speed, mix)
    if mix.cancels():
        audio = _load(path, sample_rate, start, seconds, speed, mix.audible())
    return audio


def _load(path: Path, sample_rate: int, start: float, seconds: float | None, speed: float, mix: Downmix) -> FloatArray:
    edge = round(_EDGE * sample_rate)
    with _open(path) as (container, stream):
        source = _Source(path, container, stream, mix)
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
        _check_rate(path, stream.rate)
        length: float | None = None
        if stream.duration is not None and stream.time_base is not None:
            length = float(stream.duration * stream.time_base)
        elif container.duration is not None:
            length = container.duration / av.time_base
        if length is None:  # a live recording: the file states no length
            source = _Source(path, container, stream, Downmix())
            length = sum(len(block) for block in source.read(0, None)) / source.rate
        elif not 0 <= length <= _TRUSTED_LENGTH:
            length = _counted(container, stream)
        elif _INEXACT_SEEK & set(container.format.name.split(",")):
            # without a header FFmpeg estimates the length from the first bit rate, and may be wrong by half
            counted = _counted(container, stream)
            length = counted if abs(counted - length) > _LONGEST_PADDING else length
        return AudioInfo(length, stream.rate, stream.channels, stream.codec_context.name, len(container.streams.audio))


def _check_rate(path: Path, rate: int) -> None:
    if not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
        raise AudioError(f"{path.name}: states {rate} samples a second, which no sound has. Export the song again.")


def _counted(container: Any, stream: Any) -> float:
    """The length of a stream by its packets, seconds."""
    ticks = 0
    with suppress(av.error.FFmpegError):  # a damaged end
        for packet in container.demux(stream):
            ticks += max(packet.duration or 0, 0)
    return float(ticks * stream.time_base)


def check_song(audio: FloatArray, sample_rate: int, name: str, tracks: int = 1) -> None:
    """Raise AudioError for audio (samples,) that is shorter than `SHORTEST_SONG` or silent throughout. tracks: how many
    sound tracks its file has."""
    length = len(audio) / sample_rate
    if length < SHORTEST_SONG:
        raise AudioError(f"{name}: lasts {length:.2f} s. A dance needs at least {SHORTEST_SONG:g} s of music.")
    if _is_audible(audio, sample_rate):
        return
    if tracks > 1:
        raise AudioError(
            f"{name}: is silent, because the first of its {tracks} sound tracks is, and Blender plays that one. Export "
            "the track that you want to hear as a file of its own."
        )
    raise AudioError(
        f"{name}: is silent (there is nothing to hear in {length:.0f} s). Choose a louder song or another part of it."
    )


def _is_audible(audio: FloatArray, sample_rate: int) -> bool:
    """Whether any moment of audio (samples,) is louder than `SILENCE`, apart from what is too low to be heard."""
    from scipy.signal import butter, sosfiltfilt  # here: it loads for a second, and edits need no sound

    border, moment = round(_BORDER * sample_rate), max(round(_MOMENT * sample_rate), 1)
    piece = round(_PIECE * sample_rate)
    high_pass = butter(4, _INAUDIBLE, "highpass", fs=sample_rate, output="sos")
    for start in range(0, len(audio), piece):
        part = audio[max(start - 2 * border, 0) : start + piece + 2 * border].astype(np.float64)
        heard = sosfiltfilt(high_pass, part, padlen=min(4 * border, len(part) - 1))[border : len(part) - border]
        moments = heard[: len(heard) // moment * moment].reshape(-1, moment)
        if len(moments) and float(np.square(moments).mean(axis=1).max()) > SILENCE**2:
            return True
    return False


def _require_file(path: Path) -> None:
    """Raise AudioError for anything but a file that can be read to an end, and that names no other files."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise AudioError(f"{path}: is a folder. Choose an audio file in it.")
        if not stat.S_ISREG(mode):
            raise AudioError(f"{path}: is a device or a pipe, not a file. {_ADVICE}")
        with path.open("rb") as file:
            head = file.read(64)
    except (FileNotFoundError, NotADirectoryError):
        raise AudioError(f"{path}: there is no such file. Choose the song's file again.") from None
    except OSError as error:
        _check_memory(error)
        raise AudioError(f"{shown_path(path)}: cannot be opened ({error.strerror}). {_ADVICE}") from error
    except ValueError as error:  # characters that no file name can have
        raise AudioError(f"{shown_path(path)}: cannot be opened ({error}). {_ADVICE}") from error
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(_PLAYLISTS):
        raise AudioError(f"{path.name}: is a list of other files, not a song. {_ADVICE}")


def _check_memory(error: OSError | av.error.FFmpegError) -> None:
    if error.errno == errno.ENOMEM:
        raise MemoryError from error


@contextmanager
def _open(path: Path) -> Iterator[tuple[Any, Any]]:
    """The file's container and its first audio stream. FFmpeg's errors become AudioError."""
    _require_file(path)
    try:
        # "file:" and the white list keep a crafted name or playlist from making FFmpeg open anything but local files
        with av.open(f"file:{path}", options={"protocol_whitelist": "file"}, metadata_errors="replace") as container:
            if not container.streams.audio:
                what = "is a video without sound" if container.streams.video else "has no sound in it"
                raise AudioError(f"{path.name}: {what}. {_ADVICE}")
            if container.streams.audio[0].codec_context is None:
                raise AudioError(f"{path.name}: its sound is of a kind that nothing here can decode. {_ADVICE}")
            yield container, container.streams.audio[0]
    except (av.error.FFmpegError, OSError) as error:
        _check_memory(error)
        raise AudioError(f"{path.name}: cannot be read as audio ({error.strerror}). {_ADVICE}") from error


class _Source:
    """Blocks of mono samples of one audio stream at its own rate."""

    def __init__(self, path: Path, container: Any, stream: Any, mix: Downmix) -> None:
        self._path, self._container, self._stream, self._mix = path, container, stream, mix
        self._from_start = self._frames()
        first = next(self._from_start, None)
        if first is None:
            raise AudioError(f"{path.name}: none of its sound can be decoded. Export the file again.")
        # of the frame, not of the header: HE-AAC's header states half of the true rate
        self.rate: int = first.sample_rate
        _check_rate(path, self.rate)
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
            channels = _channels(frame, self._path.name)
            stamp = self._stamp(frame)
            if position is None:
                if stamp is None:
                    raise AudioError(f"{self._path.name}: has parts without time stamps. Convert it to wav or flac.")
                position = stamp
            gap = 0 if stamp is None else stamp - position
            gap = gap if _SHORTEST_GAP * self.rate < gap < _LONGEST_GAP * self.rate else 0
            begin, heard = position, position + gap
            block = self._mix.mixed(channels, heard, self.rate)
            if gap:
                block = np.concatenate([np.zeros(gap, np.float32), block])
            position += len(block)
            if position > first and (last is None or begin < last):
                names = [channel.name for channel in frame.layout.channels]
                self._mix.measure(channels, names, heard, self.rate)
            block = block[max(first - begin, 0) : None if last is None else max(last - begin, 0)]
            usable = np.abs(block) <= _LOUDEST
            if not usable.all():
                bad = (max(first, begin) + int(np.argmin(usable))) / self.rate
                raise AudioError(
                    f"{self._path.name}: the sample at {bad:.2f} s is infinite, absurdly loud, or not a number. "
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


def _channels(frame: Any, name: str) -> FloatArray:
    """The channels (C, samples) of a decoded frame, float32 in -1..1. name: the file's."""
    try:
        samples = frame.to_ndarray()
    except ValueError as error:
        raise AudioError(f"{name}: has samples of an unusual kind ({frame.format.name}). {_ADVICE}") from error
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    if samples.dtype == np.uint8:
        samples = (samples.astype(np.float32) - 128) / 128
    elif samples.dtype.kind == "i":
        samples = samples.astype(np.float32) / -float(np.iinfo(samples.dtype).min)
    return samples.astype(np.float32, copy=False)
