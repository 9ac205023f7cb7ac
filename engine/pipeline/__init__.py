"""From a song to a dance, in stages: reading the song, generating and choosing among candidates, post-processing; and
motion files to tokens and back. The command line, the server and edits call its pieces.

Imports: engine.audio, engine.choreography, engine.models, engine.motion, engine.runtime, smpl_rig.
"""
