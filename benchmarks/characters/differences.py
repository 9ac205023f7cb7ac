"""How far the figures of one run are from those of others, such as of another Blender.

    python -m benchmarks.characters.differences RUN.json OTHER.json ...

Each file is what `python -m benchmarks.characters --json FILE` wrote. A row has the largest difference of each figure,
and whose it is.
"""

from __future__ import annotations

import json
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

from benchmarks.characters.measure import Figures

Run = dict[tuple[str, str], dict[str, Any]]


def read(file: Path) -> Run:
    """The rows of a run by character and dance."""
    rows = json.loads(file.read_text(encoding="utf-8"))
    return {(row["character"], row["dance"]): row for row in rows}


def main(run: Path, others: list[Path]) -> int:
    """Print the differences; 1 where a run lacks a character or has found other bones."""
    same, names = read(run), [field.name for field in fields(Figures)]
    print("| run | " + " | ".join(names) + " |\n|" + "---|" * (len(names) + 1))
    odd = []
    for file in others:
        other = read(file)
        odd += [f"{file.name}: only one run has {name}, {dance}" for name, dance in same.keys() ^ other.keys()]
        both = [(same[key], other[key]) for key in same if key in other]
        odd += [
            f"{file.name}: {a['character']}: {a['found']}; {b['found']}" for a, b in both if a["found"] != b["found"]
        ]
        cells = []
        for name in names:
            most, whose = max((abs(one[name] - two[name]), one["character"]) for one, two in both)
            cells.append(f"{most:.2f} ({whose})" if most >= 0.005 else "0")
        print(f"| {file.stem} | " + " | ".join(cells) + " |")
    print("\n".join(odd))
    return int(bool(odd))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), [Path(each) for each in sys.argv[2:]]))
