"""Which strip is picked, when it is heard and what it plays of its file, with stand-ins for Blender's objects."""

from __future__ import annotations

import types

import pytest

from magma_blender.errors import StripError
from magma_blender.media import audibility, strips
from magma_blender.media.strips import Excerpt


class Thing(types.SimpleNamespace):
    """Equal to itself only, as Blender's objects are."""

    __eq__ = object.__eq__
    __hash__ = object.__hash__


def strip(name="song", kind="SOUND", start=1.0, duration=300, **changes):
    values = {
        "name": name,
        "type": kind,
        "select": False,
        "mute": False,
        "channel": 1,
        "volume": 1.0,
        "frame_start": start,
        "frame_final_start": int(start),
        "frame_final_duration": duration,
        "animation_offset_start": 0,
        "sound": Thing(filepath="//song.ogg"),
        "filepath": "//song.ogg",
        "parent_meta": lambda: None,
        **changes,
    }
    values.setdefault("frame_final_end", values["frame_final_start"] + values["frame_final_duration"])
    return Thing(**values)


def meta(name, *content, first=1, duration=300, channels=8, **changes):
    made = strip(name, "META", start=first, duration=duration, sequences=list(content), **changes)
    made.channels = [Thing(mute=False) for _ in range(channels)]
    for inside in content:
        inside.parent_meta = lambda: made
    return made


def scene(*content, active=None, fps=30, fps_base=1.0, names="sequences", **editor):
    top = Thing(
        active_strip=active, meta_stack=[], channels=[Thing(mute=False)] * 8, **{names: list(content)}, **editor
    )
    return Thing(sequence_editor=top, render=Thing(fps=fps, fps_base=fps_base), animation_data=None)


def picked(stage):
    return strips.pick(Thing(scene=stage))[1]


def test_a_whole_strip_plays_its_file_from_the_start():
    assert strips.excerpt(strip(), 30) == Excerpt(0.0, 10.0, 1.0)


def test_trimming_the_start_moves_into_the_file():
    trimmed = strip(frame_final_start=46, frame_final_duration=100)
    assert strips.excerpt(trimmed, 30) == Excerpt(1.5, pytest.approx(100 / 30), 1.0)


def test_a_hard_offset_counts_as_trimmed():
    assert strips.excerpt(strip(animation_offset_start=60), 30).start == 2.0


def test_fps_base_makes_frames_longer():
    rate = strips.frame_rate(scene(fps=24, fps_base=1.001))
    assert rate == pytest.approx(23.976, abs=1e-3)
    assert strips.excerpt(strip(frame_final_start=25), rate).start == pytest.approx(1.001)


def test_speed_lengthens_what_is_read_but_not_the_offset():
    fast = strip(frame_final_start=31, frame_final_duration=120, speed_factor=2.0)
    played = strips.excerpt(fast, 30)
    assert played == Excerpt(1.0, 8.0, 2.0)
    assert played.duration == 4.0


def test_sound_offset_can_put_silence_first():
    assert strips.excerpt(strip(sound_offset=0.25), 30).start == -0.25


def test_a_strip_that_starts_before_frame_zero():
    assert strips.excerpt(strip(start=-50.0), 25) == Excerpt(0.0, 12.0, 1.0)


def test_a_fractional_start_is_part_of_the_offset():
    late = strip(frame_start=0.5, frame_final_start=1)
    assert strips.excerpt(late, 30).start == pytest.approx(0.5 / 30)


@pytest.mark.parametrize("speed", [0.0, -1.0])
def test_a_strip_without_speed_is_refused(speed):
    with pytest.raises(StripError, match="has speed"):
        strips.excerpt(strip(speed_factor=speed), 30)


def test_a_length_limit_counts_what_is_heard():
    played = Excerpt(1.0, 20.0, 2.0)
    assert played.limited(4.0) == Excerpt(1.0, 8.0, 2.0)
    assert played.limited(0.0) is played and played.limited(10.0) is played


def test_only_retiming_keys_make_a_strip_retimed():
    assert not strips.is_retimed(strip())
    assert not strips.is_retimed(strip(retiming_keys=[]))
    assert strips.is_retimed(strip(retiming_keys=[1, 2]))


