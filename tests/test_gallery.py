"""The gallery: what it shows is the motion and the beats as measured, and the page needs nothing outside its folder."""

from __future__ import annotations

import base64
import json
import re
import shutil
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from benchmarks.gallery import __main__ as gallery
from benchmarks.gallery import body, film, page, plot, scenes
from engine.audio.beats import track_beats
from engine.audio.decode import load_audio
from engine.audio.demo_song import write_demo_song
from engine.audio.librosa_features import SAMPLE_RATE
from engine.data.clips import at_rate
from engine.data.styles import usual_tempo
from engine.motion.foot_beats import FOOT_LEAD, SIGMA, foot_beats
from smpl_rig.motion import Motion, save_npz
from smpl_rig.rotations import matrix_to_axis_angle
from smpl_rig.skeleton import BODY_TO_WORLD, JOINT_COUNT, JOINT_INDEX

SECONDS = 4.0


def walk(beats_a_minute: float, fps: float = 25.0) -> Motion:
    """Walks towards -Y, a step a beat, legs swinging from the hips."""
    times = np.arange(round(SECONDS * fps)) / fps
    poses = np.zeros((len(times), JOINT_COUNT, 3), np.float32)
    poses[:, 0] = matrix_to_axis_angle(BODY_TO_WORLD)
    swing = 0.5 * np.sin(np.pi * beats_a_minute / 60 * times)
    poses[:, JOINT_INDEX["L_hip"], 0], poses[:, JOINT_INDEX["R_hip"], 0] = swing, -swing
    trans = np.stack([np.zeros_like(times), -0.5 * times, np.full_like(times, 0.96)], axis=1)
    return Motion(poses.reshape(len(times), -1), trans.astype(np.float32), fps)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One clip with a song in val, one without in test."""
    folder = tmp_path_factory.mktemp("data")
    for name in ("motions", "wavs"):
        (folder / name).mkdir()
    save_npz(folder / "motions" / "a walk.npz", walk(87))
    save_npz(folder / "motions" / "silent.npz", walk(87))
    write_demo_song(folder / "wavs" / "a walk.wav", "waltz", SECONDS)
    clips = [
        {"name": "a walk", "style": "waltz", "split": "val", "has_music": True},
        {"name": "silent", "style": "waltz", "split": "test", "has_music": False},
    ]
    (folder / "index.json").write_text(json.dumps({"clips": clips}))
    return folder


@pytest.fixture(scope="module")
def scene(data: Path) -> scenes.Scene:
    (subject,) = scenes.subjects_with_songs(data, "val", [], ["waltz"])
    return scenes.scene(subject, [("Ours, seed 0", walk(120, 20.0)), ("Ours, seed 1", walk(60, 20.0))])


@pytest.fixture(scope="module")
def written(scene: scenes.Scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    (folder / "videos").mkdir()
    (folder / "videos" / "waltz.mp4").touch()
    page.write_page([scene], folder, "// the script", {"waltz": folder / "videos" / "waltz.mp4"}, lambda _: None)
    return folder


def handed_over(folder: Path) -> dict[str, Any]:
    """The data that the clip's script gives to the page."""
    (file,) = (folder / "clips").glob("*.js")
    call = re.fullmatch(r"magmaClip\(0,(.*)\);\n", file.read_text(encoding="utf-8"), re.DOTALL)
    assert call
    return json.loads(call[1])


def index_of(folder: Path) -> dict[str, Any]:
    text = (folder / "index.js").read_text(encoding="utf-8")
    return json.loads(text.removeprefix("window.magmaGallery = ").removesuffix(";\n"))


def test_figures_on_the_page_are_the_motions_joints(written: Path, scene: scenes.Scene) -> None:
    names = index_of(written)["points"]
    dancers = handed_over(written)["dancers"]
    assert [dancer["label"] for dancer in dancers] == ["Real", "Ours, seed 0", "Ours, seed 1"]
    for shown, motion in zip(dancers, (walk(87), walk(120, 20.0), walk(60, 20.0)), strict=True):
        points = np.frombuffer(base64.b64decode(shown["points"]), "<i2").reshape(shown["frames"], len(names), 3)
        joints = at_rate(motion).joints()[: shown["frames"]]
        assert shown["fps"] == 20 and abs(shown["frames"] / 20 - SECONDS) <= 0.05
        assert np.abs(points[:, :JOINT_COUNT] - 1000 * joints).max() <= 0.51
        assert tuple(names[:JOINT_COUNT]) == body.JOINT_NAMES


