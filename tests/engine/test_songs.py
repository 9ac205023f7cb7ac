"""A dance and its songs: edited without them, in a folder that moved, relinked, and joined without the first song."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.audio.composing.demo_song import write_demo_song
from engine.choreography import Audio, Choreography, from_json, relative_path, relink, to_json
from engine.decoded_sounds import FOLDER_VARIABLE, place_of
from engine.editing.chain import chain
from engine.editing.dance_files import load_choreography, pack_dance_motion, read_dance_motion, write_dance_motion
from engine.editing.edit import Edited, edit
from engine.editing.operations import Operation
from engine.errors import AudioError, ChoreographyError, RequestError, UndecodedError
from engine.pipeline import song as reading
from engine.pipeline.generate import generate
from engine.pipeline.request import GenerateRequest
from engine.service.output_files import write_dance
from smpl_rig.dance_motion import DanceMotion

State = tuple[Choreography, DanceMotion]
SECONDS = 4.0


@pytest.fixture(scope="module")
def music(song: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the song that tests may remove."""
    return shutil.copy(song, tmp_path_factory.mktemp("music") / "song.wav")


@pytest.fixture(scope="module")
def dance(music: Path, tiny: Path) -> State:
    return generated(music, tiny, 3)


def generated(song: Path, tiny: Path, seed: int) -> State:
    request = GenerateRequest(
        str(song), seconds=SECONDS, style="rumba", checkpoint=str(tiny), device="cpu", seed=seed, fps=30.0
    )
    made = generate(request, lambda *_: None, lambda: False)
    return made.document, read_dance_motion(made.to_npz(), made.document, "dance.npz")


def without_song(state: State) -> State:
    """The dance, whose songs are nowhere."""
    document, motion = state
    return replace(document, audio=tuple(replace(a, path="/gone/song.wav") for a in document.audio)), motion


def without_music(state: State) -> State:
    """The dance as the first versions kept it."""
    return state[0], replace(state[1], music=None)


def do(state: State, *operations: Operation) -> Edited:
    return edit(*state, operations, lambda *_: None, lambda: False, device="cpu")


def same(one: Edited, other: Edited) -> bool:
    pairs = [(one.dance.frames, other.dance.frames), (one.dance.motion, other.dance.motion)]
    same_tokens = one.document.tokens == other.document.tokens
    return same_tokens and all(np.array_equal(a.poses, b.poses) and np.array_equal(a.trans, b.trans) for a, b in pairs)


@pytest.mark.parametrize(
    "operations",
    [
        [Operation("regenerate")],
        [Operation("replace", 10, 30, variants=2), Operation("choose", 10, index=2)],
        [Operation("mirror", 5, 15)],
        [Operation("copy", 2, 12, to=25)],
        [Operation("style", 10, 20, style="salsa"), Operation("replace", 10, 20)],
        [Operation("loop")],
    ],
    ids=lambda operations: operations[-1].do,
)
def test_every_edit_of_a_dance_whose_song_was_deleted_is_the_edit_with_the_song(
    dance: State, operations: list[Operation]
) -> None:
    present, read_again = do(dance, *operations), do(without_music(dance), *operations)
    gone = do(without_song(dance), *operations)
    assert same(gone, present) and same(gone, read_again)


def test_a_motion_is_inserted_into_a_dance_whose_song_was_deleted(dance: State, tmp_path: Path) -> None:
    from tiny_engine import stepping

    from smpl_rig.motion import save_npz

    save_npz(tmp_path / "clip.npz", stepping(1.0, 100.0))
    insert = Operation("insert", 15, file=str(tmp_path / "clip.npz"))
    assert same(do(without_song(dance), insert), do(without_music(dance), insert))


def test_a_dance_of_the_first_versions_keeps_its_music_from_its_first_edit_on(dance: State) -> None:
    once = do(without_music(dance), Operation("replace", 10, 20))
    kept = read_dance_motion(pack_dance_motion(once.document, once.dance), once.document, "dance.npz")
    again = Operation("replace", 20, 30)
    assert same(do(without_song((once.document, kept)), again), do((once.document, once.dance), again))


