"""Training of our own family: the codec, its fine-tuning, the decoder, and packing both as a checkpoint. Not in the
zip.

Imports: engine.audio, engine.data, engine.models, engine.motion, engine.runtime, engine.service.terminal, smpl_rig.
"""
