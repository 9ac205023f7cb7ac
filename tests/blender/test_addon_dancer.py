"""The record that an armature carries of its dance: of this format, of the one before, and damaged."""

from __future__ import annotations

import json
import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("bpy")
import bpy
from dances import keys, lock_the_second_second, saved_and_opened, select_frames, spans, state

from engine.choreography import VERSION, Audio, to_json
from magma_blender.scene import dancer_migration
from magma_blender.scene.beat_markers import beats_of
from magma_blender.scene.dance_keys import hand_edited
from magma_blender.scene.dancer import KEYS, RECORD_KEY, load, read, stored_in, write

FORMAT_1 = Path(__file__).resolve().parent / "dancer_format_1.blend"
"""Written by the version before the record: "format 1", a waltz of 3 s whose second second is locked and whose rest was
regenerated, and "before documents", a dance of 1 s that carries no document."""
FORMAT_2 = FORMAT_1.with_name("dancer_format_2.blend")
"""Written by the version before songs could move: "format 2", with the same dance as "format 1"."""


def expect_sentence(armature, pattern):
    from magma_blender.errors import SceneError
    from magma_blender.scene.dancer import load

    with pytest.raises(SceneError, match=pattern) as caught:
        load(armature)
    assert "\n" not in str(caught.value)


@pytest.fixture
def format_1(magma):
    bpy.ops.wm.open_mainfile(filepath=str(FORMAT_1))
    return bpy.data.objects["format 1"]


def test_a_record_is_one_property_and_comes_back_equal(dancer, tmp_path):
    lock_the_second_second(dancer)
    made = load(dancer)
    assert list(stored_in(dancer)) == [RECORD_KEY]
    assert load(saved_and_opened(tmp_path)) == made


def test_a_dance_of_the_format_before_is_read_as_it_was(format_1):
    old = json.loads(format_1["magma_choreography"])
    read_now = load(format_1)
    assert (read_now.frame_start, read_now.fps, read_now.strip, read_now.action) == (1, 30.0, "song", "song")
    assert read_now.beat_snap == 0.5
    (song,) = read_now.document.audio
    assert (song.path, song.seconds, song.beats_per_bar) == ("/songs/song.wav", 3.0, 3)
    assert list(song.beats) == old["beats"] and old["beats"]
    assert spans(format_1) == [(0, 5, False, 1, 2), (5, 10, True, 0, 1), (10, 15, False, 1, 2)]
    assert [code for row in read_now.document.tokens for code in row] == list(format_1["magma_tokens"])
    assert hand_edited(format_1, read_now) == []
    assert [(beat.bar, beat.beat) for beat in beats_of(read_now)] == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)]
    assert "magma_choreography" in format_1 and RECORD_KEY not in format_1  # nothing is written by reading


def test_the_next_edit_writes_the_present_format(format_1, tmp_path):
    bpy.context.view_layer.objects.active = format_1
    was, before = load(format_1), keys(format_1)
    select_frames(1, 18)
    assert bpy.ops.magma.lock_spans() == {"FINISHED"}
    assert list(stored_in(format_1)) == [RECORD_KEY]
    now = load(format_1)
    assert now.npz == was.npz and hand_edited(format_1, now) == []
    (song,) = now.document.audio
    assert song.path.startswith("//") and bpy.path.abspath(song.path).endswith("/songs/song.wav")
    assert (replace(song, path="/songs/song.wav"),) == was.document.audio
    bpy.context.scene.use_preview_range = False
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    after = keys(format_1)
    assert np.array_equal(after[:18], before[:18]) and np.array_equal(after[30:60], before[30:60])
    assert (after[61:] != before[61:]).any(axis=1).all()
    made = state(format_1)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "saved.blend"))
    assert state(bpy.data.objects["format 1"]) == made


def test_a_dance_from_before_documents_keeps_its_keys_and_gets_one_sentence(format_1):
    older = bpy.data.objects["before documents"]
    bpy.data.objects.remove(format_1)
    bpy.context.view_layer.objects.active = older
    before = keys(older)
    expect_sentence(older, 'The dance of "before documents" was made before dances could be edited: generate it again')
    assert not bpy.ops.magma.lock_spans.poll() and not bpy.ops.magma.restore_keyframes.poll()
    assert np.array_equal(keys(older), before) and list(stored_in(older)) == ["magma_choreography", "magma_tokens"]