def test_beats_on_the_page_are_those_of_the_evaluation(written: Path, data: Path) -> None:
    shown = handed_over(written)
    audio = load_audio(data / "wavs" / "a walk.wav", SAMPLE_RATE)
    beats = track_beats(audio, SAMPLE_RATE, usual_tempo("waltz")).times
    assert len(beats) > 3 and shown["beats"] == beats[beats < shown["seconds"]].tolist()
    for dancer, motion in zip(shown["dancers"], (walk(87), walk(120, 20.0), walk(60, 20.0)), strict=True):
        even = at_rate(motion).cut(0, dancer["frames"])
        found = foot_beats(even.joints(), even.fps)
        assert len(found) > 1 and dancer["footBeats"] == found.tolist()


def test_a_dance_to_a_lent_song_stands_beside_a_real_one_that_is_shorter(data: Path) -> None:
    (subject,) = scenes.subjects_with_songs(data, "val", [], ["waltz"])
    lent = scenes.scene(replace(subject, borrowed=True), [("Ours, seed 0", walk(120, 20.0))])
    assert [dancer.label for dancer in lent.dancers] == ["Real, to other music", "Ours, seed 0"]
    assert lent.seconds == scenes.LENT_SECONDS and lent.dancers[0].motion.seconds <= SECONDS


def test_a_foot_beat_is_filled_where_it_scores_half(scene: scenes.Scene) -> None:
    expected = scene.beats - FOOT_LEAD * np.gradient(scene.beats)
    for dancer in scene.dancers:
        scores = [np.exp(-(np.abs(beat - expected).min() ** 2) / (2 * SIGMA**2)) for beat in dancer.foot_beats]
        assert dancer.on_beat.tolist() == [score >= 0.5 for score in scores]


def test_the_page_references_nothing_outside_its_folder(written: Path) -> None:
    html = (written / "index.html").read_text(encoding="utf-8")
    index = index_of(written)
    named = re.findall(r'(?:src|href)="([^"]+)"', html)
    named += [clip[kind] for clip in index["clips"] for kind in ("data", "song", "plot")] + [*index["videos"].values()]
    files = [name for name in named if not name.startswith("data:")]
    assert len(files) == 3 + 3 + 1  # style sheet and scripts; data, song and plot; video
    for name in files:
        place = (written / name).resolve()
        assert place.is_file() and place.is_relative_to(written.resolve()), name
    sources = [*page.WEB.glob("*.js"), *page.WEB.glob("*.css"), page.WEB / "index.html"]
    assert len(sources) >= 7
    for source in sources:
        assert "//" not in re.sub(r"^\s*//.*$|(?<=\s)// .*$", "", source.read_text(encoding="utf-8"), flags=re.M), (
            source
        )
    assert "default-src 'none'" in html  # the browser itself refuses what the page may not reach


