"""Our own family of checkpoints, whatever its networks are computed with: sizes, files, sampling, filling spans.

Imports: engine.audio, engine.choreography, engine.models.base, engine.motion, smpl_rig.
"""
