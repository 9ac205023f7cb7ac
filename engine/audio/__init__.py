"""Sound: decoding files, music features, beats and tempo; arrays in, arrays out.

What our own checkpoints hear needs numpy only, and PyAV for files other than wav. EnCodec (`encodec_*`) and librosa
(`librosa_features`, `compile_lock`) are used by checkpoints of the original MAGMA only.

Imports: engine.choreography, engine.runtime.
"""
