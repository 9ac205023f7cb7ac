"""Figures of dances, each from joint positions and beats alone: physical, geometric, novelty, style, song match.

Imports: engine.motion, smpl_rig.
"""
