"""Motion as arrays: the features that our networks are trained on, HumanML3D's features, foot beats, and the
post-processing of a motion (re-timing steps onto beats, keeping the path in a room).

Imports: engine.audio, smpl_rig.
"""
