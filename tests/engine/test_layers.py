"""The layers: which room may import which (see docs/architecture.md).

A room is a folder with modules. The text of its `__init__` ends with a line `Imports: ...` that names the rooms and
modules below it; its modules may import those, each other, and the shared modules of `engine`. Imports are read from
anywhere in the source. Third-party packages are also checked by importing every module in a new interpreter in which
the forbidden ones cannot be imported.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"torch", "scipy", "librosa", "numba", "soxr", "av", "safetensors", "matplotlib"}
BUILD_TOOLS = ("smpl_rig.assets.bake_mannequin",)
"""Scripts run by hand to make a shipped data file; not part of the library."""
SHARED = {
    "engine", "engine.VERSION", "engine.protocol", "engine.bounded_files", "engine.checkpoint_index", "engine.checks",
    "engine.decoded_sounds", "engine.errors", "engine.file_hash", "engine.heard_songs",
}  # fmt: skip
"""Modules that import the standard library only; every room may import them, and the add-on shares them."""
OURS = ("engine", "smpl_rig", "magma_blender")
ENTRY_POINTS = {"engine.__main__", "magma_blender", "magma_blender.registration", "magma_blender.batch"}
"""Modules above all rooms, which connect them."""

NUMPY_ALONE = (
    "engine.api", "engine.audio", "engine.choreography", "engine.editing", "engine.models", "engine.motion",
    "engine.pipeline", "engine.reporting", "engine.runtime", "engine.service",
)  # fmt: skip
WITH_MORE = (
    "engine.audio.files.ffmpeg_source", "engine.audio.original", "engine.models.original", "engine.models.torch",
    "engine.runtime.module_shapes", "engine.runtime.threads", "engine.runtime.weight_files",
)  # fmt: skip
"""Of these, what GPUs, imported checkpoints and other sound files than wav need."""

IMPORT_ALL = """
import importlib, sys

class Forbidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in FORBIDDEN:
            raise AssertionError(name + " was imported")

FORBIDDEN, modules = set(sys.argv[1].split(",")), sys.argv[2:]
sys.meta_path.insert(0, Forbidden())
for module in modules:
    importlib.import_module(module)
    loaded = FORBIDDEN & {name.partition(".")[0] for name in sys.modules}
    assert not loaded, f"{module} imports {loaded}"
"""


def files(folder: str) -> list[Path]:
    """The Python files of a folder that are modules; Blender's presets are none, though it keeps them as such."""
    return [path for path in sorted((ROOT / folder).rglob("*.py")) if path.parent.name != "presets"]


def modules(package: str) -> list[str]:
    """Dotted names of all modules of a package."""
    names = []
    for path in files(package):
        parts = path.relative_to(ROOT).with_suffix("").parts
        names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return [name for name in names if not name.endswith("__main__")]


def import_all(names: list[str], forbidden: set[str]) -> None:
    command = [sys.executable, "-c", IMPORT_ALL, ",".join(sorted(forbidden)), *names]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-1500:]


def imported(path: Path, everywhere: bool = True) -> Iterator[str]:
    """Top-level packages that a file imports: anywhere in it, or only those that are imported together with it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = path.relative_to(ROOT).parts[0]
    nodes = list(ast.walk(tree))
    if not everywhere:
        later = {id(n) for f in nodes if isinstance(f, ast.FunctionDef | ast.Lambda) for n in ast.walk(f)}
        typing = {
            id(n)
            for branch in nodes
            if isinstance(branch, ast.If) and "TYPE_CHECKING" in ast.unparse(branch.test)
            for statement in branch.body
            for n in ast.walk(statement)
        }
        nodes = [node for node in nodes if id(node) not in later | typing]
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield package if node.level else (node.module or "").partition(".")[0]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            first = node.args[0]
            if isinstance(first, ast.Constant) and not str(first.value).startswith("."):
                yield str(first.value).partition(".")[0]


def all_imports(module: str, path: Path) -> set[str]:
    """Our modules that a module imports, anywhere in its source."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            found.update(name if (name := f"{source}.{alias.name}") in PATHS else source for alias in node.names)
    return {name for name in found if name in PATHS} - {module}


