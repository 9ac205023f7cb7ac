"""The body: SMPL's joint tree, rotations, kinematics and foot contacts in numpy; armature and keyframes in bpy.

The modules here import nothing but numpy. Those in `smpl_rig.blender` import bpy, and only the add-on imports them.
"""
