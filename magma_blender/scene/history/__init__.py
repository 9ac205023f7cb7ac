"""The versions of a dance: every generation and edit, kept with the dancer, and the way back to any of them.

`recording` is what a change of a dance calls, `going_back` the way back, `cleaning` what the user does to the list. A
version's document, motion and keys (`document_parts`, `motion_parts`, `key_parts`) are cut into parts (`parts`) that
are stored once, compressed, in `packs`; `store` has them in the .blend, `versions` the list.

Imports: magma_blender.scene, magma_blender.errors, smpl_rig, engine.choreography.
"""
