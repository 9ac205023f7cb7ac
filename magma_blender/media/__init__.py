"""Strips and sounds: which song is meant, which seconds of it are heard, a file that the engine can open, and the song
as something that moves.

Imports: engine.choreography, magma_blender.errors, smpl_rig.blender.
"""