def test_without_song_and_music_what_needs_neither_still_works_and_the_rest_says_what_to_do(dance: State) -> None:
    variants = do(dance, Operation("replace", 10, 20, variants=2))
    old = without_music(without_song((variants.document, variants.dance)))
    for operation in (
        Operation("lock", 0, 5),
        Operation("choose", 10, index=2),
        Operation("mirror", 20, 25),
        Operation("copy", 2, 8, to=25),  # to the beat that the document knows
        Operation("style", 10, 20, style="salsa"),
    ):
        do(old, operation)
    for operation in (Operation("regenerate"), Operation("replace", 10, 20), Operation("loop")):
        with pytest.raises(AudioError, match=r"/gone/song\.wav: cannot be read .*relink it \(Relink Song"):
            do(old, operation)


def test_damaged_music_is_read_from_the_song_again(dance: State) -> None:
    assert dance[1].music is not None
    broken = dance[1].music.features.copy()
    broken[3] = np.nan
    data = pack_dance_motion(dance[0], replace(dance[1], music=replace(dance[1].music, features=broken)))
    assert read_dance_motion(data, dance[0], "dance.npz").music is None


def test_two_dances_are_joined_as_before_where_the_song_is_there_and_also_where_it_is_not(
    dance: State, music: Path, tiny: Path
) -> None:
    other = generated(music, tiny, 8)

    def join(one: State, two: State) -> Edited:
        return chain(one, two, 1.5, 5, lambda *_: None, lambda: False, "cpu")

    present = join(dance, other)
    assert same(present, join(without_music(dance), without_music(other)))
    assert same(present, join(dance, without_song(other)))  # only the first one's song goes on into the join
    gone = join(without_song(dance), without_song(other))
    assert any("repetition of the music before it" in notice for notice in gone.report["notices"])
    assert not any("repetition" in notice for notice in present.report["notices"])
    count = len(gone.document)
    last = slice(2 * (count - 41), None)
    assert np.array_equal(gone.dance.frames.poses[last, 3:], present.dance.frames.poses[last, 3:])
    do(without_song((gone.document, gone.dance)), Operation("replace", 50, 60))
    with pytest.raises(AudioError, match="relink it"):
        join(without_music(without_song(dance)), other)


@pytest.mark.parametrize(("seconds", "seed"), [(float("nan"), 1), (1e308, 1), (0.0, 1), (1.0, -1), (1.0, 2**80)])
def test_a_join_of_odd_length_or_seed_is_one_sentence(dance: State, seconds: float, seed: int) -> None:
    with pytest.raises(RequestError, match=r"join of|seed is"):
        chain(dance, dance, seconds, seed, lambda *_: None, lambda: False, "cpu")


def saved(state: State, folder: Path, name: str = "dance") -> Path:
    folder.mkdir(exist_ok=True)
    write_dance(
        folder / f"{name}.json", state[0], folder / f"{name}.npz", lambda file: write_dance_motion(file, *state)
    )
    return folder / f"{name}.json"


def test_a_folder_with_song_and_dance_moves(dance: State, music: Path, tmp_path: Path) -> None:
    """The song in a folder of its own beside the dance's, as in a project."""
    project, moved = tmp_path / "project", tmp_path / "elsewhere" / "moved"
    (project / "songs").mkdir(parents=True)
    song = shutil.copy(music, project / "songs" / "s.wav")
    audio = replace(dance[0].audio[0], path=str(song))
    path = saved(without_music((replace(dance[0], audio=(audio,)), dance[1])), project / "dances")
    assert json.loads(path.read_text())["audio"][0]["path"] == "../songs/s.wav"
    moved.parent.mkdir()
    project.rename(moved)
    document, motion = load_choreography(moved / "dances" / "dance.json")
    assert Path(document.audio[0].path) == moved / "songs" / "s.wav"
    do((document, motion), Operation("replace", 10, 20))