@pytest.mark.parametrize("names", ["sequences", "strips"])
def test_the_active_selected_strip_goes_before_other_selected_ones(names):
    first, second = strip("first", select=True), strip("second", start=400.0, select=True)
    assert picked(scene(first, second, active=second, names=names)) is second
    assert picked(scene(second, first, names=names)) is first


def test_selection_goes_before_an_active_strip_that_is_not_selected():
    first, second = strip("first", select=True), strip("second")
    assert picked(scene(first, second, active=second)) is first


def test_the_only_song_needs_no_selection_but_one_of_two_does():
    only = strip()
    assert picked(scene(only, strip("title", kind="TEXT"))) is only
    with pytest.raises(StripError, match="None of the 2 strips with sound is selected"):
        picked(scene(strip("a"), strip("b")))


def test_no_editor_and_no_sound_are_the_same_error():
    with pytest.raises(StripError, match="No song"):
        picked(Thing(sequence_editor=None, render=None))
    with pytest.raises(StripError, match="No song"):
        picked(scene(strip(kind="IMAGE", select=True)))


def test_a_movie_stands_for_the_sound_that_came_with_it():
    sound = strip("clip.001", sound=Thing(filepath="//films/clip.mp4"))
    movie = strip("clip", kind="MOVIE", filepath="/home/me/films/clip.mp4", select=True, channel=2)
    assert picked(scene(sound, movie, active=movie)) is sound
    alone = strip("clip", kind="MOVIE", select=True)
    assert picked(scene(alone, active=alone)) is alone


def test_the_open_meta_strip_is_what_counts():
    inside, outside = strip("inside"), strip("outside", select=True)
    stage = scene(outside)
    stage.sequence_editor.meta_stack = [Thing(sequences=[inside])]
    assert picked(stage) is inside


def test_the_sequencers_own_scene_of_blender_5_is_used():
    edit = scene(strip())
    assert strips.pick(Thing(scene=scene(), sequencer_scene=edit))[0] is edit
    assert strips.pick(Thing(scene=edit, sequencer_scene=None))[0] is edit


def test_a_strip_pulled_out_to_the_left_is_silent_first_or_plays_at_once_as_its_blender_has_it():
    pulled = {"start": 100.0, "frame_final_start": 70, "duration": 330}
    assert strips.excerpt(strip(**pulled, speed_factor=1.0), 30) == Excerpt(0.0, 11.0, 1.0)  # 3.4
    assert strips.excerpt(strip(**pulled, sound_offset=0.0), 30) == Excerpt(-1.0, 11.0, 1.0)  # 4.5


def test_a_part_of_what_is_played_moves_on_in_the_file():
    assert Excerpt(1.0, 20.0, 2.0).part(3.0, 4.0) == Excerpt(7.0, 8.0, 2.0)


def test_a_movie_whose_sound_begins_later_stands_for_that_sound():
    sound = strip("clip.001", start=37.0, frame_final_start=26, sound=Thing(filepath="//clip.mp4"))
    elsewhere = strip("clip.002", start=500.0, sound=Thing(filepath="//clip.mp4"))
    movie = strip("clip", kind="MOVIE", start=26.0, filepath="//clip.mp4", select=True)
    assert picked(scene(elsewhere, sound, movie, active=movie)) is sound
    assert picked(scene(elsewhere, movie, active=movie)) is movie


def test_of_a_movie_cut_in_two_each_half_has_its_own_sound():
    halves = [{"frame_final_start": 1, "duration": 100}, {"frame_final_start": 101, "duration": 200}]
    sounds = [strip(f"sound {n}", sound=Thing(filepath="//a.mp4"), **half) for n, half in enumerate(halves)]
    movies = [strip(f"movie {n}", "MOVIE", filepath="//a.mp4", select=True, **half) for n, half in enumerate(halves)]
    for sound, movie in zip(sounds, movies, strict=True):
        assert picked(scene(*sounds, *movies, active=movie)) is sound


def test_a_movie_and_its_sound_are_one_song_that_needs_no_selection():
    sound, movie = strip("clip.001", sound=Thing(filepath="//clip.mp4")), strip("clip", "MOVIE", filepath="//clip.mp4")
    assert picked(scene(movie, sound)) is sound