@pytest.mark.made_up
def test_beats_and_metre_of_the_format_before_go_into_the_songs(dancer):
    made = load(dancer)
    songs = (replace(made.document.audio[0], beats=(), ones=()), Audio("second.wav", "0" * 64, at=10, style="salsa"))
    document = to_json(replace(made.document, audio=songs))
    about = {"format": 1, "frame_start": 5, "fps": 24.0, "strip": "s", "action": "a", "beats": [0.5, 1.5, 2.5]}
    old = dict.fromkeys(dancer_migration.KEYS) | {"magma_document": document, "magma_choreography": json.dumps(about)}
    old |= {"magma_take": made.npz, "magma_key_prints": list(made.key_prints)}
    new = read(dancer_migration.upgraded(old, lambda _, style: 3 if style == "waltz" else 4))
    assert [(song.beats, song.beats_per_bar) for song in new.document.audio] == [((0.5, 1.5), 3), ((), 4)]
    assert (new.beat_snap, new.npz) == (0.0, made.npz)  # there was no beat snap in the beginning

    # beats only mark the timeline: one that comes twice, or is no number, does not cost the dance
    for beats, expected in (([0.5, 0.5, 0.2], (0.2, 0.5)), ([0.5, "x"], ())):
        old["magma_choreography"] = json.dumps({**about, "beats": beats})
        upgraded = dancer_migration.upgraded(old, lambda *_: 4)
        assert read(upgraded).document.audio[0].beats == expected


DAMAGE = {
    "version": 5,
    "document": "{}",
    "motion": "text",
    "frame_start": 1.5,
    "fps": 0.0,
    "strip": 7,
    "action": 7,
    "beat_snap": 2.0,
    "key_prints": [0.5],
    "character": "{}",
}


@pytest.mark.parametrize("name", DAMAGE)
@pytest.mark.parametrize("how", ["wrong", "missing"])
def test_a_damaged_record_is_one_sentence_and_nothing_fails_in_drawing(dancer, name, how):
    from magma_blender.scene.dancer import forget_seen  # of the add-on as it is enabled now

    record = stored_in(dancer)[RECORD_KEY]
    assert set(record) - {"version_kept"} == set(DAMAGE)  # the number of a version says nothing of the dance
    if how == "wrong":
        record[name] = DAMAGE[name]
    else:
        del record[name]
    dancer.pop(RECORD_KEY)
    dancer[RECORD_KEY] = record
    forget_seen()  # as another file is loaded
    expect_sentence(dancer, "is damaged .*: generate the dance again")
    draw_everything(dancer)
    with pytest.raises(RuntimeError, match="is damaged"):
        bpy.ops.magma.lock_spans()


@pytest.mark.parametrize("foreign", [3, "text", [1, 2], {"version": 2}])
def test_a_foreign_property_of_that_name_is_one_sentence(dancer, foreign):
    dancer.pop(RECORD_KEY)
    dancer[RECORD_KEY] = foreign
    expect_sentence(dancer, "is damaged")
    draw_everything(dancer)
    bpy.context.scene.magma.target = dancer
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}  # as the sentence says
    assert spans(dancer) == [(0, 15, False, 0, 1)]


@pytest.mark.parametrize("damage", [("magma_choreography", "{}"), ("magma_document", "{}"), ("magma_take", 3)])
def test_a_damaged_dance_of_the_format_before_is_one_sentence(format_1, damage):
    format_1.pop(damage[0])
    format_1[damage[0]] = damage[1]
    expect_sentence(format_1, "is damaged")
    draw_everything(format_1)


def draw_everything(armature):
    from test_addon_choreography_panel import Layout

    from magma_blender.ui import choreography_panel

    bpy.context.view_layer.objects.active = armature
    context = types.SimpleNamespace(
        scene=bpy.context.scene,
        view_layer=bpy.context.view_layer,
        preferences=types.SimpleNamespace(system=types.SimpleNamespace(ui_scale=1.0)),
        region=types.SimpleNamespace(width=400),
    )
    layout = Layout(context)
    choreography_panel.MAGMA_PT_viewport_choreography.draw(types.SimpleNamespace(layout=layout), context)
    choreography_panel.MAGMA_MT_span_style.draw(types.SimpleNamespace(layout=layout), context)
    assert "is damaged" in " ".join(layout.seen)


def test_a_dance_that_fails_leaves_the_record_of_either_format(format_1, monkeypatch, tmp_path):
    from test_addon_generate import add_song

    from magma_blender.scene import dancer as record

    add_song(tmp_path)
    if format_1.name not in bpy.context.scene.objects:  # without sound, the song comes with a scene of its own
        bpy.context.scene.collection.objects.link(format_1)
    bpy.context.scene.magma.target = format_1

    def broken(armature, dancer):
        record.write(armature, dancer)
        raise ValueError("disk on fire")

    monkeypatch.setattr("magma_blender.scene.dance_keys.write", broken)
    for prepare in (lambda: None, lambda: write(format_1, load(format_1))):
        prepare()
        before, shown = state(format_1), stored_in(format_1)
        with pytest.raises(RuntimeError, match="disk on fire"):
            bpy.ops.magma.generate_dance()
        assert state(format_1) == before and stored_in(format_1) == shown
        assert {key for key in KEYS if key in format_1} == set(shown)


MANY = 1_000_000


