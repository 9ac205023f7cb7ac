"""Checkpoints. `base` is the protocol of every family, `loading` loads any of them by name or folder.

Imports: engine.audio, engine.choreography, engine.motion, engine.runtime, smpl_rig.
"""