def test_a_song_that_lies_beside_the_dance_is_found_by_its_content(dance: State, music: Path, tmp_path: Path) -> None:
    """Also one that was on a Windows drive, and although another file has the path that the document names."""
    for number, path in enumerate((r"D:\songs\song.wav", str(tmp_path / "other" / "song.wav"))):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        (tmp_path / "other").mkdir(exist_ok=True)
        (tmp_path / "other" / "song.wav").write_bytes(music.read_bytes()[:-2])
        shutil.copy(music, folder / "song.wav")
        audio = replace(dance[0].audio[0], path=path)
        file = saved(without_music((replace(dance[0], audio=(audio,)), dance[1])), folder)
        document, motion = load_choreography(file)
        assert Path(document.audio[0].path) == folder / "song.wav"
        do((document, motion), Operation("replace", 10, 20))


@pytest.mark.parametrize(
    ("path", "folder", "expected"),
    [
        ("/project/song.wav", "/project", "song.wav"),
        ("/songs/song.wav", "/project/dances", "../../songs/song.wav"),
        (r"C:\songs\song.wav", r"C:\project", "../songs/song.wav"),
        (r"D:\songs\song.wav", r"C:\project", None),
        (r"\\server\a\song.wav", r"\\server\b\project", None),
        ("/songs/song.wav", r"C:\project", None),
    ],
)
def test_a_path_is_relative_where_the_drive_is_the_same(path: str, folder: str, expected: str | None) -> None:
    assert relative_path(path, folder) == expected


def test_relinking_accepts_the_song_and_another_recording_only_where_it_is_asked_for(
    dance: State, tmp_path: Path, music: Path
) -> None:
    old = without_song(dance)
    renamed = Path(shutil.copy(music, tmp_path / "renamed.wav"))
    edited = do(old, Operation("relink", file=str(renamed)))
    assert edited.document.audio[0] == replace(dance[0].audio[0], path=str(renamed))
    another = tmp_path / "remastered.wav"
    write_demo_song(another, "rumba", 12.0)
    with pytest.raises(ChoreographyError, match=r"remastered\.wav is not the song .*another recording"):
        do(old, Operation("relink", file=str(another)))
    edited = do(old, Operation("relink", file=str(another), another=True))
    (audio,) = edited.document.audio
    assert (audio.path, audio.size) == (str(another), another.stat().st_size)
    assert audio.sha256 == hashlib.sha256(another.read_bytes()).hexdigest()
    assert audio.beats == dance[0].audio[0].beats
    assert same(do((edited.document, edited.dance), Operation("regenerate")), do(dance, Operation("regenerate")))
    for file in (tmp_path, tmp_path / "gone.wav"):
        with pytest.raises(AudioError, match="cannot be read"):
            do(old, Operation("relink", file=str(file)))


def test_of_several_songs_the_one_of_the_same_content_is_relinked_or_the_missing_one() -> None:
    from test_choreography import fresh

    songs = tuple(Audio(f"{name}.wav", name * 64, at=at) for name, at in (("a", 0), ("b", 8), ("a", 16)))
    document = replace(fresh(), audio=songs)
    found = relink(document, "new.wav", "b" * 64, 7, [0, 1, 2], False)
    assert [audio.path for audio in found.audio] == ["a.wav", "new.wav", "a.wav"]
    other = relink(document, "new.wav", "c" * 64, 7, [2], True)
    assert [audio.sha256[0] for audio in other.audio] == ["c", "b", "c"]  # the same song twice
    with pytest.raises(ChoreographyError, match="unclear which one"):
        relink(document, "new.wav", "c" * 64, 7, [], True)


