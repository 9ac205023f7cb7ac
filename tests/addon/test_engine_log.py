"""The engine's log: everything that the engine says, as far as there is room for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from magma_blender.engine_host.engine_log import LOG_LIMIT_BYTES, EngineLog

HANGS = 30.0


def log_run(log: EngineLog, *parts: bytes) -> None:
    """One run of an engine that writes these and ends."""
    reading, writing = os.pipe()
    copy = log.follow(os.fdopen(reading, "rb"))
    for part in parts:
        os.write(writing, part)
    os.close(writing)
    copy.join(HANGS)
    assert not copy.is_alive()


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def test_a_run_is_kept_with_those_before(tmp_path):
    log = EngineLog(tmp_path / "engine.log")
    log_run(log, b"first\n")
    log_run(log, b"second\n")
    assert "second" in log.tail(5) and "first" not in log.tail(5)
    text = (tmp_path / "engine.log").read_text()
    assert text.index("first") < text.index("second")


def test_the_log_never_grows_beyond_its_limit_within_a_run_or_over_many(tmp_path):
    log = EngineLog(tmp_path / "engine.log")
    for run in range(3):
        log_run(log, *[b"a line of fifty letters, as libraries write them\n" * 1000] * 60, b"end of run %d\n" % run)
        assert size_of(tmp_path) <= LOG_LIMIT_BYTES
    assert (tmp_path / "engine.log").read_text().endswith("end of run 2\n")
    assert (tmp_path / "engine.log.1").stat().st_size > 0


def test_logs_of_an_earlier_version_that_knew_no_limit_are_cut(tmp_path):
    for name in ("engine.log", "engine.log.1"):
        (tmp_path / name).write_bytes(b"old\n" * (LOG_LIMIT_BYTES // 2))
    log_run(EngineLog(tmp_path / "engine.log"), b"new\n")
    assert size_of(tmp_path) <= LOG_LIMIT_BYTES
    assert "new" in (tmp_path / "engine.log").read_text()


def test_a_log_that_cannot_be_written_is_remembered_all_the_same(tmp_path):
    (tmp_path / "file").write_text("in the way")
    log = EngineLog(tmp_path / "file" / "engine.log")
    log_run(log, b"no module named torch\n")
    assert "no log" in log.tail(5) and "no module named torch" in log.tail(5)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's full disk")
def test_a_disk_that_fills_up_stops_nothing(tmp_path):
    (tmp_path / "engine.log").symlink_to("/dev/full")
    log = EngineLog(tmp_path / "engine.log")
    log_run(log, b"first\n", b"second\n" * 20_000, b"last\n")
    assert "No space left" in log.tail(5) and "last" in log.tail(5)


def test_bytes_that_are_no_text_are_shown_all_the_same(tmp_path):
    log = EngineLog(tmp_path / "engine.log")
    log_run(log, b"\xff\xfe caf\xe9\n")
    assert "caf" in log.tail(5)
