"""The paper's model, small: the comparison for the quality tables, trained on the same dances as ours.

One token a frame at 20 frames/s, HumanML3D's 263 numbers, a transformer VQ-VAE with one codebook, and a decoder that
hears the librosa features as a bag of frames: the networks of `models.original`, of about as many parameters as ours.
Locks and style it has none. It learns from the same clips, tempi, mirror images and pairs as ours.
"""
