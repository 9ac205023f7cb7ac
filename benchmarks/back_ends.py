"""The default checkpoint with numpy and with PyTorch on the CPU, side by side: `python -m benchmarks.back_ends`.

Two engine processes for each number of threads answer the same request in turns, so that other programs disturb both
alike; the quickest of the rounds counts, for each stage. The first dance, which loads libraries and the checkpoint, is
given by itself, from the start of the process.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.served import Engine, engine
from benchmarks.tables import table
from demo.song import write_demo_song

BACK_ENDS = {"numpy": "cpu", "PyTorch": "cpu-torch"}
"""Back ends with their devices."""
STAGES = ("features", "tokens", "motion")
THREADS = (1, 2)
FIRST = 10
"""Seconds of the first dance of a process."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.back_ends", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="of music")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        song = Path(folder) / "song.wav"
        write_demo_song(song, seconds=float(max(options.seconds, FIRST)))
        print(text(measure(song, options.seconds, options.rounds), options.seconds))


def measure(song: Path, seconds: int, rounds: int) -> dict[tuple[str, int], dict[str, float]]:
    """Seconds of every stage, in all, of the first dance, and peak memory in MB, by back end and threads."""
    found: dict[tuple[str, int], dict[str, float]] = {}
    for threads in THREADS:
        limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
        with engine(limits) as (one, hello_one), engine(limits) as (two, hello_two):
            engines = dict(zip(BACK_ENDS, ((one, hello_one), (two, hello_two)), strict=True))
            for name, (running, hello) in engines.items():
                first = hello + running.dance(song, FIRST, "default", BACK_ENDS[name])[1]
                found[name, threads] = {"first": first}
            for _ in range(rounds):
                for name, (running, _) in engines.items():
                    _keep_best(found[name, threads], running.dance(song, seconds, "default", BACK_ENDS[name]))
            for name, (running, _) in engines.items():
                found[name, threads]["memory"] = peak_memory(running)
    return found


def _keep_best(best: dict[str, float], dance: tuple[dict[str, Any], float]) -> None:
    report, waited = dance
    for stage, took in {**{stage: report["seconds"][stage] for stage in STAGES}, "all": waited}.items():
        best[stage] = min(took, best.get(stage, took))


def peak_memory(running: Engine) -> float:
    """The most memory, in MB, that an engine's process has had resident; NaN where the system does not tell."""
    try:
        lines = Path(f"/proc/{running.pid}/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return next(float(line.split()[1]) / 1000 for line in lines if line.startswith("VmHWM:"))


def text(found: dict[tuple[str, int], dict[str, float]], seconds: int) -> str:
    """A Markdown table, with the ratio of both back ends."""
    columns = (*STAGES, "all", "first")
    rows = []
    for threads in THREADS:
        by_name = {name: found[name, threads] for name in BACK_ENDS}
        for name, figures in by_name.items():
            times = [f"{figures[column]:.2f}" for column in columns]
            rows.append([f"{name}, {threads} thread(s)", *times, f"{figures['memory']:.0f}"])
        numpy, torch = by_name.values()
        rows.append(["ratio", *(f"{numpy[column] / torch[column]:.2f}" for column in (*columns, "memory"))])
    head = ["", *STAGES, "song to dance", f"first dance, {FIRST} s, from the start", "peak memory, MB"]
    return f"### numpy and PyTorch on the CPU, default checkpoint, {seconds} s of music: seconds\n\n{table(head, rows)}"


if __name__ == "__main__":
    main()
