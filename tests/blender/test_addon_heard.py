"""What plays is what is danced: a dance's beats are where Blender's own mixdown of the scene has them."""

from __future__ import annotations

import array

import pytest

pytest.importorskip("bpy")
import bpy
from hearing import check_in_time, container, danced_clicks, heard_clicks, inside, make_song, make_video
from test_addon_generate import HAS_SOUND, NO_SOUND, expect_error

from magma_blender.scene.dancer import load


@pytest.fixture(autouse=True)
def _sound(magma):
    """These tests add sounds and mix them down."""
    if not HAS_SOUND:
        pytest.skip(NO_SOUND)


def add(folder, frame=31, channel=1, name="song"):
    return container().new_sound(name, str(make_song(folder)), channel, frame)


def add_movie(file, frame, sound=True):
    """A movie strip as the sequencer's Add > Movie makes it; gives it, selected alone."""
    scene = bpy.context.scene
    container()
    if bpy.app.version < (5,):
        window = bpy.context.window_manager.windows[0]
        area = window.screen.areas[0]
        area.type = "SEQUENCE_EDITOR"
        region = next(region for region in area.regions if region.type == "WINDOW")
        with bpy.context.temp_override(window=window, area=area, region=region):
            bpy.ops.sequencer.movie_strip_add(
                filepath=str(file), frame_start=frame, channel=1, sound=sound, use_framerate=False, fit_method="FIT"
            )
    else:  # the operator crashes without a window; this is what it makes
        container().new_movie("video", str(file), 2, frame)
        if sound:
            made = container().new_sound("video.001", str(file), 1, frame)
            made.frame_start = frame + 14
            made.frame_final_start = frame
    movie = next(strip for strip in container() if strip.type == "MOVIE")
    for strip in container():
        strip.select = strip == movie
    scene.sequence_editor.active_strip = movie
    return movie


@pytest.mark.parametrize("base", [1.0, 1.001])
@pytest.mark.parametrize(("late", "picture_late"), [(0.5, 0.0), (0.0, 0.82), (0.0, 0.0)])
def test_a_video_that_was_added_with_its_sound(tmp_path, late, picture_late, base):
    bpy.context.scene.render.fps_base = base
    add_movie(make_video(tmp_path, late=late, picture_late=picture_late), 101)
    check_in_time(tmp_path)


@pytest.mark.parametrize("trim", [0, 40])
def test_the_late_sound_of_a_video_added_alone(tmp_path, trim):
    strip = container().new_sound("song", str(make_video(tmp_path, late=0.5)), 1, 31)
    strip.frame_final_start += trim
    check_in_time(tmp_path)


def test_a_video_that_holds_sound_alone(tmp_path):
    container().new_sound("song", str(make_video(tmp_path, late=0.0, picture_late=-1)), 1, 31)
    check_in_time(tmp_path)


def test_a_movie_strip_without_its_sound_is_refused_since_it_plays_none(tmp_path):
    add_movie(make_video(tmp_path), 101, sound=False)
    expect_error('Blender plays no sound with the movie strip "video.*add the sound of its file')


def pulled_out(strip):
    strip.frame_final_start -= 30


def pulled_out_beyond_the_end(strip):
    strip.frame_final_end += 60


def trimmed_on_both_sides(strip):
    strip.frame_final_start += 45
    strip.frame_final_end -= 50


def with_a_hard_offset(strip):
    if hasattr(strip, "speed_factor"):  # 4.5 and 5.0 mix the same strip now so, now so, and may crash
        strip.animation_offset_start = 20


def with_a_hard_offset_and_pulled_out(strip):
    with_a_hard_offset(strip)
    strip.frame_final_start -= 30


def before_the_scene(strip):
    strip.frame_start = -20


def shifted_by_seconds(strip):
    if hasattr(strip, "sound_offset"):
        strip.sound_offset = 0.3


def shifted_back_and_pulled_out(strip):
    if hasattr(strip, "sound_offset"):
        strip.sound_offset = -0.3
    strip.frame_final_start -= 20


def twice_as_fast(strip):
    if hasattr(strip, "speed_factor"):
        strip.speed_factor = 1.5
        strip.frame_final_start += 20