def hostile_records(record):
    """Records of many kinds that no add-on wrote."""
    document = record["document"]
    beats = "[0.25,0.75,1.25,1.75,2.25,2.75]"
    assert beats in document
    deep = {"document": "{}"}
    for _ in range(50):
        deep = {"document": deep}
    texts = {
        "a million beats": document.replace(beats, str(list(range(MANY)))),
        "NaN": document.replace(beats, "[NaN]"),
        "a million spans": document.replace('"spans":[', '"spans":[' + '{"variants":[{}]},' * MANY),
        "a million variants": document.replace('"variants":[', '"variants":[' + '{"codes":[[1]]},' * MANY),
        "a long text": "x" * (40 * 2**20),
        "deep lists": "[" * 100_000,
        "no document": "\N{GRINNING FACE}",
    }
    return {
        **{name: {**record, "document": text} for name, text in texts.items()},
        "deep groups": {**record, "document": deep},
        "a group of frames": {**record, "key_prints": {"a": [1, 2]}},
        "many frames": {**record, "key_prints": [1] * 3 * MANY},
        "frames of numbers": {**record, "key_prints": [0.5] * MANY},
        "a text of frames": {**record, "key_prints": "[1, 2]"},
        "no numbers": {**record, "fps": float("nan"), "beat_snap": float("inf")},
        "odd fields": {**record, "version": "2", "strip": b"\xff\xfe"},
        "foreign fields": {"version": 2, "anything": [[1.0]] * 1000},
    }


@pytest.mark.made_up
def test_frames_up_to_the_last_one_select_all_positions(dancer):
    """A dance of three seconds needs 31 positions of a tenth, of which the last one shows in no frame."""
    kept = load(dancer)
    shorter = replace(kept, key_prints=kept.key_prints[:85])
    assert [shorter.positions_in(1, last) for last in (84, 85, 200)] == [(0, 14), (0, 15), (0, 15)]
    assert kept.positions_in(1, 85) == (0, 14)


@pytest.mark.made_up
def test_a_hostile_record_is_none_in_drawing_and_costs_a_look(dancer):
    """A second's bound for what takes milliseconds: the first such file cost twelve seconds a drawing."""
    import time

    from magma_blender.scene.dancer import load_or_none

    hostile = hostile_records(stored_in(dancer)[RECORD_KEY])
    for name, record in hostile.items():
        dancer.pop(RECORD_KEY)
        dancer[RECORD_KEY] = record
        begin = time.perf_counter()
        for _ in range(3):
            assert load_or_none(dancer) is None, name
        assert time.perf_counter() - begin < 3, name
    draw_everything(dancer)


@pytest.mark.parametrize("field", ["document", "motion", "strip"])
def test_what_is_larger_than_any_dances_is_not_looked_at(dancer, monkeypatch, field):
    """The bound is a gigabyte, which a test cannot keep in a file."""
    monkeypatch.setattr("magma_blender.scene.dancer._LARGEST", 200_000)
    record = stored_in(dancer)[RECORD_KEY]
    assert load(dancer).strip == "song"
    dancer[RECORD_KEY] = (
        {**record, field: record[field] + type(record[field])(300_000)}
        if field == "motion"
        else {**record, field: record[field] + " " * 300_000}
    )
    expect_sentence(dancer, f"its {field} is None")


def test_a_hostile_dance_of_the_format_before_is_none(format_1):
    from magma_blender.scene.dancer import load_or_none

    for key in ("magma_choreography", "magma_document", "magma_take", "magma_key_prints"):
        was = stored_in(format_1)[key]
        for value in ("[" * 100_000, "{" * 100, '{"format": 1, "beats": [' * 50, {"format": 1}, [0.5] * 10, b"\0"):
            format_1.pop(key)
            format_1[key] = value
            if key != "magma_take" or not isinstance(value, bytes):
                assert load_or_none(format_1) is None
        format_1.pop(key)
        format_1[key] = was
    assert load_or_none(format_1) is not None


@pytest.fixture
def format_2(magma):
    bpy.ops.wm.open_mainfile(filepath=str(FORMAT_2))
    return bpy.data.objects["format 2"]


def test_a_dance_without_kept_music_and_versions_is_edited_and_gets_the_present_document(format_2, tmp_path):
    """As the add-on saved it before songs could move."""
    bpy.context.view_layer.objects.active = format_2
    was, before = load(format_2), keys(format_2)
    assert spans(format_2) == [(0, 5, False, 1, 2), (5, 10, True, 0, 1), (10, 15, False, 1, 2)]
    assert json.loads(format_2[RECORD_KEY]["document"])["version"] == 2
    assert was.document.checkpoint.label == "default@1" and was.document.audio[0].path == "/songs/song.wav"
    assert hand_edited(format_2, was) == []
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    assert np.array_equal(keys(format_2)[30:60], before[30:60])
    assert json.loads(format_2[RECORD_KEY]["document"])["version"] == VERSION
    made = state(format_2)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "saved.blend"))
    assert state(bpy.data.objects["format 2"]) == made