def test_the_lock_file_pins_versions_and_names_no_registry() -> None:
    lock = json.loads((page.WEB / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages["node_modules/three"]["license"] == "MIT"
    assert all("resolved" not in package and package["integrity"] for package in packages.values())


@pytest.mark.slow
@pytest.mark.skipif(not (page.WEB / "node_modules").is_dir(), reason="npm ci was not run in benchmarks/gallery/web")
def test_the_script_holds_three_js_and_its_licence() -> None:
    script = page.build_script(lambda _: None)
    assert "SPDX-License-Identifier: MIT" in script and len(script) > 300_000
    assert not re.search(r"\bimport\s*\(|\brequire\(", script)


def test_the_pages_song_is_in_time_with_the_original(written: Path, data: Path) -> None:
    (file,) = (written / "songs").glob("*.mp3")
    original = load_audio(data / "wavs" / "a walk.wav", 8000)
    encoded = load_audio(file, 8000)
    assert abs(len(encoded) - len(original)) < 8000 * 0.1
    length = 2 * 8000
    lags = range(-400, 401)
    likeness = [float(encoded[800 + lag : 800 + lag + length] @ original[800 : 800 + length]) for lag in lags]
    assert abs(lags[int(np.argmax(likeness))]) <= 16  # 2 ms


def test_the_plot_has_every_beat_in_its_place(scene: scenes.Scene) -> None:
    root = ElementTree.fromstring(plot.plot(scene))
    name = "{http://www.w3.org/2000/svg}"
    seconds = {text.text: float(text.attrib["x"]) for text in root.iter(f"{name}text") if text.get("class") == "time"}
    origin, scale = seconds["0 s"], seconds["1 s"] - seconds["0 s"]
    lines = [float(line.attrib["x1"]) for line in root.iter(f"{name}line") if line.get("class") == "beat"]
    assert (np.array(lines) - origin) / scale == pytest.approx(scene.beats, abs=0.002)
    dots = [(float(dot.attrib["cx"]) - origin) / scale for dot in root.iter(f"{name}circle")]
    assert dots == pytest.approx(np.concatenate([dancer.foot_beats for dancer in scene.dancers]), abs=0.002)


def test_landmarks_are_where_a_standing_body_has_them() -> None:
    spots = dict(zip(body.POINT_NAMES, body.points(walk(87))[0], strict=True))
    assert spots["crown"][2] > spots["head"][2] > spots["neck"][2]
    assert spots["nose"][1] < spots["head"][1] - 0.05  # it faces -Y
    for side in "LR":
        assert spots[f"{side}_toe"][1] < spots[f"{side}_foot"][1] < spots[f"{side}_heel"][1]


def test_a_video_per_style_has_both_dancers_and_the_song(
    scene: scenes.Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(film, "CLIP_SECONDS", 0.4)
    assert [dancer.label for dancer in film.shown(scene)] == ["Real", "Ours, seed 0"]
    files = film.write_videos([scene, scene], tmp_path)
    assert list(files) == ["waltz"]
    with av.open(str(files["waltz"])) as video:
        frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    assert len(frames) == 20
    for half in (frames[5][60:600, :640], frames[5][60:600, 640:]):
        for side, (red, green, blue) in film.COLOURS.items():
            near = np.abs(half.astype(int) - (red, green, blue)).max(axis=-1) < 40
            assert near.sum() > 200, side
    assert np.abs(load_audio(files["waltz"], 8000)).max() > 0.1


def test_where_a_camera_sees_a_joint_there_is_body(scene: scenes.Scene) -> None:
    view = film._View(scene.dancers[0], 400, 400, 10)
    pixels = view.draw(5)
    for name, side in (("L_knee", "left"), ("R_knee", "right")):
        points = body.points(scene.dancers[0].motion)
        place = points[4, body.POINT_INDEX[name]] - np.append(view._path[5], 0)  # frame 5 of 25 is frame 4 of 20
        (x, y), _ = view._camera.project(place)
        assert np.argmax(pixels[round(y), round(x)]) == np.argmax(film.COLOURS[side])


def test_a_dancer_too_far_away_to_be_stored_is_refused() -> None:
    with pytest.raises(page.GalleryError, match="40 m from the origin"):
        page.encode_points(np.full((1, 2, 3), 40, np.float32))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--data", "nowhere"], "nowhere: no such folder"),
        (["--data", "{data}"], "none of the 1 clips of its test split has a song"),
        (["--data", "{data}", "--split", "train"], "no clips in its train split"),
        (["--data", "{data}", "--split", "val", "--clip", "tango"], "tango is no clip with a song"),
        (["--data", "{data}", "--split", "val", "--checkpoint", "nosuch"], "No checkpoint 'nosuch'"),
        (["--data", "{data}", "--split", "val", "--paper", "nosuch"], "No checkpoint 'nosuch'"),
    ],
)
def test_what_cannot_be_shown_is_said_in_a_sentence(
    arguments: list[str], words: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [argument.format(data=data) for argument in arguments]
    assert gallery.main([*given, "-o", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert words in error and error.startswith("error: ") and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_without_npm_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(page.GalleryError, match=r"Install Node\.js"):
        page.build_script(lambda _: None)