def room_of(module: str) -> str:
    """The folder of a module, as a package."""
    return module if PATHS[module].name == "__init__.py" else module.rpartition(".")[0]


def outer(module: str) -> str:
    """The outermost room around a module, directly in one of our packages."""
    return ".".join(room_of(module).split(".")[:2])


def declared(room: str) -> list[str]:
    """The imports that the text of a room declares."""
    text = ast.get_docstring(ast.parse(PATHS[room].read_text(encoding="utf-8"))) or ""
    match = re.search(r"^Imports: (.+?)\.$", text, re.DOTALL | re.MULTILINE)
    assert match, f"{PATHS[room]}: its text does not end with a line 'Imports: ...'"
    return [name for name in re.split(r",\s+", match[1]) if name in PATHS]


PATHS = {
    ".".join(parts[:-1] if parts[-1] == "__init__" else parts): path
    for package in OURS
    for path in files(package)
    for parts in [path.relative_to(ROOT).with_suffix("").parts]
}
GRAPH = {module: all_imports(module, path) for module, path in PATHS.items()}
ROOMS = sorted({room_of(module) for module in PATHS} - {"engine", "magma_blender", "smpl_rig"})


def test_the_rooms_are_where_they_are_expected() -> None:
    assert all(len(modules(package)) > 5 for package in OURS)
    assert {"engine.models.original.clip", "engine.service", "smpl_rig.blender", "magma_blender.scene"} <= set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_its_text_declares(room: str) -> None:
    """A room may import its own modules and those of rooms inside it, what its text names, and the shared modules."""
    allowed = declared(room)
    for module, names in GRAPH.items():
        if room_of(module) != room or module in ENTRY_POINTS:
            continue
        up = {
            name
            for name in names - SHARED
            if not any(name == one or name.startswith(f"{one}.") for one in (*allowed, room))
        }
        assert not up, f"{module} imports {', '.join(sorted(up))}, which {room}/__init__.py does not name"


def test_no_room_imports_one_above_it() -> None:
    """Imports between outermost rooms never form a cycle."""
    arrows: dict[str, set[str]] = {}
    for module, names in GRAPH.items():
        if module not in ENTRY_POINTS:
            arrows.setdefault(outer(module), set()).update(outer(name) for name in names - SHARED)
    for room, others in arrows.items():
        others.discard(room)
    order = list(TopologicalSorter(arrows).static_order())  # raises CycleError
    assert order.index("engine.models") < order.index("engine.pipeline") < order.index("engine.service")


def test_no_modules_import_each_other_in_a_cycle() -> None:
    assert list(TopologicalSorter(GRAPH).static_order())  # raises CycleError


def test_inference_never_imports_training_evaluation_or_data() -> None:
    never = ("engine.training", "engine.evaluation", "engine.data")
    for module, names in GRAPH.items():
        if not module.startswith((*never, "engine.__main__")):
            assert not [name for name in names if name.startswith(never)], module


def test_smpl_rig_needs_only_numpy() -> None:
    plain = [name for name in modules("smpl_rig") if not name.startswith(("smpl_rig.blender", *BUILD_TOOLS))]
    import_all(plain, HEAVY | {"bpy", "mathutils", "engine", "magma_blender"})
    allowed = {"numpy", "smpl_rig", "__future__", *sys.stdlib_module_names}
    for path in files("smpl_rig"):
        if path.relative_to(ROOT).as_posix() in (name.replace(".", "/") + ".py" for name in BUILD_TOOLS):
            continue
        extra = {"bpy", "mathutils", "bpy_extras"} if "blender" in path.parts else set()
        assert set(imported(path)) <= allowed | extra, path