def test_a_song_that_is_a_pipe_is_refused_and_not_waited_for(dance: State, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    audio = replace(dance[0].audio[0], path=str(tmp_path / "pipe.wav"), size=None)
    with pytest.raises(AudioError, match="a device or a pipe"):
        do(without_music((replace(dance[0], audio=(audio,)), dance[1])), Operation("regenerate"))


def test_the_command_line_relinks_and_edits_without_the_song(dance: State, music: Path, tmp_path: Path) -> None:
    path = saved(without_music(without_song(dance)), tmp_path)
    song = shutil.copy(music, tmp_path / "found.wav")

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "engine", "edit", path, *arguments, "-o", tmp_path / "two.npz"]
        command += ["--choreography", tmp_path / "two.json", "--device", "cpu"]
        return subprocess.run([str(each) for each in command], capture_output=True, text=True, check=False)

    failed = run("--replace", "10:20")
    assert failed.returncode == 1 and "edit --relink" in failed.stderr
    done = run("--relink", song, "--replace", "10:20")
    assert done.returncode == 0, done.stderr
    document = from_json((tmp_path / "two.json").read_text())
    assert document.audio[0].path == "found.wav"
    assert from_json(to_json(document)) == document


def test_a_song_that_the_engine_cannot_read_is_asked_for_and_read_as_blender_decoded_it(
    music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without PyAV: wav files alone are read here."""
    compressed = tmp_path / "song.mp3"
    compressed.write_bytes(b"not for us")
    probed = reading.probe

    def only_wav(file: Path) -> object:
        if file.suffix != ".wav":
            raise AudioError(f"{file.name}: is no wav file.")
        return probed(file)

    monkeypatch.setattr(reading, "probe", only_wav)
    with pytest.raises(AudioError) as with_pyav:
        reading.read_song(compressed, 1.5, 2.0, 1.0)
    monkeypatch.setattr(reading, "find_spec", lambda name: None)
    with pytest.raises(AudioError) as alone:  # on the command line
        reading.read_song(compressed, 1.5, 2.0, 1.0)
    assert not isinstance(with_pyav.value, UndecodedError) and not isinstance(alone.value, UndecodedError)

    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(UndecodedError, match=r"song\.mp3: is no wav file") as whole:  # until the song was heard
        reading.read_song(compressed, 1.5, 2.0, 1.0)
    assert (whole.value.file, whole.value.first, whole.value.last) == (str(compressed), 0, None)
    everything = place_of(tmp_path, compressed, 0, None)
    cut(music, everything, 0, None)
    ours, direct = (reading.read_song(file, 1.5, 2.0, 1.0) for file in (compressed, music))
    assert np.allclose(ours.samples, direct.samples, atol=1e-6)
    assert np.array_equal(ours.rhythm.times, direct.rhythm.times)
    everything.unlink()
    wanted = {(1.5, 2.0): (0, 5), (-0.5, 2.0): (0, 3), (2.5, None): (1, None)}
    for (start, seconds), (first, last) in wanted.items():
        with pytest.raises(UndecodedError, match=r"song\.mp3: is no wav file") as caught:
            reading.read_song(compressed, start, seconds, 1.0)
        assert (caught.value.file, caught.value.first, caught.value.last) == (str(compressed), first, last)
        decoded = place_of(tmp_path, compressed, first, last)
        cut(music, decoded, first, last)
        ours, direct = (reading.read_song(file, start, seconds, 1.0) for file in (compressed, music))
        assert ours.seconds == direct.seconds
        assert np.allclose(ours.samples, direct.samples, atol=1e-6)
        assert np.allclose(ours.resampled(16_000), direct.resampled(16_000), atol=1e-6)
        assert np.array_equal(ours.rhythm.times, direct.rhythm.times)
    cut(music, place_of(tmp_path, compressed, 98, 102), 98, 102)
    with pytest.raises(AudioError, match=r"song\.mp3: has no sound from second 99 on"):
        reading.read_song(compressed, 99.0, 2.0, 1.0)
    with pytest.raises(AudioError, match=r"gone\.mp3: is no wav file"):
        reading.read_song(tmp_path / "gone.mp3", 0.0, None, 1.0)


def cut(source: Path, target: Path, first: int, last: int | None) -> None:
    """Seconds first..last of a 16-bit wav file as another."""
    with wave.open(str(source)) as sound, wave.open(str(target), "wb") as out:
        out.setparams(sound.getparams())
        count = sound.getnframes()
        begin = min(first * sound.getframerate(), count)
        sound.setpos(begin)
        out.writeframes(sound.readframes((count if last is None else last * sound.getframerate()) - begin))
