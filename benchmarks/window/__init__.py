"""A person before a screen: a virtual screen with a real Blender on it, read by its pixels, used by mouse and keys."""
