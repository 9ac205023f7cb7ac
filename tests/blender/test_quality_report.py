"""Quality Report: a page beside the .blend about the dance that the armature carries; the scene stays as it is."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("bpy")
import bpy
from dances import lock_the_second_second, state


def data_of(page):
    return json.loads(re.findall(r'id="data">(.*?)</script>', page.read_text(encoding="utf-8"), re.DOTALL)[0])


def points_of(data):
    (shown,) = data["clip"]["dancers"]
    return np.frombuffer(base64.b64decode(shown["points"]), "<i2").reshape(shown["frames"], -1, 3)[:, :24] / 1000


def test_the_page_shows_the_dance_with_its_song_and_spans(dancer, tmp_path):
    from magma_blender.engine_host.session import session
    from magma_blender.scene.dancer import load

    lock_the_second_second(dancer)
    before = state(dancer)
    assert bpy.ops.magma.quality_report(filepath=str(tmp_path / "page")) == {"FINISHED"}
    page = tmp_path / "page.html"
    assert session.notice.text == 'The Quality Report of "song" is in page.html.' and not session.notice.details
    data = data_of(page)
    assert np.abs(points_of(data) - load(dancer).motion().joints()).max() < 1e-3
    sound = base64.b64decode(data["sound"].partition(",")[2])
    assert len(sound) > 2 * 22_050 * 2.5 and np.ptp(np.frombuffer(sound[44:], "<i2")) > 1000
    text = page.read_text(encoding="utf-8")
    assert text.count('<g class="span locked">') == 1 and text.count('<g class="span">') == 2
    assert state(dancer) == before


def test_it_lies_beside_the_blend_where_nothing_else_is_said(dancer, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert bpy.ops.magma.quality_report() == {"FINISHED"}
    assert (tmp_path / "scene_song.html").is_file()


def test_without_its_song_it_is_silent_and_says_so(dancer, tmp_path):
    from magma_blender.engine_host.session import session

    bpy.context.scene.sequence_editor_clear()
    for sound in list(bpy.data.sounds):
        bpy.data.sounds.remove(sound)
    for song in tmp_path.glob("*.wav"):
        song.unlink()
    assert bpy.ops.magma.quality_report(filepath=str(tmp_path / "page.html")) == {"FINISHED"}
    assert "no sound" in session.notice.details[0] and "song" in session.notice.details[0]
    assert data_of(tmp_path / "page.html")["clip"]["beats"]


def test_a_place_that_cannot_be_written_is_refused(dancer, tmp_path):
    with pytest.raises(RuntimeError, match="does not exist"):
        bpy.ops.magma.quality_report(filepath=str(tmp_path / "nowhere" / "page.html"))
    assert not list(tmp_path.glob("*.html"))


def test_it_is_shown_once_it_is_there(dancer, tmp_path, monkeypatch):
    from magma_blender.operators import quality_report

    opened = []
    monkeypatch.setattr(quality_report, "show", opened.append)
    monkeypatch.setattr(quality_report, "shown_at_once", lambda: True)
    assert bpy.ops.magma.quality_report(filepath=str(tmp_path / "a.html")) == {"FINISHED"}
    assert opened == [tmp_path / "a.html"]
    assert bpy.ops.magma.quality_report(filepath=str(tmp_path / "b.html"), opens=False) == {"FINISHED"}
    assert opened == [tmp_path / "a.html"] and Path(tmp_path / "b.html").is_file()
