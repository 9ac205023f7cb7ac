"""Checkpoints. `base` is the protocol of every family, `loading` loads any of them by name or folder. Our own family is
in `own`, its networks in `numpy` and `torch`; `original` is the original MAGMA's.

Imports: engine.audio, engine.choreography, engine.motion, engine.runtime, smpl_rig.
"""
