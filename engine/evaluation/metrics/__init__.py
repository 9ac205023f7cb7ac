"""Metrics of a dance, from joint positions and beats alone: physical, geometric, novelty, style, song match.

Imports: engine.motion, smpl_rig.
"""
