"""The engine as a program: the server on stdin and stdout with its jobs, and the command line.

Imports: engine.audio, engine.choreography, engine.editing, engine.models, engine.motion, engine.pipeline,
engine.reporting, engine.runtime, smpl_rig.
"""
