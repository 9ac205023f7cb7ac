"""Data sets for training and evaluation: clips, songs, styles, re-timing of dances onto songs; and the kinematics in
torch that both share. Never in the zip.

Imports: engine.audio, engine.motion, smpl_rig.
"""
