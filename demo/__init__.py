"""The demo: everything from a song of our own to a Blender scene with pictures; run by `make demo`."""
