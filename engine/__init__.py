"""The engine: turns audio into dance motion. Runs in a Python of its own, never in Blender's.

This file and `engine.protocol` import nothing but the standard library, so that the add-on can share them and so that
the engine answers `hello` before torch is loaded.
"""

VERSION = "0.1.0"
