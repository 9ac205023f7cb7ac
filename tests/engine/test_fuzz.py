"""The fuzzer finds nothing: 2,000 messages to a real server, 300 files, each once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="it measures memory as POSIX does")
def test_hostile_messages_and_files_end_in_a_sentence() -> None:
    """In a process of its own: one that crashes tells which case it was."""
    command = [sys.executable, "-m", "tests.fuzz", "--messages", "2000", "--files", "300", "--seed", "1"]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
    assert "2000 messages, 300 files, seed 1: 0 problems" in done.stdout
