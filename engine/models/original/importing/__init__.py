"""Making a checkpoint of the original's files: reading them safely, finding the networks' sizes, renaming tensors.

Imports: engine.models.original, engine.runtime.
"""
