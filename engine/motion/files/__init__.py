"""Motion files. `read` finds the reader of a format by the file's ending.

Imports: engine.motion, smpl_rig.
"""
