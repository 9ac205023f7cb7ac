"""Sound: decoding files, music features, beats and tempo; arrays in, arrays out.

EnCodec (`encodec_*`) is used by checkpoints of the original MAGMA only.

Imports: engine.runtime.
"""
