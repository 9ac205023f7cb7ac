"""Small movements on little floor."""

import bpy

settings = bpy.context.scene.magma

settings.wanted_style = "AUTO"
settings.energy = 0.7
settings.song_energy = 0.3
settings.candidates = 1
settings.guidance = 0.0
settings.beat_snap = 0.0
settings.room = 2.0
