"""The networks of our own family in numpy alone, for inference on a CPU.

Imports: engine.models.own.
"""
