"""Tests that need bpy, started by tests/run_blender_tests.py on the add-on as the zip installed it.

Any other Python leaves them out.
"""

from __future__ import annotations

import importlib.util
import sys

import blenders
import pytest

HAS_BPY = importlib.util.find_spec("bpy") is not None
collect_ignore_glob = [] if HAS_BPY else ["test_*.py"]

if HAS_BPY:
    import installed

    installed.use()
    sys.path.append(str(blenders.ROOT))  # for `demo`


def pytest_addoption(parser):
    """Let the tests run with real engines, too."""
    parser.addoption("--engine", choices=sorted(blenders.ENGINES), default="fake", help="that works in the tests")
    parser.addoption("--sequences", type=int, default=1, help="random edits of each character are so many")


def pytest_generate_tests(metafunc):
    """Number the sequences of random edits."""
    if "sequence" in metafunc.fixturenames:
        metafunc.parametrize("sequence", range(metafunc.config.getoption("--sequences")))


def pytest_configure(config):
    """Pass on which engine works."""
    blenders.working_engine = config.getoption("--engine")
    config.addinivalue_line("markers", "made_up: the test knows figures that the fake engine makes up")


def pytest_collection_modifyitems(config, items):
    """With a real engine, leave only the tests that edit a dance, but for those of the fake's figures."""
    if blenders.working_engine == "fake":
        return
    kept = [item for item in items if "dancer" in item.fixturenames and item.get_closest_marker("made_up") is None]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


@pytest.fixture(scope="session", autouse=True)
def _installed_only():
    """What the tests have loaded of the add-on and the engine comes from the installed zip."""
    yield
    assert installed.loaded_from_the_repository() == []


@pytest.fixture(scope="session", autouse=True)
def _imported_once():
    """The fake engines start without the time that their imports take."""
    with blenders.forking_engines(installed.BUNDLE) as blenders.forking:
        yield
    blenders.forking = None


@pytest.fixture
def scene():
    """A scene of an otherwise empty file, at 30 frames per second."""
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 30
    return bpy.context.scene


@pytest.fixture
def addon(scene, tmp_path):
    """The enabled add-on, its data in a folder of the test's; gives the preferences."""
    preferences = installed.enable()
    preferences.data_folder = str(tmp_path / "data")
    yield preferences
    installed.disable()


@pytest.fixture
def magma(addon, tmp_path, monkeypatch):
    """The enabled add-on with an engine that works, the fake one or that of --engine; gives the preferences."""
    from magma_blender.engine_host.session import session

    monkeypatch.setattr(session, "device", blenders.ENGINES[blenders.working_engine])
    blenders.use_engine(addon, tmp_path, "ok")
    return addon


@pytest.fixture
def rigify(magma):
    """Rigify's basic human, generated."""
    import bpy

    if not bpy.app.binary_path:
        pytest.skip("a wheel does not end after a rig's own script has run")
    import addon_utils

    addon_utils.enable("rigify", default_set=True)
    bpy.ops.object.armature_basic_human_metarig_add()
    meta = bpy.context.object
    bpy.ops.pose.rigify_generate()
    rig = bpy.context.object
    bpy.data.objects.remove(meta)
    yield rig
    addon_utils.disable("rigify", default_set=True)


@pytest.fixture
def real_engine(addon, monkeypatch):
    """The enabled add-on with the real engine, in Blender's own Python; gives the preferences."""
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    addon.device = "cpu"
    return addon


@pytest.fixture
def torch_engine(real_engine):
    """The same with an engine that has PyTorch."""
    real_engine.engine_python = str(blenders.engine_python())
    return real_engine


@pytest.fixture
def dancer(magma, tmp_path):
    """A dance of 3 s at 30 frames/s from frame 1 on, a waltz; from the fake engine it has 15 token positions."""
    import bpy
    from test_addon_generate import add_song

    add_song(tmp_path)
    bpy.context.scene.magma.use_body = False
    bpy.context.scene.magma.style = "waltz"
    assert bpy.ops.magma.generate_dance() == {"FINISHED"}
    return bpy.data.objects["song"]
