"""Evaluation of generated dances against real ones and baselines. The figures of one dance are in `metrics`. Not in the
zip.

Imports: engine.audio, engine.data, engine.models, engine.motion, engine.pipeline, engine.runtime,
engine.service.terminal, smpl_rig.
"""
