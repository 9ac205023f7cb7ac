"""The Quality Report of a dance: one HTML page with its sound, a moving figure, plots and figures, which opens from a
file and needs nothing else. Also what other pages of dances share with it: the body that is drawn, dancers and beats on
one clock, and the player (`player/`, JavaScript without any library).

Imports: engine.audio, engine.choreography, engine.motion, engine.pipeline.song, smpl_rig.
"""
