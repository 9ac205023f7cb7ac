"""What the buttons do: generate, edit spans and moves, chain, import, export, care for the engine. Each that changes
something is one undo step.

What asks the engine for something is here: it begins a job of the session, with callbacks that finish it in the scene.

Imports: engine.choreography, magma_blender.exports, magma_blender.scene, magma_blender.media,
magma_blender.engine_host, magma_blender.translations, magma_blender.errors, magma_blender.paths, smpl_rig.blender.
"""
