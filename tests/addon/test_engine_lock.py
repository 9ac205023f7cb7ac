"""The locks of the engine's packages: complete, hashed, and silent about where packages come from."""

from __future__ import annotations

import importlib.metadata
import itertools
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from magma_blender.engine_host.installation.environment import SHIPPED

PYTHONS = ("3.11", "3.12", "3.13")
SYSTEMS = (("linux", "Linux", "x86_64"), ("linux", "Linux", "aarch64"), ("darwin", "Darwin", "arm64"))
PLACES = (*SYSTEMS, ("win32", "Windows", "AMD64"))


def read(file: Path) -> dict[str, tuple[Requirement, list[str]]]:
    """The requirements of a lock with their hashes, by name."""
    found = {}
    for entry in re.split(r"^(?=[a-z])", file.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        head, *hashes = re.split(r"\s*\\\n\s*--hash=", entry.strip())
        requirement = Requirement(head)
        found[requirement.name] = (requirement, hashes)
    return found


LOCKED, TORCH = read(SHIPPED.locked), read(SHIPPED.torch)


def test_every_package_that_the_engine_wants_is_locked_in_its_version():
    """Somebody changed a version and did not run `make lock`."""
    for name, version in SHIPPED.versions().items():
        locked = (TORCH if name == "torch" else LOCKED)[name][0]
        assert str(locked.specifier) == f"=={version}", f"{name}: run `make lock`"


@pytest.mark.parametrize("file", [SHIPPED.locked, SHIPPED.torch], ids=lambda file: file.stem)
def test_every_package_has_hashes_and_no_line_says_where_it_comes_from(file):
    text = file.read_text(encoding="utf-8")
    assert "://" not in text and "file:" not in text and "index" not in text and "find-links" not in text
    assert read(file)
    for name, (_, hashes) in read(file).items():
        assert hashes and all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in hashes), name


def test_nothing_is_missing_on_any_system_and_python():
    """pip installs nothing that is not listed: a package left out would be missed at the first dance."""
    for name, (requirement, _) in {**LOCKED, **TORCH}.items():
        try:
            needs = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # for other systems
        for python, (platform, system, machine) in itertools.product(PYTHONS, PLACES):
            place = {
                "python_version": python,
                "python_full_version": f"{python}.5",
                "sys_platform": platform,
                "platform_system": system,
                "platform_machine": machine,
                "os_name": "nt" if platform == "win32" else "posix",
                "implementation_name": "cpython",
                "platform_python_implementation": "CPython",
                "extra": "",
            }
            if requirement.marker is not None and not requirement.marker.evaluate(place):
                continue
            for need in map(Requirement, needs):
                if need.marker is not None and not need.marker.evaluate(place):
                    continue
                key = re.sub(r"[-_.]+", "-", need.name).lower()
                found = LOCKED.get(key) or TORCH.get(key)
                assert found, f"{name} needs {need} on {platform} {machine}, Python {python}"
                (version,) = found[0].specifier
                assert Version(version.version) in need.specifier, f"{name} needs {need}"
                assert found[0].marker is None or found[0].marker.evaluate(place), f"{name} needs {need} on {platform}"


def test_pytorch_and_the_libraries_of_gpus_are_apart_from_what_every_computer_gets():
    """Who has no NVIDIA GPU does not download gigabytes for one."""
    gpu = re.compile(r"nvidia-|cuda-|triton|torch$")
    assert all(gpu.match(name) for name in TORCH) and not any(gpu.match(name) for name in LOCKED)
