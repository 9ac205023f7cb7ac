"""`python -m engine`: the engine's command line."""

import sys

if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:  # straight to the server, so that `hello` is answered at once
        from engine.server import main as serve

        serve()
    else:
        from engine.cli import main

        sys.exit(main())
