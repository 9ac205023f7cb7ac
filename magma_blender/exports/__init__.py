"""A dance as a file for other programs: the character alone, baked, as its receiver needs it.

`export` is the way in. What is written by Blender's own exporters is a stand-in of the character in a scene of its own,
so that the user's scene stays as it is, whatever an exporter does. `presets` has what each receiver needs, as data.

Imports: magma_blender.scene, magma_blender.engine_host, magma_blender.errors, smpl_rig, smpl_rig.blender,
smpl_rig.blender.baking.
"""
