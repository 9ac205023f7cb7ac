"""Music features: spectra, onsets, chroma, beat phase; arrays in, arrays out. numpy alone.

`files` reads sound files, `listening` hears rhythm, `original` computes what checkpoints of the original MAGMA hear.

Imports: nothing.
"""
