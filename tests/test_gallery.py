"""The gallery: what it shows is the motion and the beats as measured, and the page needs nothing outside its folder."""

from __future__ import annotations

import base64
import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from benchmarks.gallery import __main__ as gallery
from benchmarks.gallery import film, page, plot, samples, scenes, view
from engine.audio.composing.demo_song import write_demo_song
from engine.audio.files.decode import load_audio
from engine.audio.listening.heard_files import heard_song
from engine.audio.listening.rhythm import beats_in_style
from engine.checkpoint_index import StyleMusic
from engine.data.clips import at_rate
from engine.data.styles import StyleTable
from engine.errors import DataError
from engine.motion.foot_beats import FOOT_LEAD, SIGMA, foot_beats
from engine.reporting import body
from engine.reporting.report import PLAYER
from engine.reporting.scene import encode_points
from smpl_rig.motion import Motion, sample, save_npz
from smpl_rig.rotations import matrix_to_axis_angle
from smpl_rig.skeleton import BODY_TO_WORLD, JOINT_COUNT, JOINT_INDEX

SECONDS = 4.0
WALTZ = StyleTable({"waltz": StyleMusic(87.0, 3)})
SVG = "{http://www.w3.org/2000/svg}"


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
    (subject,) = scenes.subjects_with_songs(data, "val", [], WALTZ)
    return scenes.scene(subject, [("Ours, seed 0", walk(115, 20.0)), ("Ours, seed 1", walk(60, 20.0))])


