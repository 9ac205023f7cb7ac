"""The body in Blender: armature, mesh and keyframes. Only the add-on and its tests import this package.

`compat` is the one module that knows how Blender 3.4 to 5.0 differ.

Imports: smpl_rig.
"""
