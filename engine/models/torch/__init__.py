"""The networks of our own family in PyTorch: for training and evaluation, and for dancing on GPUs.

Imports: engine.models.own, engine.runtime.
"""