@pytest.fixture(scope="module")
def written(scene: scenes.Scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    (folder / "videos").mkdir()
    (folder / "videos" / "waltz.mp4").touch()
    page.write_page([scene], folder, {"waltz": folder / "videos" / "waltz.mp4"}, "Both.", lambda _: None)
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
    for shown, motion in zip(dancers, (walk(87), walk(115, 20.0), walk(60, 20.0)), strict=True):
        points = np.frombuffer(base64.b64decode(shown["points"]), "<i2").reshape(shown["frames"], len(names), 3)
        joints = at_rate(motion).joints()[: shown["frames"]]
        assert shown["fps"] == 20 and abs(shown["frames"] / 20 - SECONDS) <= 0.05
        assert np.abs(points[:, :JOINT_COUNT] - 1000 * joints).max() <= 0.51
        assert tuple(names[:JOINT_COUNT]) == body.JOINT_NAMES


def test_beats_on_the_page_are_those_of_the_evaluation(written: Path, data: Path) -> None:
    shown = handed_over(written)
    beats = beats_in_style(heard_song(data / "wavs" / "a walk.wav").rhythm, WALTZ.tempo("waltz")).times
    assert len(beats) > 3 and shown["beats"] == beats[beats < shown["seconds"]].tolist()
    for dancer, motion in zip(shown["dancers"], (walk(87), walk(115, 20.0), walk(60, 20.0)), strict=True):
        even = at_rate(motion).cut(0, dancer["frames"])
        found = foot_beats(even.joints(), even.fps)
        assert len(found) > 1 and dancer["footBeats"] == found.tolist()


def test_a_dance_to_a_borrowed_song_stands_beside_a_real_one_that_is_shorter(data: Path) -> None:
    (subject,) = scenes.subjects_with_songs(data, "val", [], WALTZ)
    borrowed = scenes.scene(replace(subject, borrowed=True), [("Ours, seed 0", walk(115, 20.0))])
    assert [dancer.label for dancer in borrowed.dancers] == ["Real, to other music", "Ours, seed 0"]
    assert borrowed.seconds == scenes.BORROWED_SECONDS and borrowed.dancers[0].motion.seconds <= SECONDS


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
    sources = [*page.WEB.iterdir(), *PLAYER.iterdir()]
    assert len(sources) >= 7
    for source in sources:
        assert "//" not in re.sub(r"^\s*//.*$|(?<=\s)// .*$", "", source.read_text(encoding="utf-8"), flags=re.M), (
            source
        )
    assert "default-src 'none'" in html  # the browser itself refuses what the page may not reach


def test_the_pages_song_is_in_time_with_the_original(written: Path, data: Path) -> None:
    (file,) = (written / "songs").glob("*.mp3")
    original = load_audio(data / "wavs" / "a walk.wav", 8000)
    encoded = load_audio(file, 8000)
    assert abs(len(encoded) - len(original)) < 8000 * 0.1
    length = 2 * 8000
    lags = range(-400, 401)
    likeness = [float(encoded[800 + lag : 800 + lag + length] @ original[800 : 800 + length]) for lag in lags]
    assert abs(lags[int(np.argmax(likeness))]) <= 16  # 2 ms


def positions(root: ElementTree.Element, name: str) -> list[float]:
    """The x of every line or dot in the named group of a plot."""
    (group,) = (part for part in root.iter(f"{SVG}g") if part.get("id") == name)
    lines = [float(path.attrib["d"].split()[1]) for path in group.iter(f"{SVG}path") if path.get("clip-path") is None]
    dots = [float(dot.attrib["x"]) for dot in group.iter(f"{SVG}use")]
    return dots or lines


def test_the_plot_has_every_beat_in_its_place(
    scene: scenes.Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plot, "ROW_SECONDS", 2.0)
    plot.write_plot(tmp_path / "plot.svg", scene)
    root = ElementTree.parse(tmp_path / "plot.svg").getroot()
    assert root.attrib["width"].removesuffix("pt") == root.attrib["viewBox"].split()[2]  # a unit is a pixel
    texts = [(text.text or "", text) for text in root.iter(f"{SVG}text")]
    seconds = {words: float(text.attrib["x"]) for words, text in texts if re.fullmatch(r"\d s", words)}
    assert list(seconds) == ["0 s", "1 s", "2 s", "3 s", "4 s"]
    scale = seconds["1 s"] - seconds["0 s"]
    assert seconds["3 s"] - seconds["0 s"] == pytest.approx(scale)  # the second row begins with 2 s

    def times(name: str) -> list[float]:
        return [start + (x - seconds["0 s"]) / scale for start in (0, 2) for x in positions(root, f"{name} {start:g}")]

    filled = np.concatenate([dancer.on_beat for dancer in scene.dancers])
    assert filled.any() and not filled.all()
    assert times("beats") == pytest.approx(scene.beats, abs=0.002)
    for number, dancer in enumerate(scene.dancers):
        assert times(f"on {number}") == pytest.approx(dancer.foot_beats[dancer.on_beat], abs=0.002)
        assert times(f"off {number}") == pytest.approx(dancer.foot_beats[~dancer.on_beat], abs=0.002)


def test_the_plot_has_its_words_as_they_are(scene: scenes.Scene, tmp_path: Path) -> None:
    plot.write_plot(tmp_path / "plot.svg", replace(scene, name="$5 & a <tip> of $2"))
    texts = [text.text for text in ElementTree.parse(tmp_path / "plot.svg").iter(f"{SVG}text")]
    assert "waltz · $5 & a <tip> of $2" in texts
    assert {"Song", "Real", "Ours, seed 0", "Ours, seed 1"} <= set(texts)


def test_the_strip_below_a_video_has_every_beat_in_its_column(scene: scenes.Scene) -> None:
    strip = np.asarray(plot.time_strip(scene, film.shown(scene), SECONDS, 1280), np.float32)
    assert strip.shape[1:] == (1280, 3)
    above_the_song = strip[2].max(axis=-1)
    found = np.flatnonzero(above_the_song > above_the_song[0] + 20)
    columns = plot.LEFT + scene.beats / SECONDS * (1280 - plot.LEFT - plot.RIGHT)
    assert np.abs(found[:, None] - columns).min(axis=0).max() <= 1
    assert np.abs(found[:, None] - columns).min(axis=1).max() <= 1


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
    (now,) = np.flatnonzero((frames[5][-100:] > 200).all(axis=(0, 2)))[:1]
    assert abs(now - (plot.LEFT + 0.5 * (1280 - plot.LEFT - plot.RIGHT))) <= 2  # frame 5 of a clip of 10
    for half in (frames[5][60:580, :640], frames[5][60:580, 640:]):
        for side, (red, green, blue) in body.COLOURS.items():
            near = np.abs(half.astype(int) - (red, green, blue)).max(axis=-1) < 40
            assert near.sum() > 200, side
    assert np.abs(load_audio(files["waltz"], 8000)).max() > 0.1


@pytest.fixture(scope="module")
def seen(scene: scenes.Scene) -> view.View:
    return view.View(scene.dancers[0], 400, 400, 50, 25.0)


def pixel(seen: view.View, image: np.ndarray, point: np.ndarray) -> np.ndarray:
    """The colour where the camera sees a point, which is relative to the place that it follows."""
    (x, y), _ = seen.camera.project(point)
    return image[round(y / 2), round(x / 2)].astype(int)  # drawn twice as large


def is_orange(colour: np.ndarray) -> bool:
    """As the body's right side."""
    red, green, blue = colour
    return bool(red > green + 50 > blue + 100)


def test_where_a_camera_sees_a_joint_there_is_body(seen: view.View) -> None:
    image = np.asarray(seen.draw(5))
    assert image.shape == (400, 400, 3)
    left, right = (pixel(seen, image, seen.relative(5)[body.POINT_INDEX[f"{side}_knee"]]) for side in "LR")
    assert is_orange(right) and is_orange(left[::-1])  # blue


def test_the_nearer_leg_hides_the_other(scene: scenes.Scene) -> None:
    real = scene.dancers[0]
    poses = real.motion.poses.copy()
    quarter = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]], np.float32)
    poses[:, :3] = matrix_to_axis_angle(
        quarter @ BODY_TO_WORLD
    )  # seen from the right; at first the legs are side by side
    side = view.View(replace(real, motion=replace(real.motion, poses=poses)), 400, 400, 1, 25.0)
    assert is_orange(pixel(side, np.asarray(side.draw(0)), side.relative(0)[body.POINT_INDEX["R_knee"]]))


