"""The manual's pictures of the interface, taken from a real Blender on a virtual screen by `make pictures`."""
