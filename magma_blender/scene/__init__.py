"""What the .blend holds of dances: settings, the record that each armature carries, its keys, edits in review, markers,
the span list.

Changes of the scene are all or nothing. Nothing here starts work of the engine; its answers come in as plain values.

Imports: engine.choreography, engine.checkpoint_index, magma_blender.media, magma_blender.engine_host,
magma_blender.translations, magma_blender.errors, smpl_rig.
"""
