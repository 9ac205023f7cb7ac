"""Motion files. `read` and `write` find a format by the file's ending.

Imports: engine.motion, smpl_rig, smpl_rig.retarget.
"""
