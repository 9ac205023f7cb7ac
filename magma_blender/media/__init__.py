"""Strips and sounds: which song is meant, which seconds of it are heard, and a file that the engine can open.

Imports: magma_blender.errors, smpl_rig.blender.
"""
