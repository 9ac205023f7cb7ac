"""The engine as the add-on knows it: its process, client and session, where it is installed, which checkpoints it has.

Nothing here knows what a dance is in the scene.

Imports: magma_blender.errors, magma_blender.paths, smpl_rig.blender.
"""
