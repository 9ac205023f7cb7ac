"""What the parts of the motion decoder and of its training are worth: small decoders, each trained without one of them.

Music aligned to the positions against the paper's bag of frames, ALiBi's distances against sinusoids of the position,
re-timed pairs and rhythm pairs against the dances as they were recorded.
"""
