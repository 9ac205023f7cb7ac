"""The original MAGMA (arXiv 2309.01202): its networks, at full size and numerically equal, for weights that the user
supplies.

Imports: engine.audio, engine.choreography, engine.models.base, engine.motion, engine.runtime, smpl_rig.
"""
