"""Decoding songs, refusing unusable files, beats, and the demo song."""

from __future__ import annotations

import contextlib
import os
import socket
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from engine.audio.beats import BeatTrack, beat_features, beat_phase
from engine.audio.composing.demo_song import demo_song, write_demo_song
from engine.audio.files.audibility import check_song
from engine.audio.files.decode import load_audio, probe
from engine.errors import AudioError
from engine.pipeline.song import read_song

RATE = 44_100
FORMATS = {"wav": "pcm_s16le", "flac": "flac", "ogg": "libopus", "mp3": "libmp3lame", "m4a": "aac", "mkv": "aac"}


def chirp(seconds: float = 6.0, rate: int = RATE) -> np.ndarray:
    """A sweep: every moment sounds different, so that any shift in time is found."""
    time = np.arange(round(seconds * rate)) / rate
    return (0.4 * np.sin(2 * np.pi * (150 * time + 60 * time**2))).astype(np.float32)


def encode(path: Path, codec: str, samples: np.ndarray, video: bool = False) -> Path:
    """Write samples (n,) as both channels of a file, with a video stream as well if `video`."""
    with av.open(str(path), "w") as out:
        rate = 48_000 if codec == "libopus" else RATE
        stream = out.add_stream(codec, rate=rate, layout="stereo")
        if video:
            picture = out.add_stream("mpeg4", rate=10)
            picture.width = picture.height = 64
            picture.pix_fmt = "yuv420p"
            for _ in range(10):
                out.mux(picture.encode(av.VideoFrame(64, 64, "yuv420p")))
            out.mux(picture.encode(None))
        frame = av.AudioFrame.from_ndarray(np.stack([samples, samples]), format="fltp", layout="stereo")
        frame.sample_rate = RATE
        frame.pts, frame.time_base = 0, Fraction(1, RATE)  # the muxer stores the codec's padding only with these
        context = stream.codec_context
        resampler = av.AudioResampler(context.format, "stereo", rate, context.frame_size or None)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(piece))
        out.mux(stream.encode(None))
    return path


