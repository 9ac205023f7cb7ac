"""Ablations of the motion decoder and of its training: small decoders, each trained without one part.

Compared are music aligned to the positions with the paper's bag of frames, ALiBi's distances with sinusoidal positions,
re-timed pairs and rhythm pairs with the dances as they were recorded.
"""
