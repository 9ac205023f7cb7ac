"""The pipeline from a song to a dance: reading the song, generating candidates and choosing one, post-processing. Also
motion files to tokens and back. The command line, the server and the edits call these stages.

Imports: engine.audio, engine.choreography, engine.models, engine.motion, engine.runtime, smpl_rig.
"""
