"""Decoding songs, refusing unusable files, beats, and the demo song."""

from __future__ import annotations

import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from demo.song import DEMO_RATE, DEMO_STYLES, demo_song, write_demo_song
from engine.audio.beats import BeatTrack, beat_features, beat_phase, choose_style, track_beats
from engine.audio.decode import check_song, load_audio, probe
from engine.data.styles import music_of, usual_tempo
from engine.errors import AudioError

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


def test_a_truncated_song_is_decoded_as_far_as_it_goes(tmp_path: Path, songs: dict[str, Path]) -> None:
    data = songs["mp3"].read_bytes()
    half = tmp_path / "half.mp3"
    half.write_bytes(data[: len(data) // 2])
    assert 2 < len(load_audio(half, 10_240)) / 10_240 < 4


@pytest.mark.parametrize("bad", [np.nan, np.inf])
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
def test_an_hour_is_decoded_in_little_memory(tmp_path: Path) -> None:
    """A few megabytes are needed beside the result, not the whole song at the file's rate."""
    import tracemalloc

    path = tmp_path / "hour.wav"
    rate, seconds = 1_000, 3_600
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        for _ in range(60):
            out.writeframes(bytes(rate * 60 * 2))
    tracemalloc.start()
    audio = load_audio(path, 100)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(audio) == 100 * seconds
    assert peak < 2.5 * audio.nbytes + 4e6  # at the file's rate it would be 14 MB
    assert len(load_audio(path, 100, start=3_599, seconds=5)) == 100


@pytest.mark.parametrize("style", DEMO_STYLES)
def test_beats_of_the_demo_song_are_found(style: str) -> None:
    rate = 10_240
    import soxr

    audio = soxr.resample(demo_song(style, 15).mean(axis=1), 44_100, rate)
    track = track_beats(audio, rate, usual_tempo(style))
    assert track.tempo == pytest.approx(usual_tempo(style), rel=0.02)
    period = 60 / usual_tempo(style)
    late = (track.times / period + 0.5) % 1 - 0.5
    assert np.mean(np.abs(late) * period < 0.04) > 0.9
    assert track.strength > 3


def test_beat_phase_rises_from_beat_to_beat_and_continues_beyond() -> None:
    track = BeatTrack(np.array([1.0, 1.5, 2.5]), 120.0, 2.0)
    times = np.array([0.0, 0.25, 1.0, 1.25, 2.0, 2.75, 4.0])
    np.testing.assert_allclose(beat_phase(track, times), [0, 0.5, 0, 0.5, 0.5, 0.5, 0], atol=1e-6)
    features = beat_features(track, times)
    np.testing.assert_allclose(features[2], [1, 0], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-6)


def test_silence_has_no_beats() -> None:
    track = track_beats(np.zeros(20_480, np.float32), 10_240, 87)
    assert len(track.times) == 0 and track.tempo == 87 and track.strength == 0
    assert not beat_features(track, np.arange(40) / 20).any()


def test_tempo_prior_decides_between_half_and_double() -> None:
    rate = 10_240
    clicks = np.zeros(rate * 12, np.float32)
    clicks[(np.arange(0.2, 12, 60 / 150) * rate).astype(int)] = 1.0
    assert track_beats(clicks, rate, 150).tempo == pytest.approx(150, rel=0.02)
    assert track_beats(clicks, rate, 75).tempo == pytest.approx(75, rel=0.02)


@pytest.mark.slow
def test_tempo_of_the_real_songs(dance_data: Path) -> None:
    import json

    wrong = []
    for clip in json.loads((dance_data / "index.json").read_text())["clips"]:
        if clip["has_music"]:
            audio = load_audio(dance_data / "wavs" / f"{clip['name']}.ogg", 10_240)
            tempo = track_beats(audio, 10_240, usual_tempo(clip["style"])).tempo
            if abs(tempo / clip["bpm"] - 1) > 0.06:
                wrong.append((clip["name"], clip["bpm"], tempo))
    assert not wrong


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


@pytest.mark.parametrize("style", ["waltz", "rumba", "cha-cha"])
def test_the_style_is_chosen_by_metre_and_tempo(style: str) -> None:
    song = demo_song(style, 20.0).mean(axis=1)
    assert choose_style(song, DEMO_RATE, music_of(("cha-cha", "modern", "rumba", "salsa", "waltz"))) == style
