"""Makes the add-on's installable .zip.

    python build_addon.py --output magma_blender.zip

The zip holds one folder, `magma_blender`, with what dancing needs, the manual, and nothing else; the rooms for
training, evaluation and data stay in the repository. The manual's pages are made with mkdocs (requirements-docs.txt).
It installs as a legacy add-on (Blender 3.4 to 4.1) and as an extension (4.2 and later). The same commit gives the same
bytes, as long as Python's zlib is the same.

In the repository `magma_blender`, `engine`, `smpl_rig` and `checkpoints` lie side by side and import each other by
name. In the zip the others lie in the add-on's folder `bundle`, the only folder on the path of the engine's process:
so the add-on's own modules (`errors`, `paths`, ...) are no top-level modules there. Blender forbids extensions to put
modules at the top level, so in the add-on's files the import statements that reach into the bundle are made relative;
what lies in the bundle imports its own package relatively already, where Blender needs it.
"""

from __future__ import annotations

import argparse
import ast
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ADDON = "magma_blender"
PACKAGES = ("engine", "smpl_rig")
CHECKPOINTS = "checkpoints"
BUNDLE = "bundle"
"""The folder of the add-on that holds the packages and the checkpoints; `magma_blender/paths.py` knows it, too."""
BUNDLE_TEXT = '"""What the engine\'s process imports, and of it what it shares with the add-on."""\n'
NOT_FOR_DANCING = (
    "engine/__init__.pyi",
    "engine/api/",
    "engine/training/",
    "engine/evaluation/",
    "engine/data/",
    "checkpoints/styles.json",
    "smpl_rig/assets/bake_mannequin.py",
)
"""Left out: rooms and tools that only development and other programs need."""
TIMESTAMP = (1980, 1, 1, 0, 0, 0)
"""The earliest that a zip can hold: real times would differ from checkout to checkout."""
TEXT_SUFFIXES = {".py", ".toml", ".txt", ".md", ".json", ".html", ".css", ".js"}
MANUAL = "manual"
"""The folder of the add-on that holds the manual; `magma_blender/paths.py` knows it, too."""
IGNORED = {"__pycache__", ".DS_Store", ".mypy_cache", ".ruff_cache"}


class BuildError(Exception):
    """The zip cannot be made; the message says why."""


def source_files(root: Path) -> list[str]:
    """Relative paths, with slashes, of what goes into the zip: what git tracks, or every file without git."""
    wanted = tuple(f"{name}/" for name in (ADDON, *PACKAGES, CHECKPOINTS))
    paths = [path for path in _tracked_files(root) or _all_files(root) if path == "LICENSE" or path.startswith(wanted)]
    return sorted(path for path in paths if not path.startswith(NOT_FOR_DANCING) and not IGNORED & set(path.split("/")))


def _tracked_files(root: Path) -> list[str]:
    try:
        answer = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    return [path for path in answer.stdout.decode().split("\0") if path and (root / path).is_file()]


def _all_files(root: Path) -> list[str]:
    found = [path for name in (ADDON, *PACKAGES, CHECKPOINTS) for path in (root / name).rglob("*") if path.is_file()]
    return [path.relative_to(root).as_posix() for path in [*found, root / "LICENSE"] if path.is_file()]


def place_in_zip(path: str) -> str:
    """Where a file of the repository lies in the zip."""
    if path.startswith(f"{ADDON}/"):
        return path
    return f"{ADDON}/{path}" if path == "LICENSE" else f"{ADDON}/{BUNDLE}/{path}"


def content_in_zip(root: Path, path: str) -> bytes:
    """The file's bytes as they go into the zip: the add-on's imports rewritten, line ends those of Unix."""
    data = (root / path).read_bytes()
    if Path(path).suffix in TEXT_SUFFIXES:
        data = data.replace(b"\r\n", b"\n")
    if path.startswith(f"{ADDON}/") and path.endswith(".py"):
        data = rewrite_imports(data.decode("utf-8"), path).encode("utf-8")
    return data


