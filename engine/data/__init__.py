"""Data sets for training and evaluation: clips, songs, styles, and re-timing a dance onto a song. Never in the zip.

Imports: engine.audio, engine.motion, smpl_rig.
"""
