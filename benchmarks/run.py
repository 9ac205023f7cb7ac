"""All benchmarks in one command: `python benchmarks/run.py [--quick]`. Prints the tables and writes them to README.md.

Every measurement runs in a process of its own, one after the other. This lasts about ten minutes; `--quick` two, and
README.md stays as it is. Nothing else should run: the load average at the start is printed with the figures.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
# two programs whose OpenMP threads spin while they wait slow each other down
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from benchmarks import back_ends, tables  # noqa: E402
from benchmarks.served import Engine, engine  # noqa: E402
from engine.models.original.quantize import PRECISIONS  # noqa: E402

README = ROOT / "benchmarks" / "README.md"
BEGIN, END = "<!-- benchmarks/run.py writes from here -->", "<!-- to here -->"
LENGTHS = (5, 20, 60, 180)
OURS = (10, 60, 180)
"""Seconds of music for the default checkpoint."""
ROUNDS = 5
"""Of which the quickest counts."""
FULL_SIZE = 20
"""Seconds of music for the full-size checkpoint, from song to dance."""


def main() -> None:
    """Measure everything."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="short pieces only, and README.md is not written")
    quick = parser.parse_args().quick
    lengths = LENGTHS[:2] if quick else LENGTHS
    begin = datetime.datetime.now(datetime.UTC)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    machine = measure("describe")
    found: dict[str, Any] = {"machine": machine | describe(load), "lengths": lengths}
    found["uncached"] = measure("uncached", "--longest", str(400 if quick else 3600))
    found["tokens"] = {}
    kinds = [(precision, "cpu") for precision in PRECISIONS]
    kinds += [("float32", "cuda"), ("float16", "cuda")] if machine["gpu"] else []
    for precision, device in kinds:
        for seconds in lengths:
            options = ["--precision", precision, "--device", device, "--seconds", str(seconds)]
            repeats = "2" if seconds <= 20 else "1"
            found["tokens"][precision, device, seconds] = measure("tokens", *options, "--repeats", repeats)
    found["greedy"] = {p: measure("greedy", "--precision", p) for p in PRECISIONS[1:]}
    found["seams"] = measure("seams", "--frames", str(900 if quick else 3600))
    with tempfile.TemporaryDirectory() as folder:
        found |= whole_dances(Path(folder), OURS[:2] if quick else OURS)
    found["minutes"] = (datetime.datetime.now(datetime.UTC) - begin).total_seconds() / 60
    found["back_ends"] = back_ends.text(found["back_ends"], OURS[1])
    text = tables.text(found)
    print(text)
    if not quick:
        before, rest = README.read_text(encoding="utf-8").split(BEGIN)
        README.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{rest.split(END)[1]}", encoding="utf-8")


def measure(*arguments: str) -> dict[str, Any]:
    """Run a measurement of `benchmarks.measure` and return its result."""
    print("measuring:", *arguments, file=sys.stderr)
    command = [sys.executable, "-m", "benchmarks.measure", *arguments]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def whole_dances(folder: Path, lengths: tuple[int, ...]) -> dict[str, Any]:
    """From song to dance through the engine process: the default checkpoint, and full-size ones of the original's."""
    song, full = folder / "song.wav", folder / "full"
    code = (
        f"from engine.audio.composing.demo_song import write_demo_song as w; w({str(song)!r}, seconds={max(lengths)})"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    print("measuring: whole dances", file=sys.stderr)
    with engine() as (running, hello):
        first = running.dance(song, lengths[0], "default")[1]
        # in turns, so that other load on the machine does not affect one length alone
        rounds = [{seconds: running.dance(song, seconds, "default") for seconds in lengths} for _ in range(ROUNDS)]
        ours = {seconds: min((one[seconds] for one in rounds), key=lambda found: found[1]) for seconds in lengths}
    sides = back_ends.measure(song, lengths[1], ROUNDS)
    measure("checkpoint", "--folder", str(full))
    originals = {}
    for precision in PRECISIONS:
        config = full / "config.json"
        config.write_text(json.dumps(json.loads(config.read_text()) | {"precision": precision}))
        with engine() as (running, _):
            cold = running.dance(song, FULL_SIZE, str(full))
            originals[precision] = {"cold": cold, "warm": best_dance(running, song, FULL_SIZE, str(full))}
    rate = json.loads((ROOT / "checkpoints" / "default" / "config.json").read_text())["token_rate"]
    return {"hello": hello, "first": first, "ours": ours, "rate": rate, "originals": originals, "back_ends": sides}


def best_dance(running: Engine, song: Path, seconds: int, checkpoint: str) -> tuple[dict[str, Any], float]:
    """Report and seconds of the quicker of two runs."""
    return min((running.dance(song, seconds, checkpoint) for _ in range(2)), key=lambda found: found[1])


def describe(load: float | None) -> dict[str, Any]:
    """The class of machine, the date and the commit; no names and no paths."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
        cpuinfo = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":")[1].strip() for line in cpuinfo if line.startswith("model name"))
    except (OSError, ValueError, AttributeError, StopIteration):
        memory, model = None, platform.processor()
    return {
        "model": model,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "memory": memory,
        "load": load,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": commit(),
    }


def commit() -> str:
    """The commit measured, and whether the measured files have uncommitted changes."""
    try:
        name = _git("rev-parse", "--short", "HEAD")
        changes = _git("status", "--short", "--", "engine", "smpl_rig", "checkpoints", "benchmarks/*.py")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return name + (" with later changes" if changes else "")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.strip()


if __name__ == "__main__":
    main()
