"""Wav files read without PyAV: the sound that PyAV gives, and a sentence for what is no sound or another kind of
file."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.audio.files.decode import load_audio, probe
from engine.audio.files.sound_source import AudioInfo
from engine.errors import AudioError
from engine.pipeline.song import read_song

RATE = 8_000
INTEGER, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
GUID = b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"
KINDS = [(INTEGER, 8), (INTEGER, 16), (INTEGER, 24), (INTEGER, 32), (FLOAT, 32), (FLOAT, 64)]


def sound(channels: int = 2, seconds: float = 2.0) -> np.ndarray:
    """(n, C) in -1..1, every channel another sweep."""
    time = np.arange(round(seconds * RATE))[:, None] / RATE
    return 0.5 * np.sin(2 * np.pi * (150 + 40 * np.arange(channels)) * (time + time**2 / 4))


def stored(samples: np.ndarray, kind: int, bits: int) -> bytes:
    if kind == FLOAT:
        return samples.astype(f"<f{bits // 8}").tobytes()
    whole = np.round(samples * (2 ** (bits - 1) - 1)).astype("<i8")
    if bits == 8:
        return (whole + 128).astype(np.uint8).tobytes()
    return whole.reshape(-1, 1).view(np.uint8)[:, : bits // 8].tobytes()


def chunk(name: bytes, data: bytes, size: int | None = None) -> bytes:
    return name + struct.pack("<I", len(data) if size is None else size) + data + b"\0" * (len(data) % 2)


def form(kind: int, bits: int, channels: int = 2, mask: int | None = None, rate: int = RATE) -> bytes:
    frame = channels * bits // 8
    head = struct.pack(
        "<HHIIHH", kind if mask is None else EXTENSIBLE, channels, rate, rate * frame % 2**32, frame, bits
    )
    more = b"" if mask is None else struct.pack("<HHIH", 22, bits, mask, kind) + GUID
    return chunk(b"fmt ", head + more)


def wav(*chunks: bytes, riff: bytes = b"RIFF") -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return riff + struct.pack("<I", len(body) if riff == b"RIFF" else 0xFFFFFFFF) + body


def simple(kind: int = INTEGER, bits: int = 16, channels: int = 2, mask: int | None = None) -> bytes:
    return wav(form(kind, bits, channels, mask), chunk(b"data", stored(sound(channels), kind, bits)))


def long_size(size: int) -> bytes:
    return chunk(b"ds64", struct.pack("<QQQI", 2**33, size, 0, 0))


DATA = stored(sound(), INTEGER, 16)
FORM = form(INTEGER, 16)
FILES = {
    **{f"{'float' if kind == FLOAT else 'integer'} {bits}": simple(kind, bits) for kind, bits in KINDS},
    "mono": simple(channels=1),
    "extensible stereo": simple(bits=24, mask=3),
    "extensible 5.1": simple(channels=6, mask=0x3F),
    "extensible float": simple(FLOAT, 32, mask=3),
    "chunks before and after": wav(
        chunk(b"ODDS", b"odd"), FORM, chunk(b"junk", b"x" * 333), chunk(b"data", DATA), chunk(b"LIST", b"more")
    ),
    "broken off": wav(FORM, chunk(b"data", DATA))[:-7001],
    "size unknown": wav(FORM, chunk(b"data", DATA, 0xFFFFFFFF)),
    "size never written": wav(FORM, chunk(b"data", DATA, 0)),
    "size beyond the end": wav(FORM, chunk(b"data", DATA, 0x7FFFFFFF)),
    "RF64": wav(long_size(len(DATA)), FORM, chunk(b"data", DATA, 0xFFFFFFFF), chunk(b"LIST", b"after"), riff=b"RF64"),
}


@pytest.fixture
def no_pyav(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "engine.audio.files.ffmpeg_source", None)


@pytest.mark.parametrize("name", FILES)
def test_the_sound_is_that_which_pyav_gives(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "song.wav"
    path.write_bytes(FILES[name])
    parts = [(0.0, None, 1.0), (0.7, 0.5, 1.0), (-0.3, 1.0, 1.3)]

    def heard() -> list[np.ndarray]:
        return [load_audio(path, 10_240, start, seconds, speed) for start, seconds, speed in parts]

    def facts() -> AudioInfo:
        return probe(path)

    theirs, known = heard(), facts()
    monkeypatch.setitem(sys.modules, "engine.audio.files.ffmpeg_source", None)
    mine, found = heard(), facts()
    for one, other in zip(mine, theirs, strict=True):
        assert abs(len(one) - len(other)) <= 1 and np.abs(one[: len(other)] - other[: len(one)]).max() < 1e-6
    assert (found.channels, found.sample_rate, found.codec) == (known.channels, known.sample_rate, known.codec)
    assert found.seconds == pytest.approx(known.seconds, abs=0.01)


@pytest.mark.usefixtures("no_pyav")
def test_a_subwoofer_wired_in_reverse_is_heard(tmp_path: Path) -> None:
    """The loudspeakers' names are read from the file."""
    beat = sound(1)[:, 0]
    channels = np.stack([beat / 2, beat / 2, 0 * beat, -beat, 0 * beat, 0 * beat], axis=1)
    path = tmp_path / "song.wav"
    path.write_bytes(wav(form(INTEGER, 16, 6, 0x3F), chunk(b"data", stored(channels, INTEGER, 16))))
    np.testing.assert_allclose(load_audio(path, RATE), beat / 3, atol=1e-3)


