"""Which strip is picked and which seconds of its file it plays, with stand-ins for Blender's objects."""

from __future__ import annotations

from types import SimpleNamespace as Thing

import pytest

from magma_blender.errors import StripError
from magma_blender.media import strips
from magma_blender.media.strips import Excerpt


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
        "frame_final_end": int(start) + duration,
        "animation_offset_start": 0,
        "sound": Thing(filepath="//song.ogg"),
        "filepath": "//song.ogg",
        "parent_meta": lambda: None,
        **changes,
    }
    return Thing(**values)


def scene(*content, active=None, fps=30, fps_base=1.0, names="sequences", **editor):
    top = Thing(
        active_strip=active, meta_stack=[], channels=[Thing(mute=False)] * 8, **{names: list(content)}, **editor
    )
    return Thing(sequence_editor=top, render=Thing(fps=fps, fps_base=fps_base))


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
    with pytest.raises(StripError, match="None of the 2 sound strips is selected"):
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


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"mute": True}, "is muted"),
        ({"volume": 0.0}, "has volume 0"),
        ({"channel": 3}, "is on channel 3, which is muted"),
        ({"parent_meta": lambda: Thing(name="act", mute=True, parent_meta=lambda: None)}, 'is inside "act"'),
        ({"frame_final_duration": 0}, "has no length"),
    ],
)
def test_what_nobody_hears_is_refused(changes, reason):
    editor = Thing(channels=[Thing(mute=number == 3) for number in range(8)])
    with pytest.raises(StripError, match=reason):
        strips.check_audible(strip(**changes), editor)


def test_an_audible_strip_passes():
    strips.check_audible(strip(), scene().sequence_editor)
