"""The paper's model, small: the comparison for the quality tables, trained on the same dances as ours.

One token a frame at 20 frames/s, HumanML3D's 263 features, a transformer VQ-VAE with one codebook, and a decoder that
attends to the librosa features as a bag of frames: the networks of `models.original`, with about as many parameters as
ours. It has no locks and no styles. It is trained on the same clips, tempi, mirror images and pairs as ours.
"""
