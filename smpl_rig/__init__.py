"""The body: SMPL's joint tree, rotations, kinematics and foot contacts in numpy; armature and keyframes in bpy.

The numpy modules import nothing but numpy. The modules in `smpl_rig.blender` import bpy and are only
imported by the add-on.
"""
