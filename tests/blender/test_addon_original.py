"""Imported checkpoints in the add-on, with a fake engine: the operators, the list of checkpoints, what is refused."""

from __future__ import annotations

import json
import time
from pathlib import Path

import blenders
import pytest

pytest.importorskip("bpy")
import bpy
import skips

pytestmark = pytest.mark.skipif(bpy.app.version[:2] in skips.ELSEWHERE_IN, reason=skips.ELSEWHERE)


def own(tmp_path):
    """Names of the checkpoints in the data folder."""
    folder = tmp_path / "data" / "checkpoints"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def run_import(**changed):
    files = {"checkpoint": "mine", "variant": "librosa", "vqvae": "/song/vq.pt", "motionseq": "/song/seq.pt"}
    return bpy.ops.magma.import_checkpoint(**files | changed)


def expect_refusal(pattern, tmp_path, **changed):
    """The import must fail with the sentence, show it, and write nothing."""
    from magma_blender.engine_host.session import session

    before = own(tmp_path)
    with pytest.raises(RuntimeError, match=pattern):
        run_import(**changed)
    assert session.notice.is_error and "\n" not in session.notice.text
    assert own(tmp_path) == before and session.task is None


def test_an_import_is_offered_at_once(magma, tmp_path):
    from magma_blender.engine_host.session import session

    settings = bpy.context.scene.magma
    with pytest.raises(TypeError):
        settings.checkpoint = "mine"
    assert run_import(mean="/song/mean.npy", std="/song/std.npy") == {"FINISHED"}
    assert session.notice.text.startswith('"mine" is imported') and session.notice.details == ("No mean.",)
    settings.checkpoint = "mine"
    config = json.loads((tmp_path / "data" / "checkpoints" / "mine" / "config.json").read_text())
    assert config["params"] == {
        "vqvae": "/song/vq.pt",
        "motionseq": "/song/seq.pt",
        "mean": "/song/mean.npy",
        "std": "/song/std.npy",
        "variant": "librosa",
        "precision": "float32",
        "folder": str(tmp_path / "data" / "checkpoints" / "mine"),
    }


def test_a_style_that_the_next_checkpoint_does_not_know_gives_way_to_automatic(magma, tmp_path):
    run_import()
    settings = bpy.context.scene.magma
    settings.style = "waltz"
    settings.checkpoint = "mine"
    assert settings.style == "AUTO"
    settings.checkpoint = "default"
    settings.style = "salsa"
    settings.checkpoint = "open"
    assert settings.style == "salsa"


@pytest.mark.filterwarnings("ignore:.*blend relative")  # 4.5 and later make no such paths themselves
def test_paths_beside_the_blend_file_are_understood(magma, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    run_import(vqvae="//weights/vq.pt", motionseq="~/seq.pt")
    config = json.loads((tmp_path / "data" / "checkpoints" / "mine" / "config.json").read_text())
    assert config["params"]["vqvae"] == str(tmp_path / "weights" / "vq.pt")
    assert config["params"]["motionseq"] == str(Path.home() / "seq.pt")
    assert "mean" not in config["params"]


@pytest.mark.parametrize(
    "name", ["", "..", "../up", "a/b", "a\\b", "/abs", ".hidden", "end.", "end ", "x" * 65, "a\nb"]
)
def test_a_name_that_is_no_name_is_refused(magma, tmp_path, name):
    expect_refusal("cannot be the name of a checkpoint", tmp_path, checkpoint=name)


def test_a_name_that_another_checkpoint_has_is_refused(magma, tmp_path, monkeypatch):
    other = tmp_path / "elsewhere" / "theirs"
    other.mkdir(parents=True)
    (other / "config.json").write_text("{}")
    monkeypatch.setenv("MAGMA_CHECKPOINTS", str(other.parent))
    expect_refusal('There is already a checkpoint "theirs"', tmp_path, checkpoint="Theirs")


def test_missing_files_are_asked_for(magma, tmp_path):
    expect_refusal("Choose both files of the original", tmp_path, vqvae="")
    expect_refusal("Choose both files of the original", tmp_path, motionseq="")
    expect_refusal("Choose both Mean and Std", tmp_path, mean="/song/mean.npy")


def test_an_engine_that_is_missing_refuses_or_dies(magma, tmp_path):
    blenders.use_engine(magma, tmp_path, "fail")
    expect_refusal("The song is silent", tmp_path)
    blenders.use_engine(magma, tmp_path, "die")
    expect_refusal("The engine .*3", tmp_path)
    magma.engine_python = str(tmp_path / "nowhere" / "python")
    expect_refusal("The engine's Python .*nowhere.* is not there", tmp_path)


@pytest.mark.parametrize("mode", ["slow", "hang"])
def test_an_import_can_be_cancelled_and_keeps_the_engine_for_itself(magma, tmp_path, mode):
    from magma_blender.engine_host.session import session
    from magma_blender.errors import MagmaError
    from magma_blender.operators import engine_tasks

    blenders.use_engine(magma, tmp_path, mode)
    engine_tasks.import_checkpoint("mine", "/vq.pt", "/seq.pt", "librosa", "int8")
    with pytest.raises(MagmaError, match=r'The engine is busy \(Importing "mine"\)'):
        engine_tasks.check()
    deadline = time.monotonic() + 30
    while session.task.request.progress.stage != "tokens" and time.monotonic() < deadline:
        session.poll()
        time.sleep(0.01)
    assert bpy.ops.magma.cancel() == {"FINISHED"}
    session.wait_for_task(lambda progress: None)
    assert session.notice.text.startswith("Cancelled") and not session.notice.is_error
    assert own(tmp_path) == [] and not session.occupied


def test_encodecs_weights_come_from_a_file_or_the_internet_if_that_is_allowed(magma, tmp_path):
    from magma_blender.engine_host.session import session

    if hasattr(bpy.app, "online_access"):
        bpy.context.preferences.system.use_online_access = False
        with pytest.raises(RuntimeError, match=r"downloads 93 MB.*Allow Online Access.*Fetch EnCodec Weights"):
            bpy.ops.magma.fetch_encodec()
    assert bpy.ops.magma.fetch_encodec(filepath=str(tmp_path / "mine.th")) == {"FINISHED"}
    assert session.notice.details == (str(tmp_path / "mine.th"),)
    if hasattr(bpy.app, "online_access"):
        bpy.context.preferences.system.use_online_access = True
        if not bpy.app.online_access:
            return  # a Blender that was started offline stays so
    assert bpy.ops.magma.fetch_encodec() == {"FINISHED"}
    assert session.notice.details == ("downloaded",)


def test_guidance_and_candidates_are_not_asked_of_an_imported_checkpoint(magma, tmp_path):
    from magma_blender.scene import generation_plan

    settings = bpy.context.scene.magma
    settings.guidance, settings.candidates = 2.0, 3
    song = blenders.song(tmp_path)
    asked = generation_plan.for_file(bpy.context.scene, "song", song, 1)
    assert (asked.guidance, asked.candidates) == (2.0, 3) and asked.request("cpu")["candidates"] == 3
    run_import()
    settings.checkpoint = "mine"
    asked = generation_plan.for_file(bpy.context.scene, "song", song, 1)
    assert (asked.guidance, asked.candidates) == (None, 1)
