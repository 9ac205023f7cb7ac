"""Measuring dances beside real ones and baselines. A figure of one dance is a module in `metrics`. Never in the zip.

Imports: engine.audio, engine.data, engine.models, engine.motion, engine.pipeline, engine.runtime, smpl_rig.
"""
