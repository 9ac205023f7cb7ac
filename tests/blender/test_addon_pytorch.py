"""PyTorch as an option: what needs it says so, and an environment that cannot be used is in nobody's way."""

from __future__ import annotations

from pathlib import Path

import blenders
import pytest

pytest.importorskip("bpy")
import bpy
import skips
from test_addon_drawing import draw_everything
from test_addon_generate import add_song, expect_error
from test_addon_original import run_import

from magma_blender.engine_host.installation import environment

pytestmark = pytest.mark.skipif(bpy.app.version[:2] in skips.ELSEWHERE_IN, reason=skips.ELSEWHERE)

NEEDED = r"needs PyTorch, which is not installed: press Install PyTorch under GPU and Original Checkpoints"


@pytest.fixture
def plain(magma, tmp_path, monkeypatch):
    """The add-on with a fake engine in the place of Blender's own Python."""
    from magma_blender.engine_host import blender_python

    magma.engine_python = ""
    fake = blenders.fake_engine(tmp_path)
    monkeypatch.setattr(blender_python, "candidates", lambda: (fake,))
    return magma


@pytest.fixture
def environment_folder(tmp_path):
    """An environment that is complete, whose Python is a fake engine."""
    folder = tmp_path / "data" / environment.ENVIRONMENT
    python = environment.environment_python(tmp_path / "data")
    python.parent.mkdir(parents=True)
    python.symlink_to(blenders.fake_engine(tmp_path, "print"))
    (folder / environment.INSTALLED).write_text(environment.marked_installed(tmp_path / "data", environment.SHIPPED))
    return folder


def setup():
    from magma_blender.engine_host.session import session

    return session.setup()


def test_dances_need_nothing_installed(plain, tmp_path):
    add_song(tmp_path)
    assert setup().lacks_torch
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    assert any("about 1 GB to download" in text for text in draw_everything(plain, 5000))


def test_an_environment_that_is_complete_goes_first(plain, environment_folder, tmp_path):
    from magma_blender.engine_host.session import session

    python = environment.environment_python(tmp_path / "data")
    add_song(tmp_path)
    assert not setup().lacks_torch and Path(setup().commands[0][0]) == python
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    assert session.python_of(setup()) == str(python)
    assert "PyTorch is installed, and the engine uses it." in draw_everything(plain, 5000)


@pytest.mark.parametrize("damage", ["older", "python", "half"])
def test_an_environment_that_cannot_be_used_leaves_a_hint_and_dances_go_on(plain, environment_folder, tmp_path, damage):
    marker = environment_folder / environment.INSTALLED
    if damage == "older":
        marker.write_text("another list\n" + marker.read_text().partition("\n")[2])
    elif damage == "python":
        environment.environment_python(tmp_path / "data").unlink()
    else:
        marker.unlink()
    add_song(tmp_path)
    assert setup().lacks_torch
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    hint = [text for text in draw_everything(plain, 5000) if text.startswith("PyTorch ")]
    assert len(hint) == 1 and "press Install PyTorch to use it again" in hint[0]


def test_an_environment_whose_python_does_not_start_is_passed_over(plain, environment_folder, tmp_path):
    from magma_blender.engine_host.session import session

    (tmp_path / "fake-python-print").write_text("#!/bin/sh\nexit 127\n")
    add_song(tmp_path)
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    assert Path(session.python_of(setup())).name == "fake-python-ok"


def test_a_gpu_without_pytorch_is_one_sentence(plain, tmp_path):
    add_song(tmp_path)
    plain.device = "cuda"
    expect_error(f"The device NVIDIA GPU {NEEDED}")


def test_an_imported_checkpoint_without_pytorch_is_one_sentence(plain, magma, tmp_path):
    from magma_blender.engine_host.session import session

    fake, magma.engine_python = magma.engine_python, str(blenders.fake_engine(tmp_path))
    assert run_import() == {"FINISHED"}
    magma.engine_python = fake
    add_song(tmp_path)
    bpy.context.scene.magma.checkpoint = "mine"
    expect_error(f'The imported checkpoint "mine" {NEEDED}')
    with pytest.raises(RuntimeError, match=f"Importing a checkpoint {NEEDED}"):
        run_import()
    with pytest.raises(RuntimeError, match=NEEDED):
        bpy.ops.magma.fetch_encodec(filepath="/song/weights.th")
    assert session.notice.is_error and session.task is None
