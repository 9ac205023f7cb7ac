"""What commands write: complete or not at all, and a document that always fits the motion that it names."""

from __future__ import annotations

import errno
import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.choreography import Audio, CheckpointIdentity, Choreography, from_json, new_choreography
from engine.errors import EngineError
from engine.service import output_files
from engine.service.output_files import check_output, complete, write_dance

CHANGES = frozenset({"open", "os.rename", "os.link", "os.remove"})
"""What Python reports to audit hooks of everything that changes a file."""


def dance(seed: int) -> Choreography:
    audio, checkpoint = Audio("song.wav", "a" * 64), CheckpointIdentity("default", "b" * 64)
    return new_choreography([[seed, seed]] * 3, 10.0, audio, checkpoint, seed, None)


def write(folder: Path, seed: int) -> None:
    motion = f"the motion of dance {seed}".encode() * 1000
    write_dance(folder / "d.json", dance(seed), folder / "d.npz", lambda file: file.write_bytes(motion) and None)


def read(folder: Path) -> int:
    """The seed of the dance in a folder, whose motion must be the one that its document names."""
    document = from_json((folder / "d.json").read_text())
    assert document.motion is not None
    motion = (folder / document.motion.name).read_bytes()
    assert hashlib.sha256(motion).hexdigest() == document.motion.sha256
    assert motion.startswith(f"the motion of dance {document.seed}t".encode())
    return document.seed


def killed_at(step: int, work: Callable[[], None]) -> bool:
    """Whether a process that does the work is killed at its `step`-th change of a file, with nothing cleaned up."""
    child = os.fork()
    if child == 0:
        left = step

        def hook(event: str, arguments: object) -> None:
            nonlocal left
            if event in CHANGES:
                left -= 1
                if left == 0:
                    os._exit(9)

        sys.addaudithook(hook)
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 9)
    return code == 9


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the test forks")
def test_an_edit_in_place_that_is_killed_at_any_moment_leaves_a_whole_dance(tmp_path: Path) -> None:
    found = []
    for step in range(1, 100):
        folder = tmp_path / str(step)
        folder.mkdir()
        write(folder, 1)
        killed = killed_at(step, lambda: write(folder, 2))  # noqa: B023 - called at once
        found.append(read(folder))
        write(folder, 3)  # and the dance can be edited again
        assert read(folder) == 3 and from_json((folder / "d.json").read_text()).motion.name == "d.npz"
        if not killed:
            break
    else:
        raise AssertionError("the edit never ended")
    assert sorted(folder.name for folder in (tmp_path / str(step)).iterdir()) == ["d.json", "d.npz"]
    assert len(found) > 10 and found[0] == 1 and found[-1] == 2 and found == sorted(found)


@pytest.mark.parametrize("call", ["fsync", "link", "replace"])
def test_a_disk_that_is_full_leaves_a_whole_dance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def full(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*_)

    write(tmp_path, 1)
    holder = Path if call == "replace" else os
    real = getattr(holder, call)
    for step in range(1, 6):
        left = step
        monkeypatch.setattr(holder, call, full)
        try:
            write(tmp_path, 2)
        except OSError as error:
            assert error.errno == errno.ENOSPC
        monkeypatch.setattr(holder, call, real)
        assert read(tmp_path) in (1, 2)
        assert not [file for file in tmp_path.iterdir() if "partial" in file.name]


def test_a_file_system_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    write(tmp_path, 1)
    write(tmp_path, 2)
    assert read(tmp_path) == 2
    assert sorted(file.name for file in tmp_path.iterdir()) == ["d.json", "d.npz"]


def test_a_link_to_a_file_elsewhere_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "dance.npz").write_bytes(b"earlier")
    (tmp_path / "dance.npz").symlink_to(tmp_path / "elsewhere" / "dance.npz")
    with complete(tmp_path / "dance.npz") as partial:
        partial.write_bytes(b"new")
    assert (tmp_path / "dance.npz").is_symlink()
    assert (tmp_path / "elsewhere" / "dance.npz").read_bytes() == b"new"


def test_outputs_that_cannot_be_written_are_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder.npz").mkdir()
    (tmp_path / "file").touch()
    cases = {
        tmp_path / "folder.npz": "is a folder",
        tmp_path / "no" / "dance.npz": "does not exist",
        tmp_path / "file" / "dance.npz": "does not exist",
        tmp_path / "dance.mp4": "unknown kind",
        tmp_path / ("a" * 300 + ".npz"): "cannot be written",
        tmp_path / ("a" * 100_000 + ".npz"): "cannot be written",
    }
    for path, words in cases.items():
        with pytest.raises(EngineError, match=words) as caught:
            check_output(path, (".npz",))
        assert len(str(caught.value)) < 600
    check_output(tmp_path / ("a" * 240 + ".npz"), (".npz",))
    monkeypatch.setattr(output_files, "_TRIED_BYTES", 1 << 20)
    if os.access("/dev/full", os.W_OK):

        def full(path: Path, data: bytes) -> int:
            return Path("/dev/full").open("wb", buffering=0).write(data)

        monkeypatch.setattr(Path, "write_bytes", full)
        with pytest.raises(EngineError, match="No space left"):
            check_output(tmp_path / "dance.npz", (".npz",))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "folder.npz"]
