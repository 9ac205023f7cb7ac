"""The song of a dance moves, is renamed, packed, mixed down or lost: every edit works, and its beats stay.

The fake engine in mode `needs-song` refuses every edit whose song is not the file that the document names, although
most real edits need no song at all.
"""

from __future__ import annotations

import io
import types
from pathlib import Path

import blenders
import numpy as np
import pytest

pytest.importorskip("bpy")
import bpy
import skips
from dances import keys, select_frames
from test_addon_choreography_panel import Layout
from test_addon_generate import HAS_SOUND, NO_SOUND, add_song

from magma_blender.scene.dancer import load

pytestmark = pytest.mark.skipif(bpy.app.version[:2] in skips.ELSEWHERE_IN, reason=skips.ELSEWHERE)

needs_sound = pytest.mark.skipif(not HAS_SOUND, reason=NO_SOUND)
BEATS = (0.25, 0.75, 1.25, 1.75, 2.25, 2.75)


@pytest.fixture
def project(magma, tmp_path):
    """A project saved with its song beside it, and a dance to it; gives the folder."""
    folder = tmp_path / "project"
    folder.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "dance.blend"))
    add_song(folder)
    generate(magma, tmp_path)
    return folder


def generate(magma, tmp_path):
    bpy.context.scene.magma.use_body = False
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    blenders.use_engine(magma, tmp_path, "needs-song")


def dancer():
    return bpy.data.objects["song"]


def look_again():
    """Let the panel look for songs at once, and not only after two seconds."""
    from magma_blender.media import song_asset

    song_asset.forget()


def audio():
    return load(dancer()).document.audio[0]


def opened(file):
    bpy.ops.wm.open_mainfile(filepath=str(file))
    bpy.context.view_layer.objects.active = dancer()
    look_again()


def sound_strip():
    editor = bpy.context.scene.sequence_editor
    return next(iter(editor.strips if hasattr(editor, "strips") else editor.sequences))


def check_every_edit_works():
    """Edits of all kinds that ask the engine, and that the beats are still those of the song."""
    before = keys(dancer())
    select_frames(1, 90)
    bpy.ops.magma.unlock_spans()
    select_frames(31, 60)
    for operator, values in (
        ("replace_spans", {"variants": 1}),
        ("mirror_spans", {}),
        ("regenerate_free", {}),
        ("make_loop", {}),
    ):
        assert getattr(bpy.ops.magma, operator)(**values) == {"FINISHED"}
    assert (keys(dancer()) != before).any() and audio().beats == BEATS
    bpy.context.scene.use_preview_range = False
    assert bpy.ops.magma.mark_beats() == {"FINISHED"}


def shown():
    """What the panel says."""
    from magma_blender.ui import choreography_panel

    context = types.SimpleNamespace(
        scene=bpy.context.scene,
        view_layer=bpy.context.view_layer,
        preferences=types.SimpleNamespace(system=types.SimpleNamespace(ui_scale=1.0)),
        region=types.SimpleNamespace(width=600),
    )
    layout = Layout(context)
    choreography_panel.MAGMA_PT_viewport_choreography.draw(types.SimpleNamespace(layout=layout), context)
    return " ".join(layout.seen)


def remove_sounds():
    """Only the dance still knows the song."""
    if HAS_SOUND:
        bpy.context.scene.sequence_editor_clear()
    for sound in list(bpy.data.sounds):
        bpy.data.sounds.remove(sound)


def test_a_project_that_moves_is_edited_as_before(project, tmp_path):
    assert audio().path == "//song.wav" and audio().size == (project / "song.wav").stat().st_size
    bpy.ops.wm.save_mainfile()
    moved = tmp_path / "archive" / "2026"
    moved.parent.mkdir()
    project.rename(moved)
    opened(moved / "dance.blend")
    remove_sounds()
    check_every_edit_works()
    assert audio().path == "//song.wav"
    assert "not found" not in shown() and "default@1" in shown()


