"""Large and quick, on the beat, on little floor, the best of four."""

import bpy

settings = bpy.context.scene.magma

settings.wanted_style = "AUTO"
settings.energy = 1.5
settings.song_energy = 0.7
settings.candidates = 4
settings.guidance = 0.0
settings.beat_snap = 0.5
settings.room = 3.0
