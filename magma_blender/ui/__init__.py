"""What Blender draws of the add-on: panels, lists, the band in the sequencer, the preview in the viewport, preferences.

Drawing never changes the scene and never raises: what is damaged is shown as a sentence.

Imports: magma_blender.operators, magma_blender.exports, magma_blender.scene, magma_blender.media,
magma_blender.engine_host, magma_blender.translations, magma_blender.errors, magma_blender.paths, smpl_rig.
"""