def faster_and_faster(strip):
    if hasattr(strip, "speed_factor"):
        strip.speed_factor = 1.0
        strip.keyframe_insert("speed_factor", frame=1)
        strip.speed_factor = 2.0
        strip.keyframe_insert("speed_factor", frame=200)


def fading_in(strip):
    strip.volume = 0.0
    strip.keyframe_insert("volume", frame=31)
    strip.volume = 1.0
    strip.keyframe_insert("volume", frame=33)
    bpy.context.scene.frame_set(31)
    assert strip.volume == 0


def retimed(strip):
    if bpy.app.version < (5,):
        return  # 4.5 crashes once in a hundred times that it mixes such a strip down
    window = bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    area.type = "SEQUENCE_EDITOR"
    region = next(region for region in area.regions if region.type == "WINDOW")
    select_only(strip)
    bpy.context.workspace.sequencer_scene = bpy.context.scene
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.sequencer.retiming_segment_speed_set(speed=150)
    assert len(strip.retiming_keys) > 0


@pytest.mark.parametrize("base", [1.0, 1.001])
@pytest.mark.parametrize(
    "change",
    [
        pulled_out,
        pulled_out_beyond_the_end,
        trimmed_on_both_sides,
        with_a_hard_offset,
        with_a_hard_offset_and_pulled_out,
        before_the_scene,
        shifted_by_seconds,
        shifted_back_and_pulled_out,
        twice_as_fast,
        faster_and_faster,
        fading_in,
        retimed,
    ],
)
def test_a_strip_that_was_changed(tmp_path, change, base):
    bpy.context.scene.render.fps_base = base
    change(add(tmp_path, frame=61))
    check_in_time(tmp_path)


def key_volume(strip, *keys):
    for frame, volume in keys:
        strip.volume = volume
        strip.keyframe_insert("volume", frame=frame)


def test_a_volume_that_is_0_throughout_is_refused_whatever_it_is_elsewhere(tmp_path):
    strip = add(tmp_path, frame=31)
    key_volume(strip, (1, 1.0), (20, 0.0))
    bpy.context.scene.frame_set(1)
    assert strip.volume == 1
    expect_error('The strip "song" has volume 0 throughout: make it audible')


@pytest.mark.parametrize(("expression", "heard"), [("frame / 100", True), ("frame * 0", False)])
def test_a_driven_volume_is_looked_at_over_the_whole_strip(tmp_path, expression, heard):
    strip = add(tmp_path, frame=1)
    curve = strip.driver_add("volume")
    curve.driver.expression = expression
    bpy.context.scene.frame_set(0)
    assert strip.volume == 0
    if heard:
        assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    else:
        expect_error("has volume 0 throughout")
    assert bpy.context.scene.frame_current == 0


def add_meta(name="act", channel=1, end=331, holder=None):
    made = (container() if holder is None else holder).new_meta(name, channel, 1)
    made.frame_final_end = end
    return made


def select_only(strip):
    editor = bpy.context.scene.sequence_editor
    for other in editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all:
        other.select = other == strip
    editor.active_strip = strip


def test_a_selected_meta_strip_is_danced_as_it_is_heard(tmp_path):
    act = add_meta()
    inside(act).new_sound("song", str(make_song(tmp_path)), 1, 31)
    select_only(act)
    armature = check_in_time(tmp_path)
    assert load(armature).strip == "act"
    act.frame_final_start += 80
    act.frame_start += 20
    check_in_time(tmp_path)


def test_a_meta_strip_in_a_meta_strip_with_several_sounds(tmp_path):
    act = add_meta()
    scene = add_meta("scene", 2, holder=inside(act))
    song = make_song(tmp_path)
    inside(scene).new_sound("song", str(song), 1, 11)
    inside(act).new_sound("again", str(song), 1, 286)
    mute = inside(act).new_sound("mute", str(song), 4, 40)
    mute.mute = True
    act.frame_final_end, scene.frame_final_end = 500, 250
    select_only(act)
    check_in_time(tmp_path)
    assert mute.mute