def rewrite_imports(source: str, place: str) -> str:
    """`from engine.x import y` as a relative import, for a file of the add-on that lies at `place` in the zip.

    Raises BuildError for `import engine.x`, which has no relative form.
    """
    # one dot is the file's own package: `.bundle` in magma_blender/batch.py, `..bundle` in magma_blender/ui/x.py
    bundle = "." * place.count("/") + BUNDLE
    lines = source.splitlines(keepends=True)
    for node in _absolute_imports(source, place):
        if isinstance(node, ast.Import):
            name = next(alias.name for alias in node.names if _is_ours(alias.name))
            raise BuildError(f"{place}, line {node.lineno}: write `from {name} import ...` instead of `import {name}`.")
        line = lines[node.lineno - 1]
        start = len(line.encode()[: node.col_offset].decode())
        before, statement = line[:start], line[start:]
        lines[node.lineno - 1] = before + statement.replace(f"from {node.module}", f"from {bundle}.{node.module}", 1)
    rewritten = "".join(lines)
    left = list(_absolute_imports(rewritten, place))
    if left:
        raise BuildError(f"{place}, line {left[0].lineno}: this import cannot be made relative; write it on one line.")
    return rewritten


def _absolute_imports(source: str, place: str) -> Iterator[ast.Import | ast.ImportFrom]:
    """The statements anywhere in a file that import `engine` or `smpl_rig` by absolute name."""
    for node in ast.walk(ast.parse(source, place)):
        match node:
            case ast.Import(names=names) if any(_is_ours(alias.name) for alias in names):
                yield node
            case ast.ImportFrom(module=module, level=0) if _is_ours(module or ""):
                yield node


def _is_ours(module: str) -> bool:
    return module.split(".", maxsplit=1)[0] in PACKAGES


def manual_pages(root: Path) -> dict[str, bytes]:
    """The files of the manual by their paths in it. Raises BuildError."""
    try:
        from manual.plain import ManualError, plain_pages
    except ImportError as error:
        raise BuildError(
            f"The manual's pages cannot be made ({error}): run `make addon`, or first `pip install -r "
            "requirements-docs.txt`."
        ) from error
    try:
        return plain_pages(root)
    except ManualError as error:
        raise BuildError(str(error)) from error


def build(root: Path, output: Path) -> list[str]:
    """Write the zip and return the names in it. Raises BuildError."""
    files = source_files(root)
    if f"{ADDON}/__init__.py" not in files:
        raise BuildError(f"{root / ADDON} is not there: run build_addon.py of the repository.")
    contents = [(place_in_zip(path), content_in_zip(root, path)) for path in files]
    manual = [(f"{ADDON}/{MANUAL}/{page}", data) for page, data in manual_pages(root).items()]
    contents = sorted([*contents, *manual, (f"{ADDON}/{BUNDLE}/__init__.py", BUNDLE_TEXT.encode())])
    part = output.with_name(output.name + ".part")
    try:
        with zipfile.ZipFile(part, "w") as archive:
            for place, data in contents:
                _add(archive, place, data)
        part.replace(output)
    except OSError as error:
        raise BuildError(f"{output} cannot be written ({error.strerror}): choose another folder.") from error
    finally:
        part.unlink(missing_ok=True)
    return [place for place, _ in contents]


def _add(archive: zipfile.ZipFile, place: str, data: bytes) -> None:
    info = zipfile.ZipInfo(place, TIMESTAMP)
    info.create_system = 3  # Unix, wherever it is built
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    archive.writestr(info, data, zipfile.ZIP_DEFLATED, compresslevel=9)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Make the add-on's installable .zip.")
    parser.add_argument("--output", type=Path, required=True, help="the .zip to write")
    values = parser.parse_args()
    try:
        names = build(ROOT, values.output)
    except (BuildError, SyntaxError) as error:
        print(f"build_addon: error: {error}", file=sys.stderr)
        return 1
    if not any(name.startswith(f"{ADDON}/{BUNDLE}/{CHECKPOINTS}/default/") for name in names):
        print(
            "build_addon: notice: there is no checkpoints/default: the zip comes without a checkpoint", file=sys.stderr
        )
    print(f"{values.output}: {len(names)} files, {values.output.stat().st_size / 2**20:.1f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
