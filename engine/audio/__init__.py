"""Sound: decoding files, music features, beats and tempo; arrays in, arrays out.

EnCodec (`encodec_*`) serves checkpoints of the original MAGMA.

Imports: engine.runtime.
"""
