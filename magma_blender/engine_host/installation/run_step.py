"""Run by another Python: one step of the installation, which ends together with Blender. Knows nothing of the add-on.

    python -I run_step.py MODULE_OR_FILE ARGUMENTS...

Blender holds the other end of stdin and never writes: when it closes, Blender is gone, whatever killed it, and a step
that went on alone would fight with the next installation for the same files.
"""

import os
import runpy
import signal
import sys
import threading


def end_with_blender(descriptor: int) -> None:
    """Wait until the other end is closed, then end this process and those that it started."""
    while os.read(descriptor, 1):
        pass
    if os.name == "posix" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def main() -> None:
    """Watch stdin from a thread, and run the step with an empty one."""
    watched = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    threading.Thread(target=end_with_blender, args=(watched,), daemon=True).start()
    sys.argv = sys.argv[1:]
    if sys.argv[0].endswith(".py"):
        runpy.run_path(sys.argv[0], run_name="__main__")
    else:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
