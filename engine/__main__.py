"""`python -m engine`: the engine's command line."""

import os
import sys

# Set before any library starts its threads: waiting threads should sleep. The default, spinning, costs both programs
# nearly all of their speed as soon as another one, such as Blender, needs the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

if sys.version_info < (3, 11):
    found = ".".join(map(str, sys.version_info[:2]))
    sys.exit(f"error: {sys.executable} is Python {found}, but the engine needs 3.11 or later. Choose another Python.")

if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:  # straight to the server, so that `hello` is answered at once
        from engine.service.server import main as serve

        serve()
    else:
        from engine.service.cli import main

        sys.exit(main())