def test_a_selected_meta_or_scene_strip_with_sound_inside_is_what_is_meant():
    act = meta("act", meta("inner", strip("song")), select=True)
    assert picked(scene(act, strip("other"), active=act)) is act
    assert picked(scene(act, strip("other"))) is act
    shown = strip("shot", "SCENE", select=True, scene=scene(strip("song")))
    assert picked(scene(shown, strip("other"), active=shown)) is shown


def test_sound_strips_go_before_meta_strips_that_are_selected_with_them():
    song = strip("song", start=50.0, select=True)
    assert picked(scene(meta("act", strip("noise"), select=True), song)) is song


def test_a_meta_strip_without_sound_is_no_song():
    pictures = meta("pictures", strip("still", "IMAGE"), select=True)
    with pytest.raises(StripError, match="No song"):
        picked(scene(pictures, active=pictures))


def test_the_only_meta_strip_with_sound_needs_no_selection():
    act = meta("act", strip("song"))
    assert picked(scene(act, meta("pictures"))) is act


def test_scenes_that_show_each_other_in_a_circle_hold_no_sound():
    one, other = scene(), scene()
    one.sequence_editor.sequences = [strip("other", "SCENE", scene=other, select=True)]
    other.sequence_editor.sequences = [strip("one", "SCENE", scene=one)]
    with pytest.raises(StripError, match="No song"):
        picked(one)


def test_scenes_that_show_each_other_many_times_are_looked_through_once(monkeypatch):
    """Five strips each way would be 5 to the 20th power strips twenty scenes deep, at every drawing of the panel."""
    looked = []
    inside = strips.strips_inside
    monkeypatch.setattr(strips, "strips_inside", lambda one: looked.append(one) or few(looked) or inside(one))

    def few(strips_looked_at):
        assert len(strips_looked_at) < 100

    one, other = scene(), scene()
    one.sequence_editor.sequences = [strip(f"other {n}", "SCENE", scene=other) for n in range(5)]
    other.sequence_editor.sequences = [strip(f"one {n}", "SCENE", scene=one) for n in range(5)]
    with pytest.raises(StripError, match="No song"):
        picked(one)
    song = strip("song")
    other.sequence_editor.sequences.append(song)
    assert strips.sounds_inside(one.sequence_editor.sequences[0]) == [song]


MUTED = [Thing(mute=number == 3) for number in range(8)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"mute": True}, "is muted"),
        ({"volume": 0.0}, "has volume 0"),
        ({"channel": 3}, "is on channel 3, which is muted"),
        ({"duration": 0}, "has no length"),
    ],
)
def test_what_nobody_hears_is_refused(changes, reason):
    stage = scene()
    stage.sequence_editor.channels = MUTED
    with pytest.raises(StripError, match=reason):
        audibility.audible_frames(stage, strip(**changes))


def test_what_is_inside_a_muted_meta_strip_is_refused():
    song = strip()
    around = meta("act", song, mute=True)
    with pytest.raises(StripError, match='is inside "act", which is muted'):
        audibility.audible_frames(scene(around), song)


def test_a_meta_strips_own_channels_count_for_what_is_inside_and_the_sequencers_for_itself():
    song = strip(channel=3)
    around = meta("act", song, channel=2)
    stage = scene(around)
    stage.sequence_editor.channels = MUTED  # of which 3 is not the song's
    assert audibility.audible_frames(stage, song) == (1, 301)
    around.channel = 3
    with pytest.raises(StripError, match='is inside "act", which is on channel 3, which is muted'):
        audibility.audible_frames(stage, song)
    around.channel, around.channels = 2, MUTED
    with pytest.raises(StripError, match='"song" is on channel 3, which is muted'):
        audibility.audible_frames(stage, song)


def test_a_strip_is_heard_as_far_as_the_meta_strips_around_it_reach():
    song = strip()
    around = meta("act", song, first=101, duration=50)
    assert audibility.audible_frames(scene(around), song) == (101, 151)
    outside = strip(start=400.0)
    with pytest.raises(StripError, match='lies outside of what "act" around it plays'):
        audibility.audible_frames(scene(meta("act", outside)), outside)


def test_an_audible_strip_passes():
    assert audibility.audible_frames(scene(), strip(frame_final_start=11)) == (11, 311)
