"""Music features of checkpoints of the original MAGMA: librosa's, and EnCodec's with torch.

Imports: engine.audio, engine.runtime.
"""
