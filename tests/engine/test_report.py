"""The Quality Report: one page that needs nothing else, and shows the dance as it is."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import subprocess
import wave
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from tiny_engine import stepping

from engine import Dance, edit, generate
from engine.errors import DataError
from engine.reporting import body
from engine.reporting.report import Subject, quality_report, subject_of
from engine.service.cli import main
from smpl_rig.motion import Motion, save_npz

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def dance(song: Path, tiny: Path) -> Dance:
    made = generate(song, tiny, seconds=6.0, style="rumba", device="cpu")
    return edit(made, lock=(0, 2), style={(4, 6): "salsa"}, device="cpu")


@pytest.fixture(scope="module")
def page(dance: Dance) -> str:
    return quality_report(subject_of(dance.choreography, dance.motion, "Anna <1>")).html


def data_of(page: str) -> dict[str, Any]:
    return json.loads(re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[0])


def plot_of(page: str) -> ElementTree.Element:
    return ElementTree.fromstring(re.findall(r"<svg.*?</svg>", page, re.DOTALL)[0])


def named(root: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
    return [part for part in root.iter() if kind in part.get("class", "").split()]


def shifted(motion: Motion, metres: float) -> Motion:
    return replace(motion, trans=motion.trans + np.array([0, 0, metres], np.float32))


def test_the_page_needs_nothing_else(page: str) -> None:
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", page)
    assert not re.findall(r"https?:(?!//www\.w3\.org/2000/svg)", page)
    assert "default-src 'none'" in page  # the browser itself refuses what a page may not reach
    assert "{{" not in page and "<title>Anna &lt;1&gt;: quality report</title>" in page


def test_the_figure_is_the_dance_and_the_sound_the_song(page: str, dance: Dance, song: Path) -> None:
    data = data_of(page)
    (dancer,) = data["clip"]["dancers"]
    points = np.frombuffer(base64.b64decode(dancer["points"]), "<i2").reshape(dancer["frames"], -1, 3)
    assert points.shape[1] == len(body.POINT_NAMES) == len(data["look"]["points"])
    assert np.abs(points[:, :24] - 1000 * dance.joints).max() <= 0.51 and dancer["fps"] == dance.fps
    assert data["clip"]["beats"] == dance.beats.tolist() and data["clip"]["seconds"] == dance.seconds
    with wave.open(io.BytesIO(base64.b64decode(data["sound"].partition(",")[2]))) as file:
        assert abs(file.getnframes() / file.getframerate() - dance.seconds) < 0.01
        heard = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        rate = file.getframerate()
    with wave.open(str(song)) as file:
        original = (
            np.frombuffer(file.readframes(6 * file.getframerate()), "<i2").reshape(-1, 2).mean(1)[:: 44_100 // rate]
        )
    assert np.corrcoef(heard[: len(original)], original[: len(heard)])[0, 1] > 0.9


def test_the_plot_has_beats_spans_and_feet_in_their_places(page: str, dance: Dance) -> None:
    root = plot_of(page)
    labels = {text.text: float(text.get("x", 0)) for text in named(root, "second")}
    scale = (labels["4 s"] - labels["0 s"]) / 4

    def seconds(kind: str, key: str = "x1") -> list[float]:
        return sorted((float(part.get(key, 0)) - labels["0 s"]) / scale for part in named(root, kind))

    assert seconds("bar") == pytest.approx(dance.bars, abs=0.01)
    assert sorted(seconds("beat") + seconds("bar")) == pytest.approx(dance.beats, abs=0.01)
    spans = named(root, "span")
    assert [next(part.iter(f"{SVG}title")).text.partition(",")[0] for part in spans] == [  # type: ignore[union-attr]
        "0.0 to 2.0 s: rumba", "2.0 to 4.0 s: rumba", "4.0 to 6.0 s: salsa",
    ]  # fmt: skip
    assert ["locked" in part.get("class", "") for part in spans] == [True, False, False]
    for side, columns in (("left", [0, 2]), ("right", [1, 3])):
        down = sum(float(part.get("width", 0)) for part in named(root, side)) / scale
        assert down == pytest.approx(dance.contacts[:, columns].any(1).mean() * dance.seconds, abs=0.02)


def test_figures_say_what_is_wrong() -> None:
    beats = 0.6 * np.arange(1, 13) + 0.09  # feet come to rest a little before the beat

    def figures(motion: Motion) -> dict[str, float]:
        return quality_report(Subject("x", motion, beats, beats[::4])).figures

    good = figures(stepping(8.0, 100.0))
    assert good["gain_music_to_motion"] > 0.1 and good["frozen"] == 0 and good["floor"] < 60
    assert figures(shifted(stepping(8.0, 100.0), -0.3))["floor"] > good["floor"] + 200
    off = figures(stepping(8.0, 77.0))
    assert off["gain_music_to_motion"] < good["gain_music_to_motion"] - 0.1
    noise = np.random.default_rng(0).normal(0, 0.02, (240, 3)).astype(np.float32)
    steady = stepping(8.0, 100.0)
    assert figures(replace(steady, trans=steady.trans + noise))["jerk"] > 3 * good["jerk"]
    slid = steady.trans + np.linspace(0, 8, len(steady))[:, None].astype(np.float32) * [1, 0, 0]
    moved = figures(replace(steady, trans=slid.astype(np.float32)))
    assert moved["travel"] == pytest.approx(8, abs=0.5) and moved["foot_skate"] > 0.5


def test_without_the_song_the_page_is_silent_and_says_so(dance: Dance, song: Path, tmp_path: Path) -> None:
    moved = replace(dance.choreography.audio[0], path=str(tmp_path / "gone.wav"))
    report = quality_report(subject_of(replace(dance.choreography, audio=(moved,)), dance.motion, "x"))
    assert "gone.wav" in report.notices[0] and "gone.wav" in report.html
    assert data_of(report.html)["clip"]["beats"] == dance.beats.tolist()
    with wave.open(io.BytesIO(base64.b64decode(data_of(report.html)["sound"].partition(",")[2]))) as file:
        assert abs(file.getnframes() / file.getframerate() - dance.seconds) < 0.01


def test_the_command_line_writes_it(
    dance: Dance, song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dance.save(tmp_path / "dance.json")
    assert main(["report", str(tmp_path / "dance.json"), "-o", str(tmp_path / "a.html"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["figures"]["travel"] >= 0 and not told["notices"]
    assert (tmp_path / "a.html").read_text("utf-8") == dance.save(tmp_path / "dance.html").read_text("utf-8")
    save_npz(tmp_path / "alone.npz", dance.motion)
    assert main(["report", str(tmp_path / "alone.npz"), "-o", str(tmp_path / "b.html")]) == 0
    assert data_of((tmp_path / "b.html").read_text("utf-8"))["clip"]["beats"] == []
    line = ["report", str(tmp_path / "alone.npz"), "--song", str(song), "-o", str(tmp_path / "b.html")]
    assert main(line) == 0
    assert len(data_of((tmp_path / "b.html").read_text("utf-8"))["clip"]["beats"]) > 6
    for line, words in (
        (["report", str(tmp_path / "dance.json"), "-o", str(tmp_path / "b.txt")], r"End the name with \.html"),
        (["report", str(tmp_path / "dance.json"), "--song", str(song), "-o", str(tmp_path / "b.html")], "Leave --song"),
        (["report", str(tmp_path / "none.npz"), "-o", str(tmp_path / "b.html")], "no such file"),
    ):
        assert main(line) == 1
        assert re.search(words, capsys.readouterr().err)


def test_a_motion_that_cannot_be_shown_is_refused() -> None:
    nothing = np.zeros(0)
    with pytest.raises(DataError, match="only one frame"):
        quality_report(Subject("x", stepping(2.0, 100.0).cut(0, 1), nothing, nothing))
    far = stepping(2.0, 100.0)
    with pytest.raises(DataError, match="m from the origin, but a page"):
        quality_report(Subject("x", replace(far, trans=far.trans + np.float32(40)), nothing, nothing))


def test_a_notebook_shows_it(dance: Dance) -> None:
    shown = dance._repr_html_()
    assert shown.startswith("<iframe srcdoc=") and "&lt;!doctype html&gt;" in shown and 'srcdoc="<' not in shown


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_its_script_is_valid(page: str, tmp_path: Path) -> None:
    script = re.findall(r'<script>\s*("use strict".*?)</script>', page, re.DOTALL)[0]
    (tmp_path / "page.js").write_text(script, encoding="utf-8")
    done = subprocess.run(["node", "--check", str(tmp_path / "page.js")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
