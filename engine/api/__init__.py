"""The engine for Python programs and notebooks: `from engine import generate, edit, ...` (docs/python.md). It calls the
pipeline and the edits that the command line and the add-on call. Not in the zip.

Imports: engine.audio, engine.choreography, engine.editing, engine.models, engine.motion, engine.pipeline,
engine.reporting, engine.runtime, engine.service.devices, engine.service.output_files, smpl_rig.
"""
