"""Sound files: what they hold, part by part, their channels as one. numpy, and PyAV for files other than wav.

Imports: engine.audio.
"""
