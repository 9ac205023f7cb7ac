"""Songs that the engine cannot read, decoded by Blender: the very samples that Blender plays."""

from __future__ import annotations

import math
import os

import blenders
import bpy
import numpy as np
import pytest
import skips

RATE = 44100
LENGTH = 50
FORMATS = {
    "ogg": ("CONTAINER_OGG", "CODEC_VORBIS"),
    "mp3": ("CONTAINER_MP3", "CODEC_MP3"),
    "flac": ("CONTAINER_FLAC", "CODEC_FLAC"),
}

needs_sound = pytest.mark.skipif(not bpy.app.build_options.audaspace, reason="this Blender was built without sound")


def write_song(folder, kind, seconds=LENGTH):
    """Noise with a silence that lies where pieces meet, and another at the beginning."""
    import aud

    noise = np.random.default_rng(3).standard_normal((seconds * RATE, 2)).astype(np.float32) / 10
    noise[: RATE // 2] = noise[7 * RATE : 9 * RATE] = 0
    file = folder / f"song.{kind}"
    container, codec = (getattr(aud, name) for name in FORMATS[kind])
    sound = aud.Sound.buffer(np.clip(noise, -1, 1), RATE)
    sound.write(str(file), RATE, aud.CHANNELS_STEREO, aud.FORMAT_FLOAT32, container, codec, 128_000, 16384)
    return file


def read_wav(file):
    """(rate, samples (n, channels)) of a wav file of floats."""
    data = file.read_bytes()
    assert data[:4] == b"RIFF" and int.from_bytes(data[4:8], "little") == len(data) - 8
    place = data.index(b"data") + 8
    channels, rate = int.from_bytes(data[22:24], "little"), int.from_bytes(data[24:28], "little")
    assert int.from_bytes(data[place - 4 : place], "little") == len(data) - place
    return rate, np.frombuffer(data[place:], "<f4").reshape(-1, channels)


@needs_sound
@pytest.mark.parametrize("kind", list(FORMATS))
def test_pieces_are_what_is_decoded_in_one_go(magma, tmp_path, kind):
    import aud

    from magma_blender.engine_host.blender_sound import BlenderSound

    file = write_song(tmp_path, kind)
    blocks = list(BlenderSound(file).blocks())
    whole = aud.Sound(str(file)).data()
    assert len(blocks) > 5
    assert np.array_equal(np.concatenate(blocks), whole)


@needs_sound
def test_a_short_song_is_decoded_in_one_go(magma, tmp_path):
    from magma_blender.engine_host.blender_sound import BlenderSound

    assert len(list(BlenderSound(write_song(tmp_path, "ogg", 20)).blocks())) == 1


@needs_sound
@pytest.mark.parametrize("last", [33, None])
def test_a_part_becomes_a_wav_file(magma, tmp_path, monkeypatch, last):
    import aud

    from engine.decoded_sounds import place_of
    from magma_blender.engine_host import decoding as decoding_module
    from magma_blender.engine_host.answers import NeededSound
    from magma_blender.engine_host.decoding import Decoding

    file, folder = write_song(tmp_path, "ogg"), tmp_path / "decoded"
    steps = 1
    decoding = Decoding(NeededSound(str(file), 21, last), folder, at_once=False)
    while not decoding.poll():
        steps += 1
    assert steps > 3
    wav = place_of(folder, file, 21, last)
    assert list(folder.iterdir()) == [wav]
    rate, samples = read_wav(wav)
    whole = aud.Sound(str(file)).data()
    assert rate == RATE and np.array_equal(samples, whole[21 * RATE : (last or LENGTH) * RATE])
    time = wav.stat().st_mtime_ns
    assert Decoding(NeededSound(str(file), 21, last), folder, at_once=True).poll()
    assert wav.stat().st_mtime_ns == time  # it is there already
    monkeypatch.setattr(decoding_module, "KEPT_BYTES", 3 * 8 * RATE + 1000)  # of three seconds
    for first in range(6):
        assert Decoding(NeededSound(str(file), first, first + 1), folder, at_once=True).poll()
        os.utime(place_of(folder, file, first, first + 1), (first, first))
    assert {file.name.partition("-")[2] for file in folder.iterdir()} == {"2-3.wav", "3-4.wav", "4-5.wav", "5-6.wav"}
    decoding = Decoding(NeededSound(str(file), 40, None), folder, at_once=False)
    assert not decoding.poll()
    decoding.cancel()
    assert not list(folder.glob("*.part"))


@needs_sound
@pytest.mark.parametrize("content", [b"la la la" * 100, b"", b"OggS" + bytes(1000), None])
def test_a_file_that_is_no_sound_is_one_sentence(magma, tmp_path, content):
    from magma_blender.engine_host.answers import NeededSound
    from magma_blender.engine_host.decoding import Decoding
    from magma_blender.errors import StripError

    file = tmp_path / "words.ogg"
    if content is None:
        file.write_bytes(write_song(tmp_path, "ogg", 5).read_bytes()[:100])  # broken off in its header
    else:
        file.write_bytes(content)
    with pytest.raises(StripError, match=r"Blender cannot read the sound of words\.ogg \(.+\): give a wav"):
        Decoding(NeededSound(str(file), 0, None), tmp_path / "decoded", at_once=True).poll()
    assert not list(tmp_path.glob("decoded/*"))


def test_a_song_that_is_gone_or_a_folder_that_cannot_be_written_is_one_sentence(magma, tmp_path):
    from magma_blender.engine_host.answers import NeededSound
    from magma_blender.engine_host.decoding import Decoding
    from magma_blender.errors import StripError

    with pytest.raises(StripError, match=r"The decoded sound of gone\.mp3 cannot be kept"):
        Decoding(NeededSound(str(tmp_path / "gone.mp3"), 0, 1), tmp_path, at_once=True).poll()


def test_a_dance_to_a_song_that_blender_decodes(magma, tmp_path):
    """The dance names the user's own file, and the decoded one is away from it."""
    from magma_blender.engine_host.session import session
    from magma_blender.errors import MagmaError
    from magma_blender.operators import generate
    from magma_blender.scene import generation_plan
    from magma_blender.scene.dancer import load

    blenders.use_engine(magma, tmp_path, "needs-decoding")
    scene = bpy.context.scene
    has_sound = bpy.app.build_options.audaspace
    song = write_song(tmp_path, "ogg", 4) if has_sound else blenders.song(tmp_path).rename(tmp_path / "song.ogg")
    generate.start_plan(generation_plan.for_file(scene, "song", song, 1), None, session.setup())
    session.wait_for_job(lambda progress: None)
    if not has_sound:
        with pytest.raises(MagmaError, match=r"song\.ogg is no wav file, and this Blender was built without sound"):
            session.finish_job(bpy.context)
        return
    (audio,) = load(session.finish_job(bpy.context)).document.audio
    assert audio.path == str(song) and audio.size == song.stat().st_size
    assert math.isclose(audio.start, 0.0)


@pytest.mark.skipif(bpy.app.version[:2] in skips.ELSEWHERE_IN, reason=skips.ELSEWHERE)
@needs_sound
@pytest.mark.slow
def test_dances_to_a_compressed_song_are_edited_and_joined(real_engine, tmp_path):
    """A join reads the first song beyond what was danced to, and a dance without its music reads the song again."""
    from dances import select_frames

    from magma_blender.media import strips
    from magma_blender.scene.dancer import load

    scene = bpy.context.scene
    song = write_song(tmp_path, "ogg", 12)
    scene.magma.use_body = False
    scene.magma.length = 4
    strips.add_sound(scene, "song", song, 1, 1).select = True
    for seed in (1, 2):
        scene.magma.seed = seed
        assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    first, second = bpy.data.objects["song"], bpy.data.objects["song.001"]
    bpy.context.view_layer.objects.active = first
    select_frames(31, 60)
    assert bpy.ops.magma.replace_spans(variants=2) == {"FINISHED"}
    forget_music(first)
    assert bpy.ops.magma.replace_spans(variants=2) == {"FINISHED"}
    scene.use_preview_range = False
    first.select_set(True)
    second.select_set(True)
    assert bpy.ops.magma.chain_dances(seconds=1.0) == {"FINISHED"}
    assert {audio.path for audio in load(first).document.audio} == {str(song)}
    assert [file.suffix for file in tmp_path.iterdir() if file.is_file()] == [".ogg"]


def forget_music(armature):
    """Make a dance one of the first versions', which kept no music."""
    import io
    from dataclasses import replace

    from magma_blender.scene.dancer import load, write

    made = load(armature)
    with np.load(io.BytesIO(made.npz)) as arrays:
        kept = {name: arrays[name] for name in arrays.files if not name.startswith("music")}
    packed = io.BytesIO()
    np.savez(packed, **kept)
    write(armature, replace(made, npz=packed.getvalue()))
