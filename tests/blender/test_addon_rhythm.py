"""What is heard of a song, before and after it is danced to, and how an animator corrects it."""

from __future__ import annotations

import json
import shutil

import pytest

pytest.importorskip("bpy")
import bpy
from test_addon_choreography_panel import Layout
from test_addon_generate import HAS_SOUND, NO_SOUND, add_song

from magma_blender.scene import beat_markers, song_rhythms
from magma_blender.scene.dancer import load

pytestmark = pytest.mark.skipif(not HAS_SOUND, reason=NO_SOUND)


@pytest.fixture
def strip(magma, tmp_path):
    """A song of 3 s from frame 31 on, at 30 frames a second, whose rhythm nobody knows yet."""
    added = add_song(tmp_path, 31)
    bpy.context.scene.magma.use_body = False
    return added


def known():
    (only,) = song_rhythms.all_known(bpy.context.scene)
    return only


def drawn():
    from magma_blender.ui.music_panel import draw_rhythm

    layout = Layout(bpy.context)
    draw_rhythm(layout, bpy.context)
    return layout.seen


def audio(name="song"):
    return load(bpy.data.objects[name]).document.audio[0]


def test_a_song_is_heard_and_shown_before_it_is_danced_to(strip):
    from magma_blender.ui.music_panel import heard_song

    assert drawn() == ["Listen"] and heard_song(bpy.context) is None
    assert bpy.ops.magma.listen() == {"FINISHED"}
    text = drawn()
    assert "120.0 beats/min, 60% sure" in text and "60.0?" in text and "3 beats a bar, 70% sure" in text
    assert "Unsure which style fits:" in text and "Rumba 30%" in text and "Listen" not in text
    source, song = heard_song(bpy.context)
    beats = beat_markers.beats_heard(song.rhythm, source, 30.0)
    # the strip plays 3 s from frame 31 on: of the beats at 0.25, 0.75 ... those before second 3
    assert [beat.frame for beat in beats] == [31 + 30 * second for second in (0.25, 0.75, 1.25, 1.75, 2.25, 2.75)]
    assert [(beat.bar, beat.beat) for beat in beats] == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)]


def test_a_strip_that_plays_a_part_shows_the_beats_of_that_part(strip):
    strip.frame_offset_start = 30
    assert bpy.ops.magma.listen() == {"FINISHED"}
    assert bpy.ops.magma.mark_song_beats() == {"FINISHED"}
    markers = sorted((marker.frame, marker.name) for marker in bpy.context.scene.timeline_markers)
    # frame 61 is second 1 of the file
    assert [frame for frame, _ in markers] == [round(31 + 30 * second) for second in (1.25, 1.75, 2.25, 2.75)]
    assert markers[1][1] == "bar 2"


def test_the_first_dance_tells_the_rhythm_too(strip):
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    assert known().rhythm.tempo == 120 and "120.0 beats/min, 60% sure" in drawn()


def test_corrections_are_heard_kept_and_danced_to(strip, tmp_path):
    scene = bpy.context.scene
    bpy.ops.magma.listen()
    assert bpy.ops.magma.scale_tempo(factor=0.5) == {"FINISHED"}
    assert known().rhythm.tempo == 60 and known().correction.tempo == 60
    assert bpy.ops.magma.set_tempo(tempo=240.0) == {"FINISHED"}
    assert bpy.ops.magma.set_metre(beats=4) == {"FINISHED"}
    scene.frame_set(31 + 15)  # half a second into the song: the second beat at 240 a minute, from 0.25 s on
    assert bpy.ops.magma.this_is_one() == {"FINISHED"}
    correction = known().correction
    assert (correction.tempo, correction.beats_per_bar) == (240, 4) and correction.one == pytest.approx(0.5)
    assert known().rhythm.ones[:2] == (1, 5)

    file = tmp_path / "saved.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    bpy.ops.wm.open_mainfile(filepath=str(file))
    assert known().correction == correction
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    danced = audio()
    assert danced.correction == correction and danced.ones[:2] == (1, 5) and danced.beats_per_bar == 4
    first = beat_markers.beats_of(load(bpy.data.objects["song"]))[:3]
    assert [(beat.bar, beat.beat) for beat in first] == [(0, 4), (1, 1), (1, 2)]  # an upbeat
    assert bpy.ops.magma.reset_rhythm() == {"FINISHED"}
    assert not known().correction and known().rhythm.tempo == 120
    assert audio().correction == correction  # the dance has its own, until it is told


def test_a_dance_follows_a_rhythm_that_is_corrected_afterwards(strip):
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    dancer = bpy.data.objects["song"]
    bpy.context.view_layer.objects.active = dancer
    before = load(dancer)
    assert "Use for This Dance" not in drawn()
    bpy.ops.magma.set_tempo(tempo=60.0)
    assert "Use for This Dance" in drawn()
    assert bpy.ops.magma.update_rhythm() == {"FINISHED"}
    after = load(dancer)
    assert after.document.audio[0].beats == (0.25, 1.25, 2.25) and after.document.audio[0].correction.tempo == 60
    assert after.document.tokens == before.document.tokens and after.key_prints == before.key_prints
    assert "Use for This Dance" not in drawn()
    with pytest.raises(RuntimeError, match="has the rhythm of its songs as it is known"):
        bpy.ops.magma.update_rhythm()
    assert bpy.ops.magma.regenerate_free() == {"FINISHED"}
    assert audio().correction.tempo == 60