def test_a_dance_of_a_file_that_was_never_saved_gets_a_relative_path_at_its_next_edit(magma, tmp_path):
    add_song(tmp_path)
    generate(magma, tmp_path)
    assert audio().path == str(tmp_path / "song.wav")
    (tmp_path / "scenes").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scenes" / "dance.blend"))
    check_every_edit_works()
    assert audio().path == "//../song.wav"


@needs_sound
def test_a_song_that_was_renamed_and_relinked_in_its_strip_is_found(project, tmp_path):
    (tmp_path / "music").mkdir()
    (project / "song.wav").rename(tmp_path / "music" / "final mix.wav")
    song = (tmp_path / "music" / "final mix.wav").read_bytes()
    (project / "song.wav").write_bytes(song[:-1] + b"?")  # another file of that name and size
    sound_strip().sound.filepath = str(tmp_path / "music" / "final mix.wav")
    sound_strip().name = "renamed"
    check_every_edit_works()
    assert audio().path == "//../music/final mix.wav"


def test_a_song_that_lies_beside_the_blend_is_found(magma, tmp_path):
    """It lay elsewhere, and came along in a folder with the .blend."""
    music, alone = tmp_path / "music", tmp_path / "alone"
    music.mkdir()
    alone.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "dance.blend"))
    add_song(music)
    generate(magma, tmp_path)
    assert audio().path == "//music/song.wav"
    remove_sounds()
    bpy.ops.wm.save_mainfile()
    for file in (tmp_path / "dance.blend", music / "song.wav"):
        file.rename(alone / file.name)
    opened(alone / "dance.blend")
    check_every_edit_works()
    assert audio().path == "//song.wav"


@needs_sound
def test_a_packed_song_whose_file_is_gone_is_edited(project):
    original = (project / "song.wav").read_bytes()
    sound_strip().sound.pack()
    (project / "song.wav").unlink()
    bpy.ops.wm.save_mainfile()
    assert "not found" not in shown()
    check_every_edit_works()
    (unpacked,) = (project / "magma_sounds").iterdir()
    assert unpacked.read_bytes() == original and audio().path == f"//magma_sounds/{unpacked.name}"


@needs_sound
def test_a_sound_that_has_a_file_of_its_own_is_not_copied(magma, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "dance.blend"))
    strip = add_song(tmp_path)
    strip.sound.pack()
    generate(magma, tmp_path)
    assert audio().path == "//song.wav" and not (tmp_path / "magma_sounds").exists()


@needs_sound
def test_a_mixed_down_song_moves_with_the_project_and_is_never_thrown_away(magma, tmp_path, monkeypatch):
    from magma_blender.media import derived_sounds

    folder = tmp_path / "project"
    folder.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "dance.blend"))
    strip = add_song(folder)
    monkeypatch.setattr("magma_blender.media.strips.is_retimed", lambda strip: True)
    generate(magma, tmp_path)
    (mixed,) = (folder / "magma_sounds").iterdir()
    assert audio().path == f"//magma_sounds/{mixed.name}"
    bpy.ops.magma.replace_spans(variants=1)
    # many other sounds later, and its strip renamed
    for number in range(30):
        derived_sounds.keep(f"sound {number}".encode(), ".wav", tmp_path / "spare")
    strip.name = "renamed"
    bpy.ops.wm.save_mainfile()
    folder.rename(tmp_path / "moved")
    opened(tmp_path / "moved" / "dance.blend")
    check_every_edit_works()
    assert len(list((tmp_path / "moved" / "magma_sounds").iterdir())) == 31


def test_a_lost_song_is_said_with_what_to_do_and_edits_work_without_it(magma, project, tmp_path):
    (project / "song.wav").rename(tmp_path / "kept.wav")
    look_again()
    blenders.use_engine(magma, tmp_path, "ok")  # as the real engine, which reads no song that a dance has music of
    check_every_edit_works()
    assert "The song song.wav is not found" in shown() and "Relink Song" in shown()
    blenders.use_engine(magma, tmp_path, "needs-song")
    with pytest.raises(RuntimeError, match=r"song\.wav is not there"):
        bpy.ops.magma.regenerate_free()
    assert bpy.ops.magma.relink_song(filepath=str(tmp_path / "kept.wav")) == {"FINISHED"}
    assert audio().path == "//../kept.wav" and "not found" not in shown()
    check_every_edit_works()


