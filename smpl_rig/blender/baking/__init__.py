"""A character as plain bones with a key a frame, in a scene that nobody sees: what Blender's exporters can write.

`poses` looks at what it does, `bake` says it in the file's space, `stand_in` builds it; `hanging` has the meshes and
`workplace` the scene, after which nothing of all that is left.

Imports: smpl_rig, smpl_rig.blender.
"""
