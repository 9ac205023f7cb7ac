"""Decoding of sound files to mono float32 at a given sample rate: any file that FFmpeg reads where PyAV is installed,
else wav files.

Decoding, mixing and resampling run in blocks, so the memory needed beside the result is a few megabytes however long
the song is. Sample 0 is the first sample that the decoder gives (after the codec's own padding), whatever the container
says about when it is played: Blender drops such a delay, too. Of several sound tracks the first is used, as in Blender.
"""

from __future__ import annotations

import errno
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from engine.audio.files.downmix import Downmix
from engine.audio.files.sound_source import ADVICE, AudioInfo, FloatArray, SoundSource
from engine.audio.resampling import Resampler
from engine.checks import shown_path
from engine.errors import AudioError

_EDGE = 0.1
"""Seconds decoded beyond both ends, so that the resampling filter sees the neighbours of the first and last sample."""
_BLOCK = 1 << 16
_LOUDEST = 1e6
"""Amplitude; 1 is full scale, and programs that forget to divide by it write 32768."""
_PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"<?xml", b"<MPD", b"v=0")
"""First bytes of files that name other files, which FFmpeg would open."""


def load_audio(
    path: str | Path, sample_rate: int, start: float = 0.0, seconds: float | None = None, speed: float = 1.0
) -> FloatArray:
    """Decode a part of a file's sound: (samples,) mono float32 in -1..1 at `sample_rate`.

    Sample k plays k / sample_rate seconds after the beginning and is the file's sound at `start + speed * that` seconds
    (to half a sample of the file). The file is silent before its beginning, so a negative `start` gives leading
    silence. `seconds` is the playing time; None plays to the end. Where the file ends early the result is shorter.
    `speed` plays faster like a tape, pitch included, as Blender 3.4's `speed_factor` does. The result is the mean of
    the channels; where they cancel each other, another mix in which they can be heard, see
    `engine.audio.files.downmix`.

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


def probe(path: str | Path) -> AudioInfo:
    """Length, rate, channels and codec of a file's sound, without decoding it. Raises AudioError."""
    with _open(Path(path)) as source:
        return source.info()


def _load(path: Path, sample_rate: int, start: float, seconds: float | None, speed: float, mix: Downmix) -> FloatArray:
    edge = round(_EDGE * sample_rate)
    with _open(path) as source:
        rate = source.rate()
        first = round((start - edge / sample_rate * speed) * rate)
        last = None if seconds is None else round((start + (seconds + _EDGE) * speed) * rate)
        resampler = Resampler(rate * speed, sample_rate)
        parts = [resampler.push(np.zeros(max(-first, 0), np.float32))]
        decoded = 0
        for block in _joined(_mono(source, path.name, rate, max(first, 0), last, mix)):
            decoded += len(block)
            parts.append(resampler.push(block))
        parts.append(resampler.finish())
    audio = np.concatenate(parts)[edge:]
    if not decoded or not len(audio):
        raise AudioError(f"{path.name}: has no sound from second {max(start, 0):g} on. Choose an earlier start.")
    if seconds is not None:
        audio = audio[: round(seconds * sample_rate)]
    return audio


def _mono(
    source: SoundSource, name: str, rate: int, first: int, last: int | None, mix: Downmix
) -> Iterator[FloatArray]:
    """Mono blocks of the samples `first`..`last` (half-open; None: to the end)."""
    position = first
    for part in source.parts(first):
        if last is not None and part.begin >= last:
            break
        end = part.begin + part.channels.shape[1]
        if end <= position:
            continue
        mix.measure(part.channels, part.names, part.begin, rate)
        block = mix.mixed(part.channels, part.begin, rate)
        block = block[max(position - part.begin, 0) : None if last is None else last - part.begin]
        silence = max(part.begin - position, 0)
        usable = np.abs(block) <= _LOUDEST
        if not usable.all():
            bad = (position + silence + int(np.argmin(usable))) / rate
            raise AudioError(
                f"{name}: the sample at {bad:.2f} s is infinite, absurdly loud, or not a number. "
                "Export the song again, or choose another part of it."
            )
        position += silence + len(block)
        yield np.concatenate([np.zeros(silence, np.float32), block]) if silence else block


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


def _open(path: Path) -> AbstractContextManager[SoundSource]:
    """The sound of a file. Raises AudioError, also while the source is used."""
    _require_file(path)
    try:
        from engine.audio.files.ffmpeg_source import open_any
    except ImportError:  # without PyAV
        from engine.audio.files.wav_source import open_wav

        return open_wav(path)
    return open_any(path)


def _require_file(path: Path) -> None:
    """Raise AudioError for anything but a file that can be read to an end, and that names no other files."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise AudioError(f"{path}: is a folder. Choose an audio file in it.")
        if not stat.S_ISREG(mode):
            raise AudioError(f"{path}: is a device or a pipe, not a file. {ADVICE}")
        with path.open("rb") as file:
            head = file.read(64)
    except (FileNotFoundError, NotADirectoryError):
        raise AudioError(f"{path}: there is no such file. Choose the song's file again.") from None
    except OSError as error:
        if error.errno == errno.ENOMEM:
            raise MemoryError from error
        raise AudioError(f"{shown_path(path)}: cannot be opened ({error.strerror}). {ADVICE}") from error
    except ValueError as error:  # characters that no file name can have
        raise AudioError(f"{shown_path(path)}: cannot be opened ({error}). {ADVICE}") from error
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(_PLAYLISTS):
        raise AudioError(f"{path.name}: is a list of other files, not a song. {ADVICE}")