def test_another_recording_is_accepted_only_where_it_is_asked_for(project, tmp_path):
    (project / "song.wav").unlink()
    other = blenders.song(tmp_path, seconds=3.5, name="remaster.wav")
    before = audio()
    with pytest.raises(RuntimeError, match=r"remaster\.wav is not the song .*\(song\.wav\), but another recording"):
        bpy.ops.magma.relink_song(filepath=str(other))
    for wrong, sentence in (
        (tmp_path, "it is a folder"),
        (tmp_path / "gone.wav", "cannot be read"),
        ("", "No song is"),
    ):
        with pytest.raises(RuntimeError, match=sentence):
            bpy.ops.magma.relink_song(filepath=str(wrong))
    assert audio() == before
    assert bpy.ops.magma.relink_song(filepath=str(other), another_recording=True) == {"FINISHED"}
    assert audio().path == "//../remaster.wav" and audio().sha256 != before.sha256 and audio().beats == BEATS
    check_every_edit_works()


def test_a_project_that_cannot_be_written_uses_the_data_folder_and_a_full_disk_says_so(tmp_path, magma, monkeypatch):
    from magma_blender.errors import StripError
    from magma_blender.media import derived_sounds

    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "dance.blend"))
    (tmp_path / "magma_sounds").write_text("in the way")
    spare = tmp_path / "data" / "sounds"
    file = derived_sounds.keep(b"sound", ".wav", spare)
    assert file.parent == spare and file.read_bytes() == b"sound"
    assert derived_sounds.keep(b"sound", ".wav", spare) == file

    def full(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StripError, match=r"cannot be kept .*No space left on device.*: make room there"):
        derived_sounds.keep(b"other", ".wav", spare)
    assert list(spare.iterdir()) == [file]


def test_odd_paths_are_looked_at_without_an_error(magma, tmp_path):
    from dataclasses import replace

    from magma_blender.media import song_asset
    from magma_blender.scene.dancer import write

    add_song(tmp_path)
    generate(magma, tmp_path)
    made = load(dancer())
    for path in ("C:\\songs\\other.wav", "\\\\server\\songs\\other.wav", "//", "x" * 5000, "/dev/zero"):
        songs = (replace(made.document.audio[0], path=path, sha256="1" * 64, size=None),)
        write(dancer(), replace(made, document=replace(made.document, audio=songs)))
        look_again()
        assert "is not found" in shown()
        assert song_asset.find(songs[0], tmp_path) is None


@pytest.mark.skipif(bpy.app.version[:2] != skips.ONCE_IN, reason=skips.ONCE)
@pytest.mark.parametrize("lost", ["deleted", "packed"])
def test_the_real_engine_edits_a_dance_whose_song_is_lost(real_engine, tmp_path, lost):
    if not HAS_SOUND and lost != "deleted":
        pytest.skip(NO_SOUND)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "dance.blend"))
    strip = add_song(tmp_path)
    bpy.context.scene.magma.use_body = False
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    made = load(dancer())
    with np.load(io.BytesIO(made.npz)) as arrays:
        assert arrays["music_features"].shape == (2 * len(made.document), 37)
    if lost == "packed":
        strip.sound.pack()
    (tmp_path / "song.wav").unlink()
    select_frames(31, 60)
    assert bpy.ops.magma.replace_spans(variants=2) == {"FINISHED"}
    assert load(dancer()).document.audio[0].beats == made.document.audio[0].beats
    with np.load(io.BytesIO(load(dancer()).npz)) as arrays:
        assert "music_features" in arrays.files
