"""A dance on any humanoid skeleton: which bone is what, how the skeleton rests, and what its bones do.

`roles` and `rig` are the words for it, `finding` reads names and structure, `calibration` the rest pose;
`retargeter` turns a motion of the SMPL body into the rotations of bones and back. Nothing here knows Blender.

Imports: smpl_rig.
"""
