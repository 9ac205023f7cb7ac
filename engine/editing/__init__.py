"""Edits of a dance: its choreography and its motion together. What is kept stays bit for bit.

Imports: engine.choreography, engine.models, engine.motion, engine.pipeline, engine.runtime, smpl_rig.
"""