def test_dancing_needs_only_numpy() -> None:
    """All that our own checkpoints dance and are edited with can be imported without any other package, and the rooms
    with their networks ask for none anywhere."""
    plain = [name for name in modules("engine") if name.startswith(NUMPY_ALONE) and not name.startswith(WITH_MORE)]
    import_all(plain, HEAVY)
    allowed = {"numpy", "engine", "smpl_rig", "__future__", *sys.stdlib_module_names}
    for room in ("api", "models/own", "models/numpy", "motion", "pipeline", "editing", "choreography", "reporting"):
        for path in files(f"engine/{room}"):
            assert set(imported(path)) <= allowed, path


def test_the_engine_never_touches_blender() -> None:
    import_all(modules("engine"), {"bpy", "mathutils", "bmesh", "magma_blender"})
    for path in files("engine"):
        assert not set(imported(path)) & {"bpy", "mathutils", "bmesh", "magma_blender"}, path


@pytest.mark.parametrize(
    "module",
    [
        "engine",
        "engine.protocol",
        "engine.service.server",
        "engine.service.jobs",
        "engine.bounded_files",
        "engine.checkpoint_index",
        "engine.errors",
        "engine.choreography",
    ],
)
def test_the_engine_answers_hello_before_anything_heavy_is_loaded(module: str) -> None:
    import_all([module], HEAVY | {"numpy", "smpl_rig"})


def test_the_add_on_shares_only_standard_library_modules_with_the_engine() -> None:
    for path in files("magma_blender"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = {alias.name for alias in node.names if alias.name.partition(".")[0] == "engine"}
            elif isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").startswith("engine"):
                names = {
                    f"{node.module}.{alias.name}" if node.module == "engine" else node.module or ""
                    for alias in node.names
                }
            else:
                continue
            assert all(name in SHARED or name.startswith("engine.choreography") for name in names), (path, names)


def test_the_add_on_never_imports_torch_and_numpy_only_when_it_is_needed() -> None:
    for path in files("magma_blender"):
        assert not set(imported(path)) & HEAVY, path
        assert "numpy" not in set(imported(path, everywhere=False)), path


def test_the_add_on_loads_without_numpy() -> None:
    """With a stand-in for bpy, all its modules can be imported without numpy and every heavy package."""
    stand_in = (
        "import sys, types\n"
        "class Anything(types.ModuleType):\n"
        "    __path__ = []\n"
        "    def __getattr__(self, name):\n"
        "        if name.startswith('__'): raise AttributeError(name)\n"
        "        if name[0].isupper() and name.isalpha() and not name.endswith('Property'): return type(name, (), {})\n"
        "        return Anything(name)\n"
        "    def __call__(self, *args, **kwargs): return args[0] if len(args) == 1 and callable(args[0]) else None\n"
        "for name in ('bpy', 'bpy.types', 'bpy.props', 'bpy.utils', 'bpy.app', 'bpy.app.handlers', 'bpy_extras',\n"
        "             'bpy_extras.io_utils', 'bpy.path', 'mathutils', 'bl_ui', 'bl_ui.utils', 'bl_operators',\n"
        "             'bl_operators.presets'):\n"
        "    sys.modules[name] = Anything(name)\n"
        "    parent, _, child = name.rpartition('.')\n"
        "    if parent: setattr(sys.modules[parent], child, sys.modules[name])\n"
        "sys.modules['bpy'].app.version = (4, 5, 0)\n"
    )
    command = [sys.executable, "-c", stand_in + IMPORT_ALL, ",".join(sorted(HEAVY | {"numpy"}))]
    run = subprocess.run([*command, *modules("magma_blender")], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-1500:]


def test_the_check_itself_notices(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="numpy was imported"):
        import_all(["smpl_rig.skeleton"], {"numpy"})
    assert "torch" in set(imported(ROOT / "engine" / "runtime" / "device.py"))
    assert "torch" not in set(imported(ROOT / "engine" / "runtime" / "device.py", everywhere=False))
