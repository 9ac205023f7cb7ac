"""The fuzzer's command line; see `tests.fuzz`."""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
from pathlib import Path

import torch

from .files import fuzz_files
from .messages import fuzz_messages
from .samples import make_samples

MOST_MEGABYTES = 3_000
"""Memory of this process and of the server at which a size counts as believed before it was checked."""


def main() -> int:
    """Run it; the exit code is 1 if anything went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz the engine.")
    parser.add_argument("--messages", type=int, default=2_000)
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        samples = make_samples(Path(folder))
        problems = fuzz_files(options.files, options.seed, samples)
        problems += fuzz_messages(options.messages, options.seed, samples)
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        megabytes = resource.getrusage(who).ru_maxrss // 1024
        if megabytes > MOST_MEGABYTES:
            problems.append(f"{megabytes} MB of memory were used")
    for problem in problems:
        print(f"PROBLEM {problem}")
    print(f"{options.messages} messages, {options.files} files, seed {options.seed}: {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
