"""The body in Blender: armature, mesh and keyframes. Only the add-on, the demo and tests import this package.

`compat` knows how Blender 3.4 to 5.0 differ, `context` what a context always holds.

Imports: smpl_rig.
"""
