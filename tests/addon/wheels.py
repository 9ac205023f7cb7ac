"""Tiny packages in place of the real ones, and the lists that name them: an installation without a network."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

from magma_blender.engine_host.installation.environment import PackageLists

TINY = {"tinypkg/__init__.py": "from .part import ANSWER\n", "tinypkg/part.py": "ANSWER = 42\n"}
"""The files of a package."""


def make_wheel(folder: Path, name: str, files: Mapping[str, str], version: str = "1.0") -> Path:
    """A wheel of a package with these files."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    contents = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [f"{path},{_record_hash(text)},{len(text.encode())}" for path, text in contents.items()]
    contents[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,"]) + "\n"
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in contents.items():
            archive.writestr(zipfile.ZipInfo(path), text)  # the same bytes at any time
    return wheel


def _record_hash(text: str) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def make_lists(folder: Path, *wheels: Path) -> PackageLists:
    """Lists that name these wheels, with their hashes."""
    folder.mkdir(parents=True, exist_ok=True)
    pins, locked = [], []
    for wheel in wheels:
        name, version = wheel.name.split("-")[:2]
        pins.append(f"{name}=={version}\n")
        locked.append(f"{name}=={version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n")
    lists = PackageLists(folder / "wanted.txt", folder / "lock.txt", folder / "torch.txt")
    lists.wanted.write_text("# The packages.\n" + "".join(pins))
    lists.locked.write_text("".join(locked))
    lists.torch.write_text("")
    return lists


def options(*folders: Path) -> list[str]:
    """pip's options to use the wheels of these folders alone."""
    return ["--no-index", *(word for folder in folders for word in ("--find-links", str(folder)))]
