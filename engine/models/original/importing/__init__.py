"""Import of the original's files as a checkpoint: reading them safely, finding the networks' sizes, renaming tensors.

Imports: engine.models.original, engine.runtime.
"""