REFUSED = {
    "no wav": (b"ID3\x04" + bytes(4000), "is no wav file.*PyAV"),
    "an empty file": (b"", "is no wav file"),
    "no format": (wav(chunk(b"data", DATA)), "without its format"),
    "a short format": (wav(chunk(b"fmt ", b"\1\0"), chunk(b"data", DATA)), "without its format"),
    "no sound": (wav(FORM, chunk(b"LIST", b"text")), "without sound"),
    "an empty sound": (wav(FORM, chunk(b"data", b"")), "none of its sound"),
    "compressed sound": (wav(form(0x55, 16), chunk(b"data", DATA)), r"cannot be read here \(85, 16 bits\).*PyAV"),
    "odd bits": (wav(form(INTEGER, 12), chunk(b"data", DATA)), "cannot be read here"),
    "no channels": (wav(form(INTEGER, 16, 0), chunk(b"data", DATA)), "0 channels"),
    "too many channels": (wav(form(INTEGER, 16, 2000), chunk(b"data", DATA)), "2000 channels"),
    "no rate": (wav(form(INTEGER, 16, rate=0), chunk(b"data", DATA)), "0 samples a second"),
    "an absurd rate": (wav(form(INTEGER, 16, rate=2**31), chunk(b"data", DATA)), "samples a second"),
    "chunks without end": (b"RIFF\xff\xff\xff\xffWAVE" + chunk(b"LIST", b"") * 20_000, "without its format"),
    "a chunk beyond the end": (wav(FORM, chunk(b"LIST", b"", 0xFFFFFFF0), chunk(b"data", DATA)), "without sound"),
    "not a number": (
        wav(form(FLOAT, 32), chunk(b"data", stored(sound() * [[1, np.nan]], FLOAT, 32))),
        "infinite, absurdly loud, or not a number",
    ),
    "too large a number": (wav(form(FLOAT, 64), chunk(b"data", stored(sound() * 1e200, FLOAT, 64))), "absurdly loud"),
}


@pytest.mark.usefixtures("no_pyav")
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    data, words = REFUSED[name]
    path = tmp_path / "song.wav"
    path.write_bytes(data)
    with pytest.raises(AudioError, match=words) as caught:
        read_song(path, 0.0, None, 1.0)
    assert str(caught.value).startswith("song.wav: ") and str(caught.value).endswith(".")


@pytest.mark.usefixtures("no_pyav")
def test_random_damage_to_a_header_gives_sound_or_a_sentence(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    path = tmp_path / "song.wav"
    for _ in range(300):
        data = bytearray(FILES["extensible 5.1"])
        for place in generator.integers(0, 68, 3):
            data[place] = generator.integers(256)
        path.write_bytes(data)
        try:
            assert np.isfinite(load_audio(path, 10_240)).all()
        except AudioError as error:
            assert str(error).endswith(".")
