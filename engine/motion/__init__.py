"""Motion as arrays: the representation that networks are trained on, HumanML3D's, foot beats, and what is done to a
finished motion (steps moved onto beats, the path kept in a room).

Imports: engine.audio, smpl_rig.
"""