def test_a_wrong_tempo_put_right_dances_as_if_it_had_been_right_at_once(strip):
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    right = load(bpy.data.objects["song"])
    for tempo in (77.0, 154.0):
        bpy.ops.magma.set_tempo(tempo=tempo)
    assert bpy.ops.magma.reset_rhythm() == {"FINISHED"}
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    again = load(bpy.data.objects["song.001"])
    assert (again.document, again.npz) == (right.document, right.npz)


def test_a_moved_marker_moves_the_beat(strip):
    scene = bpy.context.scene
    bpy.ops.magma.listen()
    bpy.ops.magma.mark_song_beats()
    assert "Follow Moved Marker" not in drawn()
    marker = next(marker for marker in scene.timeline_markers if marker.name == "bar 1.2")
    marker.frame += 3
    scene.timeline_markers.new("the user's own", frame=50)
    assert "Follow Moved Marker" in drawn()
    assert bpy.ops.magma.follow_markers() == {"FINISHED"}
    assert known().correction.anchors == pytest.approx([(marker_frame(scene, "bar 1.2") - 31) / 30], abs=0.02)
    assert known().rhythm.beats[1] == pytest.approx(0.85, abs=0.02)
    assert "Follow Moved Marker" not in drawn() and marker_frame(scene, "the user's own") == 50
    with pytest.raises(RuntimeError, match="No marker of a beat was moved"):
        bpy.ops.magma.follow_markers()


def marker_frame(scene, name):
    (only,) = (marker.frame for marker in scene.timeline_markers if marker.name == name)
    return only


def test_a_correction_is_offered_again_for_the_same_song_elsewhere(strip, tmp_path):
    bpy.ops.magma.set_tempo(tempo=90.0)
    moved = tmp_path / "elsewhere" / "another name.wav"
    moved.parent.mkdir()
    shutil.move(bpy.path.abspath(strip.sound.filepath), moved)
    strip.sound.filepath = str(moved)
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    assert audio().correction.tempo == 90 and known().name == "another name.wav"


def test_taps_give_a_tempo(strip, monkeypatch):
    from magma_blender.operators import rhythm

    now = [100.0]
    monkeypatch.setattr(rhythm.time, "perf_counter", lambda: now[0])
    with pytest.raises(RuntimeError, match="Too few taps"):
        bpy.ops.magma.use_taps()
    for gap in (9.0, 0.61, 0.59, 0.6, 0.6):  # the first one is long ago
        now[0] += gap
        bpy.ops.magma.tap_tempo()
    assert rhythm.tapped_tempo() == pytest.approx(100.0)
    assert bpy.ops.magma.use_taps() == {"FINISHED"}
    assert known().correction.tempo == pytest.approx(100.0) and rhythm.tapped_tempo() is None


def test_taps_to_a_strip_that_plays_faster_are_of_the_song_itself(strip, monkeypatch):
    from magma_blender.operators import rhythm

    if not hasattr(strip, "speed_factor"):
        return
    strip.speed_factor = 2.0
    now = [0.0]
    monkeypatch.setattr(rhythm.time, "perf_counter", lambda: now[0])
    for _ in range(5):
        now[0] += 0.25  # 240 a minute, heard at twice the speed
        bpy.ops.magma.tap_tempo()
    assert bpy.ops.magma.use_taps() == {"FINISHED"}
    assert known().correction.tempo == pytest.approx(120.0)


def test_the_second_style_is_one_click_away(strip):
    bpy.ops.magma.listen()
    assert "Waltz 60%" in drawn()
    assert bpy.ops.magma.use_style(style="rumba") == {"FINISHED"}
    assert bpy.context.scene.magma.style == "rumba" and "Waltz 60%" not in drawn()
    assert bpy.ops.magma.use_style(style="") == {"FINISHED"}
    with pytest.raises(RuntimeError, match="has no style 'polka'"):
        bpy.ops.magma.use_style(style="polka")


@pytest.mark.parametrize("tempo", [1.0, 500.0])
def test_what_is_no_tempo_is_refused(strip, tempo):
    bpy.ops.magma.set_tempo(tempo=20.0 if tempo < 20 else 400.0)
    with pytest.raises(RuntimeError, match="is no tempo"):
        bpy.ops.magma.scale_tempo(factor=0.5 if tempo < 20 else 2.0)
    assert known().correction.tempo in (20.0, 400.0)


@pytest.mark.parametrize("damage", ["", "{", "[1]", '[{"rhythm": {}}]', "9" * 100, '[{"rhythm": [], "name": 3}]', 7])
def test_damage_of_what_the_scene_knows_costs_a_listening_and_nothing_else(strip, damage):
    bpy.context.scene[song_rhythms.KEY] = damage
    assert drawn() == ["Listen"]
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    assert known().rhythm.tempo == 120


def test_what_the_scene_knows_stays_small(strip):
    bpy.ops.magma.listen()
    stored = json.loads(bpy.context.scene[song_rhythms.KEY])
    many = [{**stored[0], "rhythm": {**stored[0]["rhythm"], "sha256": f"{number:064x}"}} for number in range(40)]
    bpy.context.scene[song_rhythms.KEY] = json.dumps(many)
    bpy.ops.magma.listen()
    assert len(song_rhythms.all_known(bpy.context.scene)) == song_rhythms.MOST_SONGS


def test_only_the_engine_fails_and_nothing_is_changed(strip, addon, tmp_path):
    import blenders

    bpy.ops.magma.listen()
    before = bpy.context.scene[song_rhythms.KEY]
    blenders.use_engine(addon, tmp_path, "fail")
    with pytest.raises(RuntimeError, match="The song is silent"):
        bpy.ops.magma.set_tempo(tempo=90.0)
    assert bpy.context.scene[song_rhythms.KEY] == before
