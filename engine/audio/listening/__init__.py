"""What is heard of a whole song: tempo, beats, bars, style; and how a person corrects it. numpy alone.

Imports: engine.audio, engine.audio.files, engine.choreography.
"""
