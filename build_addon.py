"""Makes the add-on's installable .zip.

    python build_addon.py --output magma_blender.zip

The zip holds one folder, `magma_blender`, with the add-on, the engine, smpl_rig and the checkpoints. It installs
as a legacy add-on (Blender 3.4 to 4.1) and as an extension (4.2 and later). The same commit gives the same bytes.

In the repository `magma_blender`, `engine` and `smpl_rig` lie side by side and import each other by name. In the zip
the other two lie inside the add-on, where Blender (which forbids extensions to put modules at the top level) must
reach them by relative imports, so the import statements of the files that run in Blender are rewritten. The engine's
process has the add-on's folder as its working directory and finds `engine` and `smpl_rig` there by name.
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
BESIDE = ("engine", "smpl_rig")
CHECKPOINTS = "checkpoints"
TIMESTAMP = (1980, 1, 1, 0, 0, 0)
"""The earliest that a zip can hold: real times would differ from checkout to checkout."""
TEXT_SUFFIXES = {".py", ".toml", ".txt", ".md", ".json"}
IGNORED = {"__pycache__", ".DS_Store", ".mypy_cache", ".ruff_cache"}


class BuildError(Exception):
    """The zip cannot be made; the message says why."""


def source_files(root: Path) -> list[str]:
    """Relative paths, with slashes, of what goes into the zip: what git tracks, or every file without git."""
    wanted = [f"{ADDON}/", *(f"{name}/" for name in BESIDE), f"{CHECKPOINTS}/"]
    paths = [
        path for path in _tracked_files(root) or _all_files(root) if path == "LICENSE" or path.startswith(tuple(wanted))
    ]
    return sorted(path for path in paths if not IGNORED & set(path.split("/")))


def _tracked_files(root: Path) -> list[str]:
    try:
        answer = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    return [path for path in answer.stdout.decode().split("\0") if path and (root / path).is_file()]


def _all_files(root: Path) -> list[str]:
    folders = [root / ADDON, *(root / name for name in BESIDE), root / CHECKPOINTS]
    found = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return [path.relative_to(root).as_posix() for path in [*found, root / "LICENSE"] if path.is_file()]


def place_in_zip(path: str) -> str:
    """Where a file of the repository lies in the zip."""
    return path if path.startswith(f"{ADDON}/") else f"{ADDON}/{path}"


def content_in_zip(root: Path, path: str) -> bytes:
    """The file's bytes as they go into the zip: imports rewritten, line ends those of Unix."""
    data = (root / path).read_bytes()
    if Path(path).suffix in TEXT_SUFFIXES:
        data = data.replace(b"\r\n", b"\n")
    # the engine's own files run in its process only, except a few, whose imports of each other are relative
    if path.endswith(".py") and not path.startswith("engine/"):
        data = rewrite_imports(data.decode("utf-8"), place_in_zip(path)).encode("utf-8")
    return data


def rewrite_imports(source: str, place: str) -> str:
    """`from engine.x import y` as a relative import, for a file that lies at `place` in the zip.

    Raises BuildError for `import engine.x`, which has no relative form.
    """
    # one dot is the file's own package: `.engine` in magma_blender/batch.py, `..engine` in magma_blender/ui/x.py
    dots = "." * place.count("/")
    lines = source.splitlines(keepends=True)
    for node in _absolute_imports(source, place):
        if isinstance(node, ast.Import):
            name = next(alias.name for alias in node.names if _is_ours(alias.name))
            raise BuildError(f"{place}, line {node.lineno}: write `from {name} import ...` instead of `import {name}`.")
        line = lines[node.lineno - 1]
        start = len(line.encode()[: node.col_offset].decode())
        before, statement = line[:start], line[start:]
        lines[node.lineno - 1] = before + statement.replace(f"from {node.module}", f"from {dots}{node.module}", 1)
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
    return module.split(".", maxsplit=1)[0] in BESIDE


def build(root: Path, output: Path) -> list[str]:
    """Write the zip and return the names in it. Raises BuildError."""
    files = source_files(root)
    if f"{ADDON}/__init__.py" not in files:
        raise BuildError(f"{root / ADDON} is not there: run build_addon.py of the repository.")
    part = output.with_name(output.name + ".part")
    try:
        with zipfile.ZipFile(part, "w") as archive:
            for place, path in sorted((place_in_zip(path), path) for path in files):
                _add(archive, place, content_in_zip(root, path))
        part.replace(output)
    except OSError as error:
        raise BuildError(f"{output} cannot be written ({error.strerror}): choose another folder.") from error
    finally:
        part.unlink(missing_ok=True)
    return sorted(place_in_zip(path) for path in files)


def _add(archive: zipfile.ZipFile, place: str, data: bytes) -> None:
    info = zipfile.ZipInfo(place, TIMESTAMP)
    info.create_system = 3  # Unix, wherever it is built
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    # not compressed: one zlib's output differs from another's, and the weights, nearly all of it, do not shrink
    info.compress_type = zipfile.ZIP_STORED
    archive.writestr(info, data)


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
    if not any(name.startswith(f"{ADDON}/{CHECKPOINTS}/default/") for name in names):
        print(
            "build_addon: notice: there is no checkpoints/default: the zip comes without a checkpoint", file=sys.stderr
        )
    print(f"{values.output}: {len(names)} files, {values.output.stat().st_size / 2**20:.1f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
