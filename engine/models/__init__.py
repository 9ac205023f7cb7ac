"""Checkpoints. `base` says what every family offers, `checkpoints` loads any of them by name or folder.

Imports: engine.audio, engine.choreography, engine.motion, engine.runtime, smpl_rig.
"""