def test_only_the_selected_meta_strip_counts_and_everything_is_as_before(tmp_path):
    scene = bpy.context.scene
    act = add_meta()
    inside(act).new_sound("song", str(make_song(tmp_path)), 1, 31)
    other = add(tmp_path, frame=45, channel=2, name="other")
    select_only(act)
    scene.frame_start, scene.frame_end, scene.render.ffmpeg.audio_channels = 5, 40, "MONO"
    scene.frame_set(17)
    names = [strip.name for strip in container()]
    scenes = len(bpy.data.scenes)
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    danced = danced_clicks(tmp_path, bpy.data.objects["act"])
    assert (scene.frame_start, scene.frame_end, scene.frame_current) == (5, 40, 17)
    assert scene.render.ffmpeg.audio_channels == "MONO" and not other.mute
    assert [strip.name for strip in container()] == names and len(bpy.data.scenes) == scenes
    other.mute = True
    assert danced == pytest.approx(heard_clicks(tmp_path), abs=0.012)


def test_a_strip_in_an_open_meta_strip_is_danced_as_far_as_the_meta_strip_plays_it(tmp_path):
    act = add_meta()
    song = inside(act).new_sound("song", str(make_song(tmp_path)), 1, 31)
    act.frame_final_start, act.frame_final_end = 90, 200
    bpy.context.scene.sequence_editor.display_stack(act)
    select_only(song)
    armature = check_in_time(tmp_path)
    assert load(armature).frame_start == 90 and load(armature).strip == "song"


def test_a_meta_strip_of_which_nothing_is_heard_says_so(tmp_path):
    act = add_meta()
    song = inside(act).new_sound("song", str(make_song(tmp_path)), 1, 31)
    song.mute = True
    select_only(act)
    expect_error('Nothing is heard of the strip "act": make its sound audible, or select the sound strip')


def test_a_meta_strip_whose_sound_file_is_gone_names_it(tmp_path):
    act = add_meta()
    inside(act).new_sound("song", str(make_song(tmp_path)), 1, 31)
    (tmp_path / "song.wav").unlink()
    select_only(act)
    expect_error('The file of the strip "song" is gone')


def add_scene_strip(folder, volume=1.0, source="SEQUENCER"):
    other = bpy.data.scenes.new("shot")
    other.render.fps = 30
    other.frame_start, other.frame_end = 1, 300
    inside(other.sequence_editor_create()).new_sound("song", str(make_song(folder)), 1, 21)
    made = container().new_scene("shot", other, 1, 51)
    made.scene_input = source
    if hasattr(made, "volume"):
        made.volume = volume
    select_only(made)
    return made


def test_a_selected_scene_strip_is_danced_as_it_is_heard(tmp_path):
    shot = add_scene_strip(tmp_path, volume=0.5)
    check_in_time(tmp_path)
    shot.frame_final_start += 40
    check_in_time(tmp_path)


def test_a_scene_strip_that_shows_its_camera_plays_nothing_and_that_is_said(tmp_path):
    add_scene_strip(tmp_path, source="CAMERA")
    expect_error('Nothing is heard of the strip "shot": set its Input to Sequencer, or select the sound strip')


def test_a_speaker_in_the_scene_is_not_part_of_what_a_meta_strip_plays(tmp_path):
    scene = bpy.context.scene
    act = add_meta()
    inside(act).new_sound("song", str(make_song(tmp_path)), 1, 31)
    speaker = bpy.data.objects.new("speaker", bpy.data.speakers.new("speaker"))
    speaker.data.sound = bpy.data.sounds.load(str(make_song(tmp_path, "other.wav")))
    group = bpy.data.collections.new("group")
    scene.collection.children.link(group)
    group.objects.link(speaker)
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    speaker.animation_data_create().nla_tracks.new()
    area = bpy.context.window_manager.windows[0].screen.areas[0]
    area.type = "NLA_EDITOR"
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(
        window=bpy.context.window_manager.windows[0], area=area, region=region, active_object=speaker, object=speaker
    ):
        bpy.context.view_layer.objects.active = speaker
        speaker.select_set(True)
        bpy.ops.nla.soundclip_add()
    select_only(act)
    both = len(heard_clicks(tmp_path))
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    assert len(danced_clicks(tmp_path, bpy.data.objects["act"])) == 14 < both
    assert len(heard_clicks(tmp_path)) == both


