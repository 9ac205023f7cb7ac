"""Our own checkpoints dance, are edited and encode motions in a Python that has numpy and no other package."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_layers import HEAVY

from smpl_rig.motion import read_npz

ROOT = Path(__file__).resolve().parents[2]
ALONE = """
import sys

for name in sys.argv.pop(1).split(","):
    sys.modules[name] = None  # as if it was not installed
from engine.__main__ import main, prepare

prepare()
code = main(sys.argv[1:])
assert not [name for name, module in sys.modules.items() if module and name.partition(".")[0] == "torch"]
sys.exit(code)
"""


def run(*arguments: object, fails: bool = False) -> Any:
    """What a command of the engine prints as JSON, or its error message; without packages but numpy."""
    blocked = ",".join(sorted(HEAVY))
    command = [sys.executable, "-c", ALONE, blocked, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode != 0) == fails, done.stderr[-2000:]
    return done.stderr if fails else json.loads(done.stdout) if done.stdout.startswith("{") else None


@pytest.fixture(scope="module")
def dance(song: Path, tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a dance that was generated with numpy alone."""
    folder = tmp_path_factory.mktemp("alone")
    report = run(
        "generate", song, "-o", folder / "dance.npz", "--choreography", folder / "dance.json", "--checkpoint", tiny,
        "--candidates", 2, "--beat-snap", 1, "--room", 2, "--json",
    )  # fmt: skip
    assert report["device"] == "cpu" and len(report["candidates"]) == 2
    return folder


def test_a_dance_is_generated_and_edited(dance: Path) -> None:
    new = dance / "new.npz"
    pair = ["-o", new, "--choreography", dance / "new.json"]
    run("edit", dance / "dance.json", *pair, "--lock", "0:20", "--replace", "40:60", "--mirror", "70:80", "--json")
    before, after = (read_npz(dance / name, ("poses",))["poses"] for name in ("dance.npz", "new.npz"))
    assert np.array_equal(after[:60], before[:60]) and not np.allclose(after[85:115], before[85:115], atol=0.01)
    run(
        "chain", dance / "dance.json", dance / "new.json", "-o", dance / "two.npz", "--choreography", dance / "two.json"
    )


def test_a_report_is_written(dance: Path) -> None:
    told = run("report", dance / "dance.json", "-o", dance / "page.html", "--json")
    assert told["figures"]["travel"] > 0 and not told["notices"]
    assert "data:audio/wav;base64," in (dance / "page.html").read_text(encoding="utf-8")


def test_a_motion_is_encoded_and_decoded(dance: Path, tiny: Path) -> None:
    tokens = dance / "tokens.npz"
    run("tokenize", dance / "dance.npz", "-o", tokens, "--checkpoint", tiny)
    run("decode", tokens, "-o", dance / "decoded.npz", "--checkpoint", tiny)
    assert np.isfinite(read_npz(dance / "decoded.npz", ("poses",))["poses"]).all()


def test_the_engine_says_what_it_has_and_what_it_lacks(tiny: Path, song: Path, tmp_path: Path) -> None:
    found = run("doctor", "--json")
    assert found["libraries"]["numpy"] and found["libraries"]["torch"] is None and found["device"] == "cpu"
    assert not [problem for problem in found["problems"] if "torch" in problem.lower()]
    arguments = ["generate", song, "-o", tmp_path / "dance.npz", "--checkpoint", tiny]
    for device in ("cuda", "mps", "cpu-torch"):
        assert f"The device {device} needs PyTorch" in run(*arguments, "--device", device, fails=True)
    original = tmp_path / "original"
    original.mkdir()
    (original / "config.json").write_text(json.dumps({"format": 1, "family": "original"}))
    assert "'original' is an imported one, which needs PyTorch" in run(
        *arguments[:-1], original, "--seconds", 2, fails=True
    )
