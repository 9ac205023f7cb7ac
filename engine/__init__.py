"""The engine: turns audio into dance motion. It runs in its own Python, never in Blender's.

The modules in this folder and `engine.choreography` are shared with the add-on: they import nothing but the standard
library, so that the engine answers `hello` before anything heavy is loaded.
"""

VERSION = "0.1.0"