@pytest.mark.parametrize("frame", [0, 30, 45])
def test_the_floor_stays_where_it_is_while_the_camera_follows(seen: view.View, scene: scenes.Scene, frame: int) -> None:
    image = np.asarray(seen.draw(frame))
    pelvis = body.points(sample(scene.dancers[0].motion, np.array([frame / 25.0])))[0, 0]
    here = pelvis - seen.relative(frame)[0]
    assert frame == 0 or here[1] < -0.2  # the camera went along
    row = 0.5 * np.round(here[1] / 0.5)
    crossing, between = np.array([0.75, row, 0.0]), np.array([0.75, row + 0.25, 0.0])
    lines, tile = (pixel(seen, image, place - here).sum() for place in (crossing, between))
    column = pixel(seen, image, np.array([0.5, row + 0.25, 0.0]) - here).sum()
    assert min(lines, column) > tile + 30


def test_a_limb_seen_from_its_end_is_a_disc() -> None:
    centres, radii, outwards = view.capsule(np.array([[3.0, 4.0], [3.5, 4.0]]), np.array([1.0, 2.0]))
    assert (centres == [3.5, 4.0]).all() and (radii == 2).all()
    assert np.ptp(outwards, axis=0) == pytest.approx([2, 2])


def test_a_dancer_too_far_away_to_be_stored_is_refused() -> None:
    with pytest.raises(DataError, match="40 m from the origin"):
        encode_points(np.full((1, 2, 3), 40, np.float32))


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


def test_sample_dances_are_those_that_a_user_gets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    def generate(song: Path, checkpoint: str, style: str, seed: int) -> Any:
        asked.append((style, seed))
        return SimpleNamespace(motion=walk(87), beats=np.arange(0.0, SECONDS, 60 / 87))

    monkeypatch.setattr(samples, "generate", generate)
    monkeypatch.setattr(samples, "load_checkpoint", lambda name: SimpleNamespace(name=name, styles=["waltz", "salsa"]))
    assert samples.main(["-o", str(tmp_path / "samples"), "--seconds", str(SECONDS)]) == 0
    assert asked == [("waltz", 0), ("salsa", 0)]
    index = index_of(tmp_path / "samples")
    assert [clip["style"] for clip in index["clips"]] == ["waltz", "salsa"] and index["videos"] == {}
    assert all((tmp_path / "samples" / clip["song"]).stat().st_size > 1000 for clip in index["clips"])
    assert "the checkpoint default" in (tmp_path / "samples" / "index.html").read_text(encoding="utf-8")
