"""Our own family, computed with PyTorch: codec, decoder, KV caches, sampling, filling spans.

Imports: engine.audio, engine.choreography, engine.models.base, engine.motion, engine.runtime, smpl_rig.
"""
