"""The default checkpoint with numpy and with PyTorch on the CPU, side by side: `python -m benchmarks.back_ends`.

Two engine processes for each number of threads answer the same request in turns, so that other programs disturb both
alike; the quickest of the rounds counts, for each stage. After each dance its middle is generated again. The first
dance, which loads libraries and the checkpoint, is given by itself, from the start of the process.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.served import Engine, engine
from benchmarks.tables import table
from engine.audio.composing.demo_song import write_demo_song

BACK_ENDS = {"numpy": "cpu", "PyTorch": "cpu-torch"}
"""Back ends with their devices."""
STAGES = ("features", "tokens", "motion")
THREADS = (1, 2)
FIRST = 10
"""Seconds of the first dance of a process."""
EDITED = 4
"""Seconds of the dance that are generated again."""


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
                    _keep_best(found[name, threads], _figures(running, song, seconds, BACK_ENDS[name]))
            for name, (running, _) in engines.items():
                found[name, threads]["memory"] = running.peak_memory()
    return found


def _figures(running: Engine, song: Path, seconds: int, device: str) -> dict[str, float]:
    report, waited = running.dance(song, seconds, "default", device)
    before = running.processor_seconds()
    edited = running.regenerate(EDITED, device)
    times = {stage: report["seconds"][stage] for stage in STAGES}
    return {**times, "all": waited, "edit": edited, "edit_processor": running.processor_seconds() - before}


def _keep_best(best: dict[str, float], figures: dict[str, float]) -> None:
    best.update({name: min(figure, best.get(name, figure)) for name, figure in figures.items()})


def text(found: dict[tuple[str, int], dict[str, float]], seconds: int) -> str:
    """A Markdown table, with the ratio of both back ends."""
    columns = (*STAGES, "all", "edit", "edit_processor", "first")
    rows = []
    for threads in THREADS:
        by_name = {name: found[name, threads] for name in BACK_ENDS}
        for name, figures in by_name.items():
            times = [f"{figures[column]:.2f}" for column in columns]
            rows.append([f"{name}, {threads} thread(s)", *times, f"{figures['memory']:.0f}"])
        numpy, torch = by_name.values()
        rows.append(["ratio", *(f"{numpy[column] / torch[column]:.2f}" for column in (*columns, "memory"))])
    edit = f"regenerating {EDITED} s"
    first = f"first dance, {FIRST} s, from the start"
    head = ["", *STAGES, "song to dance", edit, f"{edit}, of the processors", first, "peak memory, MB"]
    return f"### numpy and PyTorch on the CPU, default checkpoint, {seconds} s of music: seconds\n\n{table(head, rows)}"


if __name__ == "__main__":
    main()