def write_wav(path: Path, samples: np.ndarray, rate: int = RATE) -> Path:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(samples.shape[1] if samples.ndim == 2 else 1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(np.round(samples * 32767).astype("<i2").tobytes())
    return path


def write_float_wav(path: Path, samples: np.ndarray) -> Path:
    data = samples.astype("<f4").tobytes()
    head = b"fmt " + np.array([16], "<u4").tobytes() + np.array([3, 1], "<u2").tobytes()
    head += np.array([RATE, RATE * 4], "<u4").tobytes() + np.array([4, 32], "<u2").tobytes()
    body = b"WAVE" + head + b"data" + np.array([len(data)], "<u4").tobytes() + data
    path.write_bytes(b"RIFF" + np.array([len(body)], "<u4").tobytes() + body)
    return path


def lag(audio: np.ndarray, reference: np.ndarray) -> int:
    """The delay of `audio` in samples."""
    middle = slice(len(reference) // 4, len(reference) // 2)
    scores = [np.dot(audio[middle.start + k : middle.stop + k], reference[middle]) for k in range(-300, 300)]
    return int(np.argmax(scores)) - 300


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("songs")
    made = {ending: encode(folder / f"song.{ending}", codec, chirp()) for ending, codec in FORMATS.items()}
    made["mp4"] = encode(folder / "film.mp4", "aac", chirp(), video=True)
    return made


@pytest.mark.parametrize("ending", [*FORMATS, "mp4"])
def test_every_format_gives_the_same_sound(songs: dict[str, Path], ending: str) -> None:
    audio = load_audio(songs[ending], 10_240)
    reference = load_audio(songs["wav"], 10_240)
    assert audio.dtype == np.float32 and audio.ndim == 1
    # AAC in Matroska does not state its padding of 1024 samples
    assert abs(lag(audio, reference)) <= (240 if ending == "mkv" else 1)
    assert abs(len(audio) - len(reference)) < 600
    info = probe(songs[ending])
    assert info.channels == 2 and info.seconds == pytest.approx(6, abs=0.1)
    assert info.sample_rate == (48_000 if ending == "ogg" else RATE)


def test_the_length_of_an_mp3_without_a_header_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "stream.mp3"  # of variable bit rate: ten loud seconds, then thirty quiet ones
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 10 * RATE)
    samples = np.concatenate([noise, 0.1 * np.sin(np.arange(30 * RATE) / 32)]).astype(np.float32)
    with av.open(str(path), "w", format="mp3", options={"write_xing": "0"}) as container:
        stream = container.add_stream("libmp3lame", rate=RATE, options={"global_quality": "472", "flags": "+qscale"})
        for start in range(0, len(samples), 1152):
            frame = av.AudioFrame.from_ndarray(np.stack([samples[start : start + 1152]] * 2), "fltp", "stereo")
            frame.rate, frame.pts = RATE, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert probe(path).seconds == pytest.approx(40, abs=0.1)


@pytest.mark.parametrize("ending", [*FORMATS, "mp4"])
def test_a_part_equals_the_same_part_of_the_whole(songs: dict[str, Path], ending: str) -> None:
    whole = load_audio(songs[ending], 10_240)
    part = load_audio(songs[ending], 10_240, start=2.5, seconds=2.0)
    assert len(part) == 20_480
    np.testing.assert_allclose(part, whole[25_600:46_080], atol=1e-5)


def test_stereo_becomes_the_mean(tmp_path: Path) -> None:
    left = chirp(2.0)
    path = write_wav(tmp_path / "stereo.wav", np.stack([left, -0.5 * left], axis=1))
    np.testing.assert_allclose(load_audio(path, RATE), 0.25 * left, atol=1e-4)


def test_negative_start_is_silence_before_the_song(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "song.wav", chirp(2.0))
    audio = load_audio(path, RATE, start=-0.5, seconds=1.0)
    assert np.abs(audio[: RATE // 2 - 10]).max() < 1e-4
    np.testing.assert_allclose(audio[RATE // 2 :], chirp(2.0)[: RATE // 2], atol=1e-3)


def test_a_part_beyond_the_end_is_cut_at_the_end(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "song.wav", chirp(2.0))
    assert len(load_audio(path, 10_240, start=1.5, seconds=10)) == pytest.approx(5_120, abs=2)
    with pytest.raises(AudioError, match="no sound from second 3 on"):
        load_audio(path, 10_240, start=3)
    with pytest.raises(AudioError, match="above 0"):
        load_audio(path, 10_240, seconds=0)


def test_speed_plays_like_a_tape(tmp_path: Path) -> None:
    """Twice the speed: half the length, and second t of the result is second start + 2 t of the file."""
    path = write_wav(tmp_path / "song.wav", chirp(6.0))
    fast = load_audio(path, 22_050, start=1.0, speed=2.0)
    assert len(fast) == pytest.approx(2.5 * 22_050, abs=2)

    time = 1.0 + 2.0 * np.arange(len(fast)) / 22_050
    expected = 0.4 * np.sin(2 * np.pi * (150 * time + 60 * time**2))
    np.testing.assert_allclose(fast[:-200], expected[:-200], atol=3e-3)
    with pytest.raises(AudioError, match="speed"):
        load_audio(path, 22_050, speed=0)


def test_unusable_files_are_refused_in_a_sentence(tmp_path: Path) -> None:
    text = tmp_path / "song.mp3"
    text.write_text("la la la\n" * 50)
    mute = tmp_path / "mute.mp4"
    with av.open(str(mute), "w") as out:
        picture = out.add_stream("mpeg4", rate=10)
        picture.width = picture.height = 64
        picture.pix_fmt = "yuv420p"
        for _ in range(5):
            out.mux(picture.encode(av.VideoFrame(64, 64, "yuv420p")))
        out.mux(picture.encode(None))
    empty = tmp_path / "empty.wav"
    empty.touch()
    for path, words in (
        (text, "song.mp3"),
        (mute, "video without sound"),
        (empty, "empty.wav"),
        (tmp_path, "folder"),
        (tmp_path / "gone.wav", "no such file"),
    ):
        for action in (lambda p: load_audio(p, 10_240), probe):
            with pytest.raises(AudioError, match=words) as caught:
                action(path)
            assert str(caught.value).endswith(".")


def beats(seconds: float = 8.0) -> np.ndarray:
    """A kick twice a second, from 0.37 s on."""
    samples = np.zeros(round(seconds * RATE), np.float32)
    time = np.arange(round(0.15 * RATE)) / RATE
    for at in np.arange(0.37, seconds - 0.2, 0.5):
        samples[round(at * RATE) :][: len(time)] += np.sin(2 * np.pi * 60 * time) * np.exp(-25 * time)
    return 0.8 * samples / np.abs(samples).max()


def write_channels(path: Path, channels: list[np.ndarray], layout: str) -> Path:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=RATE, layout=layout)
        data = np.round(np.stack(channels, axis=1) * 32767).astype(np.int16).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(data, "s16", layout)
        frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
        out.mux([*stream.encode(frame), *stream.encode(None)])
    return path


NOTHING = np.zeros(8 * RATE, np.float32)
CANCELLING = {
    "wide or miswired stereo": ("stereo", [beats(), -beats()], 1.0),
    "one side louder": ("stereo", [beats(), -0.9 * beats()], 0.95),
    "a subwoofer wired in reverse": ("5.1", [beats() / 2, beats() / 2, NOTHING, -beats(), NOTHING, NOTHING], 1 / 3),
    "a front speaker wired in reverse": ("5.1", [beats(), -beats(), NOTHING, NOTHING, NOTHING, NOTHING], 1 / 3),
}


@pytest.mark.parametrize("case", CANCELLING)
def test_channels_that_cancel_each_other_are_heard(tmp_path: Path, case: str) -> None:
    layout, channels, loudness = CANCELLING[case]
    path = write_channels(tmp_path / "song.wav", channels, layout)
    audio = load_audio(path, RATE)
    np.testing.assert_allclose(np.abs(audio), loudness * np.abs(beats()), atol=2e-3)
    check_song(audio, RATE, case)
    part = load_audio(path, 10_240, start=3.0, seconds=2.0)
    np.testing.assert_allclose(part, load_audio(path, 10_240)[30_720:51_200], atol=1e-4)


def switched(at: float, reversed_first: bool = False) -> np.ndarray:
    """The beats, with the sign reversed from a second on, or up to it."""
    sign = np.where((np.arange(len(beats())) / RATE < at) == reversed_first, -1.0, 1.0)
    return (sign * beats()).astype(np.float32)


@pytest.mark.parametrize("first", [False, True], ids=["the end", "the beginning"])
@pytest.mark.parametrize("at", [2.7, 4.0, 5.25])
def test_a_part_of_a_song_whose_channels_cancel_is_heard(tmp_path: Path, at: float, first: bool) -> None:
    """As two recordings in one file, one of them miswired; the other stays as it is."""
    path = write_channels(tmp_path / "song.wav", [beats(), switched(at, first)], "stereo")
    audio = load_audio(path, RATE)
    np.testing.assert_allclose(np.abs(audio), np.abs(beats()), atol=0.02)
    kept = audio[: round((at - 0.3) * RATE)] if not first else audio[round((at + 0.3) * RATE) :]
    same = beats()[: len(kept)] if not first else beats()[-len(kept) :]
    np.testing.assert_allclose(kept, same, atol=2e-3)
    rest = load_audio(path, 10_240, start=at, seconds=2.5)
    check_song(rest, 10_240, "the rest")
    np.testing.assert_allclose(
        np.abs(rest), np.abs(load_audio(path, 10_240)[round(at * 10_240) :][: len(rest)]), atol=0.02
    )


def test_a_short_effect_with_reversed_channels_changes_nothing(tmp_path: Path) -> None:
    reverse = np.where(np.abs(np.arange(len(beats())) / RATE - 4) < 0.7, -1, 1)
    path = write_channels(tmp_path / "song.wav", [beats(), (reverse * beats()).astype(np.float32)], "stereo")
    audio = load_audio(path, RATE)
    assert np.abs(audio[round(3.35 * RATE) : round(4.65 * RATE)]).max() < 2e-3


def test_a_mix_that_keeps_the_song_is_the_mean_to_the_bit(tmp_path: Path) -> None:
    """Dances to songs that were always heard stay as they were."""
    left, right = chirp(2.0), 0.5 * chirp(2.0)[::-1]
    path = write_wav(tmp_path / "stereo.wav", np.stack([left, right], axis=1))
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(-1), "<i2").reshape(-1, 2).T.astype(np.float32) / 32_768
    assert np.array_equal(load_audio(path, RATE), samples.mean(axis=0, dtype=np.float32))


@pytest.mark.parametrize("channels", [1, 3, 64])
def test_any_number_of_channels(tmp_path: Path, channels: int) -> None:
    path = write_wav(tmp_path / "song.wav", np.stack([chirp(2.0)] * channels, axis=1))
    np.testing.assert_allclose(load_audio(path, RATE), chirp(2.0), atol=1e-3)


def test_what_cannot_be_heard_is_silence_and_what_is_quiet_is_a_song() -> None:
    rate, time = 10_240, np.arange(8 * 10_240) / 10_240
    offset = np.full(len(time), 0.1, np.float32)
    noise = (10 ** (-72 / 20) * np.random.default_rng(0).standard_normal(len(time))).astype(np.float32)
    rumble = (0.5 * np.sin(2 * np.pi * 7 * time)).astype(np.float32)
    for inaudible in (offset, noise, offset + noise, rumble, np.zeros(len(time), np.float32)):
        with pytest.raises(AudioError, match="silent"):
            check_song(inaudible, rate, "song")
    import soxr

    quiet = soxr.resample(beats() * 10 ** (-50 / 20), RATE, rate)
    clicks = np.zeros(len(time), np.float32)
    clicks[:: rate // 2] = 0.02
    for audible in (quiet, quiet + offset, clicks, soxr.resample(beats(), RATE, rate)[:rate]):
        check_song(audible.astype(np.float32), rate, "song")


def test_a_film_whose_first_track_is_silent_says_which_one_blender_plays(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as out:
        streams = [out.add_stream("flac", rate=RATE, layout="mono") for _ in range(2)]
        for stream, samples in zip(streams, (NOTHING, beats()), strict=True):
            for start in range(0, len(samples), 4096):
                data = np.round(samples[None, start : start + 4096] * 32767).astype(np.int16)
                frame = av.AudioFrame.from_ndarray(data, "s16", "mono")
                frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
    with pytest.raises(AudioError, match="first of its 2 sound tracks is, and Blender plays that one"):
        read_song(path, 0.0, None, 1.0)


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_late_sound_begins_at_second_0_as_in_blender(tmp_path: Path, ending: str) -> None:
    """A film whose sound is played from 0.5 s on: Blender's sequencer, and so the dance, counts from its beginning."""
    path = tmp_path / f"late.{ending}"
    with av.open(str(path), "w") as out:
        picture = out.add_stream("mpeg4", rate=10)
        picture.width = picture.height = 64
        picture.pix_fmt = "yuv420p"
        stream = out.add_stream("aac", rate=RATE, layout="mono")
        for _ in range(80):
            out.mux(picture.encode(av.VideoFrame(64, 64, "yuv420p")))
        out.mux(picture.encode(None))
        for start in range(0, len(beats()) // 1024 * 1024, 1024):
            frame = av.AudioFrame.from_ndarray(beats()[None, start : start + 1024], "fltp", "mono")
            frame.sample_rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), RATE // 2 + start
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    with av.open(str(path)) as container:
        assert container.streams.audio[0].start_time * container.streams.audio[0].time_base > 0.4
    audio = load_audio(path, 10_240)
    first = np.flatnonzero(np.abs(audio) > 0.1)[0] / 10_240
    assert first == pytest.approx(0.37, abs=0.03)
    part = load_audio(path, 10_240, start=2.0, seconds=2.0)
    np.testing.assert_allclose(part, audio[20_480:40_960], atol=1e-3)


TAGGED = {"wav": "pcm_s16le", "flac": "flac", "mp3": "libmp3lame", "m4a": "aac", "mkv": "flac"}


@pytest.mark.parametrize("ending", TAGGED)
def test_tags_that_are_not_utf8_do_not_matter(tmp_path: Path, ending: str) -> None:
    """Windows programs write Latin-1 or Shift JIS where UTF-8 is meant."""
    path = tmp_path / f"song.{ending}"
    with av.open(str(path), "w") as out:
        out.metadata["title"] = out.metadata["artist"] = "Tag-of-the-song"
        stream = out.add_stream(TAGGED[ending], rate=RATE, layout="mono")
        stream.metadata["title"] = "Tag-of-the-song"
        frame = av.AudioFrame.from_ndarray(chirp(2.0)[None], "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
        context = stream.codec_context
        resampler = av.AudioResampler(context.format, "mono", RATE, context.frame_size or 4096)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(piece))
        out.mux(stream.encode(None))
    data = path.read_bytes()
    broken = data
    for text in (b"Tag-of-the-song", "Tag-of-the-song".encode("utf-16-le")):
        broken = broken.replace(text, text.replace(b"a", b"\xe9").replace(b"s", b"\xff"))
    assert broken != data
    path.write_bytes(broken)
    assert len(load_audio(path, 10_240)) == pytest.approx(20_480, abs=600)
    assert probe(path).seconds == pytest.approx(2, abs=0.1)


@pytest.mark.skipif(os.name != "posix", reason="pipes with names and devices are POSIX")
def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    """Reading from any of these would wait or go on for ever."""
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "loop.wav").symlink_to(tmp_path / "loop.wav")
    (tmp_path / "zero.wav").symlink_to("/dev/zero")
    socket_file = socket.socket(socket.AF_UNIX)
    socket_file.bind(str(tmp_path / "s.wav"))
    cases = {
        tmp_path / "pipe.wav": "a device or a pipe",
        tmp_path / "zero.wav": "a device or a pipe",
        tmp_path / "s.wav": "a device or a pipe",
        tmp_path / "loop.wav": "cannot be opened",
        tmp_path / ("a" * 300 + ".wav"): "cannot be opened",
        tmp_path / "null\0.wav": "cannot be opened",
        tmp_path / "half\ud800.wav": "cannot be opened",
        Path("/" + "long/" * 10_000): "cannot be opened",
        tmp_path / "no" / "such.wav": "no such file",
        Path(__file__) / "song.wav": "no such file",
    }
    for path, words in cases.items():
        for action in (lambda p: load_audio(p, 10_240), probe, lambda p: read_song(p, 0.0, None, 1.0)):
            with pytest.raises(AudioError, match=words) as caught:
                action(path)
            assert path.name == "such.wav" or len(str(caught.value)) < 500
    socket_file.close()


@pytest.mark.parametrize(
    "text", ["#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{}\n#EXT-X-ENDLIST\n", "ffconcat version 1.0\nfile '{}'\n"]
)
def test_a_list_of_files_is_no_song(tmp_path: Path, text: str) -> None:
    song = write_wav(tmp_path / "song.wav", chirp(2.0))
    path = tmp_path / "list.mp3"
    path.write_text(text.format(song))
    with pytest.raises(AudioError, match="a list of other files"):
        load_audio(path, 10_240)


@pytest.mark.parametrize("count", [0, 1, 2, 100])
def test_a_few_samples_are_no_song(tmp_path: Path, count: int) -> None:
    path = write_wav(tmp_path / "song.wav", chirp(1.0)[:count])
    with pytest.raises(AudioError):
        read_song(path, 0.0, None, 1.0)


@pytest.mark.parametrize("rate", [0, 1, 50, 2**31 - 1])
def test_absurd_sample_rates_are_refused(tmp_path: Path, rate: int) -> None:
    path = write_wav(tmp_path / "song.wav", chirp(3.0))
    data = bytearray(path.read_bytes())
    data[24:28] = rate.to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(AudioError):
        read_song(path, 0.0, None, 1.0)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF])
def test_a_recording_that_was_broken_off_is_as_long_as_what_is_there(tmp_path: Path, size: int) -> None:
    """Its header states a length that was never reached."""
    path = write_wav(tmp_path / "song.wav", chirp(3.0))
    data = bytearray(path.read_bytes())
    data[4:8] = data[40:44] = size.to_bytes(4, "little")
    path.write_bytes(data)
    assert read_song(path, 0.0, None, 1.0).seconds == pytest.approx(3, abs=0.01)


def test_a_length_of_days_that_a_header_states_is_not_believed(songs: dict[str, Path], tmp_path: Path) -> None:
    """As of a recording that was broken off before its header was written again."""
    path = tmp_path / "song.flac"
    data = bytearray(songs["flac"].read_bytes())
    assert data[:4] == b"fLaC"
    data[21] |= 0x0F  # the highest 4 of the 36 bits that count samples
    path.write_bytes(data)
    assert probe(path).seconds == pytest.approx(6, abs=0.1)


@pytest.mark.parametrize("ending", [*FORMATS, "mp4"])
def test_broken_off_files_give_what_is_there_or_a_sentence(songs: dict[str, Path], tmp_path: Path, ending: str) -> None:
    data = songs[ending].read_bytes()
    path = tmp_path / f"song.{ending}"
    for part in (0.02, 0.3, 0.6, 0.95):
        path.write_bytes(data[: round(part * len(data))])
        with contextlib.suppress(AudioError):
            assert 1 <= read_song(path, 0.0, None, 1.0).seconds < 6.1


def test_a_truncated_song_is_decoded_as_far_as_it_goes(tmp_path: Path, songs: dict[str, Path]) -> None:
    data = songs["mp3"].read_bytes()
    half = tmp_path / "half.mp3"
    half.write_bytes(data[: len(data) // 2])
    assert 2 < len(load_audio(half, 10_240)) / 10_240 < 4


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
def test_nan_and_infinity_are_refused_with_the_place(tmp_path: Path, bad: float) -> None:
    samples = chirp(3.0)
    samples[RATE * 2] = bad
    path = write_float_wav(tmp_path / "broken.wav", samples)
    with pytest.raises(AudioError, match=r"2\.00 s"):
        load_audio(path, 10_240)
    assert len(load_audio(path, 10_240, seconds=1.5)) == 15_360  # the good part can be used


def test_names_that_ffmpeg_would_read_as_addresses(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "http:song %d [x].wav", chirp(1.5))
    assert len(load_audio(path, 10_240)) == 15_360


def test_check_song() -> None:
    check_song(chirp(1.0, 10_240), 10_240, "song")
    with pytest.raises(AudioError, match=r"0\.20 s"):
        check_song(chirp(0.2, 10_240), 10_240, "song")
    with pytest.raises(AudioError, match="silent"):
        check_song(np.full(20_480, 0.0005, np.float32), 10_240, "song")


@pytest.mark.slow
def test_a_long_mix_is_decoded_in_little_memory(tmp_path: Path) -> None:
    """Less than three megabytes are needed beside the result, not the whole song at the file's rate."""
    import tracemalloc

    path = tmp_path / "mix.wav"
    rate, seconds = 1_000, 1_200
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        for _ in range(20):
            out.writeframes(bytes(rate * 60 * 2))
    tracemalloc.start()
    audio = load_audio(path, 100)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(audio) == 100 * seconds
    assert peak < audio.nbytes + 2.9e6  # the song at the file's rate is 4.8 MB
    assert len(load_audio(path, 100, start=1_199, seconds=5)) == 100


def test_beat_phase_rises_from_beat_to_beat_and_continues_beyond() -> None:
    track = BeatTrack(np.array([1.0, 1.5, 2.5]), 120.0, 2.0)
    times = np.array([0.0, 0.25, 1.0, 1.25, 2.0, 2.75, 4.0])
    np.testing.assert_allclose(beat_phase(track, times), [0, 0.5, 0, 0.5, 0.5, 0.5, 0], atol=1e-6)
    features = beat_features(track, times)
    np.testing.assert_allclose(features[2], [1, 0], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-6)


def test_the_demo_song_is_reproducible_and_playable(tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        write_demo_song(tmp_path / name, "salsa", 3.0)
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
    audio = load_audio(tmp_path / "a.wav", 44_100)
    assert len(audio) == 3 * 44_100
    check_song(audio, 44_100, "demo")
    assert 0.2 < np.abs(audio).max() <= 0.81
    with pytest.raises(ValueError, match="polka"):
        demo_song("polka")


def test_a_gap_in_the_time_stamps_is_silence(tmp_path: Path) -> None:
    """A joined recording: the sound at second t does not depend on where decoding starts."""
    path = tmp_path / "holes.m4a"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=RATE, layout="mono")
        for part in range(6):
            for piece in range(40):
                frame = av.AudioFrame.from_ndarray(chirp()[None, piece * 1024 : piece * 1024 + 1024], "fltp", "mono")
                frame.sample_rate, frame.time_base = RATE, Fraction(1, RATE)
                frame.pts = part * RATE + piece * 1024
                out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    whole = load_audio(path, RATE)
    assert len(whole) == pytest.approx(5 * RATE + 40 * 1024, abs=3000)
    part = load_audio(path, RATE, start=4.2, seconds=1.0)
    np.testing.assert_allclose(part, whole[round(4.2 * RATE) : round(5.2 * RATE)], atol=1e-3)
