"""A calm waltz, close to its song, the best of four."""

import bpy

settings = bpy.context.scene.magma

settings.wanted_style = "waltz"
settings.energy = 0.9
settings.song_energy = 0.3
settings.candidates = 4
settings.guidance = 0.0
settings.beat_snap = 0.3
settings.room = 6.0