def test_a_scene_whose_sound_is_off_while_somebody_works_is_danced_to(tmp_path):
    act = add_meta()
    inside(act).new_sound("song", str(make_song(tmp_path)), 1, 31)
    select_only(act)
    scene = bpy.context.scene
    scene.use_audio, scene.audio_volume = not scene.use_audio, 0.0
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    assert len(danced_clicks(tmp_path, bpy.data.objects["act"])) == 14


def test_opposite_channels_are_no_silence_for_a_scene_that_is_mixed_in_mono(tmp_path):
    import wave

    with wave.open(str(make_song(tmp_path))) as song:
        rate, mono = song.getframerate(), array.array("h", song.readframes(song.getnframes()))
    wide = array.array("h", [value for sample in mono for value in (sample, -sample)])
    with wave.open(str(tmp_path / "wide.wav"), "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(wide.tobytes())
    bpy.context.scene.render.ffmpeg.audio_channels = "MONO"
    act = add_meta()
    inside(act).new_sound("song", str(tmp_path / "wide.wav"), 1, 31)
    select_only(act)
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}


def test_a_packed_video_whose_file_is_gone(tmp_path):
    file = make_video(tmp_path, late=0.5)
    strip = container().new_sound("song", str(file), 1, 31)
    strip.sound.pack()
    file.unlink()
    check_in_time(tmp_path)


def test_what_was_mixed_down_for_one_dance_is_not_changed_by_another_strip_of_the_same_name(tmp_path):
    act = add_meta()
    song = inside(act).new_sound("song", str(make_song(tmp_path)), 1, 31)
    select_only(act)
    first = check_in_time(tmp_path)
    before = danced_clicks(tmp_path, first)
    song.frame_start += 15
    second = check_in_time(tmp_path)
    assert danced_clicks(tmp_path, first) == before
    assert load(first).document.audio[0].path != load(second).document.audio[0].path


def test_a_sound_that_two_strips_share(tmp_path):
    first = add(tmp_path, frame=31)
    second = container().new_sound("later", first.sound.filepath, 2, 340)
    second.sound = first.sound
    first.sound.use_memory_cache, first.sound.use_mono = True, True
    second.frame_final_start += 50
    select_only(second)
    first.mute = True
    check_in_time(tmp_path)


@pytest.mark.parametrize(
    "name", ["100%.wav", "%04d.wav", "a b#c?.wav", "Lärm – 音.wav", "<builtin>.wav", "song.<UDIM>.wav"]
)
def test_files_with_any_name(tmp_path, name):
    container().new_sound("song", str(make_song(tmp_path, name)), 1, 31)
    armature = check_in_time(tmp_path)
    assert load(armature).document.audio[0].path == str(tmp_path / name)


def test_paths_relative_to_a_library(tmp_path):
    """The song of a linked scene, which 5.0's sequencer can show beside a scene of this file."""
    from magma_blender.media import sounds

    folder = tmp_path / "elsewhere"
    folder.mkdir()
    add(folder, frame=31)
    container().new_sound("video", str(make_video(folder, late=0.5)), 2, 31)
    file = folder / "library.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(str(file), link=True, relative=True) as (_, wanted):
        wanted.scenes = ["Scene"]
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "own.blend"))
    (linked,) = wanted.scenes
    editor = linked.sequence_editor
    song, video = (strips_by_name(editor)[name] for name in ("song", "video"))
    assert song.sound.filepath == "//song.wav"
    source = sounds.source_of(linked, song, tmp_path / "sounds")
    assert (source.file, source.first, source.excerpt.start) == (folder / "song.wav", 31, 0.0)
    # what is mixed down lies beside this file
    assert sounds.source_of(linked, video, tmp_path / "sounds").file.parent == tmp_path / "magma_sounds"
    assert not video.mute and not song.mute


def strips_by_name(editor):
    return {strip.name: strip for strip in inside(editor)}


def test_effects_over_a_movie_are_no_song_and_do_not_stand_in_its_way(tmp_path):
    movie = add_movie(make_video(tmp_path, late=0.5), 31)
    keywords = {"input1": movie} if bpy.app.version >= (4, 5) else {"seq1": movie}
    length = {"length": 200} if bpy.app.version >= (5,) else {"frame_end": 231}
    effect = container().new_effect("faster", "SPEED", 5, 31, **length, **keywords)
    select_only(effect)
    check_in_time(tmp_path)
